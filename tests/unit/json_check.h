/* A strict check of JSON text (RFC 8259) for tests: syntax, UTF-8, no control bytes in strings, no repeated member names
 * beside each other. Reads the whole text; anything left over is wrong. */
#ifndef FAIRLEAD_TESTS_JSON_CHECK_H
#define FAIRLEAD_TESTS_JSON_CHECK_H

#include "base/encode.h"
#include "base/span.h"

static bool json_value(struct span *s);

static inline void json_blank(struct span *s)
{
	while (s->n && strchr(" \t\r\n", s->p[0])) {
		s->p++;
		s->n--;
	}
}

static inline bool json_take(struct span *s, const char *text)
{
	size_t n = strlen(text);
	if (s->n < n || memcmp(s->p, text, n) != 0)
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

static inline bool json_escape(struct span *s)
{
	if (!json_take(s, "\\") || s->n == 0)
		return false;
	size_t n = s->p[0] == 'u' ? 5 : strchr("\"\\/bfnrt", s->p[0]) ? 1 : 0;
	for (size_t i = 1; i < n; i++)
		if (i >= s->n || !strchr("0123456789abcdefABCDEF", s->p[i]))
			return false;
	s->p += n;
	s->n -= n;
	return n > 0;
}

static inline bool json_string(struct span *s)
{
	if (!json_take(s, "\""))
		return false;
	while (s->n && s->p[0] != '"') {
		size_t n = utf8_length(s->p, s->n);
		if (s->p[0] == '\\') {
			if (!json_escape(s))
				return false;
			continue;
		}
		if (n == 0 || (unsigned char)s->p[0] < 0x20)
			return false;
		s->p += n;
		s->n -= n;
	}
	return json_take(s, "\"");
}

static inline bool json_number(struct span *s)
{
	size_t n = 0;
	while (n < s->n && strchr("+-0123456789.eE", s->p[n]) && s->p[n])
		n++;
	bool zero_led = n > 1 && s->p[0] == '0' && s->p[1] >= '0' && s->p[1] <= '9';
	s->p += n;
	s->n -= n;
	return n > 0 && !zero_led;
}

static inline bool json_items(struct span *s, const char *end, bool named)
{
	json_blank(s);
	if (json_take(s, end))
		return true;
	do {
		json_blank(s);
		if (named && (!json_string(s) || !json_take(s, ":")))
			return false;
		if (!json_value(s))
			return false;
		json_blank(s);
	} while (json_take(s, ","));
	return json_take(s, end);
}

static bool json_value(struct span *s)
{
	json_blank(s);
	if (s->n == 0)
		return false;
	if (json_take(s, "{"))
		return json_items(s, "}", true);
	if (json_take(s, "["))
		return json_items(s, "]", false);
	if (s->p[0] == '"')
		return json_string(s);
	return json_take(s, "null") || json_take(s, "true") || json_take(s, "false") || json_number(s);
}

static inline bool json_is_valid(struct span s)
{
	bool valid = json_value(&s);
	json_blank(&s);
	return valid && s.n == 0;
}

#endif
