#include "base/unicode.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

/* glibc knows this locale without any file of its own; the process's own locale stays what it is. */
static locale_t unicode;
static pthread_once_t unicode_once = PTHREAD_ONCE_INIT;

static void find_unicode(void)
{
	unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

uint32_t unicode_lower(uint32_t c)
{
	pthread_once(&unicode_once, find_unicode);
	return unicode ? (uint32_t)towlower_l((wint_t)c, unicode) : c;
}

uint32_t unicode_upper(uint32_t c)
{
	pthread_once(&unicode_once, find_unicode);
	return unicode ? (uint32_t)towupper_l((wint_t)c, unicode) : c;
}

uint32_t unicode_of_utf8(const void *bytes, size_t n)
{
	static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	const unsigned char *p = bytes;
	uint32_t c = p[0] & first[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

size_t unicode_to_utf8(uint32_t c, char *to)
{
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(lead[n] | c);
	return n;
}
