#include "http/hop.h"

/* Fields without a number that a Connection field may not take away either. */
static bool is_protected_name(struct span name)
{
	return span_starts_nocase(name, SPAN("Content-")) || span_eq_nocase(name, SPAN("Authentication-Info")) ||
	       span_eq_nocase(name, SPAN("Set-Cookie2"));
}

/* Who nominates one of these wants the next hop to see a request other than the one that was judged here. */
static bool is_protected(const struct field *f)
{
	switch ((enum field_id)f->id) {
	case FIELD_AUTHORIZATION:
	case FIELD_CACHE_CONTROL:
	case FIELD_CONTENT_LENGTH:
	case FIELD_CONTENT_TYPE:
	case FIELD_COOKIE:
	case FIELD_DATE:
	case FIELD_EXPECT:
	case FIELD_FORWARDED:
	case FIELD_HOST:
	case FIELD_MAX_FORWARDS:
	case FIELD_PERSISTENT_AUTH:
	case FIELD_SET_COOKIE:
	case FIELD_VIA:
	case FIELD_WWW_AUTHENTICATE:
	case FIELD_X_FORWARDED_FOR:
		return true;
	default:
		return f->id == FIELD_OTHER && is_protected_name(field_name(f));
	}
}

static void drop_nominated(struct head *h, struct span option)
{
	for (unsigned i = 0; i < h->count; i++) {
		struct field *f = &h->fields[i];
		if (f->name_n == option.n && span_eq_nocase(field_name(f), option) && !is_protected(f))
			f->dropped = true;
	}
}

static bool is_plain_option(struct span option)
{
	return option.n == 0 || span_eq_nocase(option, SPAN("close")) || span_eq_nocase(option, SPAN("keep-alive"));
}

static void drop_nominated_by(struct head *h, const struct field *connection)
{
	struct span rest = field_value(connection), option;
	while (span_next(&rest, ',', &option))
		if (!is_plain_option(option))
			drop_nominated(h, option);
}

#define BIT(id) (UINT64_C(1) << FIELD_##id)

static const uint64_t hop_always = BIT(CONNECTION) | BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) | BIT(TE) |
                                   BIT(TRANSFER_ENCODING) | BIT(UPGRADE) | BIT(FAIRLEAD_EXCHANGE);
static const uint64_t hop_request = BIT(PROXY_AUTHORIZATION);
static const uint64_t hop_response = BIT(PROXY_AUTHENTICATE) | BIT(PROXY_AUTHENTICATION_INFO) | BIT(PROXY_SUPPORT);

static void drop(struct head *h, uint64_t ids)
{
	if (!(h->present & ids))
		return;
	for (unsigned i = 0; i < h->count; i++) {
		struct field *f = &h->fields[i];
		if (ids >> f->id & 1)
			f->dropped = true;
		if (f->id == FIELD_CONNECTION)
			drop_nominated_by(h, f);
	}
}

void hop_drop_request(struct head *request)
{
	drop(request, hop_always | hop_request);
}

void hop_drop_response(struct head *response)
{
	drop(response, hop_always | hop_response);
}

void head_copy_fields(const struct head *h, struct buf *to)
{
	for (unsigned i = 0; i < h->count;) {
		const struct field *f = &h->fields[i++];
		if (f->dropped)
			continue;
		size_t n = f->line_n;
		while (i < h->count && !h->fields[i].dropped && h->fields[i].line == f->line + n)
			n += h->fields[i++].line_n;
		buf_add(to, span_make(f->line, n));
	}
}
