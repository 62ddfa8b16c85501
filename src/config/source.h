/* The bytes of a settings file, refused if they cannot be one. */
#ifndef FAIRLEAD_CONFIG_SOURCE_H
#define FAIRLEAD_CONFIG_SOURCE_H

#include "base/arena.h"
#include "config/settings.h"

enum { SOURCE_MOST = 10 << 20 };

/* Reads `path` into the arena. False with an error at `from` (the include, or the file itself) if it is missing, unreadable,
 * a directory, too large, or not text. A byte order mark at its start is left out. */
MUST_CHECK bool source_read(const char *path, struct written from, struct arena *memory, struct complaints *c,
                            struct span *out);

#endif
