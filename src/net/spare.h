/* Things kept for reuse: a last-in-first-out list that remembers how many were never needed lately.
 *
 * Owner: a worker. Threads: the worker's own. */
#ifndef FAIRLEAD_NET_SPARE_H
#define FAIRLEAD_NET_SPARE_H

#include <stdbool.h>
#include <stddef.h>

struct spare_item {
	struct spare_item *next;
};

struct spare {
	struct spare_item *first;
	unsigned count;
	unsigned lowest; /* of `count` since spare_unused() was last asked */
	unsigned keep;   /* so many stay for good */
};

static inline void *spare_take(struct spare *s)
{
	struct spare_item *item = s->first;
	if (!item)
		return NULL;
	s->first = item->next;
	if (--s->count < s->lowest)
		s->lowest = s->count;
	return item;
}

/* True when there are more than should stay: trim them in a while. */
static inline bool spare_put(struct spare *s, struct spare_item *item)
{
	item->next = s->first;
	s->first = item;
	return ++s->count > s->keep;
}

/* How many may be let go now: half of those that nobody took since the last time, so that a swing in the load does not
 * become a swing in mmap() calls. */
static inline unsigned spare_unused(struct spare *s)
{
	unsigned above = s->count > s->keep ? s->count - s->keep : 0;
	unsigned unused = s->lowest < above ? s->lowest : above;
	s->lowest = s->count;
	return (unused + 1) / 2;
}

#endif
