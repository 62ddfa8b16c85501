#include "site/look.h"

#include "base/unicode.h"
#include "site/percent.h"

/* Compatibility forms of what matters in a path (UnicodeData.txt, and the best fits of Windows' code pages). */
static const struct {
	uint16_t c;
	char look;
} alike[] = {
	{0x00a0, ' '},  {0x2024, '.'},  {0x2025, '.'},  {0x2026, '.'},  {0x2044, '/'}, {0x2215, '/'},
	{0x2216, '\\'}, {0x29f5, '\\'}, {0x29f8, '/'},  {0x29f9, '\\'}, {0x3000, ' '}, {0xfe52, '.'},
	{0xfe54, ';'},  {0xfe55, ':'},  {0xfe68, '\\'}, {0xfe69, '$'},
};

uint32_t look_of(uint32_t c)
{
	if (c < 0x80)
		return (uint32_t)ascii_lower((char)c);
	if (c >= 0xff01 && c <= 0xff5e)
		return (uint32_t)ascii_lower((char)(c - 0xff01 + '!'));
	for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++)
		if (alike[i].c == c)
			return (uint32_t)(unsigned char)alike[i].look;
	/* Up and down: U+017F and U+0131 have a plain letter above them only, U+212A and U+0130 below them only. */
	return unicode_lower(unicode_upper(c));
}

/* The normal form has whole sequences of UTF-8 only, each byte percent-encoded. */
static uint32_t take_encoded(struct span *rest)
{
	static const unsigned char bits[] = {0x7f, 0x1f, 0x0f, 0x07};
	unsigned lead = percent_byte(rest->p);
	size_t more = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
	uint32_t c = lead < 0xc0 ? lead : lead & bits[more];
	*rest = span_make(rest->p + 3, rest->n - 3);
	for (; more > 0 && rest->n >= 3; more--) {
		c = c << 6 | (percent_byte(rest->p) & 0x3f);
		*rest = span_make(rest->p + 3, rest->n - 3);
	}
	return c;
}

uint32_t look_next(struct span *rest)
{
	char c = *rest->p;
	if (c == '%' && rest->n >= 3)
		return look_of(take_encoded(rest));
	*rest = span_make(rest->p + 1, rest->n - 1);
	return (uint32_t)(unsigned char)ascii_lower(c);
}
