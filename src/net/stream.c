/* Reading and writing for fibers.
 *
 * A short read of a plain socket says that it is empty, so the next read waits without asking the kernel again; bytes
 * that came meanwhile have raised a new edge. Not so once the other side has hung up: its edge may have come together
 * with the data's, so the reads go on until the kernel says 0. */
#include "net/stream.h"

#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "net/kernel.h"
#include "net/stream_internal.h"
#include "net/tls.h"
#include "net/worker_internal.h"

int stream_open(struct stream *s, int fd)
{
	*s = (struct stream){.watch.fd = -1};
	return watch_add(&s->watch, fd);
}

void stream_close(struct stream *s)
{
	if (!stream_is_open(s))
		return;
	ASSERT(!s->watch.reader && !s->watch.writer);
	watch_forget(&s->watch);
	if (s->tls)
		tls_free(s->tls);
	s->tls = NULL;
	close(s->watch.fd);
	s->watch.fd = -1;
}

void stream_move(struct stream *from, struct stream *to)
{
	ASSERT(!from->watch.reader && !from->watch.writer);
	*to = *from;
	watch_move(&from->watch, &to->watch);
	from->tls = NULL;
}

/* ---- Waiting */

static int wait_in(struct stream *s, mono_ms deadline)
{
	ASSERT(!s->watch.reader);
	s->watch.reader = fiber_self();
	int r = fiber_wait(deadline);
	s->watch.reader = NULL;
	return r;
}

int stream_wait_out(struct stream *s, mono_ms deadline)
{
	ASSERT(!s->watch.writer);
	s->watch.writer = fiber_self();
	int r = fiber_wait(deadline);
	s->watch.writer = NULL;
	return r;
}

static bool can_read(const struct stream *s)
{
	return s->watch.ready & READY_IN || s->read_ended || (s->tls && tls_has_pending(s));
}

int stream_wait_in(struct stream *s, mono_ms deadline)
{
	int r = 0;
	while (r == 0 && !can_read(s))
		r = wait_in(s, deadline);
	return r;
}

int stream_wait_either(struct stream *one, struct stream *two, mono_ms deadline, int *which)
{
	for (;;) {
		*which = (can_read(one) ? 1 : 0) | (can_read(two) ? 2 : 0);
		if (*which)
			return 0;
		two->watch.reader = fiber_self();
		int r = wait_in(one, deadline);
		two->watch.reader = NULL;
		if (r != 0)
			return r;
	}
}

bool stream_is_quiet(const struct stream *s)
{
	return !(s->watch.ready & (READY_IN | READY_HUP)) && !s->read_ended && !(s->tls && tls_has_pending(s));
}

bool stream_has_settled(struct stream *s)
{
	char byte;
	if ((s->watch.ready & (READY_IN | READY_HUP)) == READY_IN && !s->read_ended &&
	    recv(s->watch.fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN)
		s->watch.ready &= ~READY_IN;
	return stream_is_quiet(s);
}

/* ---- Reading */

static ssize_t read_plain(struct stream *s, char *p, size_t room)
{
	ssize_t n;
	do
		n = kernel_recv(s->watch.fd, p, room);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (errno != EAGAIN)
			return -errno;
		s->watch.ready &= ~READY_IN;
		return -EAGAIN;
	}
	if ((size_t)n < room && !(s->watch.ready & READY_HUP))
		s->watch.ready &= ~READY_IN;
	return n;
}

static ssize_t read_tls(struct stream *s, char *p, size_t room)
{
	ssize_t n = tls_read(s, p, room);
	if (n == -EAGAIN)
		s->watch.ready &= ~READY_IN;
	return n;
}

/* Room behind what is in it. */
static int make_room(struct lent *l)
{
	if (!l->p)
		return lent_take(l);
	if (l->start == l->end)
		l->start = l->end = l->keep;
	if (l->end < l->size)
		return 0;
	if (l->start == l->keep)
		return -ENOBUFS;
	memmove(l->p + l->keep, l->p + l->start, lent_length(l));
	l->end -= l->start - l->keep;
	l->start = l->keep;
	return 0;
}

int stream_read_now(struct stream *s, struct lent *l)
{
	if (s->read_ended)
		return 0;
	if (!can_read(s))
		return -EAGAIN;
	bool held = l->p != NULL;
	int r = make_room(l);
	if (r != 0)
		return r;
	size_t room = l->size - l->end;
	ssize_t n = s->tls ? read_tls(s, l->p + l->end, room) : read_plain(s, l->p + l->end, room);
	if (n > 0) {
		l->end += (uint32_t)n;
		s->bytes_in += (uint64_t)n;
		return (int)n;
	}
	if (n == 0)
		s->read_ended = true;
	if (!held)
		lent_give_back(l);
	return (int)n;
}

int stream_peek(struct stream *s, void *p, size_t n, mono_ms deadline)
{
	for (;;) {
		int r = stream_wait_in(s, deadline);
		if (r != 0)
			return r;
		ssize_t got = recv(s->watch.fd, p, n, MSG_PEEK);
		if (got >= 0)
			return (int)got;
		if (errno == EAGAIN)
			s->watch.ready &= ~READY_IN;
		else if (errno != EINTR)
			return -errno;
	}
}

