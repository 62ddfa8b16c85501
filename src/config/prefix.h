/* The prefix of a directory of a published site, and its one spelling: what site/directory.h compares paths with. */
#ifndef FAIRLEAD_CONFIG_PREFIX_H
#define FAIRLEAD_CONFIG_PREFIX_H

#include "base/arena.h"
#include "base/error.h"

/* `text` may hold blanks and letters as people write them, or percent-encoded; *out has them encoded. NULL, or a
 * sentence that says what is wrong and what to write. Whatever it takes, path_prefix_is_normal() takes. */
MUST_CHECK const char *value_prefix(struct arena *memory, const char *text, const char **out);

/* Whether a prefix begins with another one, case aside; both as above. */
bool prefix_begins(const char *prefix, const char *with);

#endif
