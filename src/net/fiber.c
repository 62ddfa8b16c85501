/* Fibers on Boost.Context's two assembly functions.
 *
 * A fiber's struct lies at the top of its own stack, so that one in flight touches few pages. A fiber that has ended is
 * kept whole: its stack is parked inside fiber_main(), ready for the next function, and its timer may still lie in the
 * wheel, where it does nothing. Switches go from the loop to a fiber and back, never from fiber to fiber. */
#include "net/fiber.h"

#include <sys/mman.h>

#include "base/counters.h"
#include "net/annotate.h"
#include "net/kernel.h"
#include "net/worker_internal.h"

/* boost/context/detail/fcontext.hpp, without C++. */
typedef void *fcontext_t;
typedef struct {
	fcontext_t fctx;
	void *data;
} transfer_t;
transfer_t jump_fcontext(fcontext_t to, void *vp);
fcontext_t make_fcontext(void *sp, size_t size, void (*fn)(transfer_t));

enum fiber_state {
	FIBER_ENDED,
	FIBER_READY,
	FIBER_RUNNING,
	FIBER_WAITING,
	FIBER_PARKED, /* waiting, and deaf to fiber_cancel() */
};

enum {
	GUARD_SIZE = 4096,
	STACK_ALIGN = 64,
	/* Stacks start at different offsets in their pages, or the hot ends of all of them would share a few cache sets. */
	COLOURS = 16,
	COLOUR_STEP = 128,
};

struct fiber {
	union {
		struct link link;        /* in the ready list */
		struct spare_item spare; /* ended */
	};
	struct worker *worker;
	fcontext_t context;
	fiber_fn *fn;
	void *arg;
	uint8_t state;
	bool cancelled;
	bool timed_out;
	uint16_t operations;
	uint32_t bytes;
	struct timer timer;
	struct link all;
	char *mapping;
	size_t mapping_size;
	unsigned valgrind_id;
	void *fake_stack;
	void *tsan;
};

static char *stack_base(const struct fiber *f)
{
	return f->mapping + GUARD_SIZE;
}

static size_t stack_size(const struct fiber *f)
{
	return (size_t)((char *)f - stack_base(f));
}

/* ---- Switching */

static void fiber_leave(struct fiber *f)
{
	struct worker *w = f->worker;
	ASAN_LEAVE(&f->fake_stack, w->stack_base, w->stack_size);
	TSAN_SWITCH(w->tsan);
	transfer_t from = jump_fcontext(w->loop_context, NULL);
	ASAN_ARRIVE(f->fake_stack, &w->stack_base, &w->stack_size);
	w->loop_context = from.fctx;
}

static void fiber_main(transfer_t from)
{
	struct fiber *f = from.data;
	ASAN_ARRIVE(NULL, &f->worker->stack_base, &f->worker->stack_size);
	f->worker->loop_context = from.fctx;
	for (;;) {
		f->fn(f->arg);
		f->state = FIBER_ENDED;
		fiber_leave(f);
	}
}

static void fiber_retire(struct fiber *f);

static void fiber_enter(struct fiber *f)
{
	struct worker *w = f->worker;
	f->state = FIBER_RUNNING;
	f->operations = 0;
	f->bytes = 0;
	w->current = f;
	ASAN_LEAVE(&w->fake_stack, stack_base(f), stack_size(f));
	TSAN_SWITCH(f->tsan);
	transfer_t from = jump_fcontext(f->context, f);
	ASAN_ARRIVE(w->fake_stack, NULL, NULL);
	f->context = from.fctx;
	w->current = NULL;
	if (f->state == FIBER_ENDED)
		fiber_retire(f);
}

static void make_ready(struct fiber *f)
{
	f->state = FIBER_READY;
	list_push(&f->worker->ready, &f->link);
}

static void deadline_passed(struct timer *t)
{
	struct fiber *f = CONTAINER_OF(t, struct fiber, timer);
	if (f->state != FIBER_WAITING)
		return;
	f->timed_out = true;
	make_ready(f);
}

/* ---- Birth and end */

static struct fiber *fiber_map(struct worker *w)
{
	size_t size = w->limits.stack_size + GUARD_SIZE;
	char *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK,
	                     -1, 0);
	if (mapping == MAP_FAILED)
		return NULL;
	if (mprotect(mapping, GUARD_SIZE, PROT_NONE) != 0) {
		munmap(mapping, size);
		return NULL;
	}
	size_t top = size - sizeof(struct fiber) - w->colour++ % COLOURS * COLOUR_STEP;
	struct fiber *f = (struct fiber *)(mapping + top / STACK_ALIGN * STACK_ALIGN);
	*f = (struct fiber){.worker = w, .mapping = mapping, .mapping_size = size};
	timer_init(&f->timer, deadline_passed);
	f->valgrind_id = NOTE_STACK(stack_base(f), stack_size(f));
	f->tsan = TSAN_NEW();
	f->context = make_fcontext(f, stack_size(f), fiber_main);
	return f;
}

static void fiber_unmap(struct fiber *f)
{
	timer_stop(&f->timer);
	NOTE_STACK_GONE(f->valgrind_id);
	TSAN_GONE(f->tsan);
	ASAN_FORGET(f->mapping, f->mapping_size);
	munmap(f->mapping, f->mapping_size);
}

