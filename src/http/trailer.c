#include "http/framing.h"

/* Of the names with a number these alone frame, route, authenticate or control nothing (RFC 9110 6.5.1). */
static bool is_harmless(enum field_id id)
{
	return id == FIELD_ACCEPT || id == FIELD_PROXY_STATUS || id == FIELD_REFERER || id == FIELD_SERVER ||
	       id == FIELD_USER_AGENT;
}

/* A recipient that merges trailers into the head must not get from us what it would then act on. */
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
	enum field_id id = field_id_of(name);
	if (id != FIELD_OTHER)
		return is_harmless(id);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (span_eq_nocase(name, refused[i]))
			return false;
	return !span_starts_nocase(name, SPAN("Content-")) && !span_starts_nocase(name, SPAN("If-")) &&
	       !span_starts_nocase(name, SPAN("Proxy-")) && !span_starts_nocase(name, SPAN("X-Forwarded-")) &&
	       !span_starts_nocase(name, SPAN("Access-Control-"));
}
