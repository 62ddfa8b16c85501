/* Readiness: a table from descriptor to watch, edge-triggered. */
#include <stdlib.h>

#include "net/kernel.h"
#include "net/worker_internal.h"

static int make_room(struct worker *w, unsigned fd)
{
	if (fd < w->watched_count)
		return 0;
	unsigned count = w->watched_count ? w->watched_count : 64;
	while (count <= fd)
		count *= 2;
	struct watched *all = realloc(w->watched, count * sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (unsigned i = w->watched_count; i < count; i++)
		all[i] = (struct watched){NULL, 0};
	w->watched = all;
	w->watched_count = count;
	return 0;
}

int watch_add_for(struct watch *watch, int fd, uint32_t events)
{
	struct worker *w = worker_self();
	int r = make_room(w, (unsigned)fd);
	if (r != 0)
		return r;
	struct watched *at = &w->watched[fd];
	ASSERT(!at->watch);
	at->generation++;
	struct epoll_event event = {.events = events, .data.u64 = (uint64_t)at->generation << 32 | (unsigned)fd};
	if (kernel_watch(w->epoll, fd, &event) != 0)
		return -errno;
	at->watch = watch;
	watch->fd = fd;
	watch->ready = 0;
	watch->armed = true;
	return 0;
}

int watch_add(struct watch *watch, int fd)
{
	return watch_add_for(watch, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

void watch_forget(struct watch *watch)
{
	if (!watch->armed)
		return;
	worker_self()->watched[watch->fd].watch = NULL;
	watch->armed = false;
}

void watch_remove(struct watch *watch)
{
	if (!watch->armed)
		return;
	watch_forget(watch);
	epoll_ctl(worker_self()->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
}

void watch_move(struct watch *from, struct watch *to)
{
	*to = *from;
	if (from->armed)
		worker_self()->watched[from->fd].watch = to;
	*from = (struct watch){.fd = -1};
}

static uint8_t ready_bits(uint32_t events)
{
	uint8_t ready = 0;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		ready |= READY_IN;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		ready |= READY_OUT;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		ready |= READY_HUP;
	return ready;
}

void watch_deliver(struct worker *w, const struct epoll_event *event)
{
	const struct watched *at = &w->watched[(uint32_t)event->data.u64];
	struct watch *watch = at->watch;
	if (!watch || at->generation != event->data.u64 >> 32)
		return;
	uint8_t ready = ready_bits(event->events);
	watch->ready |= ready;
	if (watch->on_ready) {
		watch->on_ready(watch);
		return;
	}
	if (watch->reader && ready & READY_IN)
		fiber_wake(watch->reader);
	if (watch->writer && ready & READY_OUT)
		fiber_wake(watch->writer);
}
