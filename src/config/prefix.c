/* Few characters are allowed, since a rule for a directory whose name can be read in two ways protects nothing:
 * unreserved ones (RFC 3986), blanks inside, and letters outside of ASCII of which no program makes another. */
#include "config/prefix.h"

#include "base/buf.h"
#include "base/encode.h"
#include "base/unicode.h"

enum { SEGMENTS_MOST = 32, PREFIX_MOST = 512 };

static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("-._~", c));
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* Takes escapes apart, so that there is one spelling to start from. The length, or 0 for a malformed one, a NUL or
 * too long a text. */
static size_t decode(const char *text, char out[PREFIX_MOST])
{
	size_t n = 0;
	for (; *text; text++) {
		int c = (unsigned char)*text;
		if (c == '%') {
			int high = hex_digit(text[1]), low = high < 0 ? -1 : hex_digit(text[2]);
			c = low < 0 ? 0 : high << 4 | low;
			if (c == 0 || c == '/')
				return 0;
			text += 2;
		}
		if (n == PREFIX_MOST)
			return 0;
		out[n++] = (char)c;
	}
	return n;
}

/* Latin, Greek and Cyrillic letters, Kana, Chinese characters, Hangul; no marks that join the letter before, no
 * forms of other letters that Unicode keeps for compatibility. */
static bool is_letter(const char *p, size_t n)
{
	uint32_t c = unicode_of_utf8(p, n);
	bool plain_elsewhere = c == 0x130 || c == 0x131; /* with and without a dot: for some programs an i */
	return !plain_elsewhere && ((c >= 0xc0 && c <= 0x17e) || (c >= 0x388 && c <= 0x481) || (c >= 0x48a && c <= 0x52f) ||
	                            (c >= 0x3041 && c <= 0x3096) || (c >= 0x30a1 && c <= 0x30fa) ||
	                            (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3));
}

/* Whether the names between the slashes are names: not empty, not "." or "..", without a dot or blank at the end. */
static bool has_names(struct span prefix)
{
	unsigned segments = 0;
	if (prefix.n == 0 || prefix.p[0] != '/' || prefix.p[prefix.n - 1] != '/')
		return false;
	for (size_t i = 1; i < prefix.n; i++) {
		char before = prefix.p[i - 1];
		if (prefix.p[i] == '/' && (before == '/' || before == '.' || before == ' ' || ++segments > SEGMENTS_MOST))
			return false;
	}
	return true;
}

const char *value_prefix(struct arena *memory, const char *text, const char **out)
{
	char decoded[PREFIX_MOST] = {0}, room[3 * PREFIX_MOST];
	static const char hex[] = "0123456789ABCDEF";
	static const char rule[] =
		"a directory is written like \"/public/\": from / to /, of letters, digits and -._~, with no dot or "
		"blank at the end of a name, not \"%s\"";
	struct span prefix = span_make(decoded, decode(text, decoded));
	size_t n = 0;
	if (!has_names(prefix))
		return arena_printf(memory, rule, text);
	for (size_t i = 0, length; i < prefix.n; i += length) {
		length = utf8_length(prefix.p + i, prefix.n - i);
		bool plain = prefix.p[i] == '/' || is_plain(prefix.p[i]);
		if (!plain && prefix.p[i] != ' ' && !(length > 1 && is_letter(prefix.p + i, length)))
			return arena_printf(memory, rule, text);
		for (size_t k = 0; k < length; k++) {
			unsigned char c = (unsigned char)prefix.p[i + k];
			if (!plain)
				room[n++] = '%', room[n++] = hex[c >> 4];
			room[n++] = plain ? (char)c : hex[c & 15];
		}
	}
	*out = arena_dup(memory, span_make(room, n)).p;
	return *out ? NULL : "there is no memory for it";
}

/* Takes a character off the front of *text. */
static uint32_t next_folded(const char **text)
{
	char bytes[4];
	size_t n = 0, length = 0;
	if (**text != '%')
		return (uint32_t)ascii_lower(*(*text)++);
	while (**text == '%' && (length == 0 || n < length)) {
		bytes[n++] = (char)(hex_digit((*text)[1]) << 4 | hex_digit((*text)[2]));
		*text += 3;
		unsigned char lead = (unsigned char)bytes[0];
		length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	}
	return unicode_lower(unicode_upper(unicode_of_utf8(bytes, n)));
}

bool prefix_begins(const char *prefix, const char *with)
{
	while (*prefix && *with)
		if (next_folded(&prefix) != next_folded(&with))
			return false;
	return !*with;
}
