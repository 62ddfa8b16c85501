/* Which directory of a site decides about a path: the one with the longest prefix, found as the most lenient application would
 * find it: without regard to case, parameters (";x"), or dots and blanks at the end of a segment.
 *
 * So that a stricter application understands the same one, the front of the path is then written as the directory's own prefix.
 * Owner: the caller's path. Threads: any. Errors: a path_fault. */
#ifndef FAIRLEAD_SITE_DIRECTORY_H
#define FAIRLEAD_SITE_DIRECTORY_H

#include "site/path.h"

/* How far a path went along with a prefix. */
struct directory_match {
	bool found;
	size_t end; /* where the rest of the path begins: behind the slash, if there is one */
};

/* The segments of a path in normal form, as far as prefixes can go; made once, held against each prefix. */
struct directory_segments {
	struct span path;
	unsigned count;
	struct {
		struct span name; /* without parameters, dots and blanks at its end */
		size_t end;       /* where the next one begins */
	} at[PATH_DEPTH];
};

void directory_split(struct span path, struct directory_segments *out);

/* PATH_SHORT_NAME or PATH_DECOMPOSED if a segment could be another name of the prefix's. */
MUST_CHECK enum path_fault directory_try(const struct directory_segments *path, struct span prefix,
                                         struct directory_match *out);

/* Writes the prefix over what it matched. PATH_TOO_LONG without room. */
MUST_CHECK enum path_fault directory_rewrite(struct span prefix, size_t end, char *path, size_t *n, size_t room);

#endif
