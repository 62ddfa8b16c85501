#include "http/framing.h"

/* What RFC 9110 6.5.1 keeps out of trailers, and what has no number: a recipient that merges trailers into the head must not
 * get from us what it would then act on. */
static bool is_known_control(enum field_id id)
{
	switch (id) {
	case FIELD_OTHER:
	case FIELD_ACCEPT:
	case FIELD_PROXY_STATUS:
	case FIELD_REFERER:
	case FIELD_SERVER:
	case FIELD_USER_AGENT:
		return false;
	default:
		return true;
	}
}

bool trailer_field_allowed(struct span name)
{
	static const struct span refused[] = {
		{"Pragma", 6},
		{"Range", 5},
		{"Expires", 7},
		{"Vary", 4},
		{"Warning", 7},
		{"Retry-After", 11},
		{"Authentication-Info", 19},
		{"Set-Cookie2", 11},
		{"Authentication-Control", 22},
		{"HTTP2-Settings", 14},
		{"Early-Data", 10},
		{"Alt-Svc", 7},
		{"Clear-Site-Data", 15},
		{"Strict-Transport-Security", 25},
	};
	if (is_known_control(field_id_of(name)))
		return false;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (span_eq_nocase(name, refused[i]))
			return false;
	return !span_starts_nocase(name, SPAN("Content-")) && !span_starts_nocase(name, SPAN("If-")) &&
	       !span_starts_nocase(name, SPAN("Proxy-")) && !span_starts_nocase(name, SPAN("X-Forwarded-")) &&
	       !span_starts_nocase(name, SPAN("Access-Control-"));
}
