/* The system calls themselves: see kernel.h.
 *
 * Errors: as the calls have them, -1 and errno. */
#ifndef FAIRLEAD_NET_KERNEL_EPOLL_H
#define FAIRLEAD_NET_KERNEL_EPOLL_H

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/list.h"

/* ---- Events */

static inline int kernel_watch(int epoll, int fd, struct epoll_event *event)
{
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, event);
}

/* A worker ends. */
static inline void kernel_end(void)
{
}

static inline int kernel_events(int epoll, struct epoll_event *batch, int most, int timeout_ms)
{
	return epoll_wait(epoll, batch, most, timeout_ms);
}

/* ---- Bytes */

static inline ssize_t kernel_recv(int fd, void *p, size_t n)
{
	return recv(fd, p, n, 0);
}

static inline ssize_t kernel_send(int fd, const void *p, size_t n)
{
	return send(fd, p, n, MSG_NOSIGNAL);
}

/* More follows at once. */
static inline ssize_t kernel_send_more(int fd, const void *p, size_t n)
{
	return send(fd, p, n, MSG_NOSIGNAL | MSG_MORE);
}

static inline ssize_t kernel_sendmsg(int fd, const struct iovec *iov, size_t count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = count};
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static inline ssize_t kernel_splice_in(int fd, int pipe, size_t n)
{
	return splice(fd, NULL, pipe, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static inline ssize_t kernel_splice_out(int pipe, int fd, size_t n)
{
	return splice(pipe, NULL, fd, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static inline ssize_t kernel_sendfile(int fd, int file, uint64_t from, size_t n)
{
	off_t at = (off_t)from;
	return sendfile(fd, file, &at, n);
}

/* What is in memory of it: EAGAIN if nothing is, EOPNOTSUPP where the file system does not tell. */
static inline ssize_t kernel_read_cached(int file, void *p, size_t n, uint64_t from)
{
	struct iovec iov = {p, n};
	return preadv2(file, &iov, 1, (off_t)from, RWF_NOWAIT);
}

/* ---- Connections */

static inline int kernel_accept(int fd, struct addr *from)
{
	socklen_t size = sizeof(*from);
	return accept4(fd, &from->sa, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* ---- Order */

/* Fibers about to run. What goes into `later` runs in the next round. */
static inline void kernel_order(struct link *round, struct link *later)
{
	(void)round, (void)later;
}

/* Whether a fiber that begins to wait is woken for nothing. */
static inline bool kernel_wakes_early(void)
{
	return false;
}

/* The time by which timers fire, which is now or has been. */
static inline mono_ms kernel_timer_time(mono_ms now)
{
	return now;
}

#endif
