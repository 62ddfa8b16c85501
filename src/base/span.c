#include "base/span.h"

#include <errno.h>
#include <stdlib.h>

bool span_eq_nocase(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool span_starts_nocase(struct span text, struct span prefix)
{
	return text.n >= prefix.n && span_eq_nocase(span_make(text.p, prefix.n), prefix);
}

bool span_ends_nocase(struct span text, struct span suffix)
{
	return text.n >= suffix.n && span_eq_nocase(span_make(text.p + (text.n - suffix.n), suffix.n), suffix);
}

static bool is_ows(char c)
{
	return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
	while (s.n && is_ows(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_ows(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool span_next(struct span *rest, char separator, struct span *item)
{
	if (!rest->p)
		return false;
	const char *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
	if (!end) {
		*item = span_trim(*rest);
		*rest = SPAN_NONE;
		return true;
	}
	size_t n = (size_t)(end - rest->p);
	*item = span_trim(span_make(rest->p, n));
	rest->p += n + 1;
	rest->n -= n + 1;
	return true;
}

int span_to_u64(struct span s, uint64_t limit, uint64_t *out)
{
	uint64_t value = 0;
	if (s.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
			return -EINVAL;
	}
	if (value > limit)
		return -EINVAL;
	*out = value;
	return 0;
}

struct span span_keep(char **at, struct span s)
{
	char *to = *at;
	if (s.n)
		memcpy(to, s.p, s.n);
	*at += s.n;
	return span_make(to, s.n);
}

char *span_dup(struct span s)
{
	char *copy = malloc(s.n + 1);
	if (!copy)
		return NULL;
	if (s.n)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}
