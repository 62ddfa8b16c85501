/* The late kernel: see kernel_late.h.
 *
 * The engine clears a ready bit after EAGAIN, a short read or a short write, and waits for the next edge. So whenever one of
 * those was not the real kernel's doing, an edge is owed to the descriptor. An owed edge that falls due asks the real
 * kernel for the present state, as epoll does when it hands out an item of its ready list. */
#include "net/kernel_late.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum {
	LIVELY = 300,       /* so many operations of a descriptor are disturbed often, */
	SELDOM = 64,        /* then one in so many */
	HELD_MOST = 8,      /* connections taken from a queue to be handed out in any order */
	LISTENERS_MOST = 8, /* that may be taken from ahead at a time */
	LAG_MS = 40         /* of timers, at most */
};

/* A watched descriptor. */
struct known {
	uint64_t data;
	uint32_t events;
	unsigned operations;
	bool owed;
	mono_ms due;
};

struct queue {
	int listener;
	unsigned count;
	int fds[HELD_MOST];
	struct addr from[HELD_MOST];
};

/* The worker's own. */
static _Thread_local struct {
	uint64_t state;
	struct known *known;
	unsigned known_count;
	int *owed; /* descriptors with an edge owed */
	unsigned owed_count, owed_room;
	struct known nobody;
	struct queue queues[LISTENERS_MOST];
	mono_ms timer_time, lag_until;
	int64_t lag;
} late;

/* ---- Chance (xorshift64*) */

static uint64_t first_state(void)
{
	static atomic_uint threads;
	const char *text = getenv("FAIRLEAD_LATE_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
	return (seed + 1) * 0x9e3779b97f4a7c15u + atomic_fetch_add(&threads, 1) * 0xd1342543de82ef95u + 1;
}

static uint64_t chance(void)
{
	uint64_t x = late.state ? late.state : first_state();
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	late.state = x;
	return x * 0x2545f4914f6cdd1du >> 16;
}

static unsigned below(unsigned n)
{
	return (unsigned)(chance() % n);
}

static bool one_in(unsigned n)
{
	return below(n) == 0;
}

/* ---- Owing edges */

static void *larger(void *p, size_t bytes)
{
	void *q = realloc(p, bytes);
	if (!q)
		abort();
	return q;
}

static struct known *known(int fd)
{
	return (unsigned)fd < late.known_count ? &late.known[fd] : &late.nobody;
}

static void owe(int fd)
{
	struct known *k = known(fd);
	if (k->owed || !k->events)
		return;
	if (late.owed_count == late.owed_room) {
		late.owed_room = late.owed_room ? 2 * late.owed_room : 64;
		late.owed = larger(late.owed, late.owed_room * sizeof(*late.owed));
	}
	late.owed[late.owed_count++] = fd;
	k->owed = true;
	k->due = clock_mono() + (one_in(2) ? 0 : one_in(8) ? below(20) : below(4));
}

/* Whether to disturb an operation on it. */
static bool disturb(int fd, unsigned often)
{
	struct known *k = known(fd);
	return one_in(k->operations++ < LIVELY ? often : SELDOM);
}

static bool say_again(int fd)
{
	if (!known(fd)->events || !disturb(fd, 6))
		return false;
	owe(fd);
	errno = EAGAIN;
	return true;
}

/* How much of `n` to ask for. */
static size_t part_of(int fd, size_t n)
{
	if (n < 2 || !known(fd)->events || !disturb(fd, 2))
		return n;
	return 1 + chance() % (one_in(3) && n > 16 ? 16 : n);
}

/* A part was asked for, and there may be more. */
static ssize_t owe_the_rest(int fd, ssize_t got, size_t part, size_t whole)
{
	if (got == (ssize_t)part && part < whole)
		owe(fd);
	return got;
}

/* ---- Events */

int kernel_watch(int epoll, int fd, struct epoll_event *event)
{
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, event) != 0)
		return -1;
	if ((unsigned)fd >= late.known_count) {
		unsigned count = late.known_count ? late.known_count : 64;
		while (count <= (unsigned)fd)
			count *= 2;
		late.known = larger(late.known, count * sizeof(*late.known));
		for (unsigned i = late.known_count; i < count; i++)
			late.known[i] = (struct known){0};
		late.known_count = count;
	}
	/* The number may still be in the list of those owed: that edge is then this one's, and finds the present state. */
	struct known *k = &late.known[fd];
	*k = (struct known){.data = event->data.u64, .events = event->events, .owed = k->owed, .due = k->due};
	return 0;
}

