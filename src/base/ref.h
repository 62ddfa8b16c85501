/* A counted reference that several threads may hold. */
#ifndef FAIRLEAD_BASE_REF_H
#define FAIRLEAD_BASE_REF_H

#include <stdatomic.h>
#include <stdbool.h>

struct ref {
	atomic_uint count;
};

static inline void ref_init(struct ref *r)
{
	atomic_init(&r->count, 1);
}

static inline void ref_take(struct ref *r)
{
	atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed);
}

/* True when the last reference went: the caller frees. */
static inline bool ref_drop(struct ref *r)
{
	if (atomic_fetch_sub_explicit(&r->count, 1, memory_order_release) != 1)
		return false;
	atomic_load_explicit(&r->count, memory_order_acquire);
	return true;
}

#endif
