#include "http/head_rules.h"

#include "http/lex.h"
#include "http/uri.h"

int content_length_parse(struct span value, uint64_t *out)
{
	return value.n <= 19 ? span_to_u64(value, INT64_MAX, out) : -EINVAL;
}

/* A tab in or behind the value: allowed by the grammar, sent by nobody, and skipped by some readers only. */
static bool has_tab(const struct field *f)
{
	return memchr(f->line + f->value_at, '\t', f->line_n - f->value_at) != NULL;
}

static enum parse_fault check_body_fields(const struct head *h)
{
	bool length = head_has(h, FIELD_CONTENT_LENGTH), coding = head_has(h, FIELD_TRANSFER_ENCODING);
	if (length && coding)
		return PARSE_LENGTH_AND_CODING;
	if (length) {
		const struct field *f = head_find(h, FIELD_CONTENT_LENGTH);
		struct span value = field_value(f);
		uint64_t n;
		if (value.n && memchr(value.p, ',', value.n))
			return PARSE_LENGTH_REPEATED;
		return content_length_parse(value, &n) == 0 && !has_tab(f) ? PARSE_OK : PARSE_LENGTH_MALFORMED;
	}
	if (coding && h->minor == 0)
		return PARSE_CODING_IN_1_0;
	const struct field *f = head_find(h, FIELD_TRANSFER_ENCODING);
	if (f && (!span_eq_nocase(field_value(f), SPAN("chunked")) || has_tab(f)))
		return PARSE_CODING;
	return PARSE_OK;
}

static bool announces_bytes(const struct head *h)
{
	uint64_t n = 0;
	return head_has(h, FIELD_CONTENT_LENGTH) &&
	       (content_length_parse(head_value(h, FIELD_CONTENT_LENGTH), &n) != 0 || n > 0);
}

/* More items than any honest sender has; each costs hop.c a walk over the fields. */
enum { LIST_ITEMS_MOST = 100 };

/* A list of tokens; Upgrade's may have a version behind a slash. Empty items are allowed to receivers (RFC 9110 5.6.1.2),
 * tabs are not, see has_tab(). */
static bool is_token_list(const struct head *h, enum field_id id, bool slash)
{
	unsigned items = 0;
	for (unsigned i = 0; i < h->count; i++) {
		if (h->fields[i].id != id)
			continue;
		if (has_tab(&h->fields[i]))
			return false;
		struct span rest = field_value(&h->fields[i]), item;
		while (span_next(&rest, ',', &item)) {
			if (++items > LIST_ITEMS_MOST)
				return false;
			size_t n = lex_run(item, LEX_TOKEN);
			bool version = slash && n > 0 && n < item.n && item.p[n] == '/';
			if (n < item.n && !(version && lex_all(span_make(item.p + n + 1, item.n - n - 1), LEX_TOKEN)))
				return false;
		}
	}
	return true;
}

static enum parse_fault check_lists(const struct head *h)
{
	if (head_has(h, FIELD_CONNECTION) && !is_token_list(h, FIELD_CONNECTION, false))
		return PARSE_CONNECTION;
	if (head_has(h, FIELD_UPGRADE) && (head_value(h, FIELD_UPGRADE).n == 0 || !is_token_list(h, FIELD_UPGRADE, true)))
		return PARSE_UPGRADE;
	return PARSE_OK;
}

/* An empty Host is what RFC 9112 3.2 asks of a target without an authority. It is taken only where the target itself
 * names the host, so that nobody after us has to guess one. */
static enum parse_fault check_host(const struct head *h)
{
	if (!head_has(h, FIELD_HOST))
		return h->minor == 1 ? PARSE_HOST_MISSING : PARSE_OK;
	struct span value = head_value(h, FIELD_HOST), host;
	if (value.n == 0)
		return h->target.p[0] == '/' || h->target.p[0] == '*' ? PARSE_HOST_INVALID : PARSE_OK;
	bool v6, port_given;
	uint16_t port;
	return authority_parse(value, &host, &v6, &port, &port_given) == PARSE_OK ? PARSE_OK : PARSE_HOST_INVALID;
}

/* Some clients put `Content-Length: 0` on CONNECT, which says nothing; a body there would be smuggled into the tunnel. */
enum parse_fault head_rules_request(const struct head *h)
{
	enum parse_fault fault = check_host(h);
	if (!fault)
		fault = check_body_fields(h);
	if (!fault && h->method == METHOD_CONNECT && (head_has(h, FIELD_TRANSFER_ENCODING) || announces_bytes(h)))
		fault = PARSE_CONNECT_BODY;
	return fault ? fault : check_lists(h);
}

/* 304 may describe what a 200 would have carried (RFC 9110 8.6); 1xx and 204 may not. A zero there is harmless and common. */
enum parse_fault head_rules_response(const struct head *h)
{
	enum parse_fault fault = check_body_fields(h);
	if (!fault && (h->status < 200 || h->status == 204))
		fault = head_has(h, FIELD_TRANSFER_ENCODING) ? PARSE_CODING_IN_STATUS
		        : announces_bytes(h)                 ? PARSE_LENGTH_IN_STATUS
		                                             : PARSE_OK;
	return fault ? fault : check_lists(h);
}