void kernel_end(void)
{
	for (unsigned i = 0; i < LISTENERS_MOST; i++)
		while (late.queues[i].count > 0)
			close(late.queues[i].fds[--late.queues[i].count]);
	free(late.known);
	free(late.owed);
	late.known = NULL;
	late.owed = NULL;
	late.known_count = late.owed_count = late.owed_room = 0;
}

/* Until the first owed edge falls due. */
static int wait_ms(int timeout_ms)
{
	mono_ms now = late.owed_count ? clock_mono() : 0;
	for (unsigned i = 0; i < late.owed_count; i++) {
		mono_ms left = known(late.owed[i])->due - now;
		if (left <= 0)
			return 0;
		if (timeout_ms < 0 || left < timeout_ms)
			timeout_ms = (int)left;
	}
	return timeout_ms;
}

static int real_events(int epoll, struct epoll_event *batch, int most, int timeout_ms)
{
	int n = epoll_wait(epoll, batch, most, wait_ms(timeout_ms)), kept = 0;
	for (int i = 0; i < n; i++) {
		int fd = (int)(uint32_t)batch[i].data.u64;
		if (disturb(fd, 3))
			owe(fd);
		else
			batch[kept++] = batch[i];
	}
	return n < 0 ? n : kept;
}

/* The state that the real kernel tells now. */
static bool look(int fd, struct epoll_event *event)
{
	const struct known *k = known(fd);
	struct pollfd p = {.fd = fd, .events = (short)(k->events & (EPOLLIN | EPOLLOUT | EPOLLRDHUP))};
	if (poll(&p, 1, 0) <= 0 || p.revents & POLLNVAL)
		return false;
	*event = (struct epoll_event){.events = (uint32_t)p.revents, .data.u64 = k->data};
	return true;
}

static int owed_events(struct epoll_event *batch, int most)
{
	mono_ms now = late.owed_count ? clock_mono() : 0;
	int n = 0;
	for (unsigned i = 0; i < late.owed_count && n < most;) {
		int fd = late.owed[i];
		if (known(fd)->due > now) {
			i++;
			continue;
		}
		known(fd)->owed = false;
		late.owed[i] = late.owed[--late.owed_count];
		n += look(fd, &batch[n]);
	}
	return n;
}

int kernel_events(int epoll, struct epoll_event *batch, int most, int timeout_ms)
{
	int n = real_events(epoll, batch, most / 2, timeout_ms);
	if (n < 0)
		return n;
	n += owed_events(batch + n, most - n);
	for (int i = n - 1; i > 0; i--) {
		int k = (int)below((unsigned)i + 1);
		struct epoll_event e = batch[i];
		batch[i] = batch[k];
		batch[k] = e;
	}
	return n;
}

/* ---- Bytes */

ssize_t kernel_recv(int fd, void *p, size_t n)
{
	if (say_again(fd))
		return -1;
	size_t part = part_of(fd, n);
	return owe_the_rest(fd, recv(fd, p, part, 0), part, n);
}

ssize_t kernel_send(int fd, const void *p, size_t n)
{
	if (say_again(fd))
		return -1;
	size_t part = part_of(fd, n);
	return owe_the_rest(fd, send(fd, p, part, MSG_NOSIGNAL), part, n);
}

