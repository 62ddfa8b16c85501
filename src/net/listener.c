#include "net/listener.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/counters.h"
#include "net/kernel.h"
#include "net/worker_internal.h"

enum {
	ACCEPTS_A_ROUND = 64,
	ACCEPT_AGAIN_MS = 100, /* after descriptors or memory ran out: the edge has gone by and will not come again */
};

/* One worker's part. */
struct post {
	struct listener *listener;
	struct watch watch;
	struct timer again;
	struct later more;
	void (*on_accept)(int fd, const struct addr *from, void *arg);
	void *arg;
	bool started;
} __attribute__((aligned(64)));

struct listener {
	struct addr addr;
	int lock;
	bool shared;
	unsigned count;
	int *fds; /* one a worker, or one for all */
	struct post *posts;
};

/* ---- Opening */

/* A name in the abstract space of this network namespace, gone with the process: two instances started at the same
 * moment cannot both have it. */
static int take_lock(struct listener *l)
{
	char text[ADDR_TEXT];
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	addr_format(&l->addr, true, text);
	int n = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "fairlead/listen/%s", text);
	l->lock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (l->lock < 0)
		return -errno;
	if (bind(l->lock, (struct sockaddr *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) !=
	    0)
		return -errno;
	return 0;
}

static int bound_socket(const struct addr *a, bool share_port)
{
	int on = 1, off = 0;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, addr_is_unspecified(a) ? &off : &on, sizeof(on));
	if ((share_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) ||
	    bind(fd, &a->sa, addr_length(a)) != 0) {
		int error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

/* Finds out whether somebody else listens there, whoever it is: without SO_REUSEPORT the kernel refuses. */
static int probe(const struct addr *a)
{
	int fd = bound_socket(a, false);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int open_sockets(struct listener *l, int backlog)
{
	for (unsigned i = 0; i < l->count; i++) {
		int fd = bound_socket(&l->addr, !l->shared);
		if (fd < 0)
			return fd;
		l->fds[i] = fd;
		socklen_t size = sizeof(l->addr);
		if (i == 0 && getsockname(fd, &l->addr.sa, &size) != 0)
			return -errno;
	}
	/* Only now, so that the kernel spreads the connections from the first one on. */
	for (unsigned i = 0; i < l->count; i++) {
		if (listen(l->fds[i], backlog) != 0)
			return -errno;
	}
	return 0;
}

static void post_again(struct timer *t);
static void post_more(struct later *m);
static void post_ready(struct watch *w);

static int make_posts(struct listener *l, unsigned workers)
{
	l->posts = aligned_alloc(64, workers * sizeof(*l->posts));
	l->fds = malloc(l->count * sizeof(*l->fds));
	if (!l->posts || !l->fds)
		return -ENOMEM;
	for (unsigned i = 0; i < l->count; i++)
		l->fds[i] = -1;
	for (unsigned i = 0; i < workers; i++) {
		l->posts[i] = (struct post){.listener = l, .watch = {.fd = -1, .on_ready = post_ready}};
		timer_init(&l->posts[i].again, post_again);
		later_init(&l->posts[i].more, post_more);
	}
	return 0;
}

static void tune(int fd, int keepalive_s)
{
	int on = 1, interval = keepalive_s / 3 > 0 ? keepalive_s / 3 : 1, probes = 3, keep = keepalive_s > 0;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keep, sizeof(keep));
	if (!keep)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_s, sizeof(keepalive_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

void listener_tune(struct listener *l, unsigned keepalive_s)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->fds[i] >= 0)
			tune(l->fds[i], (int)keepalive_s);
}

DEFINE_AUTO(listener, struct listener *, listener_free);

int listener_open(const struct addr *a, unsigned workers, bool shared, int backlog, struct listener **out)
{
	AUTO(listener) struct listener *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->addr = *a;
	l->lock = -1;
	l->shared = shared;
	l->count = shared ? 1 : workers;
	int r = make_posts(l, workers);
	if (r == 0 && addr_port(a) != 0)
		r = take_lock(l);
	if (r == 0)
		r = probe(a);
	if (r == 0)
		r = open_sockets(l, backlog);
	if (r == 0 && addr_port(a) == 0)
		r = take_lock(l);
	if (r == 0)
		*out = TAKE(l);
	return r;
}

const struct addr *listener_addr(const struct listener *l)
{
	return &l->addr;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	for (unsigned i = 0; l->fds && i < l->count; i++) {
		if (l->fds[i] >= 0)
			close(l->fds[i]);
	}
	if (l->lock >= 0)
		close(l->lock);
	free(l->fds);
	free(l->posts);
	free(l);
}

/* ---- Accepting */

static bool ran_out(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

/* One connection. 0 or -errno; -EAGAIN: the queue is empty. */
static int accept_one(struct post *p)
{
	struct addr from;
	int fd = kernel_accept(p->watch.fd, &from);
	if (fd < 0)
		return -errno;
	if (from.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&from.v6.sin6_addr))
		addr_unmap(&from);
	p->on_accept(fd, &from, p->arg);
	return 0;
}

/* What accept(2) reports about one connection only. */
static bool passing(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
		return true;
	default:
		return false;
	}
}

/* Takes up to `most`. True when there may be more. */
static bool accept_some(struct post *p, unsigned most)
{
	for (unsigned i = 0; i < most; i++) {
		int r = accept_one(p);
		if (r == 0 || passing(-r))
			continue;
		if (ran_out(-r)) {
			COUNT(accept_failures_total);
			timer_set(&p->again, worker_now() + ACCEPT_AGAIN_MS);
		}
		return false;
	}
	return true;
}

static void post_ready(struct watch *w)
{
	struct post *p = CONTAINER_OF(w, struct post, watch);
	if (accept_some(p, ACCEPTS_A_ROUND))
		worker_later(&p->more);
}

static void post_more(struct later *m)
{
	post_ready(&CONTAINER_OF(m, struct post, more)->watch);
}

static void post_again(struct timer *t)
{
	post_ready(&CONTAINER_OF(t, struct post, again)->watch);
}

int listener_start(struct listener *l, void (*on_accept)(int fd, const struct addr *from, void *arg), void *arg)
{
	struct post *p = &l->posts[worker_index()];
	p->on_accept = on_accept;
	p->arg = arg;
	if (p->started)
		return 0;
	uint32_t exclusive = l->shared ? EPOLLEXCLUSIVE : 0;
	int r = watch_add_for(&p->watch, l->fds[l->shared ? 0 : worker_index()], EPOLLIN | EPOLLET | exclusive);
	p->started = r == 0;
	return r;
}

void listener_drain(struct listener *l)
{
	struct post *p = &l->posts[worker_index()];
	if (!p->started)
		return;
	while (accept_some(p, ACCEPTS_A_ROUND))
		;
	timer_stop(&p->again);
	list_remove(&p->more.link);
	watch_remove(&p->watch);
	p->started = false;
	if (l->shared)
		return;
	close(l->fds[worker_index()]);
	l->fds[worker_index()] = -1;
}
