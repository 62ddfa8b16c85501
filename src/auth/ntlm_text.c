/* Upper case is glibc's for the locale C.UTF-8, less the letters that Windows leaves alone because they would become
 * another letter (micro, dotless i, long s): with these "ıgor" would be signed in with the proof of "IGOR". Where
 * the locale is missing, ASCII. */
#include "auth/ntlm_text.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

#include "base/encode.h"

static const uint16_t windows_1252[32] = {
	0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
	0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
	0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178,
};

static locale_t unicode_locale;
static pthread_once_t unicode_locale_made = PTHREAD_ONCE_INIT;

static void make_unicode_locale(void)
{
	unicode_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t upper_ascii(uint32_t c)
{
	return c >= 'a' && c <= 'z' ? c - 0x20 : c;
}

static uint32_t upper(uint32_t c)
{
	if (c < 0x80)
		return upper_ascii(c);
	if (c == 0xb5 || c == 0x131 || c == 0x17f || c > 0xffff)
		return c;
	pthread_once(&unicode_locale_made, make_unicode_locale);
	return unicode_locale ? (uint32_t)towupper_l((wint_t)c, unicode_locale) : c;
}

static uint32_t in_case(uint32_t c, enum ntlm_case letters)
{
	return letters == NTLM_CASE_UPPER ? upper(c) : letters == NTLM_CASE_KEPT ? c : upper_ascii(c);
}

/* Takes a code point off the front. False if it is not well-formed. */
static bool take_utf8(struct span *s, uint32_t *c)
{
	size_t n = utf8_length(s->p, s->n);
	const unsigned char *p = (const unsigned char *)s->p;
	if (n == 0)
		return false;
	*c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		*c = *c << 6 | (p[i] & 0x3f);
	s->p += n;
	s->n -= n;
	return true;
}

static void add_utf8(struct buf *to, uint32_t c)
{
	if (c < 0x80) {
		buf_addc(to, (char)c);
	} else if (c < 0x800) {
		buf_addc(to, (char)(0xc0 | c >> 6));
		buf_addc(to, (char)(0x80 | (c & 0x3f)));
	} else {
		if (c < 0x10000) {
			buf_addc(to, (char)(0xe0 | c >> 12));
		} else {
			buf_addc(to, (char)(0xf0 | c >> 18));
			buf_addc(to, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_addc(to, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(to, (char)(0x80 | (c & 0x3f)));
	}
}

static void add_unit(struct buf *to, uint32_t unit)
{
	char bytes[2] = {(char)(unit & 0xff), (char)(unit >> 8)};
	buf_add(to, span_make(bytes, 2));
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

static int utf16_from_bytes(struct buf *to, struct span bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		add_unit(to, upper_ascii((unsigned char)bytes.p[i]));
	return buf_error(to);
}

int utf16_from_utf8(struct buf *to, struct span utf8, enum ntlm_case letters)
{
	uint32_t c;
	if (letters == NTLM_CASE_UPPER_BYTES)
		return utf16_from_bytes(to, utf8);
	while (utf8.n) {
		if (!take_utf8(&utf8, &c))
			return -EINVAL;
		c = in_case(c, letters);
		if (c > 0xffff) {
			add_unit(to, 0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + (c & 0x3ff);
		}
		add_unit(to, c);
	}
	return buf_error(to);
}

static uint32_t unit_at(struct span s, size_t i)
{
	return (uint32_t)(unsigned char)s.p[i] | (uint32_t)(unsigned char)s.p[i + 1] << 8;
}

int utf8_from_utf16(struct buf *to, struct span utf16)
{
	if (utf16.n % 2)
		return -EINVAL;
	for (size_t i = 0; i < utf16.n; i += 2) {
		uint32_t c = unit_at(utf16, i);
		if (c >= 0xd800 && c < 0xdc00 && i + 4 <= utf16.n) {
			uint32_t low = unit_at(utf16, i += 2);
			if (low < 0xdc00 || low > 0xdfff)
				return -EINVAL;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
		if ((c >= 0xd800 && c <= 0xdfff) || is_control(c))
			return -EINVAL;
		add_utf8(to, c);
	}
	return buf_error(to);
}

static bool is_utf8(struct span s)
{
	uint32_t c;
	while (s.n)
		if (!take_utf8(&s, &c))
			return false;
	return true;
}

int utf8_from_oem(struct buf *to, struct span oem)
{
	uint32_t c;
	bool utf8 = is_utf8(oem);
	while (oem.n) {
		if (!utf8) {
			c = (unsigned char)*oem.p++;
			oem.n--;
			c = c >= 0x80 && c < 0xa0 ? windows_1252[c - 0x80] : c;
		} else if (!take_utf8(&oem, &c)) {
			return -EINVAL;
		}
		if (is_control(c))
			return -EINVAL;
		add_utf8(to, c);
	}
	return buf_error(to);
}

static char to_windows_1252(uint32_t c)
{
	if (c < 0x80 || (c >= 0xa0 && c <= 0xff))
		return (char)c;
	for (unsigned i = 0; i < 32; i++)
		if (windows_1252[i] == c)
			return (char)(0x80 + i);
	return '?';
}

int oem_from_utf8(struct buf *to, struct span utf8)
{
	uint32_t c;
	while (utf8.n) {
		if (!take_utf8(&utf8, &c))
			return -EINVAL;
		buf_addc(to, to_windows_1252(c));
	}
	return buf_error(to);
}

bool utf8_eq_nocase(struct span a, struct span b)
{
	uint32_t of_a, of_b;
	while (a.n && b.n)
		if (!take_utf8(&a, &of_a) || !take_utf8(&b, &of_b) || upper(of_a) != upper(of_b))
			return false;
	return a.n == b.n;
}
