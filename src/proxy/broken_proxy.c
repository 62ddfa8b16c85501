#include "proxy/broken_proxy.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/map.h"

enum { PLACES = 1024, REMEMBERED_MS = 10 * 60 * 1000 };

/* A place for each hash: whoever comes later with the same one takes it over. */
static struct {
	pthread_mutex_t lock;
	atomic_uint count; /* noted so far: mostly none, and then nobody has to look */
	struct {
		uint64_t who;
		mono_ms until;
	} places[PLACES];
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t hash_of(const struct addr *client, struct span via)
{
	char text[ADDR_TEXT];
	addr_format(client, false, text);
	uint64_t hash = hash_bytes(span_of(text)) * 31 + hash_bytes(via);
	return hash ? hash : 1;
}

bool broken_proxy_note(const struct addr *client, struct span via)
{
	uint64_t who = hash_of(client, via);
	mono_ms now = clock_mono_us() / 1000;
	pthread_mutex_lock(&known.lock);
	unsigned at = who % PLACES;
	bool news = known.places[at].who != who || known.places[at].until <= now;
	known.places[at].who = who;
	known.places[at].until = now + REMEMBERED_MS;
	atomic_store(&known.count, 1);
	pthread_mutex_unlock(&known.lock);
	return news;
}

bool broken_proxy_known(const struct addr *client, struct span via)
{
	if (atomic_load_explicit(&known.count, memory_order_relaxed) == 0)
		return false;
	uint64_t who = hash_of(client, via);
	pthread_mutex_lock(&known.lock);
	unsigned at = who % PLACES;
	bool yes = known.places[at].who == who && known.places[at].until > clock_mono_us() / 1000;
	pthread_mutex_unlock(&known.lock);
	return yes;
}
