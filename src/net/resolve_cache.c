#include "net/resolve_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/map.h"

struct answer {
	struct link by_use;
	mono_ms until;
	int status;
	unsigned count;
	struct addr *addrs;
	struct span name;
	/* The addresses and the name follow in the same block. */
};

static struct {
	pthread_mutex_t lock;
	struct map names;
	struct link by_use; /* the latest used first */
	unsigned limit;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void drop(struct answer *a)
{
	map_remove(&cache.names, a->name);
	list_remove(&a->by_use);
	free(a);
}

static void shrink_to(unsigned entries)
{
	while (cache.names.count > entries)
		drop(CONTAINER_OF(cache.by_use.prev, struct answer, by_use));
}

void resolve_cache_limit(unsigned entries)
{
	pthread_mutex_lock(&cache.lock);
	if (!cache.by_use.next) {
		list_init(&cache.by_use);
		map_init(&cache.names, SIZE_MAX); /* shrink_to() keeps the ceiling, which a reload may change */
	}
	cache.limit = entries;
	shrink_to(entries);
	if (!entries) {
		map_fini(&cache.names);
		map_init(&cache.names, SIZE_MAX);
	}
	pthread_mutex_unlock(&cache.lock);
}

bool resolve_cache_get(struct span name, mono_ms now, struct resolved *out, int *status)
{
	bool known = false;
	pthread_mutex_lock(&cache.lock);
	struct answer *a = cache.limit ? map_get(&cache.names, name) : NULL;
	if (a && a->until <= now) {
		drop(a);
	} else if (a) {
		known = true;
		*status = a->status;
		out->count = a->count;
		memcpy(out->addrs, a->addrs, a->count * sizeof(*a->addrs));
		list_remove(&a->by_use);
		list_push_front(&cache.by_use, &a->by_use);
	}
	pthread_mutex_unlock(&cache.lock);
	return known;
}

static struct answer *answer_new(struct span name, int status, const struct resolved *found, mono_ms until)
{
	unsigned count = status ? 0 : found->count;
	struct answer *a = malloc(sizeof(*a) + count * sizeof(*a->addrs) + name.n);
	if (!a)
		return NULL;
	*a = (struct answer){.until = until, .status = status, .count = count, .addrs = (struct addr *)(a + 1)};
	list_init(&a->by_use);
	memcpy(a->addrs, found->addrs, count * sizeof(*a->addrs));
	char *text = (char *)(a->addrs + count);
	memcpy(text, name.p, name.n);
	a->name = span_make(text, name.n);
	return a;
}

void resolve_cache_put(struct span name, int status, const struct resolved *found, mono_ms until)
{
	struct answer *a = answer_new(name, status, found, until);
	if (!a)
		return;
	pthread_mutex_lock(&cache.lock);
	struct answer *old = cache.limit ? map_get(&cache.names, name) : NULL;
	if (old)
		drop(old);
	if (cache.limit)
		shrink_to(cache.limit - 1);
	if (cache.limit && map_put(&cache.names, a->name, a, NULL) == 0)
		list_push_front(&cache.by_use, &TAKE(a)->by_use);
	pthread_mutex_unlock(&cache.lock);
	free(a);
}

unsigned resolve_cache_count(void)
{
	pthread_mutex_lock(&cache.lock);
	unsigned count = (unsigned)cache.names.count;
	pthread_mutex_unlock(&cache.lock);
	return count;
}
