/* What the files of the engine share: the worker's own struct and the steps of its loop.
 *
 * Owner: worker.c. Threads: the worker's own, but for `mailbox`, `bell` and `posting`. Nobody outside net/ includes this. */
#ifndef FAIRLEAD_NET_WORKER_INTERNAL_H
#define FAIRLEAD_NET_WORKER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>

#include "net/fiber.h"
#include "net/spare.h"
#include "net/worker.h"

enum {
	BATCH_EVENTS = 256,
	TICK_MS = 16,
	WHEEL_SLOTS = 4096, /* the horizon: 65 seconds */
	TURN_OPERATIONS = 16,
	TURN_BYTES = 256 * 1024,
};

/* Who watches a descriptor. An event carries the generation, so one that was fetched before the watch went away finds
 * nobody, although the number may be in use again. */
struct watched {
	struct watch *watch;
	uint32_t generation;
};

struct wheel {
	int64_t tick;      /* the last one that was fired */
	int64_t next_tick; /* the first that may hold a timer */
	uint64_t occupied[WHEEL_SLOTS / 64];
	struct link slots[WHEEL_SLOTS];
};

/* Something to be run in the loop's next round. */
struct later {
	struct link link;
	void (*fn)(struct later *l);
};

struct stop_hook;

struct worker {
	mono_ms now;
	struct fiber *current;
	void *loop_context;
	struct link ready; /* fibers */
	struct link laters;
	struct watched *watched;
	unsigned watched_count;
	unsigned fiber_count;
	int epoll;
	unsigned index;
	struct deferred *deferred;
	struct link fibers; /* all that have not ended */
	struct spare stacks;
	struct spare buffers;
	struct link pipes;
	unsigned pipes_spare, pipes_lent;
	unsigned colour; /* of the next new stack */
	struct timer trim;
	struct worker_limits limits;
	struct link relays;
	bool relays_told;
	bool stopping;
	struct stop_hook *stop_hooks, *end_hooks;
	/* For the sanitizers: the thread's own stack. */
	const void *stack_base;
	size_t stack_size;
	void *fake_stack;
	void *tsan;

	pthread_t thread;
	struct message stop;
	void (*start)(unsigned index, void *arg);
	void *start_arg;
	struct watch mail; /* of the bell */
	int bell;          /* an eventfd, rung by whoever puts the first message into an empty mailbox */
	_Alignas(64) _Atomic(struct message *) mailbox;
	atomic_uint posting;
	_Alignas(64) struct wheel wheel;
	struct epoll_event batch[BATCH_EVENTS];
};

/* worker.c */
void later_init(struct later *l, void (*fn)(struct later *l));
void worker_later(struct later *l); /* once in the queue, however often asked */
void worker_trim_soon(struct worker *w);

/* watch.c */
MUST_CHECK int watch_add_for(struct watch *w, int fd, uint32_t events);
/* Like watch_remove(), where the descriptor is closed next: the kernel then takes it out of epoll by itself. */
void watch_forget(struct watch *w);
/* `to` takes the place of `from`, which becomes a closed one. No system call. */
void watch_move(struct watch *from, struct watch *to);
void watch_deliver(struct worker *w, const struct epoll_event *event);

/* timer.c */
void wheel_init(struct worker *w);
void wheel_fire(struct worker *w);
int wheel_wait_ms(const struct worker *w); /* -1: for ever */

/* fiber.c */
void fibers_run_ready(struct worker *w);
void fibers_cancel_all(struct worker *w);
void fibers_trim(struct worker *w, unsigned count);
MUST_CHECK int fiber_spawn(fiber_fn *fn, void *arg, struct fiber **out);
/* Waits for fiber_wake() alone, whatever the fiber was told. May return early. */
void fiber_park(void);
/* Notes an operation of `bytes`; lets the others run when this fiber has had its turn. */
void fiber_spend(size_t bytes);

/* lent.c */
void lent_trim(struct worker *w, unsigned count);

#endif
