#include "loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static int epoll_fd = -1;

void fatal(const char *what)
{
	fprintf(stderr, "bench load: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void loop_watch(struct watched *w, int fd, uint32_t events, void (*ready)(struct watched *w, uint32_t events))
{
	struct epoll_event event = {.events = events, .data.ptr = w};

	if (epoll_fd < 0 && (epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		fatal("epoll_create1");
	w->fd = fd;
	w->ready = ready;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		fatal("epoll_ctl");
}

void loop_change(struct watched *w, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = w};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, w->fd, &event) < 0)
		fatal("epoll_ctl");
}

void loop_forget(struct watched *w)
{
	close(w->fd);
	w->fd = -1;
}

void loop_once(int timeout_ms)
{
	struct epoll_event events[256];
	int n = epoll_wait(epoll_fd, events, 256, timeout_ms);

	if (n < 0 && errno != EINTR)
		fatal("epoll_wait");
	for (int i = 0; i < n; i++) {
		struct watched *w = events[i].data.ptr;
		w->ready(w, events[i].events);
	}
}
