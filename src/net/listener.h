/* Listening sockets: one per worker and address (SO_REUSEPORT), or one shared by all with EPOLLEXCLUSIVE.
 *
 * Threads: listener_open() on the main thread; listener_start() in each worker. */
#ifndef FAIRLEAD_NET_LISTENER_H
#define FAIRLEAD_NET_LISTENER_H

#include "base/addr.h"
#include "net/worker.h"

struct listener; /* one address, all workers */

/* Binds `workers` sockets to the address and takes the address lock, so that a second instance is refused instead of sharing
 * the traffic. `shared`: one socket for all. 0 or -errno (-EADDRINUSE). `backlog` of listen(2). */
MUST_CHECK int listener_open(const struct addr *a, unsigned workers, bool shared, int backlog, struct listener **out);
/* No delay, and TCP keepalive after `keepalive_s` seconds without traffic, three probes (0: off), for every connection accepted from now on:
 * they inherit it without a system call. Main thread. */
void listener_tune(struct listener *l, unsigned keepalive_s);
/* The address it has (port 0 was resolved). */
const struct addr *listener_addr(const struct listener *l);
/* In a worker: calls on_accept(fd, from, arg) for every connection (non-blocking, close-on-exec). When descriptors or memory run
 * out it counts, and accepts again a moment later. `arg` may be changed by starting it again (a reload). */
MUST_CHECK int listener_start(struct listener *l, void (*on_accept)(int fd, const struct addr *from, void *arg),
                              void *arg);
/* In a worker: takes what waits in the queue, then closes this worker's socket. */
void listener_drain(struct listener *l);
/* On the main thread, after every worker drained it. */
void listener_free(struct listener *l);

#endif
