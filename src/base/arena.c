#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 4096, SPARE_CHUNKS = 256, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* of the payload */
	_Alignas(ALIGN) char payload[];
};

static _Thread_local struct arena_chunk *spare;
static _Thread_local unsigned spare_count;

void arena_init(struct arena *a, size_t ceiling)
{
	*a = (struct arena){.ceiling = ceiling};
}

void arena_fini(struct arena *a)
{
	struct arena_chunk *chunk = a->chunks;
	while (chunk) {
		struct arena_chunk *next = chunk->next;
		if (chunk->size == CHUNK - sizeof(*chunk) && spare_count < SPARE_CHUNKS) {
			chunk->next = spare;
			spare = chunk;
			spare_count++;
		} else {
			free(chunk);
		}
		chunk = next;
	}
	*a = (struct arena){.ceiling = a->ceiling};
}

static struct arena_chunk *chunk_new(size_t payload)
{
	struct arena_chunk *chunk;
	if (payload == CHUNK - sizeof(*chunk) && spare) {
		chunk = spare;
		spare = chunk->next;
		spare_count--;
		return chunk;
	}
	chunk = malloc(sizeof(*chunk) + payload);
	if (chunk)
		chunk->size = payload;
	return chunk;
}

void *arena_alloc(struct arena *a, size_t n)
{
	if (n > a->ceiling)
		return NULL;
	n = ((n ? n : 1) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (n > a->ceiling - a->taken)
		return NULL;
#ifdef FAIRLEAD_ARENA_MALLOC
	size_t payload = n;
	bool whole = true;
#else
	size_t payload = CHUNK - sizeof(struct arena_chunk);
	bool whole = n > payload / 2;
	if (whole)
		payload = n;
	if (n <= a->left) {
		void *p = a->next;
		a->next += n;
		a->left -= n;
		a->taken += n;
		return p;
	}
#endif
	struct arena_chunk *chunk = chunk_new(payload);
	if (!chunk)
		return NULL;
	chunk->next = a->chunks;
	a->chunks = chunk;
	a->taken += n;
	if (!whole) {
		a->next = chunk->payload + n;
		a->left = payload - n;
	}
	return chunk->payload;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);
	return p ? memset(p, 0, n) : NULL;
}

struct span arena_dup(struct arena *a, struct span s)
{
	char *p = arena_alloc(a, s.n + 1);
	if (!p)
		return SPAN_NONE;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return span_make(p, s.n);
}

const char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list ap, again;
	va_start(ap, format);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (p)
		vsnprintf(p, (size_t)n + 1, format, again);
	va_end(again);
	return p ? p : "";
}

void arena_trim(void)
{
	while (spare) {
		struct arena_chunk *next = spare->next;
		free(spare);
		spare = next;
	}
	spare_count = 0;
}
