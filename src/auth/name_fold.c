#include "auth/name_fold.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <wctype.h>

#include "base/encode.h"

/* glibc knows this locale without any file of its own; the process's own locale stays what it is. */
static locale_t unicode;
static pthread_once_t unicode_once = PTHREAD_ONCE_INIT;

static void find_unicode(void)
{
	unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t code_point(const unsigned char *p, size_t n)
{
	static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = p[0] & first[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

static size_t put_code_point(uint32_t c, char *to)
{
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(lead[n] | c);
	return n;
}

int name_fold(struct span name, char out[NAME_MOST])
{
	char piece[4];
	size_t used = 0, n;
	pthread_once(&unicode_once, find_unicode);
	if (name.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < name.n; i += n) {
		n = utf8_length(name.p + i, name.n - i);
		if (n == 0)
			return -EINVAL;
		uint32_t c = code_point((const unsigned char *)name.p + i, n);
		size_t m;
		if (c < 0x80)
			m = 1, piece[0] = ascii_lower((char)c);
		else
			m = put_code_point(unicode ? (uint32_t)towlower_l((wint_t)c, unicode) : c, piece);
		if (used + m > NAME_MOST)
			return -EINVAL;
		memcpy(out + used, piece, m);
		used += m;
	}
	return (int)used;
}
