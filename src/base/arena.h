/* Memory that lives as long as one exchange and is freed at once.
 *
 * Owner: whoever has the struct. Chunks come from a free list of the thread, so an exchange in the common case costs no
 * malloc. Threads: an arena and its chunks stay on the thread that began it. Errors: arena_alloc gives NULL at the
 * ceiling or without memory. With -DFAIRLEAD_ARENA_MALLOC every allocation is its own malloc, so that AddressSanitizer
 * sees overruns. */
#ifndef FAIRLEAD_BASE_ARENA_H
#define FAIRLEAD_BASE_ARENA_H

#include "base/error.h"
#include "base/span.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	char *next;
	size_t left;
	size_t taken; /* of the ceiling */
	size_t ceiling;
};

void arena_init(struct arena *a, size_t ceiling);
void arena_fini(struct arena *a);

/* 16-byte aligned, not cleared. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
/* Terminated copies; {NULL, 0} at the ceiling. */
struct span arena_dup(struct arena *a, struct span s);
const char *arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);

#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))

/* Gives the calling thread's spare chunks back to the heap (a worker's end). */
void arena_trim(void);

#endif
