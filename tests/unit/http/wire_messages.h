/* Reads tests/wire/messages.txt (its format is described at its top), and says in words what a message means to us. */
#ifndef FAIRLEAD_TESTS_WIRE_MESSAGES_H
#define FAIRLEAD_TESTS_WIRE_MESSAGES_H

#include "http/framing.h"
#include "http/status.h"
#include "http/uri.h"
#include "wire_text.h"

struct wire_message {
	struct span name;
	bool is_request;
	enum method answers; /* of a response: the request's method */
	struct span bytes;
	struct span result;
};

enum { WIRE_MOST = 1024 };

static void wire_read_line(struct span line, struct wire_message *m)
{
	struct span direction, role, bytes;
	ASSERT(span_next(&line, '|', &m->name) && span_next(&line, '|', &direction) && span_next(&line, '|', &role) &&
	       span_next(&line, '|', &bytes));
	m->result = span_trim(line);
	m->is_request = span_eq(direction, SPAN("request"));
	m->answers = m->is_request ? METHOD_OTHER : method_of(role);
	ASSERT(m->is_request || (span_eq(direction, SPAN("response")) && m->answers));
	struct buf b;
	buf_init(&b, WIRE_BYTES_MOST);
	wire_unescape(bytes, false, &b);
	ASSERT(buf_text(&b)[0] || b.n == 0); /* also of an empty message: it lies somewhere */
	ASSERT(buf_error(&b) == 0);
	m->bytes = buf_span(&b);
}

/* How many there are; names and results point into `text`. */
static unsigned wire_read(struct span text, struct wire_message messages[WIRE_MOST])
{
	unsigned count = 0;
	struct span line;
	while (span_next(&text, '\n', &line)) {
		if (line.n == 0 || line.p[0] == '#')
			continue;
		ASSERT(count < WIRE_MOST);
		wire_read_line(line, &messages[count++]);
	}
	return count;
}

/* ---- What a message means, as a line of key=value ---- */

static void wire_add_key(struct buf *b, const char *key, struct span value)
{
	buf_addf(b, " %s=", key);
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] > 0x20 && value.p[i] < 0x7f)
			buf_addc(b, value.p[i]);
		else
			buf_addf(b, "\\x%02x", (unsigned char)value.p[i]);
	}
}

static void wire_add_number(struct buf *b, const char *key, uint64_t value)
{
	buf_addf(b, " %s=%llu", key, (unsigned long long)value);
}

static void wire_add_request(struct buf *b, const struct head *h, const struct target *t)
{
	static const char *const forms[] = {"origin", "absolute", "authority", "asterisk"};
	wire_add_key(b, "method", h->method_text);
	wire_add_key(b, "target", h->target);
	wire_add_key(b, "form", span_of(forms[t->form]));
	wire_add_key(b, "scheme", t->scheme);
	wire_add_key(b, "host", t->host);
	wire_add_number(b, "v6", t->host_is_v6);
	wire_add_number(b, "port", t->port);
}

static void wire_add_framing(struct buf *b, const struct head *h, const struct framing *f)
{
	static const char *const kinds[] = {"none", "length", "chunked", "until-close"};
	wire_add_number(b, "minor", h->minor);
	wire_add_number(b, "fields", h->count);
	wire_add_key(b, "kind", span_of(kinds[f->kind]));
	wire_add_number(b, "length", f->length);
	wire_add_number(b, "keep", f->keep_alive);
}

#endif
