/* A question is two: AAAA and A at once, as two c-ares look-ups, so that a server which never answers one of them cannot
 * hold up the other: when one half has addresses the other gets 50 ms more (RFC 8305, section 3), then the askers go on
 * with what there is. The question itself goes on to its end and only the whole answer is cached. */
#include "net/resolve_dns.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/counters.h"
#include "base/list.h"
#include "base/map.h"
#include "net/fiber.h"
#include "net/resolve_cache.h"
#include "net/resolve_channel.h"

enum {
	PATIENCE_MS = 50,
	FAILURE_KEPT_MS = 1000, /* RFC 9520: a failure is remembered for a second at least */
	MOST_QUESTIONS = 10000,
};

struct dns {
	struct channel channel;
	struct link in_worker;
	struct map questions;
	struct deferred deferred;
	int64_t timeout_ms, negative_ms, longest_ms;
	bool retired, leaving;
};

struct half {
	struct question *of;
	int status; /* of c-ares */
	bool asking;
};

struct question {
	struct dns *dns;
	struct half halves[2];
	struct link waiters;
	struct timer patience;
	struct resolved found;
	int64_t ttl_ms;
	unsigned step; /* of the search list */
	bool part_given;
	struct span name;
	char text[];
};

/* In the frame of the asking fiber. */
struct waiter {
	struct link in;
	struct fiber *fiber;
	struct resolved *out;
	int status;
	bool done;
};

/* The one in use and those that were retired with questions under way. */
static _Thread_local struct link all;

static void ask_servers(struct question *q);
static void dns_free(struct dns *d);

static int errno_of(int ares_status)
{
	switch (ares_status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return -ENOENT;
	case ARES_ETIMEOUT:
		return -ETIMEDOUT;
	case ARES_ENOMEM:
		return -ENOMEM;
	case ARES_ECANCELLED:
	case ARES_EDESTRUCTION:
		return -ECANCELED;
	case ARES_EBADNAME:
		return -EINVAL;
	default:
		return -EHOSTUNREACH;
	}
}

static void let_go(struct waiter *w, int status, const struct resolved *found)
{
	list_remove(&w->in);
	if (!status)
		*w->out = *found;
	w->status = status;
	w->done = true;
	fiber_wake(w->fiber);
}

static void let_all_go(struct question *q, int status)
{
	struct waiter *w;
	LIST_EACH(w, &q->waiters, struct waiter, in)
		let_go(w, status, &q->found);
}

static void patience_over(struct timer *t)
{
	struct question *q = CONTAINER_OF(t, struct question, patience);
	q->part_given = true;
	let_all_go(q, 0);
}

/* "No such name" from one half is the whole truth, "no such record" is not. */
static int status_of(const struct question *q)
{
	const int one = q->halves[0].status, two = q->halves[1].status;
	if (q->found.count)
		return 0;
	if (one == ARES_ENOTFOUND || two == ARES_ENOTFOUND)
		return -ENOENT;
	if (one == ARES_ENODATA || (one == ARES_ETIMEOUT && two != ARES_ENODATA))
		return errno_of(two);
	return errno_of(one);
}

static void remember(const struct question *q, int status)
{
	const struct dns *d = q->dns;
	int64_t keep = q->ttl_ms < d->longest_ms ? q->ttl_ms : d->longest_ms;
	if (status == -ENOENT)
		keep = d->negative_ms;
	else if (status == -EHOSTUNREACH || status == -ETIMEDOUT)
		keep = FAILURE_KEPT_MS;
	else if (status)
		keep = 0;
	if (keep > 0)
		resolve_cache_put(q->name, status, &q->found, clock_after(clock_mono(), keep));
}

static void destroy(struct deferred *deferred)
{
	dns_free(CONTAINER_OF(deferred, struct dns, deferred));
}

/* Not at once: c-ares may be calling. */
static void leave_if_retired(struct dns *d)
{
	if (!d->retired || d->leaving || d->channel.ending || d->questions.count)
		return;
	d->leaving = true;
	worker_defer(&d->deferred, destroy);
}

static void question_end(struct question *q, int status)
{
	struct dns *d = q->dns;
	if (status && status != -ENOENT)
		COUNT(dns_failures_total);
	remember(q, status);
	timer_stop(&q->patience);
	let_all_go(q, status);
	map_remove(&d->questions, q->name);
	free(q);
	leave_if_retired(d);
}

static void add_addresses(struct question *q, const struct ares_addrinfo *answer)
{
	unsigned most = q->found.count + RESOLVE_MOST / 2; /* neither family can crowd out the other */
	for (const struct ares_addrinfo_cname *c = answer->cnames; c; c = c->next) {
		if ((int64_t)c->ttl * 1000 < q->ttl_ms)
			q->ttl_ms = (int64_t)c->ttl * 1000;
	}
	for (const struct ares_addrinfo_node *n = answer->nodes; n && q->found.count < most; n = n->ai_next) {
		struct addr *a = &q->found.addrs[q->found.count];
		if (n->ai_addrlen > sizeof(*a))
			continue;
		memset(a, 0, sizeof(*a));
		memcpy(a, n->ai_addr, n->ai_addrlen);
		q->found.count++;
		if ((int64_t)n->ai_ttl * 1000 < q->ttl_ms)
			q->ttl_ms = (int64_t)n->ai_ttl * 1000;
	}
}

