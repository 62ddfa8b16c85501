#include "cli/import_text.h"

#include <ctype.h>
#include <stdio.h>

#include "base/addr.h"

bool import_next_line(struct import_lines *l, struct span *line)
{
	if (l->rest.n == 0)
		return false;
	const char *end = memchr(l->rest.p, '\n', l->rest.n);
	size_t n = end ? (size_t)(end - l->rest.p) : l->rest.n;
	*line = span_make(l->rest.p, n);
	if (n && line->p[n - 1] == '\r')
		line->n--;
	*line = span_trim(*line);
	n += end != NULL;
	l->rest = span_make(l->rest.p + n, l->rest.n - n);
	l->number++;
	return true;
}

bool import_next_word(struct span *rest, struct span *word)
{
	*rest = span_trim(*rest);
	size_t n = 0;
	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
		n++;
	*word = span_make(rest->p, n);
	*rest = span_make(rest->p + n, rest->n - n);
	return n > 0;
}

bool import_add_value(struct buf *list, struct span value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == '\'' || iscntrl((unsigned char)value.p[i]))
			return false;
	if (value.n)
		buf_addf(list, "%s'%.*s'", list->n ? ", " : "", SPAN_ARG(value));
	return value.n > 0;
}

/* 10 or 10.1 as 10.0.0.0 and 10.1.0.0. */
static bool whole_address(struct span text, char out[ADDR_TEXT])
{
	unsigned dots = 0;
	struct addr a;
	if (text.n >= ADDR_TEXT - 8)
		return false;
	for (size_t i = 0; i < text.n; i++)
		dots += text.p[i] == '.';
	bool v6 = text.n && memchr(text.p, ':', text.n);
	snprintf(out, ADDR_TEXT, "%.*s%s", SPAN_ARG(text), v6 || dots >= 3 ? "" : &".0.0.0"[dots * 2]);
	return addr_parse(span_of(out), 0, &a) == 0;
}

/* 255.255.0.0 is 16; 16 is 16. -1: neither. */
static int mask_bits(struct span mask)
{
	struct addr a;
	uint64_t number;
	if (span_to_u64(mask, 128, &number) == 0)
		return (int)number;
	if (addr_parse(mask, 0, &a) != 0 || a.sa.sa_family != AF_INET)
		return -1;
	uint32_t bits = ntohl(a.v4.sin_addr.s_addr), inverse = ~bits;
	return (inverse & (inverse + 1)) == 0 ? __builtin_popcount(bits) : -1;
}

bool import_add_network(struct buf *list, struct span value)
{
	char address[ADDR_TEXT], whole[ADDR_TEXT + 8];
	struct network n;
	const char *slash = value.n ? memchr(value.p, '/', value.n) : NULL;
	if (span_eq(value, SPAN("*")) || span_eq(value, SPAN("all")))
		return import_add_value(list, SPAN("*"));
	struct span base = span_make(value.p, slash ? (size_t)(slash - value.p) : value.n);
	int bits = slash ? mask_bits(span_make(slash + 1, value.n - base.n - 1)) : -2;
	if (bits == -1 || !whole_address(base, address))
		return false;
	if (bits == 0)
		return import_add_value(list, SPAN("*"));
	if (bits > 0)
		snprintf(whole, sizeof(whole), "%s/%d", address, bits);
	else
		snprintf(whole, sizeof(whole), "%s", address);
	return network_parse(span_of(whole), &n) == 0 && import_add_value(list, span_of(whole));
}

void import_note(struct buf *notes, const struct import_lines *at, const char *format, ...)
{
	va_list ap;
	buf_addf(notes, "# %s:%d: ", at->file, at->number);
	va_start(ap, format);
	buf_addv(notes, format, ap);
	va_end(ap);
	buf_addc(notes, '\n');
}

void import_show(struct buf *notes, struct span text)
{
	buf_adds(notes, "#     ");
	for (size_t i = 0; i < text.n; i++)
		buf_addc(notes, iscntrl((unsigned char)text.p[i]) ? ' ' : text.p[i]);
	buf_addc(notes, '\n');
}
