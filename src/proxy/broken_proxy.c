#include "proxy/broken_proxy.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/map.h"

enum { PLACES = 1024, REMEMBERED_MS = 10 * 60 * 1000, ABANDONED_MOST = 4 };

struct sight {
	uint64_t key;
	mono_ms until; /* known to be broken */
	unsigned abandoned;
};

/* A place for each hash: whoever comes later with the same one takes it over. */
static struct {
	pthread_mutex_t lock;
	atomic_bool any; /* something was seen since the start: mostly not, and then nobody has to look */
	struct sight places[PLACES];
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

uint64_t broken_proxy_key(const struct addr *client, struct span via)
{
	char text[ADDR_TEXT];
	addr_format(client, false, text);
	uint64_t key = hash_bytes(span_of(text)) * 31 + hash_bytes(via);
	return key ? key : 1;
}

bool broken_proxy_any(void)
{
	return atomic_load_explicit(&seen.any, memory_order_relaxed);
}

static struct sight *place_of(uint64_t key)
{
	struct sight *s = &seen.places[key % PLACES];
	if (s->key != key)
		*s = (struct sight){.key = key};
	return s;
}

bool broken_proxy_note(uint64_t key)
{
	mono_ms now = clock_mono();
	pthread_mutex_lock(&seen.lock);
	struct sight *s = place_of(key);
	bool news = s->until <= now;
	s->until = now + REMEMBERED_MS;
	s->abandoned = 0;
	atomic_store(&seen.any, true);
	pthread_mutex_unlock(&seen.lock);
	return news;
}

void broken_proxy_abandoned(uint64_t key)
{
	pthread_mutex_lock(&seen.lock);
	place_of(key)->abandoned++;
	atomic_store(&seen.any, true);
	pthread_mutex_unlock(&seen.lock);
}

void broken_proxy_came_through(uint64_t key)
{
	if (!broken_proxy_any())
		return;
	pthread_mutex_lock(&seen.lock);
	struct sight *s = &seen.places[key % PLACES];
	if (s->key == key)
		s->abandoned = 0;
	pthread_mutex_unlock(&seen.lock);
}

bool broken_proxy_tell(uint64_t key)
{
	if (!broken_proxy_any())
		return false;
	pthread_mutex_lock(&seen.lock);
	struct sight *s = &seen.places[key % PLACES];
	bool tell = s->key == key && s->abandoned >= ABANDONED_MOST;
	pthread_mutex_unlock(&seen.lock);
	return tell;
}

bool broken_proxy_known(uint64_t key)
{
	if (!broken_proxy_any())
		return false;
	pthread_mutex_lock(&seen.lock);
	const struct sight *s = &seen.places[key % PLACES];
	bool yes = s->key == key && s->until > clock_mono();
	pthread_mutex_unlock(&seen.lock);
	return yes;
}
