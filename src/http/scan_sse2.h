/* Sixteen bytes at a time: what every x86-64 has. The last few bytes of the input are left to the portable twin, so nothing
 * is read beyond the end. */
#ifndef FAIRLEAD_HTTP_SCAN_SSE2_H
#define FAIRLEAD_HTTP_SCAN_SSE2_H

#include <emmintrin.h>

#include "http/scan_portable.h"

static inline __m128i scan_sse2_load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline unsigned scan_sse2_equal(__m128i bytes, char c)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}

static inline size_t scan_sse2_event(const char *p, size_t from, size_t to)
{
	size_t i = from;
	unsigned cr_before = i > 0 && p[i - 1] == '\r';
	unsigned lf_before = (i > 0 && p[i - 1] == '\n') << 1 | (i > 1 && p[i - 2] == '\n');
	for (; to - i >= 16; i += 16) {
		__m128i bytes = scan_sse2_load(p + i);
		unsigned lf = scan_sse2_equal(bytes, '\n'), cr = scan_sse2_equal(bytes, '\r');
		unsigned after_cr = cr << 1 | cr_before, after_two = lf << 2 | lf_before;
		unsigned event = ((lf ^ after_cr) | (lf & after_two) | scan_sse2_equal(bytes, '\0')) & 0xffff;
		if (event)
			return i + (unsigned)__builtin_ctz(event);
		cr_before = cr >> 15;
		lf_before = lf >> 14;
	}
	return scan_portable_event(p, i, to);
}

static inline const char *scan_sse2_text(const char *p, const char *end)
{
	const __m128i last_control = _mm_set1_epi8(0x1f);
	for (; end - p >= 16; p += 16) {
		__m128i bytes = scan_sse2_load(p);
		unsigned control = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes));
		unsigned stop = (control & ~scan_sse2_equal(bytes, '\t')) | scan_sse2_equal(bytes, 0x7f);
		if (stop)
			return p + __builtin_ctz(stop);
	}
	return scan_portable_text(p, end);
}

/* Compared as signed numbers, obs-text lies below the blank and stops the search too. */
static inline const char *scan_sse2_target(const char *p, const char *end)
{
	for (; end - p >= 16; p += 16) {
		__m128i bytes = scan_sse2_load(p);
		unsigned graphic = (unsigned)_mm_movemask_epi8(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(' ')));
		unsigned stop = (~graphic & 0xffff) | scan_sse2_equal(bytes, 0x7f) | scan_sse2_equal(bytes, '#');
		if (stop)
			return p + __builtin_ctz(stop);
	}
	return scan_portable_target(p, end);
}

/* All bytes from `first` to `first + width`, unsigned. */
static inline __m128i scan_sse2_range(__m128i bytes, char first, char width)
{
	__m128i distance = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
	return _mm_cmpeq_epi8(_mm_min_epu8(distance, _mm_set1_epi8(width)), distance);
}

/* Names are letters, digits and dashes nearly always; the twin goes on at whatever else comes. */
static inline const char *scan_sse2_name(const char *p, const char *end)
{
	for (; end - p >= 16; p += 16) {
		__m128i bytes = scan_sse2_load(p);
		__m128i letter = scan_sse2_range(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 25);
		__m128i digit = scan_sse2_range(bytes, '0', 9);
		__m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
		unsigned plain = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), dash));
		if (plain != 0xffff)
			return scan_portable_name(p + __builtin_ctz(~plain), end);
	}
	return scan_portable_name(p, end);
}

#endif
