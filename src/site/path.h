/* The one normal form of a path (RFC 3986 section 6.2.2): what decides about rules is what is logged and what is
 * forwarded.
 *
 * Percent-encoded are all bytes that are neither unreserved nor, written out by the client, sub-delims, ':' or '@';
 * nothing else is; hexadecimal digits are upper case. No empty segment, no "." and ".." in any spelling. What programs
 * read in several ways is refused by name (path_faults.def) instead of being guessed at. The query is no part of it,
 * and stays as sent.
 *
 * Owner: the caller's room; nothing is allocated. Threads: any. Errors: a path_fault. */
#ifndef FAIRLEAD_SITE_PATH_H
#define FAIRLEAD_SITE_PATH_H

#include "base/error.h"
#include "base/span.h"
#include "site/path_faults.def"

enum path_fault {
	PATH_OK,
#define X(id, name, status, substatus, sentence) PATH_##id,
	PATH_FAULTS(X)
#undef X
		PATH_FAULT_LIMIT
};

struct path_fault_row {
	const char *name;
	unsigned status, substatus;
	const char *sentence;
};

/* Of any fault but PATH_OK. */
const struct path_fault_row *path_fault_row(enum path_fault f);

/* A request target in origin-form, or the path of another: *query is what stands behind the first '?', *has_query
 * that there is one. */
struct span path_of_target(struct span target, struct span *query, bool *has_query);

/* Writes the normal form of `raw` (an empty one is "/") to `out`, which it must not overlap, not terminated.
 * `encoded_slashes`: %2F is kept instead of refused; directories are still told apart as if it were a slash. */
MUST_CHECK enum path_fault path_normalize(struct span raw, bool encoded_slashes, char *out, size_t room, size_t *n);

/* The bytes that a path in normal form stands for: names of files, below a root. -ENAMETOOLONG without room; -EINVAL
 * for a %2F. */
MUST_CHECK int path_decode(struct span normal, char *out, size_t room, size_t *n);

/* Whether `prefix` may be a directory of a site: a normal form that begins and ends with '/', at most PATH_DEPTH
 * segments, none of which holds ';' or accents written apart, or ends in a dot or blank, so that each prefix has one
 * spelling. */
enum { PATH_DEPTH = 32 };
bool path_prefix_is_normal(struct span prefix);

#endif
