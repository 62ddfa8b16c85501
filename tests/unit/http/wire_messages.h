/* Reads tests/wire/messages.txt (its format is described at its top), and says in words what a message means to us. */
#ifndef FAIRLEAD_TESTS_WIRE_MESSAGES_H
#define FAIRLEAD_TESTS_WIRE_MESSAGES_H

#include <ctype.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "http/framing.h"
#include "http/status.h"
#include "http/uri.h"

struct wire_message {
	struct span name;
	bool is_request;
	enum method answers; /* of a response: the request's method */
	struct span bytes;
	struct span result;
};

enum { WIRE_MOST = 1024, WIRE_BYTES_MOST = 512 * 1024 };

static unsigned wire_hex(char c)
{
	return isdigit((unsigned char)c) ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* Appends the text up to its end, or to the brace that closes a repetition; gives back what is behind. */
static struct span wire_unescape(struct span text, bool in_braces, struct buf *to)
{
	static const char letters[] = "rnt0\\p", bytes[] = "\r\n\t\0\\|";
	while (text.n && !(in_braces && text.p[0] == '}')) {
		if (text.p[0] != '\\') {
			buf_addc(to, text.p[0]);
			text = span_make(text.p + 1, text.n - 1);
		} else if (text.n >= 4 && text.p[1] == 'x') {
			buf_addc(to, (char)(wire_hex(text.p[2]) << 4 | wire_hex(text.p[3])));
			text = span_make(text.p + 4, text.n - 4);
		} else if (text.n >= 5 && text.p[1] == '*') {
			char *brace;
			unsigned long times = strtoul(text.p + 2, &brace, 10);
			size_t skip = (size_t)(brace + 1 - text.p);
			struct span inside = span_make(text.p + skip, text.n - skip), behind = inside;
			ASSERT(*brace == '{' && times > 0);
			while (times--)
				behind = wire_unescape(inside, true, to);
			ASSERT(behind.n && behind.p[0] == '}');
			text = span_make(behind.p + 1, behind.n - 1);
		} else {
			const char *letter = text.n >= 2 ? memchr(letters, text.p[1], 6) : NULL;
			ASSERT(letter);
			buf_addc(to, bytes[letter - letters]);
			text = span_make(text.p + 2, text.n - 2);
		}
	}
	return text;
}

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

/* The text of a file, on the heap. */
static struct span wire_read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	ASSERT(f);
	char *text = malloc(WIRE_BYTES_MOST);
	ASSERT(text);
	size_t n = fread(text, 1, WIRE_BYTES_MOST, f);
	ASSERT(n < WIRE_BYTES_MOST);
	fclose(f);
	return span_make(text, n);
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
