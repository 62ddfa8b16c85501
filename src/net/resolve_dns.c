/* A question is two: AAAA and A at once, as two c-ares look-ups, so that a server which never answers one of them cannot
 * hold up the other: when one half has addresses the other gets 50 ms more (RFC 8305, section 3), then the askers go on
 * with what there is. The question itself goes on to its end and only the whole answer is cached.
 *
 * c-ares reads a UDP socket until it is empty but a TCP socket only once a call, and our readiness is edge-triggered: so
 * pump() asks the kernel after each call whether something is left. */
#include "net/resolve_dns.h"

#include <ares.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/counters.h"
#include "base/list.h"
#include "base/map.h"
#include "net/fiber.h"
#include "net/resolve_cache.h"
#include "net/worker_internal.h"

enum {
	FIRST_TIMEOUT_MS = 500, /* doubled at each try */
	MOST_TRIES = 6,
	RECEIVE_BUFFER = 1 << 20,
	PATIENCE_MS = 50,
	FAILURE_KEPT_MS = 1000, /* RFC 9520: a failure is remembered for a second at least */
	MOST_QUESTIONS = 10000,
	MOST_DOMAINS = 6,
	MOST_ROUNDS = 64,
	NAME_ROOM = 256,
};

struct dns {
	ares_channel channel;
	struct map questions;
	struct link sockets;
	struct timer timer;
	struct deferred deferred;
	int64_t timeout_ms, negative_ms, longest_ms;
	char *domains[MOST_DOMAINS]; /* the system's search list, for names without a dot */
	unsigned domain_count;
	unsigned sweep;
	bool retired, ending;
};

struct dns_socket {
	struct watch watch;
	struct link in;
	struct deferred deferred;
	struct dns *dns;
	unsigned sweep;
	bool wants_out, closed;
};

