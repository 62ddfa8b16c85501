/* Moving bytes from socket to socket through a pipe.
 *
 * EAGAIN from filling a pipe that holds something may mean "the socket is empty" or "the pipe is full": only with an
 * empty pipe does it say anything about the socket. */
#include "net/kernel.h"
#include "net/pipe.h"
#include "net/stream_internal.h"
#include "net/worker_internal.h"

ssize_t stream_fill_pipe(struct stream *from, struct pipe *p, size_t n)
{
	if (from->read_ended)
		return 0;
	if (!(from->watch.ready & READY_IN) || p->held >= p->capacity)
		return -EAGAIN;
	if (n > p->capacity - p->held)
		n = p->capacity - p->held;
	ssize_t r;
	do
		r = kernel_splice_in(from->watch.fd, p->in, n);
	while (r < 0 && errno == EINTR);
	if (r < 0) {
		if (errno != EAGAIN)
			return -errno;
		if (p->held == 0)
			from->watch.ready &= ~READY_IN;
		return -EAGAIN;
	}
	if (r == 0)
		from->read_ended = true;
	p->held += (size_t)r;
	from->bytes_in += (uint64_t)r;
	return r;
}

ssize_t stream_drain_pipe(struct stream *to, struct pipe *p)
{
	if (!(to->watch.ready & READY_OUT))
		return -EAGAIN;
	ssize_t r;
	do
		r = kernel_splice_out(p->out, to->watch.fd, p->held);
	while (r < 0 && errno == EINTR);
	if (r < 0) {
		if (errno != EAGAIN)
			return -errno;
		to->watch.ready &= ~READY_OUT;
		return -EAGAIN;
	}
	p->held -= (size_t)r;
	to->bytes_out += (uint64_t)r;
	return r;
}

/* Empties the pipe into `to`. */
static int drain(struct stream *to, struct pipe *p, int64_t idle_ms)
{
	while (p->held > 0) {
		ssize_t r = stream_drain_pipe(to, p);
		if (r > 0) {
			fiber_spend((size_t)r);
			continue;
		}
		if (r == 0)
			return -EPIPE;
		if (r != -EAGAIN)
			return (int)r;
		int waited = stream_wait_out(to, clock_after(worker_now(), idle_ms));
		if (waited != 0)
			return waited;
	}
	return 0;
}

int64_t stream_splice(struct stream *from, struct stream *to, uint64_t n, int64_t read_ms, int64_t write_ms, bool *sink)
{
	*sink = false;
	if (from->tls || to->tls)
		return -EOPNOTSUPP;
	struct pipe *p = pipe_take();
	if (!p)
		return -EOPNOTSUPP;
	uint64_t moved = 0;
	int64_t r = 0;
	while (r == 0 && moved < n) {
		uint64_t left = n - moved;
		ssize_t got = stream_fill_pipe(from, p, left < p->capacity ? (size_t)left : p->capacity);
		if (got == 0)
			break;
		if (got == -EAGAIN) {
			r = stream_wait_in(from, clock_after(worker_now(), read_ms));
			continue;
		}
		if (got < 0) {
			r = got == -EINVAL && moved == 0 ? -EOPNOTSUPP : got;
			break;
		}
		r = drain(to, p, write_ms);
		*sink = r != 0;
		moved += (uint64_t)got;
	}
	/* What is stuck in the pipe has left `from` and will never reach `to`: nothing may follow it there. But `from` can still be told why. */
	if (p->held > 0)
		shutdown(to->watch.fd, SHUT_RDWR);
	pipe_give_back(p);
	return r == 0 ? (int64_t)moved : r;
}
