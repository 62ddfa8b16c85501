/* A hash map from bytes to a pointer, keyed by SipHash-1-3 with a secret of the process, since outsiders choose keys.
 *
 * Owner: keys and values stay the caller's; a key must live as long as its entry. Threads: none of its own; the caller
 * keeps a map to one thread or locks it. Errors: map_put says -ENOMEM, or -ENOSPC at the ceiling. */
#ifndef FAIRLEAD_BASE_MAP_H
#define FAIRLEAD_BASE_MAP_H

#include "base/error.h"
#include "base/span.h"

struct map_entry;

struct map {
	struct map_entry *entries;
	size_t capacity; /* a power of two */
	size_t used;     /* entries and gravestones */
	size_t count;
	size_t ceiling;
};

void map_init(struct map *m, size_t ceiling);
void map_fini(struct map *m);
void *map_get(const struct map *m, struct span key);
/* Sets or replaces; the old value goes to *old when `old` is given. */
MUST_CHECK int map_put(struct map *m, struct span key, void *value, void **old);
/* The removed value, or NULL. */
void *map_remove(struct map *m, struct span key);
/* Walks in no order: start with *at = 0; false at the end. The entry handed out may be removed during the walk. */
bool map_each(const struct map *m, size_t *at, struct span *key, void **value);

uint64_t hash_bytes(struct span s);

#endif
