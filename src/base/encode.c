#include "base/encode.h"

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void encode_base64(struct buf *to, const void *bytes, size_t n)
{
	const unsigned char *b = bytes;
	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t v = (uint32_t)b[i] << 16 | (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) | (left > 2 ? b[i + 2] : 0);
		char four[4] = {base64[v >> 18], base64[v >> 12 & 63], left > 1 ? base64[v >> 6 & 63] : '=',
		                left > 2 ? base64[v & 63] : '='};
		buf_add(to, span_make(four, 4));
	}
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int decode_base64(struct span text, void *out, size_t room)
{
	unsigned char *to = out;
	size_t n = 0;
	if (text.n % 4 != 0)
		return -EINVAL;
	for (size_t i = 0; i < text.n; i += 4) {
		bool last = i + 4 == text.n;
		unsigned padding = !last || text.p[i + 3] != '=' ? 0 : text.p[i + 2] == '=' ? 2 : 1;
		uint32_t v = 0;
		for (unsigned k = 0; k < 4; k++) {
			int digit = k >= 4 - padding ? 0 : base64_digit(text.p[i + k]);
			if (digit < 0)
				return -EINVAL;
			v = v << 6 | (uint32_t)digit;
		}
		unsigned bytes = 3 - padding;
		if ((padding == 1 && (v & 0xff)) || (padding == 2 && (v & 0xffff)) || n + bytes > room)
			return -EINVAL;
		for (unsigned k = 0; k < bytes; k++)
			to[n++] = (unsigned char)(v >> (16 - 8 * k));
	}
	return (int)n;
}

void encode_hex(struct buf *to, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *b = bytes;
	for (size_t i = 0; i < n; i++) {
		buf_addc(to, digits[b[i] >> 4]);
		buf_addc(to, digits[b[i] & 15]);
	}
}

void encode_html(struct buf *to, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '&')
			buf_adds(to, "&amp;");
		else if (c == '<')
			buf_adds(to, "&lt;");
		else if (c == '>')
			buf_adds(to, "&gt;");
		else if (c == '"')
			buf_adds(to, "&quot;");
		else if (c == '\'')
			buf_adds(to, "&#39;");
		else if (c < 0x20 || c == 0x7f)
			buf_addc(to, ' ');
		else
			buf_addc(to, (char)c);
	}
}

size_t utf8_length(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	if (p[0] < 0x80)
		return 1;
	size_t need = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
	if (need == 0 || need > n)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	           (p[0] == 0xf4 && p[1] > 0x8f);
	return bad ? 0 : need;
}

void encode_json(struct buf *to, struct span s)
{
	for (size_t i = 0; i < s.n;) {
		const unsigned char *p = (const unsigned char *)s.p + i;
		size_t n = utf8_length(p, s.n - i);
		if (n == 0) {
			buf_adds(to, "\xef\xbf\xbd");
			i++;
			continue;
		}
		if (*p == '"' || *p == '\\') {
			buf_addc(to, '\\');
			buf_addc(to, (char)*p);
		} else if (*p < 0x20 || *p == 0x7f) {
			buf_addf(to, "\\u%04x", *p);
		} else {
			buf_add(to, span_make(s.p + i, n));
		}
		i += n;
	}
}

void encode_w3c(struct buf *to, struct span s)
{
	if (s.n == 0) {
		buf_addc(to, '-');
		return;
	}
	if (buf_reserve(to, s.n) != 0)
		return;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		to->p[to->n++] = c <= 0x20 || c == 0x7f ? '+' : (char)c;
	}
}
