/* A kernel at its worst, for tests: see kernel.h. Whoever relies on more than it is promised fails with it.
 *
 * What it does: reads give a part of what is there, writes take a part, both say EAGAIN once although they need not, and
 * the edge that is then owed comes a while later; real edges are held back and come in any order; connections that wait
 * are accepted in any order; fibers that are ready run in any order or a round later, and are woken for nothing; timers
 * fire late. What it never does is what Linux never does: lose an edge, or tell a readiness that is over.
 *
 * Everything follows from FAIRLEAD_LATE_SEED (a number, 1 if unset), as far as the real kernel's own timing lets it. A
 * descriptor's later operations are disturbed seldom, so that large bodies pass in time. Errors: as of the calls. */
#ifndef FAIRLEAD_NET_KERNEL_LATE_H
#define FAIRLEAD_NET_KERNEL_LATE_H

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/list.h"

int kernel_watch(int epoll, int fd, struct epoll_event *event);
void kernel_end(void);
int kernel_events(int epoll, struct epoll_event *batch, int most, int timeout_ms);

ssize_t kernel_recv(int fd, void *p, size_t n);
ssize_t kernel_send(int fd, const void *p, size_t n);
ssize_t kernel_send_more(int fd, const void *p, size_t n);
ssize_t kernel_sendmsg(int fd, const struct iovec *iov, size_t count);
ssize_t kernel_splice_in(int fd, int pipe, size_t n);
ssize_t kernel_splice_out(int pipe, int fd, size_t n);
ssize_t kernel_sendfile(int fd, int file, uint64_t from, size_t n);
ssize_t kernel_read_cached(int file, void *p, size_t n, uint64_t from);
int kernel_accept(int fd, struct addr *from);

void kernel_order(struct link *round, struct link *later);
bool kernel_wakes_early(void);
mono_ms kernel_timer_time(mono_ms now);

#endif
