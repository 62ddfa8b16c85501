/* Sixteen bytes at a time: what every x86-64 has. The last block overlaps the one before, so that nothing is read or
 * written beyond the end; what is shorter than eight bytes is left to the portable twin. */
#ifndef FAIRLEAD_PROXY_LOG_PLAIN_SSE2_H
#define FAIRLEAD_PROXY_LOG_PLAIN_SSE2_H

#include <emmintrin.h>

#include "proxy/log_plain_portable.h"

/* A bit for each byte that must be escaped. W3C knows no other than those that both do: it asks twice for DEL. */
static inline unsigned log_plain_sse2_stop(__m128i bytes, enum log_text format)
{
	bool json = format == LOG_TEXT_JSON;
	__m128i stop = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')); /* compared as signed numbers, UTF-8 lies below too */
	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(json ? '"' : 0x7f)));
	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(json ? '\\' : 0x7f)));
	return (unsigned)_mm_movemask_epi8(stop);
}

static inline __m128i log_plain_sse2_blanks(__m128i bytes, enum log_text format)
{
	__m128i blank = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' '));
	return _mm_add_epi8(bytes, _mm_and_si128(blank, _mm_set1_epi8(format == LOG_TEXT_W3C ? '+' - ' ' : 0)));
}

static inline unsigned log_plain_sse2_sixteen(char *at, const char *p, enum log_text format)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
	_mm_storeu_si128((__m128i *)(void *)at, log_plain_sse2_blanks(bytes, format));
	return log_plain_sse2_stop(bytes, format);
}

static inline unsigned log_plain_sse2_eight(char *at, const char *p, enum log_text format)
{
	__m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)p);
	_mm_storel_epi64((__m128i *)(void *)at, log_plain_sse2_blanks(bytes, format));
	return log_plain_sse2_stop(bytes, format) & 0xff;
}

static inline size_t log_plain_sse2(char *at, struct span s, enum log_text format)
{
	unsigned stop;
	if (s.n < 8)
		return log_plain_portable(at, s, format);
	if (s.n < 16) {
		if ((stop = log_plain_sse2_eight(at, s.p, format)))
			return (size_t)__builtin_ctz(stop);
		stop = log_plain_sse2_eight(at + s.n - 8, s.p + s.n - 8, format);
		return stop ? s.n - 8 + (size_t)__builtin_ctz(stop) : s.n;
	}
	for (size_t i = 0; i + 16 <= s.n; i += 16)
		if ((stop = log_plain_sse2_sixteen(at + i, s.p + i, format)))
			return i + (size_t)__builtin_ctz(stop);
	stop = log_plain_sse2_sixteen(at + s.n - 16, s.p + s.n - 16, format);
	return stop ? s.n - 16 + (size_t)__builtin_ctz(stop) : s.n;
}

#endif
