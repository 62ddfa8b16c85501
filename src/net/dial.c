/* The addresses of the host in turns of the two families, IPv6 first. A next attempt begins when one fails, and at the
 * latest 250 ms after the last began; the first connection that stands wins and the others are closed.
 *
 * The first attempt is made in the caller's own stream, registered once with epoll, so that the common case (one
 * address, or the first one answers) costs socket, connect, epoll_ctl and nothing else. The others live in this frame;
 * a winner among them is moved. */
#include "net/dial.h"

#include <unistd.h>

#include "base/cleanup.h"
#include "base/counters.h"
#include "net/fiber.h"
#include "net/stream_internal.h"

enum { ATTEMPT_DELAY_MS = 250, MOST_AT_ONCE = 8 };

struct attempt {
	struct stream *stream; /* NULL: not under way */
	struct stream own;
	struct addr to;
};

struct race {
	struct dial *d;
	struct stream *out;
	struct addr order[RESOLVE_MOST];
	unsigned count, next;
	struct attempt attempts[MOST_AT_ONCE];
	unsigned flying;
	mono_ms next_due;
	int error;
};

static void interleave(struct race *r, const struct resolved *from)
{
	unsigned six = 0, four = 0;
	bool want_six = true;
	while (r->count < from->count) {
		while (six < from->count && from->addrs[six].sa.sa_family != AF_INET6)
			six++;
		while (four < from->count && from->addrs[four].sa.sa_family == AF_INET6)
			four++;
		bool take_six = six < from->count && (want_six || four == from->count);
		r->order[r->count++] = from->addrs[take_six ? six++ : four++];
		want_six = !take_six;
	}
}

/* An address is also what it carries (::ffff:127.0.0.1) and what the kernel makes of it (0.0.0.0 reaches this machine):
 * the rules are asked about each. */
static bool is_allowed(const struct dial *d, const struct addr *a)
{
	if (!d->allowed)
		return true;
	struct addr carried = *a;
	addr_unmap(&carried);
	if (!d->allowed(a, d->allowed_arg) || (!addr_eq(&carried, a) && !d->allowed(&carried, d->allowed_arg)))
		return false;
	if (!addr_is_unspecified(&carried))
		return true;
	if (carried.sa.sa_family == AF_INET)
		carried.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		carried.v6.sin6_addr = in6addr_loopback;
	return d->allowed(&carried, d->allowed_arg);
}

static int bind_source(int fd, const struct addr *source)
{
	int on = 1;
	if (addr_port(source) == 0) /* the kernel may then share ports between destinations */
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, &source->sa, addr_length(source)) < 0 ? -errno : 0;
}

/* A local firewall's EPERM and EACCES must not read as our own rules' -EACCES. */
static int connect_error(int error)
{
	return error == EPERM || error == EACCES ? -EHOSTUNREACH : -error;
}

static int begin(struct race *r, struct attempt *at, const struct addr *to)
{
	const struct addr *source = r->d->source;
	if (source && source->sa.sa_family != to->sa.sa_family)
		return -EADDRNOTAVAIL;
	AUTO(fd) int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return errno == ENFILE ? -EMFILE : -errno;
	int rc = source ? bind_source(fd, source) : 0;
	if (rc < 0)
		return rc;
	bool connected = connect(fd, &to->sa, addr_length(to)) == 0;
	if (!connected && errno != EINPROGRESS)
		return connect_error(errno);
	struct stream *s = stream_is_open(r->out) ? &at->own : r->out;
	rc = stream_open(s, fd);
	if (rc < 0)
		return rc;
	fd = -1;
	if (connected)
		s->watch.ready |= READY_OUT;
	s->watch.writer = fiber_self();
	at->stream = s;
	at->to = *to;
	r->flying++;
	return 0;
}

static void give_up(struct race *r, struct attempt *at)
{
	at->stream->watch.writer = NULL;
	stream_close(at->stream);
	at->stream = NULL;
	r->flying--;
}

static void give_up_all(struct race *r)
{
	for (unsigned i = 0; i < MOST_AT_ONCE; i++) {
		if (r->attempts[i].stream)
			give_up(r, &r->attempts[i]);
	}
}

