/* A part of a file onto a stream.
 *
 * What is small or encrypted is read into a lent buffer, the head in front of it: one write, one record. What is large
 * and plain goes by sendfile(). Reads ask for what is in memory alone (RWF_NOWAIT); for the rest the lane's thread reads
 * ahead, so that a slow disk stops one fiber and not the worker. After that, and where no such answer is to be had, the
 * worker reads whatever it costs: a page that is pushed out again at once is rare, and waiting for it is not for ever. */
#include "net/stream_file.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/counters.h"
#include "net/kernel.h"
#include "net/offload.h"
#include "net/stream_internal.h"
#include "net/worker_internal.h"

enum {
	CHUNK = 256 * 1024, /* of sendfile() */
	AHEAD = 1024 * 1024 /* read ahead at a time */
};

/* What is left to send. */
struct sending {
	struct stream *to;
	struct span head;
	const struct file_part *part;
	uint64_t at, left;
};

static mono_ms deadline_of(const struct sending *f)
{
	return clock_after(worker_now(), f->part->idle_ms);
}

/* ---- Reading ahead */

/* The job's, which may outlast the fiber. */
struct ahead {
	int fd; /* its own */
	uint64_t at, wanted, length;
};

static void ahead_free(void *arg)
{
	struct ahead *a = arg;
	close(a->fd);
	free(a);
}

/* On the lane's thread. The pages come in order: the last one wanted comes last. That it cannot be read is told to
 * whoever sends it. */
static void read_ahead(void *arg)
{
	const struct ahead *a = arg;
	char last;
	readahead(a->fd, (off_t)a->at, a->length);
	ssize_t n = pread(a->fd, &last, 1, (off_t)(a->at + a->wanted - 1));
	(void)n;
}

static struct ahead *ahead_new(const struct sending *f, uint64_t wanted)
{
	struct ahead *a = malloc(sizeof(*a));
	if (!a)
		return NULL;
	a->fd = fcntl(f->part->fd, F_DUPFD_CLOEXEC, 0);
	a->at = f->at;
	a->wanted = wanted;
	a->length = f->left < AHEAD ? f->left : AHEAD;
	if (a->fd >= 0)
		return a;
	free(a);
	return NULL;
}

/* 0 when the next `wanted` bytes are in memory, or cannot be had there. */
static int fetch(const struct sending *f, uint64_t wanted)
{
	struct ahead *a = ahead_new(f, wanted);
	if (!a)
		return 0;
	COUNT(file_read_aheads_total);
	int r = offload(f->part->lane, read_ahead, a, ahead_free, deadline_of(f));
	return r == -ETIMEDOUT || r == -ECANCELED ? r : 0;
}

/* ---- By sendfile() */

/* Whether the next `n` bytes would have to come from the disk: only the last is looked at. */
static bool is_far(const struct sending *f, uint64_t n)
{
	char last;
	return f->part->lane && kernel_read_cached(f->part->fd, &last, 1, f->at + n - 1) < 0 && errno == EAGAIN;
}

/* Bytes sent, -EAGAIN, or -errno. */
static ssize_t send_some(struct sending *f, size_t n)
{
	if (!(f->to->watch.ready & READY_OUT))
		return -EAGAIN;
	ssize_t sent = kernel_sendfile(f->to->watch.fd, f->part->fd, f->at, n);
	if (sent > 0) {
		f->at += (uint64_t)sent;
		f->left -= (uint64_t)sent;
		f->to->bytes_out += (uint64_t)sent;
		return sent;
	}
	if (sent == 0)
		return -EIO;
	if (errno == EAGAIN)
		f->to->watch.ready &= ~READY_OUT;
	return -errno;
}

static int send_plain(struct sending *f)
{
	mono_ms deadline = deadline_of(f);
	int r = f->left > 0 ? stream_write_more(f->to, f->head, deadline) : stream_write_span(f->to, f->head, deadline);
	uint64_t near = 0; /* bytes ahead that have been looked at */
	while (r == 0 && f->left > 0) {
		size_t n = f->left < CHUNK ? (size_t)f->left : CHUNK;
		if (near == 0) {
			if (is_far(f, n) && (r = fetch(f, n)) != 0)
				break;
			near = n;
		}
		ssize_t sent = send_some(f, (size_t)near);
		if (sent > 0) {
			near -= (uint64_t)sent;
			fiber_spend((size_t)sent);
		} else if (sent == -EAGAIN) {
			r = stream_wait_out(f->to, deadline_of(f));
		} else if (sent != -EINTR) {
			r = (int)sent;
		}
	}
	return r;
}

/* ---- By a buffer */

/* Up to `n` bytes of the file: their number, or -errno. */
static ssize_t read_some(struct sending *f, char *p, size_t n)
{
	ssize_t got = -1;
	errno = EOPNOTSUPP;
	if (f->part->lane)
		got = kernel_read_cached(f->part->fd, p, n, f->at);
	if (got < 0 && errno == EAGAIN) {
		int r = fetch(f, n);
		if (r != 0)
			return r;
	}
	while (got < 0) {
		got = pread(f->part->fd, p, n, (off_t)f->at);
		if (got < 0 && errno != EINTR)
			return -errno;
	}
	return got == 0 ? -EIO : got;
}

/* The head's rest and as much of the file as there is room for. */
static int fill(struct sending *f, struct lent *l)
{
	size_t n = f->head.n < l->size ? f->head.n : l->size;
	if (n > 0)
		memcpy(l->p, f->head.p, n);
	f->head = span_make(f->head.p + n, f->head.n - n);
	l->start = 0;
	l->end = (uint32_t)n;
	while (l->end < l->size && f->left > 0) {
		size_t room = l->size - l->end;
		ssize_t got = read_some(f, l->p + l->end, f->left < room ? (size_t)f->left : room);
		if (got < 0)
			return (int)got;
		l->end += (uint32_t)got;
		f->at += (uint64_t)got;
		f->left -= (uint64_t)got;
	}
	return 0;
}

static int send_copied(struct sending *f)
{
	struct lent l;
	lent_init(&l);
	int r = lent_take(&l);
	while (r == 0 && (f->head.n > 0 || f->left > 0)) {
		r = fill(f, &l);
		if (r != 0)
			break;
		struct span piece = span_make(l.p, l.end);
		r = f->head.n > 0 || f->left > 0 ? stream_write_more(f->to, piece, deadline_of(f))
		                                 : stream_write_span(f->to, piece, deadline_of(f));
	}
	lent_give_back(&l);
	return r;
}

/* Between a head and the file behind it, and between the kernel's own portions of the file, an acknowledgement may come in; with
 * TCP_NODELAY it would send what does not fill a segment yet. MSG_MORE does not last that long. */
static void cork(struct stream *s, int on)
{
	setsockopt(s->watch.fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

int stream_send_file(struct stream *s, struct span head, const struct file_part *part)
{
	struct sending f = {.to = s, .head = head, .part = part, .at = part->from, .left = part->length};
	if (s->tls || head.n + part->length <= LENT_SIZE)
		return send_copied(&f);
	cork(s, 1);
	int r = send_plain(&f);
	if (stream_is_open(s))
		cork(s, 0);
	return r;
}
