#include "proxy/log_text.h"

#include <arpa/inet.h>
#include <time.h>

#include "base/encode.h"
#include "proxy/log_plain.h"

/* Of a number that has two at least. */
static unsigned digits_of(uint64_t n)
{
	unsigned digits = 2;
	for (uint64_t limit = 100; n >= limit && digits < 20; limit *= 10)
		digits++;
	return digits;
}

char *add_number(char *at, uint64_t n)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
								"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
								"8081828384858687888990919293949596979899";
	if (n < 10) {
		*at = (char)('0' + n);
		return at + 1;
	}
	char *end = at + digits_of(n), *digit = end;
	for (; n >= 100; n /= 100)
		memcpy(digit -= 2, &pairs[n % 100 * 2], 2);
	if (n >= 10)
		memcpy(at, &pairs[n * 2], 2);
	else
		*at = (char)('0' + n);
	return end;
}

static char *add_byte(char *at, unsigned b)
{
	if (b >= 100)
		*at++ = (char)('0' + b / 100);
	if (b >= 10)
		*at++ = (char)('0' + b / 10 % 10);
	*at++ = (char)('0' + b % 10);
	return at;
}

static char *add_v4(char *at, const unsigned char b[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*at++ = '.';
		at = add_byte(at, b[i]);
	}
	return at;
}

static char *add_hex(char *at, unsigned group)
{
	static const char digits[] = "0123456789abcdef";
	for (int shift = 12; shift >= 0; shift -= 4)
		if (shift == 0 || group >> shift)
			*at++ = digits[group >> shift & 15];
	return at;
}

/* RFC 5952: the longest run of two or more zero groups, the first of equals, becomes "::". */
static char *add_v6(char *at, const struct in6_addr *a)
{
	unsigned groups[8];
	int run = 0, longest = 1, from = -1;
	for (int i = 0; i < 8; i++) {
		groups[i] = (unsigned)a->s6_addr[2 * i] << 8 | a->s6_addr[2 * i + 1];
		run = groups[i] ? 0 : run + 1;
		if (run > longest) {
			longest = run;
			from = i + 1 - run;
		}
	}
	for (int i = 0; i < 8;) {
		if (i == from) {
			at = add_span(at, SPAN("::"));
			i += longest;
			continue;
		}
		if (i && i != from + longest)
			*at++ = ':';
		else if (i && from < 0)
			*at++ = ':';
		at = add_hex(at, groups[i++]);
	}
	return at;
}

char *add_addr(char *at, const struct addr *a, bool with_port)
{
	bool v6 = a->sa.sa_family == AF_INET6;
	if (v6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
		at = add_v4(at, a->v6.sin6_addr.s6_addr + 12);
	} else if (v6) {
		if (with_port)
			*at++ = '[';
		at = add_v6(at, &a->v6.sin6_addr);
		if (with_port)
			*at++ = ']';
	} else {
		at = add_v4(at, (const unsigned char *)&a->v4.sin_addr);
	}
	if (!with_port)
		return at;
	*at++ = ':';
	return add_number(at, addr_port(a));
}

enum { ESCAPE_MOST = 6 };

/* Writes the byte or UTF-8 sequence at the front of `s`, which is not plain, in its escaped form; gives what it took. */
static size_t escape_one(char **at, struct span s, enum log_text format)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = utf8_length(p, s.n);
	bool control = *p < 0x20 || *p == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
	if (n == 0) {
		*at = add_span(*at, format == LOG_TEXT_W3C ? SPAN("?") : SPAN("\xef\xbf\xbd"));
		return 1;
	}
	if (n > 1 && !control) {
		*at = add_span(*at, span_make(s.p, n));
	} else if (format == LOG_TEXT_W3C) {
		*(*at)++ = '+';
	} else if (control) {
		*at = add_span(*at, SPAN("\\u00"));
		unsigned code = n == 2 ? p[1] : p[0];
		if (code < 0x10)
			*(*at)++ = '0';
		*at = add_hex(*at, code);
	} else {
		*(*at)++ = '\\';
		*(*at)++ = s.p[0];
	}
	return n;
}

char *add_escaped(char *at, struct span s, enum log_text format, size_t most)
{
	char *end = at + most - 3;
	size_t i = 0;
	while (i < s.n) {
		size_t left = s.n - i, room = (size_t)(end - at);
		size_t n = log_plain(at, span_make(s.p + i, left < room ? left : room), format);
		at += n;
		i += n;
		if (i == s.n)
			break;
		if (end - at < ESCAPE_MOST)
			return add_span(at, SPAN("..."));
		i += escape_one(&at, span_make(s.p + i, s.n - i), format);
	}
	return at;
}

const char *civil_text(int64_t second)
{
	static _Thread_local struct {
		int64_t second;
		char text[32];
	} last = {.second = INT64_MIN};
	if (second != last.second) {
		struct tm tm;
		time_t t = (time_t)second;
		gmtime_r(&t, &tm);
		strftime(last.text, sizeof(last.text), "%Y-%m-%d %H:%M:%S", &tm);
		last.second = second;
	}
	return last.text;
}
