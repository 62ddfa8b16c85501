#include "http/hop.h"
#include "http/lex.h"

/* Takes a comment off the front: "(text (nested) \) text)". */
static void skip_comment(struct span *rest)
{
	unsigned depth = 0;
	do {
		char c = rest->p[0];
		size_t n = c == '\\' && rest->n > 1 ? 2 : 1;
		depth += c == '(';
		depth -= c == ')';
		rest->p += n;
		rest->n -= n;
	} while (depth && rest->n);
}

static struct span word(struct span *rest)
{
	while (rest->n && lex_is_blank(rest->p[0])) {
		rest->p++;
		rest->n--;
	}
	size_t n = 0;
	while (n < rest->n && !lex_is_blank(rest->p[n]) && rest->p[n] != ',' && rest->p[n] != '(')
		n++;
	struct span out = span_make(rest->p, n);
	rest->p += n;
	rest->n -= n;
	return out;
}

/* The received-by of the next member of a Via list: [protocol/]version SP received-by [SP comment]. */
static bool next_received_by(struct span *rest, struct span *out)
{
	if (rest->n == 0)
		return false;
	word(rest);
	*out = word(rest);
	while (rest->n && rest->p[0] != ',') {
		if (rest->p[0] == '(') {
			skip_comment(rest);
		} else {
			rest->p++;
			rest->n--;
		}
	}
	if (rest->n) {
		rest->p++;
		rest->n--;
	}
	return true;
}

bool via_has(const struct head *h, struct span pseudonym, unsigned *times)
{
	unsigned found = 0;
	for (unsigned i = 0; head_has(h, FIELD_VIA) && i < h->count; i++) {
		if (h->fields[i].id != FIELD_VIA)
			continue;
		struct span rest = field_value(&h->fields[i]), by;
		while (next_received_by(&rest, &by))
			found += span_eq_nocase(by, pseudonym);
	}
	if (times)
		*times = found;
	return found > 0;
}

void via_add(struct buf *to, unsigned minor, struct span pseudonym)
{
	buf_add(to, minor ? SPAN("Via: 1.1 ") : SPAN("Via: 1.0 "));
	buf_add(to, pseudonym);
	buf_add(to, SPAN("\r\n"));
}
