/* What each byte may be in the grammars of RFC 9110 section 5.6, RFC 9112 and RFC 3986: one table. */
#ifndef FAIRLEAD_HTTP_LEX_H
#define FAIRLEAD_HTTP_LEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum {
	LEX_TOKEN = 1,  /* tchar */
	LEX_TEXT = 2,   /* of a field value: HTAB, SP, VCHAR, obs-text */
	LEX_TARGET = 4, /* of a request target: VCHAR without '#' */
	LEX_HOST = 8,   /* of a registered name as we take it: letters, digits, '-', '_', '.' */
	LEX_SCHEME = 16,
	LEX_DIGIT = 32,
	LEX_HEX = 64,
	LEX_ALPHA = 128,
};

extern const uint8_t lex_table[256];

static inline bool lex_is(char c, unsigned kinds)
{
	return lex_table[(unsigned char)c] & kinds;
}

static inline bool lex_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* True if there is at least one byte and all are of the kind. */
static inline bool lex_all(struct span s, unsigned kind)
{
	for (size_t i = 0; i < s.n; i++)
		if (!lex_is(s.p[i], kind))
			return false;
	return s.n > 0;
}

/* How many bytes at the front are of the kind. */
static inline size_t lex_run(struct span s, unsigned kind)
{
	size_t i = 0;
	while (i < s.n && lex_is(s.p[i], kind))
		i++;
	return i;
}

#endif
