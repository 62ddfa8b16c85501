/* A stream's operations for the files of net/ alone; those without a deadline never wait.
 *
 * Threads: the stream's worker. */
#ifndef FAIRLEAD_NET_STREAM_INTERNAL_H
#define FAIRLEAD_NET_STREAM_INTERNAL_H

#include <sys/types.h>

#include "net/stream.h"

struct pipe;

/* Bytes written (maybe not all), -EAGAIN or -errno. */
MUST_CHECK ssize_t stream_write_now(struct stream *s, struct span text);
/* As stream_write_span(), where more is written at once: the kernel may keep the end of it until then. */
MUST_CHECK int stream_write_more(struct stream *s, struct span text, mono_ms deadline);
/* Waits for the next edge of writability: for who has met EAGAIN. 0, -ETIMEDOUT, -ECANCELED. */
MUST_CHECK int stream_wait_out(struct stream *s, mono_ms deadline);
/* `to` takes over the connection of `from`, which becomes a closed one. */
void stream_move(struct stream *from, struct stream *to);

/* From the socket into the pipe, at most `n`: bytes, 0 at the end, -EAGAIN (nothing to read now, or the pipe is full), or
 * -errno. */
MUST_CHECK ssize_t stream_fill_pipe(struct stream *from, struct pipe *p, size_t n);
/* From the pipe into the socket: bytes, -EAGAIN or -errno. */
MUST_CHECK ssize_t stream_drain_pipe(struct stream *to, struct pipe *p);

#endif
