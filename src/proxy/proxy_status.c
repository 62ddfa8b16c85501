/* The Proxy-Status field (RFC 9209) in the syntax of structured fields (RFC 8941). */
#include "proxy/error_page.h"
#include "proxy/explain.h"

enum { VALUE_MOST = 300 };

static bool is_token_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~:/", c));
}

static bool is_token(struct span s)
{
	if (s.n == 0 || !((s.p[0] | 0x20) >= 'a' && (s.p[0] | 0x20) <= 'z'))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_token_byte(s.p[i]))
			return false;
	return true;
}

/* The inside of an sf-string: printable ASCII, two bytes escaped. */
static void add_string_bytes(struct buf *to, struct span s)
{
	for (size_t i = 0; i < s.n && i < VALUE_MOST; i++) {
		char c = s.p[i];
		if (c == '"' || c == '\\')
			buf_addc(to, '\\');
		buf_addc(to, c >= 0x20 && c <= 0x7e ? c : '?');
	}
}

static void add_string(struct buf *to, const char *parameter, struct span s)
{
	buf_adds(to, parameter);
	buf_addc(to, '"');
	add_string_bytes(to, s);
	buf_addc(to, '"');
}

/* "12201 parent-wants-sign-in: ..." with what is known of this case, or else the sentence of the row. */
static void add_details(struct buf *to, const struct record *r, const struct end_row *row)
{
	char room[SENTENCE];
	struct buf sentence;
	buf_over(&sentence, room, sizeof(room));
	if (row->number) {
		buf_addu(&sentence, row->number);
		buf_addc(&sentence, ' ');
	}
	buf_adds(&sentence, row->name);
	buf_adds(&sentence, ": ");
	if (r->detail && !r->detail_is_ours)
		buf_add(&sentence, span_make(r->detail, strnlen(r->detail, VALUE_MOST)));
	else
		explain(r, row->user, FOR_USER, &sentence);
	add_string(to, "; details=", buf_span(&sentence));
}

void proxy_status_write(const struct record *r, const struct settings *s, struct buf *to)
{
	const struct end_row *row = &end_reason_table[r->end];
	struct span name = span_of(s->pseudonym);
	buf_adds(to, "Proxy-Status: ");
	if (is_token(name))
		buf_add(to, name);
	else
		add_string(to, "", name);
	if (row->error_type) {
		buf_adds(to, "; error=");
		buf_adds(to, row->error_type);
	}
	if (r->next_hop.n && !r->application)
		add_string(to, "; next-hop=", r->next_hop);
	if (r->received_status) {
		buf_adds(to, "; received-status=");
		buf_addu(to, r->received_status);
	}
	if (row->place != PLACE_NOWHERE)
		add_details(to, r, row);
	add_string(to, "; fairlead-exchange=", span_make(r->id, strnlen(r->id, sizeof(r->id))));
	buf_adds(to, "\r\n");
}