static int fiber_new(struct worker *w, fiber_fn *fn, void *arg, struct fiber **out)
{
	if (w->fiber_count >= w->limits.fibers) {
		COUNT(fibers_refused_total);
		return -EAGAIN;
	}
	struct fiber *f = spare_take(&w->stacks);
	if (!f && !(f = fiber_map(w)))
		return -ENOMEM;
	list_init(&f->link);
	list_push(&w->fibers, &f->all);
	f->fn = fn;
	f->arg = arg;
	f->cancelled = w->stopping;
	w->fiber_count++;
	COUNT(fibers);
	*out = f;
	return 0;
}

static void fiber_retire(struct fiber *f)
{
	struct worker *w = f->worker;
	list_remove(&f->all);
	f->timer.when = NEVER;
	w->fiber_count--;
	COUNT_ADD(fibers, -1);
	if (spare_put(&w->stacks, &f->spare))
		worker_trim_soon(w);
}

int fiber_spawn(fiber_fn *fn, void *arg, struct fiber **out)
{
	int r = fiber_new(worker_self(), fn, arg, out);
	if (r == 0)
		make_ready(*out);
	return r;
}

int fiber_start(fiber_fn *fn, void *arg)
{
	struct fiber *f;
	return fiber_spawn(fn, arg, &f);
}

int fiber_run(fiber_fn *fn, void *arg)
{
	struct worker *w = worker_self();
	if (w->current)
		return fiber_start(fn, arg);
	struct fiber *f;
	int r = fiber_new(w, fn, arg, &f);
	if (r == 0)
		fiber_enter(f);
	return r;
}

/* ---- Waiting */

struct fiber *fiber_self(void)
{
	struct worker *w = worker_self();
	return w ? w->current : NULL;
}

int fiber_wait(mono_ms deadline)
{
	struct fiber *f = fiber_self();
	ASSERT(f);
	if (f->cancelled)
		return -ECANCELED;
	if (deadline != NEVER) {
		if (deadline <= f->worker->now)
			return -ETIMEDOUT;
		timer_set(&f->timer, deadline);
	}
	f->timed_out = false;
	f->state = FIBER_WAITING;
	if (kernel_wakes_early())
		make_ready(f);
	fiber_leave(f);
	/* The timer stays where it lies: the next wait is likely to set it again. */
	f->timer.when = NEVER;
	if (f->cancelled)
		return -ECANCELED;
	return f->timed_out ? -ETIMEDOUT : 0;
}

void fiber_park(void)
{
	struct fiber *f = fiber_self();
	ASSERT(f);
	f->state = FIBER_PARKED;
	if (kernel_wakes_early())
		make_ready(f);
	fiber_leave(f);
}

void fiber_wake(struct fiber *f)
{
	if (f->state == FIBER_WAITING || f->state == FIBER_PARKED)
		make_ready(f);
}

void fiber_yield(void)
{
	struct fiber *f = fiber_self();
	ASSERT(f);
	make_ready(f);
	fiber_leave(f);
}

int fiber_sleep(int64_t ms)
{
	mono_ms end = clock_after(worker_now(), ms);
	for (;;) {
		int r = fiber_wait(end);
		if (r != 0)
			return r == -ETIMEDOUT ? 0 : r;
	}
}

void fiber_cancel(struct fiber *f)
{
	f->cancelled = true;
	if (f->state == FIBER_WAITING)
		make_ready(f);
}

void fiber_spend(size_t bytes)
{
	struct fiber *f = fiber_self();
	f->operations++;
	f->bytes += (uint32_t)bytes;
	if (f->operations > TURN_OPERATIONS || f->bytes > TURN_BYTES)
		fiber_yield();
}

/* ---- For the loop */

void fibers_run_ready(struct worker *w)
{
	/* One round: whoever becomes ready meanwhile comes after the next look at the sockets. */
	struct link round;
	if (list_empty(&w->ready))
		return;
	list_insert(&w->ready, &round);
	list_remove(&w->ready);
	kernel_order(&round, &w->ready);
	struct link *l;
	while ((l = list_pop(&round)))
		fiber_enter(CONTAINER_OF(l, struct fiber, link));
}

void fibers_cancel_all(struct worker *w)
{
	struct fiber *f;
	LIST_EACH(f, &w->fibers, struct fiber, all)
		fiber_cancel(f);
}

void fibers_trim(struct worker *w, unsigned count)
{
	struct fiber *f;
	while (count-- > 0 && (f = spare_take(&w->stacks)))
		fiber_unmap(f);
}

/* ---- Tasks */

static void task_main(void *arg)
{
	struct task *t = arg;
	t->result = t->fn(t->arg);
	t->done = true;
	t->fiber = NULL;
	fiber_wake(t->owner);
}

int task_start(struct task *t, int (*fn)(void *arg), void *arg)
{
	*t = (struct task){.owner = fiber_self(), .fn = fn, .arg = arg};
	ASSERT(t->owner);
	int r = fiber_spawn(task_main, t, &t->fiber);
	t->started = r == 0;
	return r;
}

void task_cancel(struct task *t)
{
	if (t->fiber)
		fiber_cancel(t->fiber);
}

int task_join(struct task *t)
{
	while (!task_done(t))
		fiber_park();
	return t->result;
}
