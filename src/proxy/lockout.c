#include "proxy/lockout.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

enum {
	SECRETS_MOST = 4096,
	REFUSALS_MOST = 3,
	WINDOW_MS = 30 * 60 * 1000,
	SPACE_MS = 60 * 1000, /* between a refusal of a secret that has worked and the next attempt */
};

struct guarded {
	uint64_t secret; /* the map's key */
	bool proven;     /* accepted at least once */
	bool shaken;     /* refused since */
	bool in_flight;
	unsigned refusals; /* in the window */
	mono_ms window, last;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map secrets = {.ceiling = SECRETS_MOST};

uint64_t lockout_fingerprint(struct span account, struct span secret)
{
	return hash_bytes(account) * 31 ^ hash_bytes(secret);
}

static struct guarded *find(uint64_t secret)
{
	struct guarded *g = map_get(&secrets, span_make((const char *)&secret, sizeof(secret)));
	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->secret = secret;
	if (map_put(&secrets, span_make((const char *)&g->secret, sizeof(g->secret)), g, NULL) == 0)
		return g;
	free(g);
	return NULL;
}

/* When the next attempt may be made; 0: now. */
static mono_ms held_until(struct guarded *g, mono_ms now, mono_ms space)
{
	if (!g->refusals)
		return 0;
	if (!g->proven)
		return NEVER;
	if (now - g->window >= WINDOW_MS) {
		g->refusals = 0;
		return 0;
	}
	if (g->refusals >= REFUSALS_MOST)
		return g->window + WINDOW_MS;
	return g->last + space > now ? g->last + space : 0;
}

static enum lockout_verdict ask(struct guarded *g, mono_ms now, mono_ms space, mono_ms *until)
{
	*until = held_until(g, now, space);
	if (*until)
		return LOCKOUT_HELD;
	if (g->proven && !g->shaken)
		return LOCKOUT_GO;
	if (g->in_flight)
		return LOCKOUT_WAIT;
	g->in_flight = true;
	return LOCKOUT_GO;
}

static enum lockout_verdict ask_locked(uint64_t secret, mono_ms now, mono_ms space, mono_ms *until)
{
	*until = NEVER;
	pthread_mutex_lock(&lock);
	struct guarded *g = find(secret);
	enum lockout_verdict verdict = g ? ask(g, now, space, until) : LOCKOUT_HELD;
	pthread_mutex_unlock(&lock);
	return verdict;
}

enum lockout_verdict lockout_ask(uint64_t secret, mono_ms now, mono_ms *until)
{
	return ask_locked(secret, now, SPACE_MS, until);
}

enum lockout_verdict lockout_ask_elsewhere(uint64_t secret, mono_ms now, mono_ms *until)
{
	return ask_locked(secret, now, 0, until);
}

static void tell(struct guarded *g, enum lockout_outcome outcome, mono_ms now)
{
	g->in_flight = false;
	if (outcome == LOCKOUT_ACCEPTED) {
		g->proven = true;
		g->shaken = false;
		g->refusals = 0;
	} else if (outcome == LOCKOUT_REFUSED) {
		if (!g->refusals || now - g->window >= WINDOW_MS) {
			g->refusals = 0;
			g->window = now;
		}
		g->refusals++;
		g->shaken = true;
		g->last = now;
	}
}

void lockout_tell(uint64_t secret, enum lockout_outcome outcome, mono_ms now)
{
	pthread_mutex_lock(&lock);
	struct guarded *g = find(secret);
	if (g)
		tell(g, outcome, now);
	pthread_mutex_unlock(&lock);
}
