/* A worker: one thread with its epoll loop, timers, fibers and buffers. Connections never move between workers.
 *
 * Owner: workers_start() makes them, workers_join() ends them. Threads: everything here is for the worker's own thread,
 * except worker_post() and the workers_* calls. */
#ifndef FAIRLEAD_NET_WORKER_H
#define FAIRLEAD_NET_WORKER_H

#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"

struct worker;
struct fiber;

struct worker_limits {
	unsigned fibers;        /* in flight, per worker */
	unsigned spare_stacks;  /* kept for reuse, per worker */
	size_t stack_size;      /* address space of one stack */
	unsigned spare_buffers; /* kept for reuse, per worker */
};

extern const struct worker_limits worker_limits_default;

/* Starts `count` threads, each calling start(index, arg) once before its loop, and waits until all have. 0 or -errno. */
MUST_CHECK int workers_start(unsigned count, const struct worker_limits *limits,
                             void (*start)(unsigned index, void *arg), void *arg);
/* Makes every worker leave its loop once its fibers have ended, telling those that wait; then joins the threads. */
void workers_stop(void);
unsigned workers_count(void);
struct worker *worker_at(unsigned index);

struct worker *worker_self(void); /* NULL on other threads */
unsigned worker_index(void);
/* The monotonic clock as read once per round of the loop. */
mono_ms worker_now(void);
/* Fibers that have not ended. */
unsigned worker_fibers(void);

/* In a worker: calls fn(arg) in its loop when workers_stop() was called, before the fibers are told, so that whatever
 * has no fiber (idle connections, listeners) can be closed. The last one added is called first. */
void worker_on_stop(void (*fn)(void *arg), void *arg);
/* In a worker: calls fn(arg) when its last fiber has ended, so that what fibers used can be freed. */
void worker_on_end(void (*fn)(void *arg), void *arg);

/* Runs fn(arg) in the worker's loop (not on a fiber). From any thread. The message is the caller's until fn runs. */
struct message {
	struct message *next;
	void (*fn)(struct message *m);
};
void worker_post(struct worker *w, struct message *m);

/* Calls release(p) when the present batch of events is over: nobody in the batch can then still hold p. */
struct deferred {
	struct deferred *next;
	void (*release)(struct deferred *d);
};
void worker_defer(struct deferred *d, void (*release)(struct deferred *d));

/* ---- Readiness. Registered once, edge-triggered, in and out; ready bits are sticky and cleared only by whoever met
 * EAGAIN or a short read. */
enum {
	READY_IN = 1,
	READY_OUT = 2,
	READY_HUP = 4, /* the other side has shut down its sending direction (EPOLLRDHUP) or the socket failed */
};

struct watch {
	int fd;
	uint8_t ready;
	bool armed;
	/* Called in the loop after the bits were set. NULL: wakes the two fibers below. */
	void (*on_ready)(struct watch *w);
	struct fiber *reader;
	struct fiber *writer;
};

MUST_CHECK int watch_add(struct watch *w, int fd);
/* Takes it out of epoll; does not close the descriptor. */
void watch_remove(struct watch *w);

/* ---- Timers. Cheap to move later (no list is touched), exact to a tick of 16 ms. */
struct timer {
	struct link link;
	mono_ms when; /* NEVER: not set */
	mono_ms slot; /* where the wheel has it */
	void (*on_time)(struct timer *t);
};
void timer_init(struct timer *t, void (*on_time)(struct timer *t));
void timer_set(struct timer *t, mono_ms when);
void timer_stop(struct timer *t); /* out of the wheel: the struct may go away */

/* ---- Buffers that are lent: a worker owns them, whoever reads into one gives it back. */
enum { LENT_SIZE = 16 * 1024 };
struct lent {
	char *p;                   /* NULL: none held */
	uint32_t start, end, size; /* what is in it: p[start] up to p[end] */
	uint32_t keep;             /* bytes at its front that a read must leave alone: a head still in use */
};
/* 0 or -ENOMEM. */
MUST_CHECK int lent_take(struct lent *l);
/* A larger one with the same content at its front, and nothing kept before it. 0 or -ENOMEM. */
MUST_CHECK int lent_grow(struct lent *l, size_t size);
void lent_give_back(struct lent *l);
static inline size_t lent_length(const struct lent *l)
{
	return l->end - l->start;
}
static inline void lent_init(struct lent *l)
{
	*l = (struct lent){0};
}

#endif
