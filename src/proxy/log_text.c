#include "proxy/log_text.h"

#include <arpa/inet.h>
#include <time.h>

#include "base/encode.h"

char *add_number(char *at, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	return add_span(at, span_make(digits + i, sizeof(digits) - i));
}

static char *add_v4(char *at, const unsigned char b[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*at++ = '.';
		at = add_number(at, b[i]);
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

/* Which formats a byte may stand in as it is: bit 1 W3C, bit 2 JSON. */
#define BOTH (1 << LOG_TEXT_W3C | 1 << LOG_TEXT_JSON)
static const unsigned char plain[256] = {
	['!'] = BOTH,
	['#' ... '['] = BOTH,
	[']' ... '~'] = BOTH,
	[' '] = 1 << LOG_TEXT_JSON,
	['"'] = 1 << LOG_TEXT_W3C,
	['\\'] = 1 << LOG_TEXT_W3C,
};

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
		while (i < s.n && at < end && plain[(unsigned char)s.p[i]] >> format & 1)
			*at++ = s.p[i++];
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