ssize_t kernel_send_more(int fd, const void *p, size_t n)
{
	if (say_again(fd))
		return -1;
	size_t part = part_of(fd, n);
	return owe_the_rest(fd, send(fd, p, part, MSG_NOSIGNAL | MSG_MORE), part, n);
}

ssize_t kernel_sendmsg(int fd, const struct iovec *iov, size_t count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = count};
	if (say_again(fd))
		return -1;
	if (!disturb(fd, 2))
		return sendmsg(fd, &message, MSG_NOSIGNAL);
	/* A part: whole pieces, then some of the next. */
	size_t whole = below((unsigned)count);
	if (whole == 0)
		return owe_the_rest(fd, kernel_send(fd, iov->iov_base, iov->iov_len), iov->iov_len, iov->iov_len + 1);
	message.msg_iovlen = whole;
	ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	if (sent > 0)
		owe(fd);
	return sent;
}

/* A short splice says nothing of the socket: only EAGAIN does. */
ssize_t kernel_splice_in(int fd, int pipe, size_t n)
{
	return say_again(fd) ? -1 : splice(fd, NULL, pipe, NULL, part_of(fd, n), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

ssize_t kernel_splice_out(int pipe, int fd, size_t n)
{
	return say_again(fd) ? -1 : splice(pipe, NULL, fd, NULL, part_of(fd, n), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

/* So does a short sendfile. */
ssize_t kernel_sendfile(int fd, int file, uint64_t from, size_t n)
{
	off_t at = (off_t)from;
	return say_again(fd) ? -1 : sendfile(fd, file, &at, part_of(fd, n));
}

ssize_t kernel_read_cached(int file, void *p, size_t n, uint64_t from)
{
	if (one_in(8)) {
		errno = EAGAIN;
		return -1;
	}
	struct iovec iov = {p, one_in(3) ? 1 + chance() % n : n};
	return preadv2(file, &iov, 1, (off_t)from, RWF_NOWAIT);
}

/* ---- Connections */

static struct queue *queue_of(int listener)
{
	struct queue *free_one = NULL;
	for (unsigned i = 0; i < LISTENERS_MOST; i++) {
		struct queue *q = &late.queues[i];
		if (q->count > 0 && q->listener == listener)
			return q;
		if (q->count == 0)
			free_one = q;
	}
	if (free_one)
		free_one->listener = listener;
	return free_one;
}

static int accept_now(int fd, struct addr *from)
{
	socklen_t size = sizeof(*from);
	return accept4(fd, &from->sa, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int kernel_accept(int fd, struct addr *from)
{
	struct queue *q = queue_of(fd);
	if (!q)
		return accept_now(fd, from);
	while (q->count < HELD_MOST && (q->fds[q->count] = accept_now(fd, &q->from[q->count])) >= 0)
		q->count++;
	if (q->count == 0)
		return -1;
	unsigned i = below(q->count--);
	int taken = q->fds[i];
	*from = q->from[i];
	q->fds[i] = q->fds[q->count];
	q->from[i] = q->from[q->count];
	return taken;
}

/* ---- Order */

void kernel_order(struct link *round, struct link *later)
{
	struct link mixed;
	struct link *l;
	list_init(&mixed);
	while ((l = list_pop(round))) {
		if (one_in(6))
			list_push(later, l);
		else if (one_in(2))
			list_push_front(&mixed, l);
		else
			list_push(&mixed, l);
	}
	while ((l = list_pop(&mixed)))
		list_push(round, l);
}

bool kernel_wakes_early(void)
{
	return one_in(8);
}

mono_ms kernel_timer_time(mono_ms now)
{
	if (now >= late.lag_until) {
		late.lag = below(LAG_MS);
		late.lag_until = now + 2 * LAG_MS;
	}
	if (now - late.lag > late.timer_time)
		late.timer_time = late.timer_time ? now - late.lag : now;
	return late.timer_time;
}
