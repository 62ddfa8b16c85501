#include "proxy/failures.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/counters.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"

enum { KEY_MOST = 16 + NAME_MOST };

/* Remembered while it has failures, or is being verified. */
struct pair {
	struct link link; /* in `failing` if it has failures, the oldest first */
	unsigned failures, in_flight;
	mono_ms window;
	unsigned n;
	char key[]; /* the address's bytes, then the name */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map pairs = {.ceiling = SIZE_MAX};
static struct link failing = {&failing, &failing};

static unsigned make_key(const struct failures_attempt *a, char key[KEY_MOST])
{
	struct addr from = a->from;
	addr_unmap(&from);
	memset(key, 0, 16);
	if (from.sa.sa_family == AF_INET6)
		memcpy(key, &from.v6.sin6_addr, 16);
	else
		memcpy(key, &from.v4.sin_addr, 4);
	memcpy(key + 16, a->claim.user, a->claim.n);
	return 16 + a->claim.n;
}

static void drop(struct pair *p)
{
	map_remove(&pairs, span_make(p->key, p->n));
	list_remove(&p->link);
	free(p);
}

static void forget_if_idle(struct pair *p)
{
	if (!p->failures && !p->in_flight)
		drop(p);
}

/* For one more. Those that are being verified stay: there are no more of them than connections. */
static void make_room(unsigned most)
{
	struct link *l = failing.next;
	while (pairs.count >= most && l != &failing) {
		struct pair *p = CONTAINER_OF(l, struct pair, link);
		l = l->next;
		if (!p->in_flight)
			drop(p);
	}
}

static struct pair *find(const struct failures_attempt *a)
{
	char key[KEY_MOST];
	unsigned n = make_key(a, key);
	return map_get(&pairs, span_make(key, n));
}

static struct pair *make(const struct failures_attempt *a)
{
	char key[KEY_MOST];
	unsigned n = make_key(a, key);
	struct pair *p = calloc(1, sizeof(*p) + n);
	if (!p)
		return NULL;
	make_room(a->limits.pairs);
	p->n = n;
	memcpy(p->key, key, n);
	list_init(&p->link);
	if (map_put(&pairs, span_make(p->key, n), p, NULL) == 0)
		return p;
	free(p);
	return NULL;
}

static void clear(struct pair *p)
{
	p->failures = 0;
	list_remove(&p->link);
}

static enum failures_verdict ask(struct failures_attempt *a, mono_ms now)
{
	struct pair *p = find(a);
	if (!p)
		p = make(a);
	if (!p)
		return FAILURES_REFUSE;
	if (now - p->window >= a->limits.window_ms)
		clear(p);
	if (p->failures >= a->limits.most)
		return FAILURES_REFUSE;
	if (p->failures + p->in_flight >= a->limits.most)
		return FAILURES_WAIT;
	p->in_flight++;
	a->counts = true;
	return FAILURES_GO;
}

enum failures_verdict failures_ask(struct failures_attempt *a, mono_ms now)
{
	a->counts = false;
	if (!a->limits.most || !a->claim.n)
		return FAILURES_GO;
	pthread_mutex_lock(&lock);
	enum failures_verdict verdict = ask(a, now);
	pthread_mutex_unlock(&lock);
	if (verdict == FAILURES_REFUSE)
		COUNT(sign_ins_limited_total);
	return verdict;
}

/* True: that was one too many. */
static bool tell(const struct failures_attempt *a, enum failures_outcome outcome, mono_ms now)
{
	struct pair *p = find(a); /* it is there: one that is in flight is never dropped */
	ASSERT(p && p->in_flight);
	p->in_flight--;
	if (outcome == FAILURES_WRONG) {
		if (p->failures == 0 || now - p->window >= a->limits.window_ms) {
			p->failures = 0;
			p->window = now;
		}
		p->failures++;
		list_remove(&p->link);
		list_push(&failing, &p->link);
		return p->failures == a->limits.most;
	}
	if (outcome == FAILURES_RIGHT)
		clear(p);
	forget_if_idle(p);
	return false;
}

void failures_tell(struct failures_attempt *a, enum failures_outcome outcome, mono_ms now)
{
	char from[ADDR_TEXT];
	if (!a->counts)
		return;
	a->counts = false;
	pthread_mutex_lock(&lock);
	bool too_many = tell(a, outcome, now);
	pthread_mutex_unlock(&lock);
	if (!too_many)
		return;
	addr_format(&a->from, false, from);
	log_event(
		LOG_WARNING,
		"%.*s has failed to sign in from %s %u times: for what is left of %lld s it is refused there without asking "
		"(limits sign-in-failures)",
		(int)a->claim.n, a->claim.user, from, a->limits.most, (long long)a->limits.window_ms / 1000);
}

static void describe(const struct pair *p, const struct failures_limits *limits, mono_ms now, struct failures_row *out)
{
	struct addr from = {0};
	from.v6.sin6_family = AF_INET6;
	memcpy(&from.v6.sin6_addr, p->key, 16);
	static const char no_more[12];
	if (memcmp(p->key + 4, no_more, sizeof(no_more)) == 0) { /* as make_key() wrote it */
		from = (struct addr){.v4 = {.sin_family = AF_INET}};
		memcpy(&from.v4.sin_addr, p->key, 4);
	}
	addr_format(&from, false, out->from);
	memcpy(out->user, p->key + 16, p->n - 16);
	out->user[p->n - 16] = '\0';
	out->failures = p->failures;
	out->left_ms = p->window + limits->window_ms - now;
}

unsigned failures_refused(const struct failures_limits *limits, mono_ms now, struct failures_row *rows, unsigned most)
{
	unsigned n = 0;
	pthread_mutex_lock(&lock);
	for (struct link *l = failing.prev; l != &failing && n < most && limits->most; l = l->prev) {
		const struct pair *p = CONTAINER_OF(l, struct pair, link);
		if (p->failures >= limits->most && now - p->window < limits->window_ms)
			describe(p, limits, now, &rows[n++]);
	}
	pthread_mutex_unlock(&lock);
	return n;
}

unsigned failures_pairs(void)
{
	pthread_mutex_lock(&lock);
	unsigned n = (unsigned)pairs.count;
	pthread_mutex_unlock(&lock);
	return n;
}
