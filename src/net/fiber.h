/* Fibers: straight-line code that may wait. A stackful coroutine of one worker thread.
 *
 * Owner: the worker keeps finished stacks in a free list. A fiber is never killed: it is told (fiber_cancel) and its
 * waits then return -ECANCELED, so it unwinds as any function does. Threads: a fiber never leaves its worker; all calls
 * here are for the worker's own thread. */
#ifndef FAIRLEAD_NET_FIBER_H
#define FAIRLEAD_NET_FIBER_H

#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"

struct fiber;

typedef void fiber_fn(void *arg);

/* Runs fn(arg) on a fiber of its own; it starts when the caller next waits or returns to the worker's loop. 0, -EAGAIN
 * (the worker's ceiling of fibers) or -ENOMEM. */
MUST_CHECK int fiber_start(fiber_fn *fn, void *arg);
/* The same, but runs at once, up to its first wait: for the event loop's own callbacks. */
MUST_CHECK int fiber_run(fiber_fn *fn, void *arg);

/* The running fiber; NULL in the worker's loop. */
struct fiber *fiber_self(void);

/* Waits until fiber_wake(). 0, -ETIMEDOUT (deadline passed) or -ECANCELED (told to end). May return 0 early: check what
 * you waited for and wait again. */
MUST_CHECK int fiber_wait(mono_ms deadline);
/* Makes a waiting fiber run soon; harmless if it is not waiting. */
void fiber_wake(struct fiber *f);
/* Lets the others run. */
void fiber_yield(void);
/* 0, or -ECANCELED. */
MUST_CHECK int fiber_sleep(int64_t ms);
/* Tells a fiber to end: its present and all later waits return -ECANCELED. */
void fiber_cancel(struct fiber *f);

/* A second fiber that works for the running one and never outlives it. Lives in the owner's frame.
 *
 *     struct task upload;
 *     task_start(&upload, send_body, &job)   ...   result = task_join(&upload);      */
struct task {
	struct fiber *fiber; /* NULL once done */
	struct fiber *owner;
	int (*fn)(void *arg);
	void *arg;
	int result;
	bool done;
	bool started;
};

MUST_CHECK int task_start(struct task *t, int (*fn)(void *arg), void *arg);
void task_cancel(struct task *t);
/* Waits for the end (however long: cancel first where that matters) and gives fn's result. Harmless if not started: 0. */
int task_join(struct task *t);
static inline bool task_done(const struct task *t)
{
	return !t->started || t->done;
}

#endif
