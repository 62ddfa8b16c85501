/* The worker's loop: events, timers, what was put off, fibers, mail. */
#include "net/worker.h"

#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/counters.h"
#include "net/annotate.h"
#include "net/kernel.h"
#include "net/pipe.h"
#include "net/worker_internal.h"

#if defined(FAIRLEAD_ASAN) || defined(FAIRLEAD_TSAN)
#define STACK_SIZE (256 * 1024)
#else
#define STACK_SIZE (64 * 1024)
#endif

enum { TRIM_EVERY_MS = 1000 };

const struct worker_limits worker_limits_default = {
	.fibers = 10000, .spare_stacks = 64, .stack_size = STACK_SIZE, .spare_buffers = 64};

struct stop_hook {
	struct stop_hook *next;
	void (*fn)(void *arg);
	void *arg;
};

static struct {
	unsigned count;
	struct worker **all;
	sem_t begun; /* up once for each start() that has returned */
} crew;

static __thread struct worker *self;

struct worker *worker_self(void)
{
	return self;
}

unsigned worker_index(void)
{
	return self->index;
}

mono_ms worker_now(void)
{
	return self->now;
}

unsigned worker_fibers(void)
{
	return self->fiber_count;
}

unsigned workers_count(void)
{
	return crew.count;
}

struct worker *worker_at(unsigned index)
{
	return crew.all[index];
}

/* ---- What is put off */

void worker_post(struct worker *w, struct message *m)
{
	atomic_fetch_add(&w->posting, 1);
	struct message *first = atomic_load_explicit(&w->mailbox, memory_order_relaxed);
	do
		m->next = first;
	while (!atomic_compare_exchange_weak(&w->mailbox, &first, m));
	/* The worker looks into its mailbox before it sleeps; only another thread has to wake it. The eventfd is
	 * edge-triggered, so its sum is never read. */
	if (!first && w != self)
		eventfd_write(w->bell, 1);
	atomic_fetch_sub(&w->posting, 1);
}

static void read_mail(struct worker *w)
{
	if (!atomic_load_explicit(&w->mailbox, memory_order_relaxed))
		return;
	struct message *m = atomic_exchange(&w->mailbox, NULL);
	struct message *first = NULL;
	while (m) {
		struct message *next = m->next;
		m->next = first;
		first = m;
		m = next;
	}
	while ((m = first)) {
		first = m->next;
		m->fn(m);
	}
}

void worker_defer(struct deferred *d, void (*release)(struct deferred *d))
{
	d->release = release;
	d->next = self->deferred;
	self->deferred = d;
}

static void release_deferred(struct worker *w)
{
	struct deferred *d;
	while ((d = w->deferred)) {
		w->deferred = d->next;
		d->release(d);
	}
}

void later_init(struct later *l, void (*fn)(struct later *l))
{
	list_init(&l->link);
	l->fn = fn;
}

void worker_later(struct later *l)
{
	if (list_empty(&l->link))
		list_push(&self->laters, &l->link);
}

static void run_laters(struct worker *w)
{
	struct link round;
	if (list_empty(&w->laters))
		return;
	list_insert(&w->laters, &round);
	list_remove(&w->laters);
	struct link *l;
	while ((l = list_pop(&round))) {
		struct later *later = CONTAINER_OF(l, struct later, link);
		later->fn(later);
	}
}

/* ---- Spare stacks and buffers are let go slowly */

static void trim(struct timer *t)
{
	struct worker *w = CONTAINER_OF(t, struct worker, trim);
	fibers_trim(w, spare_unused(&w->stacks));
	lent_trim(w, spare_unused(&w->buffers));
	if (w->stacks.count > w->stacks.keep || w->buffers.count > w->buffers.keep)
		worker_trim_soon(w);
}

void worker_trim_soon(struct worker *w)
{
	if (w->trim.when == NEVER)
		timer_set(&w->trim, w->now + TRIM_EVERY_MS);
}

/* ---- Stopping */

static void add_hook(struct stop_hook **hooks, void (*fn)(void *arg), void *arg)
{
	struct stop_hook *h = malloc(sizeof(*h));
	if (!h)
		die("no memory");
	*h = (struct stop_hook){*hooks, fn, arg};
	*hooks = h;
}

static void call_hooks(struct stop_hook **hooks)
{
	struct stop_hook *h;
	while ((h = *hooks)) {
		*hooks = h->next;
		h->fn(h->arg);
		free(h);
	}
}

void worker_on_stop(void (*fn)(void *arg), void *arg)
{
	add_hook(&self->stop_hooks, fn, arg);
}

void worker_on_end(void (*fn)(void *arg), void *arg)
{
	add_hook(&self->end_hooks, fn, arg);
}