/* c-ares has done with one half; also called from inside ares_getaddrinfo(). */
static void half_answered(void *arg, int status, int timeouts, struct ares_addrinfo *answer)
{
	struct half *h = arg;
	struct question *q = h->of;
	h->asking = false;
	h->status = status;
	if (status == ARES_SUCCESS)
		add_addresses(q, answer);
	if (answer)
		ares_freeaddrinfo(answer);
	if (q->halves[0].asking || q->halves[1].asking) {
		if (q->found.count && !q->dns->channel.ending)
			timer_set(&q->patience, clock_mono() + PATIENCE_MS);
		return;
	}
	int end = q->dns->channel.ending ? -ECANCELED : status_of(q);
	if (end == -ENOENT && !memchr(q->name.p, '.', q->name.n) && q->step < q->dns->channel.domain_count) {
		q->step++;
		ask_servers(q);
		return;
	}
	question_end(q, end);
}

/* A name without a dot is tried in the search list's domains, then as it is. The question may be over, and gone, when
 * this returns. */
static void ask_servers(struct question *q)
{
	struct dns *d = q->dns;
	char name[2 * NAME_ROOM];
	bool search = q->step < d->channel.domain_count && !memchr(q->name.p, '.', q->name.n);
	snprintf(name, sizeof(name), "%.*s%s%s", SPAN_ARG(q->name), search ? "." : "",
	         search ? d->channel.domains[q->step] : "");
	q->halves[0].asking = q->halves[1].asking = true;
	struct half *first = &q->halves[0], *second = &q->halves[1];
	struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NOSORT, .ai_family = AF_INET6};
	ares_getaddrinfo(d->channel.ares, name, NULL, &hints, half_answered, first);
	hints.ai_family = AF_INET;
	ares_getaddrinfo(d->channel.ares, name, NULL, &hints, half_answered, second);
}

static struct question *question_new(struct dns *d, struct span name)
{
	struct question *q = calloc(1, sizeof(*q) + name.n);
	if (!q)
		return NULL;
	q->dns = d;
	q->ttl_ms = INT64_MAX;
	q->halves[0].of = q->halves[1].of = q;
	list_init(&q->waiters);
	timer_init(&q->patience, patience_over);
	memcpy(q->text, name.p, name.n);
	q->name = span_make(q->text, name.n);
	if (map_put(&d->questions, q->name, q, NULL) < 0) {
		free(q);
		return NULL;
	}
	return q;
}

int dns_ask(struct dns *d, struct span name, mono_ms deadline, struct resolved *out)
{
	struct waiter w = {.fiber = fiber_self(), .out = out};
	struct question *q = map_get(&d->questions, name), *fresh = NULL;
	if (!q)
		q = fresh = question_new(d, name);
	if (!q)
		return -ENOMEM;
	if (q->part_given) {
		*out = q->found;
		return 0;
	}
	list_init(&w.in);
	list_push(&q->waiters, &w.in);
	if (fresh) {
		COUNT(dns_lookups_total);
		ask_servers(fresh);
		channel_asked(&d->channel);
	}
	mono_ms latest = clock_after(worker_now(), d->timeout_ms);
	while (!w.done) {
		int rc = fiber_wait(deadline < latest ? deadline : latest);
		if (rc < 0 && !w.done) {
			list_remove(&w.in);
			return rc;
		}
	}
	return w.status;
}

/* ---- Beginning and end. */

int dns_new(const struct resolve_settings *settings, struct dns **out)
{
	struct dns *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	int rc = channel_open(&d->channel, settings);
	if (rc < 0) {
		free(d);
		return rc;
	}
	map_init(&d->questions, MOST_QUESTIONS);
	d->timeout_ms = settings->timeout_ms;
	d->negative_ms = settings->negative_ms;
	d->longest_ms = settings->longest_ms;
	if (!all.next)
		list_init(&all);
	list_init(&d->in_worker);
	list_push(&all, &d->in_worker);
	*out = d;
	return 0;
}

void dns_retire(struct dns *d)
{
	d->retired = true;
	leave_if_retired(d);
}

static void dns_free(struct dns *d)
{
	list_remove(&d->in_worker);
	channel_close(&d->channel);
	map_fini(&d->questions);
	free(d);
}

void dns_end(void)
{
	struct dns *d;
	if (!all.next)
		return;
	LIST_EACH(d, &all, struct dns, in_worker) {
		if (!d->leaving)
			dns_free(d);
	}
}
