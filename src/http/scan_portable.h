/* The byte-by-byte twin of scan_sse2.h: same questions, same answers. */
#ifndef FAIRLEAD_HTTP_SCAN_PORTABLE_H
#define FAIRLEAD_HTTP_SCAN_PORTABLE_H

#include "http/lex.h"

static inline size_t scan_portable_event(const char *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		bool lf = p[i] == '\n', after_cr = i > 0 && p[i - 1] == '\r';
		if (lf != after_cr || p[i] == '\0' || (lf && i > 1 && p[i - 2] == '\n'))
			return i;
	}
	return to;
}

static inline const char *scan_portable_text(const char *p, const char *end)
{
	while (p < end && lex_is(*p, LEX_TEXT))
		p++;
	return p;
}

static inline const char *scan_portable_target(const char *p, const char *end)
{
	while (p < end && lex_is(*p, LEX_TARGET))
		p++;
	return p;
}

static inline const char *scan_portable_name(const char *p, const char *end)
{
	while (p < end && lex_is(*p, LEX_TOKEN))
		p++;
	return p;
}

#endif
