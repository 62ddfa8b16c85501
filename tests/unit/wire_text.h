/* Reads the tables of tests/wire: bytes are spelled \r \n \t \0 \\ \p (a '|') \xHH, and \*N{text} is text N times. */
#ifndef FAIRLEAD_TESTS_WIRE_TEXT_H
#define FAIRLEAD_TESTS_WIRE_TEXT_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"

enum { WIRE_BYTES_MOST = 512 * 1024 };

static inline unsigned wire_hex(char c)
{
	return isdigit((unsigned char)c) ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* Appends the text up to its end, or to the brace that closes a repetition; gives back what is behind. */
static inline struct span wire_unescape(struct span text, bool in_braces, struct buf *to)
{
	static const char letters[] = "rnt0\\p", bytes[] = "\r\n\t\0\\|";
	while (text.n && !(in_braces && text.p[0] == '}')) {
		if (text.p[0] != '\\') {
			buf_addc(to, text.p[0]);
			text = span_make(text.p + 1, text.n - 1);
		} else if (text.n >= 4 && text.p[1] == 'x') {
			buf_addc(to, (char)(wire_hex(text.p[2]) << 4 | wire_hex(text.p[3])));
			text = span_make(text.p + 4, text.n - 4);
		} else if (text.n >= 5 && text.p[1] == '*') {
			char *brace;
			unsigned long times = strtoul(text.p + 2, &brace, 10);
			size_t skip = (size_t)(brace + 1 - text.p);
			struct span inside = span_make(text.p + skip, text.n - skip), behind = inside;
			ASSERT(*brace == '{' && times > 0);
			while (times--)
				behind = wire_unescape(inside, true, to);
			ASSERT(behind.n && behind.p[0] == '}');
			text = span_make(behind.p + 1, behind.n - 1);
		} else {
			const char *letter = text.n >= 2 ? memchr(letters, text.p[1], 6) : NULL;
			ASSERT(letter);
			buf_addc(to, bytes[letter - letters]);
			text = span_make(text.p + 2, text.n - 2);
		}
	}
	return text;
}

/* The text of a file, on the heap. */
static inline struct span wire_read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	ASSERT(f);
	char *text = malloc(WIRE_BYTES_MOST);
	ASSERT(text);
	size_t n = fread(text, 1, WIRE_BYTES_MOST, f);
	ASSERT(n < WIRE_BYTES_MOST);
	fclose(f);
	return span_make(text, n);
}

#endif
