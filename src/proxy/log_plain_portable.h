/* The byte-by-byte twin of log_plain_sse2.h: same question, same answer. */
#ifndef FAIRLEAD_PROXY_LOG_PLAIN_PORTABLE_H
#define FAIRLEAD_PROXY_LOG_PLAIN_PORTABLE_H

#include "proxy/log_text.h"

static inline size_t log_plain_portable(char *at, struct span s, enum log_text format)
{
	const char blank = format == LOG_TEXT_W3C ? '+' : ' ';
	size_t i = 0;
	for (; i < s.n; i++) {
		char c = s.p[i];
		if (c < ' ' || c >= 0x7f || (format == LOG_TEXT_JSON && (c == '"' || c == '\\')))
			break; /* obs-text and UTF-8 too, whether char is signed or not */
		at[i] = c == ' ' ? blank : c;
	}
	return i;
}

#endif
