/* Which directory of a site decides about a path: the one with the longest prefix, found as the most lenient
 * application would find it: without regard to case, parameters (";x"), or dots and blanks at the end of a segment.
 *
 * So that a stricter application understands the same one, the front of the path is then written as the directory's
 * own prefix. Owner: the caller's path. Threads: any. Errors: a path_fault. */
#ifndef FAIRLEAD_SITE_DIRECTORY_H
#define FAIRLEAD_SITE_DIRECTORY_H

#include "config/settings.h"
#include "site/path.h"

/* `path`: *n bytes in normal form, in room for `room`. NULL with a fault: PATH_SHORT_NAME or PATH_DECOMPOSED if a
 * segment could be another name of a directory's, PATH_TOO_LONG without room for its own spelling; NULL without one
 * if no prefix matches. */
const struct directory_settings *directory_find(const struct site_settings *site, char *path, size_t *n, size_t room,
                                                enum path_fault *fault);

#endif
