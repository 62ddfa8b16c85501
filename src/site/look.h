/* What the characters of a path may be taken for by programs that fold case, normalize Unicode (NFKC) or convert it to
 * a code page: a slash for '/', %2F and U+FF0F; an 's' for 'S', U+017F and U+FF33. For comparing only, never for
 * handing on.
 *
 * Threads: any. */
#ifndef FAIRLEAD_SITE_LOOK_H
#define FAIRLEAD_SITE_LOOK_H

#include "base/span.h"

/* Takes one character off the front of *rest, a path in normal form that is not used up. */
uint32_t look_next(struct span *rest);

/* Of a code point. */
uint32_t look_of(uint32_t c);

static inline bool look_is_filling(uint32_t look)
{
	return look == '.' || look == ' ';
}

/* What makes one character with the one before it (NFC): accents, vowels and finals of Hangul, the voice marks of
 * Kana. */
static inline bool look_is_joined(uint32_t look)
{
	return (look >= 0x300 && look <= 0x36f) || (look >= 0x1160 && look <= 0x11ff) || look == 0x3099 || look == 0x309a;
}

#endif
