/* llhttp, the parser inside Node.js, as a second opinion. It is told what no parser can know by itself: which request a
 * response answers, and that a 304 has no body (llhttp leaves that to its user). */
#include <llhttp.h>

#include "understanding.h"

struct listener {
	const struct message *m;
	struct understanding *u;
	struct buf names_and_values, body;
	bool value_open; /* the last callback was about a value */
	bool complete;
};

static struct listener *of(llhttp_t *p)
{
	return p->data;
}

static int on_method(llhttp_t *p, const char *at, size_t n)
{
	of(p)->u->method = span_make(of(p)->u->method.p ? of(p)->u->method.p : at, of(p)->u->method.n + n);
	return 0;
}

static int on_url(llhttp_t *p, const char *at, size_t n)
{
	of(p)->u->target = span_make(of(p)->u->target.p ? of(p)->u->target.p : at, of(p)->u->target.n + n);
	return 0;
}

static int on_field(llhttp_t *p, const char *at, size_t n)
{
	struct understanding *u = of(p)->u;
	if (u->fields_n < UNDERSTOOD_FIELDS)
		u->fields[u->fields_n++] = (struct name_value){.name = span_make(at, n)};
	return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
	struct understanding *u = of(p)->u;
	struct span *value = &u->fields[u->fields_n - 1].value;
	*value = value->n ? span_make(value->p, (size_t)(at + n - value->p)) : span_make(at, n);
	return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
	buf_add(&of(p)->body, span_make(at, n));
	return 0;
}

static int on_headers_complete(llhttp_t *p)
{
	const struct message *m = of(p)->m;
	of(p)->u->status = p->status_code;
	of(p)->u->minor = p->http_minor;
	if (!m->is_request && m->answers == METHOD_CONNECT && p->status_code / 100 == 2)
		return 2;
	return !m->is_request && (m->answers == METHOD_HEAD || p->status_code == 304);
}

static int on_message_complete(llhttp_t *p)
{
	of(p)->complete = true;
	of(p)->u->keep_alive = llhttp_should_keep_alive(p);
	of(p)->u->upgrade = p->upgrade;
	return HPE_PAUSED;
}

/* Names and values come as pieces of the message; blanks behind a value are left to the user to cut. */
static void trim_values(struct understanding *u)
{
	for (unsigned i = 0; i < u->fields_n; i++)
		u->fields[i].value = span_trim(u->fields[i].value);
}

void understand_llhttp(const struct message *m, struct understanding *u)
{
	llhttp_settings_t settings;
	llhttp_t p;
	memset(u, 0, offsetof(struct understanding, store));
	struct listener l = {.m = m, .u = u};
	buf_over(&l.body, u->store, sizeof(u->store));
	llhttp_settings_init(&settings);
	settings.on_method = on_method;
	settings.on_url = on_url;
	settings.on_header_field = on_field;
	settings.on_header_value = on_value;
	settings.on_body = on_body;
	settings.on_headers_complete = on_headers_complete;
	settings.on_message_complete = on_message_complete;
	llhttp_init(&p, m->is_request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	p.data = &l;
	llhttp_errno_t e = llhttp_execute(&p, m->bytes.p, m->bytes.n);
	u->ends_at = m->bytes.n;
	if (e == HPE_PAUSED || e == HPE_PAUSED_UPGRADE)
		u->ends_at = (size_t)(llhttp_get_error_pos(&p) - m->bytes.p);
	else if (e == HPE_OK && !l.complete)
		e = llhttp_finish(&p);
	if (e != HPE_OK && e != HPE_PAUSED && e != HPE_PAUSED_UPGRADE)
		u->why = llhttp_errno_name(e);
	u->verdict = l.complete ? ACCEPTED : e == HPE_OK || e == HPE_INVALID_EOF_STATE ? UNFINISHED : REFUSED;
	ASSERT(buf_error(&l.body) == 0);
	u->body = buf_span(&l.body);
	trim_values(u);
}

bool llhttp_knows_method(struct span method)
{
	static const char *const known[] = {
#define X(number, name, string) #string,
		HTTP_METHOD_MAP(X)
#undef X
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (span_eq(method, span_of(known[i])))
			return true;
	return false;
}