struct half {
	struct question *of;
	int family;
	int status;
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

static void ask_servers(struct question *q);

/* ---- The channel's sockets and timeouts. */

static void set_timer(struct dns *d)
{
	struct timeval left;
	if (d->ending)
		return;
	if (ares_timeout(d->channel, NULL, &left))
		timer_set(&d->timer, clock_after(clock_mono(), (int64_t)left.tv_sec * 1000 + left.tv_usec / 1000 + 1));
	else
		timer_stop(&d->timer);
}

static bool still_ready(struct dns_socket *s, bool *in, bool *out)
{
	struct pollfd p = {.fd = s->watch.fd, .events = (short)(POLLIN | (s->wants_out ? POLLOUT : 0))};
	if (s->closed || poll(&p, 1, 0) <= 0)
		return false;
	*in = p.revents & (POLLIN | POLLERR | POLLHUP);
	*out = s->wants_out && (p.revents & (POLLOUT | POLLERR | POLLHUP));
	return *in || *out;
}

/* False when there is more to read than a fair share. */
static bool pump(struct dns_socket *s)
{
	bool in, out;
	s->watch.ready = 0;
	for (int round = 0; still_ready(s, &in, &out); round++) {
		if (round == MOST_ROUNDS)
			return false;
		int fd = s->watch.fd;
		ares_process_fd(s->dns->channel, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
	}
	return true;
}

static void socket_ready(struct watch *w)
{
	struct dns_socket *s = CONTAINER_OF(w, struct dns_socket, watch);
	struct dns *d = s->dns;
	if (s->closed)
		return;
	if (pump(s))
		set_timer(d);
	else
		timer_set(&d->timer, clock_mono() + 1);
}

static struct dns_socket *not_yet_swept(struct dns *d)
{
	struct dns_socket *s;
	LIST_EACH(s, &d->sockets, struct dns_socket, in) {
		if (s->sweep != d->sweep)
			return s;
	}
	return NULL;
}

/* A try has timed out, or pump() stopped early. Any call into c-ares may open and close sockets. */
static void timer_due(struct timer *t)
{
	struct dns *d = CONTAINER_OF(t, struct dns, timer);
	bool all = true;
	ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	d->sweep++;
	for (struct dns_socket *s; all && (s = not_yet_swept(d));) {
		s->sweep = d->sweep;
		all = pump(s);
	}
	if (all)
		set_timer(d);
	else
		timer_set(&d->timer, clock_mono() + 1);
}

static void socket_release(struct deferred *deferred)
{
	free(CONTAINER_OF(deferred, struct dns_socket, deferred));
}

static void socket_close(struct dns_socket *s)
{
	s->closed = true;
	list_remove(&s->in);
	watch_forget(&s->watch); /* c-ares closes the descriptor next */
	worker_defer(&s->deferred, socket_release);
}

static void socket_open(struct dns *d, int fd, bool wants_out)
{
	struct dns_socket *s = calloc(1, sizeof(*s));
	if (!s)
		return; /* the question will time out */
	s->dns = d;
	s->wants_out = wants_out;
	list_init(&s->in);
	s->watch.on_ready = socket_ready;
	if (watch_add(&s->watch, fd) < 0) {
		free(s);
		return;
	}
	list_push(&d->sockets, &s->in);
}

/* c-ares opened a socket, closes one (neither direction), or waits for something else. */
static void socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns *d = arg;
	struct dns_socket *s;
	LIST_EACH(s, &d->sockets, struct dns_socket, in) {
		if (s->watch.fd != fd)
			continue;
		if (!readable && !writable)
			socket_close(s);
		else
			s->wants_out = writable;
		return;
	}
	if (readable || writable)
		socket_open(d, fd, writable);
}

/* ---- Questions. */

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

static void destroy_later(struct deferred *deferred)
{
	dns_free(CONTAINER_OF(deferred, struct dns, deferred));
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
	if (d->retired && !d->ending && d->questions.count == 0)
		worker_defer(&d->deferred, destroy_later);
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
		if (q->found.count && !q->dns->ending)
			timer_set(&q->patience, clock_mono() + PATIENCE_MS);
		return;
	}
	int end = q->dns->ending ? -ECANCELED : status_of(q);
	if (end == -ENOENT && !memchr(q->name.p, '.', q->name.n) && q->step < q->dns->domain_count) {
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
	bool search = q->step < d->domain_count && !memchr(q->name.p, '.', q->name.n);
	snprintf(name, sizeof(name), "%.*s%s%s", SPAN_ARG(q->name), search ? "." : "", search ? d->domains[q->step] : "");
	q->halves[0].asking = q->halves[1].asking = true;
	struct half *first = &q->halves[0], *second = &q->halves[1];
	struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NOSORT, .ai_family = AF_INET6};
	ares_getaddrinfo(d->channel, name, NULL, &hints, half_answered, first);
	hints.ai_family = AF_INET;
	ares_getaddrinfo(d->channel, name, NULL, &hints, half_answered, second);
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
		set_timer(d);
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

/* c-ares would search the list for names with dots too, so it gets none and the list is kept here. */
static void take_search_list(struct dns *d)
{
	ares_channel probe;
	struct ares_options found;
	int mask;
	if (ares_init(&probe) != ARES_SUCCESS)
		return;
	if (ares_save_options(probe, &found, &mask) == ARES_SUCCESS) {
		for (int i = 0; i < found.ndomains && d->domain_count < MOST_DOMAINS; i++) {
			size_t n = strlen(found.domains[i]);
			if (n && n < NAME_ROOM && (d->domains[d->domain_count] = strdup(found.domains[i])))
				d->domain_count++;
		}
		ares_destroy_options(&found);
	}
	ares_destroy(probe);
}

static int tries_within(int64_t timeout_ms)
{
	int tries = 1;
	for (int64_t covered = FIRST_TIMEOUT_MS; covered < timeout_ms && tries < MOST_TRIES; tries++)
		covered = 2 * covered + FIRST_TIMEOUT_MS;
	return tries;
}

static int open_channel(struct dns *d, const struct resolve_settings *settings)
{
	char lookups[] = "b"; /* servers only: the hosts file is ours */
	struct ares_options options = {
		.timeout = FIRST_TIMEOUT_MS,
		.tries = tries_within(settings->timeout_ms),
		.socket_receive_buffer_size = RECEIVE_BUFFER,
		.sock_state_cb = socket_state,
		.sock_state_cb_data = d,
		.lookups = lookups,
		.ndomains = 0,
	};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_RCVBUF | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS |
	           ARES_OPT_DOMAINS;
	int status = ares_init_options(&d->channel, &options, mask);
	if (status != ARES_SUCCESS)
		return status == ARES_ENOMEM ? -ENOMEM : -EINVAL;
	if (settings->servers && ares_set_servers_ports_csv(d->channel, settings->servers) != ARES_SUCCESS) {
		ares_destroy(d->channel);
		return -EINVAL;
	}
	return 0;
}

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void)
{
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		die("c-ares cannot be started");
}

int dns_new(const struct resolve_settings *settings, struct dns **out)
{
	pthread_once(&library_once, start_library);
	struct dns *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	list_init(&d->sockets);
	timer_init(&d->timer, timer_due);
	map_init(&d->questions, MOST_QUESTIONS);
	d->timeout_ms = settings->timeout_ms;
	d->negative_ms = settings->negative_ms;
	d->longest_ms = settings->longest_ms;
	int rc = open_channel(d, settings);
	if (rc < 0) {
		map_fini(&d->questions);
		free(d);
		return rc;
	}
	take_search_list(d);
	*out = d;
	return 0;
}

void dns_retire(struct dns *d)
{
	d->retired = true;
	if (d->questions.count == 0)
		worker_defer(&d->deferred, destroy_later);
}

void dns_free(struct dns *d)
{
	if (!d)
		return;
	d->ending = true;
	timer_stop(&d->timer);
	ares_destroy(d->channel);
	map_fini(&d->questions);
	for (unsigned i = 0; i < d->domain_count; i++)
		free(d->domains[i]);
	free(d);
}
