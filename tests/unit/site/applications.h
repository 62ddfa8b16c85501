/* How applications behind us may understand a path: each of them one combination of habits, done in the simplest way
 * and in none of our own code. Whatever we hand on, all of them must find the directory whose rule decided. */
#ifndef FAIRLEAD_TESTS_APPLICATIONS_H
#define FAIRLEAD_TESTS_APPLICATIONS_H

#include <ctype.h>
#include <stdlib.h>

#include "site/path.h"

enum habit {
	FOLDS_CASE = 1,
	CUTS_PARAMETERS = 2, /* before it decodes */
	CUTS_LATER = 4,      /* after it has decoded */
	CUTS_DOTS = 8,       /* and blanks, at the end of a segment */
	TAKES_2F_FOR_A_SLASH = 16,
	HABITS = 32,
};

enum { APPLICATION_PATH = 4096 };

static size_t application_decode(char *text, size_t n, bool slashes)
{
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		char pair[3] = {0};
		bool escape = text[i] == '%' && i + 2 < n && isxdigit((unsigned char)text[i + 1]) &&
		              isxdigit((unsigned char)text[i + 2]);
		if (escape)
			memcpy(pair, text + i + 1, 2);
		char c = escape ? (char)strtoul(pair, NULL, 16) : text[i];
		if (escape && c == '/' && !slashes)
			escape = false, c = '%';
		text[used++] = c;
		i += escape ? 2 : 0;
	}
	return used;
}

/* As Java's equalsIgnoreCase() and Windows do it, for what ends up among the letters of ASCII. */
static size_t application_fold(char *text, size_t n)
{
	static const struct {
		const char *bytes;
		char letter;
	} special[] = {{"\xc5\xbf", 's'}, {"\xe2\x84\xaa", 'k'}, {"\xc4\xb1", 'i'}, {"\xc4\xb0", 'i'}};
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		char c = (char)tolower((unsigned char)text[i]);
		for (size_t k = 0; k < 4; k++) {
			size_t length = strlen(special[k].bytes);
			if (n - i >= length && memcmp(text + i, special[k].bytes, length) == 0) {
				c = special[k].letter;
				i += length - 1;
			}
		}
		text[used++] = c;
	}
	return used;
}

static size_t application_cut(char *segment, size_t n, unsigned habits, bool later)
{
	char *parameters = memchr(segment, ';', n);
	if (parameters && (habits & (later ? CUTS_LATER : CUTS_PARAMETERS)))
		n = (size_t)(parameters - segment);
	while (later && (habits & CUTS_DOTS) && n > 2 && (segment[n - 1] == '.' || segment[n - 1] == ' '))
		n--;
	while (later && (habits & CUTS_DOTS) && n > 0 && segment[n - 1] == ' ')
		n--;
	return n;
}

/* Adds a segment to "/a/b", or takes one away for "..". */
static size_t application_walk(char *path, size_t n, const char *segment, size_t length)
{
	if (length == 0 || (length == 1 && segment[0] == '.'))
		return n;
	if (length == 2 && memcmp(segment, "..", 2) == 0) {
		while (n > 0 && path[--n] != '/')
			continue;
		return n;
	}
	path[n++] = '/';
	memcpy(path + n, segment, length);
	return n + length;
}

/* What the application takes `path` for, as "/a/b", without a slash at its end. */
static size_t application_reads(struct span path, unsigned habits, char out[APPLICATION_PATH])
{
	char segment[APPLICATION_PATH];
	size_t n = 0;
	ASSERT(path.n < APPLICATION_PATH);
	for (size_t i = 0; i < path.n;) {
		size_t length = 0;
		for (; i < path.n && path.p[i] != '/'; i++)
			segment[length++] = path.p[i];
		i++;
		length = application_cut(segment, length, habits, false);
		length = application_decode(segment, length, habits & TAKES_2F_FOR_A_SLASH);
		for (size_t from = 0, to; from <= length; from = to + 1) {
			for (to = from; to < length && segment[to] != '/'; to++)
				continue;
			size_t piece = application_cut(segment + from, to - from, habits, true);
			n = application_walk(out, n, segment + from, piece);
		}
	}
	return habits & FOLDS_CASE ? application_fold(out, n) : n;
}

/* The directory (by its number) that the application finds; the list has "/" in it. */
static unsigned application_finds(struct span path, unsigned habits, const struct span *directories, unsigned count)
{
	char text[APPLICATION_PATH + 1], own[APPLICATION_PATH + 1];
	unsigned best = count;
	size_t n = application_reads(path, habits, text), longest = 0;
	text[n++] = '/';
	for (unsigned i = 0; i < count; i++) {
		size_t length = application_reads(directories[i], habits, own);
		own[length++] = '/';
		if (length <= n && memcmp(text, own, length) == 0 && length > longest) {
			longest = length;
			best = i;
		}
	}
	return best;
}

#endif
