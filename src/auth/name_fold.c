#include "auth/name_fold.h"

#include "base/encode.h"
#include "base/unicode.h"

int name_fold(struct span name, char out[NAME_MOST])
{
	char piece[4];
	size_t used = 0, n;
	if (name.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < name.n; i += n) {
		n = utf8_length(name.p + i, name.n - i);
		if (n == 0)
			return -EINVAL;
		uint32_t c = unicode_of_utf8(name.p + i, n);
		size_t m;
		if (c < 0x80)
			m = 1, piece[0] = ascii_lower((char)c);
		else
			m = unicode_to_utf8(unicode_lower(c), piece);
		if (used + m > NAME_MOST)
			return -EINVAL;
		memcpy(out + used, piece, m);
		used += m;
	}
	return (int)used;
}