static struct attempt *free_attempt(struct race *r)
{
	for (unsigned i = 0; i < MOST_AT_ONCE; i++) {
		if (!r->attempts[i].stream)
			return &r->attempts[i];
	}
	return NULL;
}

static void failed(struct race *r, int error)
{
	r->error = error;
	COUNT(dial_failures_total);
}

/* Begins attempts until one is under way or no address is left. */
static void begin_next(struct race *r)
{
	struct dial *d = r->d;
	struct attempt *at = free_attempt(r);
	while (at && r->next < r->count) {
		const struct addr *to = &r->order[r->next++];
		if (!is_allowed(d, to)) {
			if (d->connected.sa.sa_family == AF_UNSPEC)
				d->connected = *to;
			continue;
		}
		d->tried++;
		d->connected = *to;
		int rc = begin(r, at, to);
		if (rc == 0)
			break;
		failed(r, rc);
	}
	r->next_due = clock_after(worker_now(), ATTEMPT_DELAY_MS);
}

/* 0: connected; -EAGAIN: not yet; or why not. Success needs no system call: failure would have shown as a hang-up. */
static int outcome(const struct stream *s)
{
	int error = 0;
	socklen_t n = sizeof(error);
	if (!(s->watch.ready & (READY_OUT | READY_HUP)))
		return -EAGAIN;
	if (!(s->watch.ready & READY_HUP))
		return 0;
	if (getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		return -errno;
	return error ? connect_error(error) : 0;
}

/* The connection that stands, if there is one; failed ones are cleared away. */
static struct attempt *look(struct race *r)
{
	for (unsigned i = 0; i < MOST_AT_ONCE; i++) {
		struct attempt *at = &r->attempts[i];
		int rc = at->stream ? outcome(at->stream) : -EAGAIN;
		if (rc == 0)
			return at;
		if (rc == -EAGAIN)
			continue;
		give_up(r, at);
		failed(r, rc);
		r->next_due = worker_now();
	}
	return NULL;
}

static void take(struct race *r, struct attempt *winner)
{
	struct stream *s = winner->stream;
	winner->stream = NULL;
	r->flying--;
	give_up_all(r);
	r->d->connected = winner->to;
	s->watch.writer = NULL;
	if (s != r->out)
		stream_move(s, r->out);
}

static int run(struct race *r)
{
	const struct dial *d = r->d;
	begin_next(r);
	for (;;) {
		struct attempt *winner = look(r);
		if (winner) {
			take(r, winner);
			return 0;
		}
		bool more = r->next < r->count && r->flying < MOST_AT_ONCE;
		if (more && worker_now() >= r->next_due) {
			begin_next(r);
			continue;
		}
		if (!r->flying)
			return d->tried ? r->error : -EACCES;
		int rc = fiber_wait(more && r->next_due < d->deadline ? r->next_due : d->deadline);
		if (rc == -ECANCELED)
			return rc;
		if (rc == -ETIMEDOUT && worker_now() >= d->deadline) {
			failed(r, rc);
			return rc;
		}
	}
}

static int connect_any(struct dial *d, const struct resolved *candidates, struct stream *out)
{
	struct race r = {.d = d, .out = out, .error = -EHOSTUNREACH};
	int64_t began = clock_mono_us();
	out->watch.fd = -1;
	interleave(&r, candidates);
	int rc = run(&r);
	give_up_all(&r);
	d->connect_us = clock_mono_us() - began;
	d->refused_by_rule = rc == -EACCES;
	if (rc < 0)
		return rc;
	stream_tune(out, d->keepalive_s);
	return 0;
}

int dial(struct dial *d, struct stream *out)
{
	struct resolved candidates;
	d->connected = (struct addr){.sa.sa_family = AF_UNSPEC};
	d->tried = 0;
	d->refused_by_rule = false;
	d->connect_us = 0;
	int64_t began = clock_mono_us();
	int rc = resolve(d->host, d->port, d->deadline, &candidates);
	d->resolve_us = clock_mono_us() - began;
	return rc < 0 ? rc : connect_any(d, &candidates, out);
}
