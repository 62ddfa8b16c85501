/* A piece of text that somebody else owns: pointer and length, not terminated.
 *
 * Owner: whoever made the bytes; a span never frees. Errors: none. */
#ifndef FAIRLEAD_BASE_SPAN_H
#define FAIRLEAD_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *p;
	size_t n;
};

#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})
#define SPAN_NONE ((struct span){NULL, 0})
/* For printf("%.*s", SPAN_ARG(s)). */
#define SPAN_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct span span_of(const char *text)
{
	return (struct span){text, text ? strlen(text) : 0};
}

static inline struct span span_make(const char *p, size_t n)
{
	return (struct span){p, n};
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* ASCII case folding only, as HTTP wants it. */
bool span_eq_nocase(struct span a, struct span b);
bool span_starts_nocase(struct span text, struct span prefix);
bool span_ends_nocase(struct span text, struct span suffix);

/* Without spaces and tabs at both ends (HTTP's OWS). */
struct span span_trim(struct span s);

/* The next item of a list separated by `separator`, trimmed, taken off the front of *rest. False when the list is used
 * up; empty items are handed out. Quoted strings are not looked into. */
bool span_next(struct span *rest, char separator, struct span *item);

/* Decimal digits alone, at most `limit`. 0, or -EINVAL. */
int span_to_u64(struct span s, uint64_t limit, uint64_t *out);

/* Copies `s` to *at, moves *at behind it, and gives the copy: for texts that share one block. */
struct span span_keep(char **at, struct span s);

/* A terminated copy on the heap; NULL without memory. */
char *span_dup(struct span s);

#endif
