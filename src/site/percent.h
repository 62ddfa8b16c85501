/* Percent-encoding (RFC 3986 section 2.1). */
#ifndef FAIRLEAD_SITE_PERCENT_H
#define FAIRLEAD_SITE_PERCENT_H

#include "http/lex.h"

static inline unsigned percent_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* Of the three characters "%XX", well-formed. */
static inline unsigned percent_byte(const char *p)
{
	return percent_digit(p[1]) << 4 | percent_digit(p[2]);
}

static inline bool percent_is_whole(struct span s)
{
	return s.n >= 3 && s.p[0] == '%' && lex_is(s.p[1], LEX_HEX) && lex_is(s.p[2], LEX_HEX);
}

#endif