int stream_read(struct stream *s, struct lent *l, mono_ms deadline)
{
	for (;;) {
		int n = stream_read_now(s, l);
		if (n != -EAGAIN) {
			if (n > 0)
				fiber_spend((size_t)n);
			return n;
		}
		int r = wait_in(s, deadline);
		if (r != 0)
			return r;
		if (!stream_is_open(s))
			return -EBADF;
	}
}

/* ---- Writing */

static ssize_t write_plain(struct stream *s, const struct iovec *iov, size_t count, bool more)
{
	ssize_t n;
	do
		n = count > 1 ? kernel_sendmsg(s->watch.fd, iov, count)
		    : more    ? kernel_send_more(s->watch.fd, iov->iov_base, iov->iov_len)
		              : kernel_send(s->watch.fd, iov->iov_base, iov->iov_len);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (errno != EAGAIN)
			return -errno;
		s->watch.ready &= ~READY_OUT;
		return -EAGAIN;
	}
	return n;
}

static size_t length_of(const struct iovec *iov, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += iov[i].iov_len;
	return n;
}

static void gather(char *p, size_t n, const struct iovec *iov)
{
	for (; n > 0; iov++) {
		size_t part = iov->iov_len < n ? iov->iov_len : n;
		if (part > 0)
			memcpy(p, iov->iov_base, part);
		p += part;
		n -= part;
	}
}

/* One record, and so one segment, for a head and what comes behind it. After EAGAIN OpenSSL wants to see the same bytes
 * again, at whatever place: the same pieces give them. */
static ssize_t write_tls(struct stream *s, const struct iovec *iov, size_t count, bool more)
{
	struct lent l;
	size_t whole = length_of(iov, count), n = whole < TLS_RECORD ? whole : TLS_RECORD;
	const char *p = iov->iov_base;
	lent_init(&l);
	if (n > iov->iov_len) {
		int r = lent_take(&l);
		if (r != 0)
			return r;
		gather(l.p, n, iov);
		p = l.p;
	}
	ssize_t sent = tls_write(s, p, n, more || whole > n);
	lent_give_back(&l);
	if (sent == -EAGAIN)
		s->watch.ready &= ~READY_OUT;
	return sent;
}

/* One attempt. */
static ssize_t write_some(struct stream *s, const struct iovec *iov, size_t count, bool more)
{
	if (!(s->watch.ready & READY_OUT))
		return -EAGAIN;
	ssize_t n = s->tls ? write_tls(s, iov, count, more) : write_plain(s, iov, count, more);
	if (n > 0)
		s->bytes_out += (uint64_t)n;
	return n;
}

ssize_t stream_write_now(struct stream *s, struct span text)
{
	struct iovec iov = {(char *)text.p, text.n};
	ssize_t n = write_some(s, &iov, 1, false);
	if (n >= 0 && (size_t)n < text.n && !s->tls)
		s->watch.ready &= ~READY_OUT;
	return n;
}

/* Takes `n` written bytes off the front, and whatever is empty behind them. */
static void advance(struct iovec **iov, int *count, size_t n)
{
	while (*count > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		++*iov;
		--*count;
	}
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

static int write_all(struct stream *s, struct iovec *iov, int count, bool more, mono_ms deadline)
{
	advance(&iov, &count, 0);
	while (count > 0) {
		ssize_t n = write_some(s, iov, (size_t)count, more);
		if (n >= 0) {
			advance(&iov, &count, (size_t)n);
			/* A plain socket takes less only when it is full. */
			if (count > 0 && !s->tls)
				s->watch.ready &= ~READY_OUT;
			fiber_spend((size_t)n);
			continue;
		}
		if (n != -EAGAIN)
			return (int)n;
		int r = stream_wait_out(s, deadline);
		if (r != 0)
			return r;
		if (!stream_is_open(s))
			return -EBADF;
	}
	return 0;
}

int stream_write(struct stream *s, struct iovec *iov, int count, mono_ms deadline)
{
	return write_all(s, iov, count, false, deadline);
}

int stream_write_more(struct stream *s, struct span text, mono_ms deadline)
{
	struct iovec iov = {(char *)text.p, text.n};
	return write_all(s, &iov, 1, true, deadline);
}

int stream_write_span(struct stream *s, struct span text, mono_ms deadline)
{
	struct iovec iov = {(char *)text.p, text.n};
	return stream_write(s, &iov, 1, deadline);
}

int stream_end_write(struct stream *s)
{
	if (s->write_ended)
		return 0;
	s->write_ended = true;
	if (s->tls)
		tls_end(s);
	return shutdown(s->watch.fd, SHUT_WR) == 0 ? 0 : -errno;
}

void stream_tune(struct stream *s, unsigned keepalive_s)
{
	int on = 1, idle = (int)keepalive_s;
	setsockopt(s->watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!keepalive_s)
		return;
	setsockopt(s->watch.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(s->watch.fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
}
