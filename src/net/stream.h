/* A byte stream over a socket, plain or TLS, for fibers.
 *
 * Owner: whoever embeds it; stream_close() ends it. Threads: one worker. Errors: -errno taken at the call; -ETIMEDOUT when
 * the deadline passes; -ECANCELED when the fiber is told to end; end of file is 0 from a read. */
#ifndef FAIRLEAD_NET_STREAM_H
#define FAIRLEAD_NET_STREAM_H

#include <sys/uio.h>

#include "base/addr.h"
#include "net/worker.h"

struct tls;

struct stream {
	struct watch watch; /* watch.fd < 0: closed */
	struct tls *tls;    /* NULL: plain */
	bool read_ended;    /* the other side has sent its last byte */
	bool write_ended;   /* we have */
	uint64_t bytes_in, bytes_out;
};

/* Takes over a connected (or connecting) non-blocking socket. 0 or -errno; on error the descriptor stays the caller's. */
MUST_CHECK int stream_open(struct stream *s, int fd);
void stream_close(struct stream *s);
static inline bool stream_is_open(const struct stream *s)
{
	return s->watch.fd >= 0;
}

/* Reads what there is into `l` behind its content, taking a buffer only when there is something to read. The number of
 * bytes, 0 at the end, -ENOBUFS when the buffer is full, or -errno. What lies before l->start is given up: once it is
 * used up the buffer is filled from its beginning, and at its end the content moves to the front. */
MUST_CHECK int stream_read(struct stream *s, struct lent *l, mono_ms deadline);
/* Looks at up to `n` bytes without taking them; waits for at least one. The number, 0 at the end, or -errno. Plain
 * streams alone. */
MUST_CHECK int stream_peek(struct stream *s, void *p, size_t n, mono_ms deadline);
/* The same as stream_read, but never waits: -EAGAIN. */
MUST_CHECK int stream_read_now(struct stream *s, struct lent *l);
/* Writes all of it; changes iov. 0 or -errno. */
MUST_CHECK int stream_write(struct stream *s, struct iovec *iov, int count, mono_ms deadline);
MUST_CHECK int stream_write_span(struct stream *s, struct span text, mono_ms deadline);
/* Moves up to `n` bytes from one plain stream to another through a pipe, without copying them. Bytes moved (0: end), or
 * -errno; -EOPNOTSUPP where it cannot (TLS, no pipe to be had): copy instead. The times are without progress, of either
 * side; *sink says whether it was `to` that failed. After an error with bytes in the pipe `to` is shut down, and what is
 * read from `from` has a hole: its owner may still write to it, and closes it. */
MUST_CHECK int64_t stream_splice(struct stream *from, struct stream *to, uint64_t n, int64_t read_ms, int64_t write_ms,
                                 bool *sink);
/* Ends our sending direction (FIN, or close_notify and FIN). */
int stream_end_write(struct stream *s);

/* True when there is nothing to read and the other side has not hung up, as far as the kernel has told us: what a pooled
 * connection must be. Costs no system call. */
bool stream_is_quiet(const struct stream *s);
/* The same for one that was read from a moment ago: a read that took all it had room for, or all it was asked to move, has not seen the end of
 * what there is, so the kernel is asked. Before a connection is kept. */
bool stream_has_settled(struct stream *s);

/* Waits until one of the two has something to read (or has ended). 0, -ETIMEDOUT, -ECANCELED. */
MUST_CHECK int stream_wait_in(struct stream *s, mono_ms deadline);
/* Waits for either stream to be readable; *which gets 1, 2 or 3. 0, -ETIMEDOUT, -ECANCELED. */
MUST_CHECK int stream_wait_either(struct stream *one, struct stream *two, mono_ms deadline, int *which);

/* No delay, and TCP keepalive after `keepalive_s` seconds (0: off; how often then is the system's affair). For connections we made; accepted
 * ones have it from their listener (listener_tune). */
void stream_tune(struct stream *s, unsigned keepalive_s);

#endif
