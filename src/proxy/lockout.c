#include "proxy/lockout.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "proxy/lockout_file.h"

enum {
	SECRETS_MOST = 1024,
	REFUSALS_MOST = 3,
	WINDOW_MS = 30 * 60 * 1000,
	SPACE_MS = 60 * 1000, /* between a refusal of a secret that has worked and the next attempt */
	PATIENCE_MS = 1000,
	LOOK_AGAIN_MS = 2000, /* at what another process has begun */
};

enum knowledge { UNKNOWN, BEING_RECOGNIZED, KNOWN };

struct guarded {
	uint64_t secret; /* the map's key */
	enum knowledge knowledge;
	bool marked; /* `mark` is that of the secret; else nothing of it is ever written down */
	unsigned char mark[LOCKOUT_MARK];
	bool proven;  /* accepted at least once */
	bool shaken;  /* refused since */
	bool cut_off; /* the first attempt was begun by somebody who never wrote down how it ended */
	unsigned in_flight;
	unsigned refusals; /* in the window */
	mono_ms window, last, accepted, used;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map secrets = {.ceiling = SECRETS_MOST};

uint64_t lockout_fingerprint(struct span account, struct span secret)
{
	return hash_bytes(account) * 31 ^ hash_bytes(secret);
}

static struct span key_of(const uint64_t *secret)
{
	return span_make((const char *)secret, sizeof(*secret));
}

/* For one more: what was not used for the longest time gives way, unless it is in use now. */
static void make_room(void)
{
	struct guarded *oldest = NULL;
	struct span key;
	void *value;
	for (size_t at = 0; map_each(&secrets, &at, &key, &value);) {
		struct guarded *g = value;
		if (!g->in_flight && g->knowledge != BEING_RECOGNIZED && (!oldest || g->used < oldest->used))
			oldest = g;
	}
	if (!oldest)
		return;
	map_remove(&secrets, key_of(&oldest->secret));
	free(oldest);
}

static struct guarded *find(uint64_t secret)
{
	struct guarded *g = map_get(&secrets, key_of(&secret));
	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	if (secrets.count >= SECRETS_MOST)
		make_room();
	g->secret = secret;
	g->used = clock_mono();
	if (map_put(&secrets, key_of(&g->secret), g, NULL) == 0)
		return g;
	free(g);
	return NULL;
}

/* ---- may it be tried? */

/* When the next attempt may be made; 0: now. */
static mono_ms held_until(struct guarded *g, mono_ms space, mono_ms now, const char **why)
{
	if (g->cut_off && now - g->last < WINDOW_MS) {
		*why = "its first attempt was cut off by the end of the program, and nobody knows how it went";
		return g->last + WINDOW_MS;
	}
	if (!g->refusals)
		return 0;
	*why = g->proven ? "it was refused" : "its first attempt was refused";
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

/* What another process has begun may have ended well since. */
static bool is_worth_a_look(const struct guarded *g, mono_ms now)
{
	return g->knowledge == UNKNOWN || (g->cut_off && now - g->used >= LOOK_AGAIN_MS);
}

static bool has_turn(const struct guarded *g, mono_ms since, mono_ms now)
{
	bool trusted = g->proven && !g->shaken;
	if (g->in_flight < (trusted ? REFUSALS_MOST : 1))
		return true;
	return trusted && now - since >= PATIENCE_MS && now - g->accepted < PATIENCE_MS;
}

static enum lockout_verdict ask(struct guarded *g, mono_ms since, bool elsewhere, mono_ms now,
                                struct lockout_answer *out)
{
	if (g->knowledge == BEING_RECOGNIZED)
		return LOCKOUT_WAIT;
	if (is_worth_a_look(g, now)) {
		g->knowledge = BEING_RECOGNIZED;
		return LOCKOUT_UNKNOWN;
	}
	out->until = held_until(g, elsewhere ? 0 : SPACE_MS, now, &out->why);
	if (out->until)
		return LOCKOUT_HELD;
	if (!has_turn(g, since, now))
		return LOCKOUT_WAIT;
	g->cut_off = false;
	g->in_flight++;
	g->used = now;
	out->save = g->marked && (!g->proven || g->shaken);
	if (out->save)
		g->last = now;
	return LOCKOUT_GO;
}

struct lockout_answer lockout_ask(uint64_t secret, mono_ms since, bool elsewhere, mono_ms now)
{
	struct lockout_answer out = {LOCKOUT_HELD, NEVER, "too many secrets are in use at once", false};
	pthread_mutex_lock(&lock);
	struct guarded *g = find(secret);
	if (g)
		out.verdict = ask(g, since, elsewhere, now, &out);
	pthread_mutex_unlock(&lock);
	return out;
}

/* ---- how did it go? */

static bool tell(struct guarded *g, enum lockout_outcome outcome, mono_ms now)
{
	bool was_trusted = g->proven && !g->shaken;
	if (g->in_flight > 0)
		g->in_flight--;
	if (outcome == LOCKOUT_ACCEPTED) {
		g->proven = true;
		g->shaken = false;
		g->refusals = 0;
		g->accepted = now;
	} else if (outcome == LOCKOUT_REFUSED) {
		if (!g->refusals || now - g->window >= WINDOW_MS) {
			g->refusals = 0;
			g->window = now;
		}
		g->refusals++;
		g->shaken = true;
		g->last = now;
	}
	return g->marked && (!was_trusted || outcome == LOCKOUT_REFUSED);
}

bool lockout_tell(uint64_t secret, enum lockout_outcome outcome, mono_ms now)
{
	pthread_mutex_lock(&lock);
	struct guarded *g = find(secret);
	bool save = g && tell(g, outcome, now);
	pthread_mutex_unlock(&lock);
	return save;
}

/* ---- across restarts */

/* Between the clock that the file is written by and ours. A time that is still to come was written before the clock was set back: it counts as now. */
static mono_ms from_civil(int64_t s)
{
	int64_t ago = clock_civil_us() / 1000 - s * 1000;
	return clock_mono() - (ago > 0 ? ago : 0);
}

static int64_t to_civil(mono_ms at)
{
	return (clock_civil_us() / 1000 - (clock_mono() - at)) / 1000;
}

/* An attempt that nobody told the end of was a refusal, for all we know. One that could have been the first is not held for ever, since the secret
 * may be right, but for as long as three refusals would be. */
static void recall(struct guarded *g, const struct lockout_record *r)
{
	g->proven = r->proven;
	g->refusals = r->refusals;
	g->window = from_civil(r->window);
	g->last = from_civil(r->last);
	g->shaken = r->refusals > 0;
	g->cut_off = r->flying && !r->proven && !r->refusals;
	if (r->flying && r->proven) {
		if (!g->refusals++)
			g->window = g->last;
		g->shaken = true;
	}
}

static bool find_mark(uint64_t secret, unsigned char mark[LOCKOUT_MARK])
{
	pthread_mutex_lock(&lock);
	const struct guarded *g = map_get(&secrets, key_of(&secret));
	bool marked = g && g->marked;
	if (marked)
		memcpy(mark, g->mark, LOCKOUT_MARK);
	pthread_mutex_unlock(&lock);
	return marked;
}

void lockout_recognize(uint64_t secret, const char *directory, struct span account, struct span text)
{
	struct lockout_record r = {0};
	bool again = find_mark(secret, r.mark);
	bool marked = again || lockout_file_mark(directory, account, text, r.mark) == 0;
	bool known = marked && lockout_file_find(directory, r.mark, &r) == 0;
	pthread_mutex_lock(&lock);
	struct guarded *g = find(secret);
	if (g) {
		g->knowledge = KNOWN;
		g->marked = marked;
		memcpy(g->mark, r.mark, sizeof(g->mark));
		g->cut_off = false;
		if (known)
			recall(g, &r);
		g->used = clock_mono();
	}
	pthread_mutex_unlock(&lock);
	if (known && !again && (r.refusals || r.flying))
		log_event(LOG_WARNING,
		          "the credentials of account %.*s were %s before this start: they are not tried again and again (see "
		          "error 12201)",
		          SPAN_ARG(account), r.refusals ? "refused" : "being tried");
}

void lockout_unrecognized(uint64_t secret)
{
	pthread_mutex_lock(&lock);
	struct guarded *g = map_get(&secrets, key_of(&secret));
	if (g && g->knowledge == BEING_RECOGNIZED)
		g->knowledge = UNKNOWN;
	pthread_mutex_unlock(&lock);
}

void lockout_take_for_ticket(uint64_t secret)
{
	pthread_mutex_lock(&lock);
	struct guarded *g = find(secret);
	if (g && g->knowledge == UNKNOWN) {
		g->knowledge = KNOWN;
		g->proven = true;
	}
	pthread_mutex_unlock(&lock);
}

/* One at a time, so that an older state never replaces a newer one in the file. */
static pthread_mutex_t saving = PTHREAD_MUTEX_INITIALIZER;

/* False: nothing of it is to be written down. */
static bool describe(uint64_t secret, struct lockout_record *r)
{
	pthread_mutex_lock(&lock);
	const struct guarded *g = map_get(&secrets, key_of(&secret));
	bool marked = g && g->marked;
	if (marked) {
		*r = (struct lockout_record){.proven = g->proven,
		                             .flying = g->in_flight > 0 && (!g->proven || g->shaken),
		                             .refusals = g->refusals,
		                             .window = to_civil(g->window),
		                             .last = to_civil(g->last)};
		memcpy(r->mark, g->mark, LOCKOUT_MARK);
	}
	pthread_mutex_unlock(&lock);
	return marked;
}

void lockout_save(uint64_t secret, const char *directory)
{
	struct lockout_record r;
	pthread_mutex_lock(&saving);
	int error = describe(secret, &r) ? lockout_file_store(directory, &r) : 0;
	(void)error; /* said there; the guard goes on in memory */
	pthread_mutex_unlock(&saving);
}
