#include "http/field_line.h"
#include "http/framing.h"
#include "http/uri.h"
#include "understanding.h"

static void refuse(struct understanding *u, enum parse_fault fault)
{
	u->verdict = REFUSED;
	u->why = parse_fault_name(fault);
}

static void add_field(struct understanding *u, const struct field *f)
{
	if (u->fields_n < UNDERSTOOD_FIELDS)
		u->fields[u->fields_n++] = (struct name_value){field_name(f), field_value(f)};
}

static void add_trailers(struct understanding *u, struct span section)
{
	const char *p = section.p, *end = section.p + section.n;
	while (p < end) {
		struct field f;
		enum parse_fault fault = field_line_parse(p, end, STORE, &f);
		ASSERT(!fault);
		add_field(u, &f);
		p += f.line_n;
	}
}

static void read_body(const struct message *m, struct understanding *u, const struct framing *f)
{
	struct body_reader r;
	struct buf body;
	struct span rest = span_make(m->bytes.p + u->ends_at, m->bytes.n - u->ends_at), data;
	buf_over(&body, u->store, sizeof(u->store));
	body_reader_init(&r, f);
	enum body_step step;
	do {
		size_t used;
		step = body_read(&r, rest, &used, &data);
		rest = span_make(rest.p + used, rest.n - used);
		if (step == BODY_DATA)
			buf_add(&body, data);
	} while (step == BODY_DATA);
	ASSERT(buf_error(&body) == 0);
	u->body = buf_span(&body);
	u->ends_at = m->bytes.n - rest.n;
	u->verdict = step == BODY_END || body_may_end(&r) ? ACCEPTED : UNFINISHED;
	if (step == BODY_BAD)
		refuse(u, r.fault);
	else if (step == BODY_END && data.n)
		add_trailers(u, data);
}

static void add_head(const struct message *m, struct understanding *u, const struct head *h, const struct framing *f)
{
	u->method = h->method_text;
	u->target = h->target;
	u->status = h->status;
	u->minor = h->minor;
	for (unsigned i = 0; i < h->count; i++)
		add_field(u, &h->fields[i]);
	u->keep_alive = f->keep_alive;
	u->ignore_connection = head_has(h, FIELD_PROXY_CONNECTION);
	u->upgrade = head_has(h, FIELD_UPGRADE) && head_has_token(h, FIELD_CONNECTION, SPAN("upgrade"));
	if (m->is_request)
		u->upgrade = u->upgrade || h->method == METHOD_CONNECT;
	else
		u->upgrade = (u->upgrade && h->status == 101) || (m->answers == METHOD_CONNECT && h->status / 100 == 2);
}

static bool is_served(const struct target *t)
{
	return t->form != TARGET_ABSOLUTE || span_eq_nocase(t->scheme, SPAN("http")) ||
	       span_eq_nocase(t->scheme, SPAN("https"));
}

void understand_ours(const struct message *m, struct understanding *u)
{
	static struct field fields[FIELDS_MOST];
	struct head h;
	struct target t;
	struct framing f;
	size_t scanned = 0;
	memset(u, 0, offsetof(struct understanding, store));
	u->verdict = UNFINISHED;
	int n = head_find_end(m->bytes, &scanned, &head_limits_default);
	int taken = m->is_request ? head_take_request(&h, m->bytes, fields, &head_limits_default)
	                          : head_take_response(&h, m->bytes, fields, &head_limits_default);
	ASSERT(n > 0 || taken == 0);
	if (n == 0)
		return;
	if (n < 0) {
		refuse(u, (enum parse_fault) - n);
		return;
	}
	struct span head = span_make(m->bytes.p, (size_t)n);
	enum parse_fault fault = m->is_request ? head_parse_request(&h, head, fields, &head_limits_default)
	                                       : head_parse_response(&h, head, fields, &head_limits_default);
	ASSERT(taken == (fault ? 0 : n));
	if (!fault && m->is_request)
		fault = target_parse(&h, &t);
	if (!fault && m->is_request && !is_served(&t))
		fault = PARSE_SCHEME;
	if (fault) {
		refuse(u, fault);
		return;
	}
	if (m->is_request)
		framing_of_request(&h, &f);
	else
		framing_of_response(&h, m->answers, &f);
	add_head(m, u, &h, &f);
	u->ends_at = (size_t)n;
	read_body(m, u, &f);
}