static void be_told_to_stop(struct message *m)
{
	struct worker *w = CONTAINER_OF(m, struct worker, stop);
	w->stopping = true;
	call_hooks(&w->stop_hooks);
	fibers_cancel_all(w);
}

/* ---- The loop */

static bool has_work(const struct worker *w)
{
	return !list_empty(&w->ready) || !list_empty(&w->laters) || atomic_load_explicit(&w->mailbox, memory_order_relaxed);
}

static void run(struct worker *w)
{
	while (!w->stopping || w->fiber_count > 0) {
		int n = kernel_events(w->epoll, w->batch, BATCH_EVENTS, has_work(w) ? 0 : wheel_wait_ms(w));
		w->now = clock_mono();
		for (int i = 0; i < n; i++)
			watch_deliver(w, &w->batch[i]);
		wheel_fire(w);
		run_laters(w);
		fibers_run_ready(w);
		read_mail(w);
		release_deferred(w);
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = self = arg;
	char name[16];
	snprintf(name, sizeof(name), "worker-%u", w->index);
	pthread_setname_np(pthread_self(), name);
	counters_attach();
	w->tsan = TSAN_SELF();
	w->now = clock_mono();
	wheel_init(w);
	if (watch_add_for(&w->mail, w->bell, EPOLLIN | EPOLLET) != 0)
		die("a worker cannot watch its mailbox");
	w->start(w->index, w->start_arg);
	sem_post(&crew.begun);
	run(w);
	read_mail(w);
	call_hooks(&w->end_hooks);
	release_deferred(w);
	timer_stop(&w->trim);
	fibers_trim(w, w->stacks.count);
	lent_trim(w, w->buffers.count);
	pipes_close(w);
	arena_trim();
	kernel_end();
	counters_detach();
	return NULL;
}

static void ignore_mail(struct watch *mail)
{
	(void)mail;
}

static void worker_free(struct worker *w)
{
	if (!w)
		return;
	/* Somebody may be between putting the message in and ringing the bell. */
	while (atomic_load(&w->posting))
		sched_yield();
	struct stop_hook *h;
	while ((h = w->stop_hooks)) {
		w->stop_hooks = h->next;
		free(h);
	}
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->bell >= 0)
		close(w->bell);
	free(w->watched);
	free(w);
}

static struct worker *worker_new(unsigned index, const struct worker_limits *limits)
{
	struct worker *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);
	if (!w)
		return NULL;
	*w = (struct worker){.index = index, .limits = *limits};
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->mail = (struct watch){.fd = -1, .on_ready = ignore_mail};
	list_init(&w->ready);
	list_init(&w->laters);
	list_init(&w->fibers);
	list_init(&w->pipes);
	list_init(&w->relays);
	w->stacks.keep = limits->spare_stacks;
	w->buffers.keep = limits->spare_buffers;
	timer_init(&w->trim, trim);
	w->stop.fn = be_told_to_stop;
	if (w->epoll < 0 || w->bell < 0) {
		worker_free(w);
		return NULL;
	}
	return w;
}

/* Signals are the main thread's business. */
static int start_thread(struct worker *w)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int workers_start(unsigned count, const struct worker_limits *limits, void (*start)(unsigned index, void *arg),
                  void *arg)
{
	ASSERT(!crew.all);
	crew.all = calloc(count, sizeof(*crew.all));
	int r = crew.all ? 0 : -ENOMEM;
	unsigned made = 0;
	for (; r == 0 && made < count; made++) {
		struct worker *w = crew.all[made] = worker_new(made, limits ? limits : &worker_limits_default);
		if (!w) {
			r = errno ? -errno : -ENOMEM;
			break;
		}
		w->start = start;
		w->start_arg = arg;
	}
	crew.count = made;
	sem_init(&crew.begun, 0, 0);
	unsigned running = 0;
	for (; r == 0 && running < count; running++)
		r = start_thread(crew.all[running]);
	for (unsigned begun = 0; r == 0 && begun < count;)
		begun += sem_wait(&crew.begun) == 0;
	if (r == 0)
		return 0;
	/* The one that failed to start is counted too. */
	for (unsigned i = running ? running - 1 : 0; i < made; i++) {
		worker_free(crew.all[i]);
		crew.all[i] = NULL;
	}
	crew.count = running ? running - 1 : 0;
	workers_stop();
	return r;
}

void workers_stop(void)
{
	for (unsigned i = 0; i < crew.count; i++)
		worker_post(crew.all[i], &crew.all[i]->stop);
	for (unsigned i = 0; i < crew.count; i++)
		pthread_join(crew.all[i]->thread, NULL);
	for (unsigned i = 0; i < crew.count; i++)
		worker_free(crew.all[i]);
	free(crew.all);
	crew.all = NULL;
	crew.count = 0;
}
