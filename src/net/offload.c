/* Threads for what blocks: see offload.h.
 *
 * A job has two holders, the asking fiber and the lane. One word settles who finishes last: the thread makes it DONE and
 * posts the answer, or the fiber makes it LEFT and goes away; whoever comes second releases. */
#include "net/offload.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/counters.h"
#include "net/worker_internal.h"

enum { END_S = 2 };

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_LEFT };

struct job {
	struct link link;
	void (*fn)(void *arg);
	void *arg;
	void (*release)(void *arg);
	_Atomic enum job_state state;
	struct message answer;
	struct worker *worker;
	struct fiber *fiber;
	bool answered;
};

struct offload_lane {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct link queue;
	unsigned queued, queue_limit;
	unsigned threads, threads_limit, idle;
	bool ending;
	pthread_t *ids;
	char name[16];
};

int offload_lane_new(const char *name, unsigned threads, unsigned queue, struct offload_lane **out)
{
	struct offload_lane *lane = calloc(1, sizeof(*lane));
	if (!lane)
		return -ENOMEM;
	lane->ids = calloc(threads, sizeof(*lane->ids));
	if (!lane->ids) {
		free(lane);
		return -ENOMEM;
	}
	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->wake, NULL);
	list_init(&lane->queue);
	lane->queue_limit = queue;
	lane->threads_limit = threads;
	snprintf(lane->name, sizeof(lane->name), "%s", name);
	*out = lane;
	return 0;
}

void offload_lane_free(struct offload_lane *lane)
{
	if (!lane)
		return;
	pthread_mutex_lock(&lane->lock);
	lane->ending = true;
	pthread_cond_broadcast(&lane->wake);
	pthread_mutex_unlock(&lane->lock);
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_S;
	for (unsigned i = 0; i < lane->threads; i++)
		if (pthread_timedjoin_np(lane->ids[i], NULL, &until) != 0)
			return;
	pthread_cond_destroy(&lane->wake);
	pthread_mutex_destroy(&lane->lock);
	free(lane->ids);
	free(lane);
}

/* ---- The threads */

static void job_finish(struct job *j)
{
	j->release(j->arg);
	free(j);
}

static void deliver(struct message *m)
{
	struct job *j = CONTAINER_OF(m, struct job, answer);
	j->answered = true;
	fiber_wake(j->fiber);
}

static void job_run(struct job *j)
{
	enum job_state running = JOB_RUNNING;
	j->fn(j->arg);
	struct worker *w = j->worker;
	if (atomic_compare_exchange_strong(&j->state, &running, JOB_DONE)) {
		worker_post(w, &j->answer);
		return;
	}
	COUNT_ADD(offload_stuck, -1);
	job_finish(j);
}

static void *lane_main(void *arg)
{
	struct offload_lane *lane = arg;
	counters_attach();
	pthread_setname_np(pthread_self(), lane->name);
	pthread_mutex_lock(&lane->lock);
	for (;;) {
		struct link *l = list_pop(&lane->queue);
		if (l) {
			struct job *j = CONTAINER_OF(l, struct job, link);
			lane->queued--;
			atomic_store(&j->state, JOB_RUNNING);
			pthread_mutex_unlock(&lane->lock);
			job_run(j);
			pthread_mutex_lock(&lane->lock);
			continue;
		}
		if (lane->ending)
			break;
		lane->idle++;
		pthread_cond_wait(&lane->wake, &lane->lock);
		lane->idle--;
	}
	pthread_mutex_unlock(&lane->lock);
	counters_detach();
	return NULL;
}

/* ---- Asking */

static int start_thread(struct offload_lane *lane)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&lane->ids[lane->threads], NULL, lane_main, lane);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		lane->threads++;
	return -r;
}

/* Into the queue. A thread is started unless those that are idle are enough. */
static int enqueue(struct offload_lane *lane, struct job *j)
{
	int r = 0;
	pthread_mutex_lock(&lane->lock);
	bool starts = lane->queued >= lane->idle && lane->threads < lane->threads_limit;
	if (!starts && lane->queued >= lane->idle + lane->queue_limit)
		r = -EBUSY;
	else if (starts && start_thread(lane) != 0 && lane->threads == 0)
		r = -EBUSY;
	if (r == 0) {
		list_push(&lane->queue, &j->link);
		lane->queued++;
		pthread_cond_signal(&lane->wake);
	}
	pthread_mutex_unlock(&lane->lock);
	return r;
}

/* True when it had not begun: nobody else knows it any more. */
static bool withdraw(struct offload_lane *lane, struct job *j)
{
	pthread_mutex_lock(&lane->lock);
	bool queued = atomic_load(&j->state) == JOB_QUEUED;
	if (queued) {
		list_remove(&j->link);
		lane->queued--;
	}
	pthread_mutex_unlock(&lane->lock);
	return queued;
}

/* True when the running job is left to its thread; false when it has just ended and its answer is on the way. */
static bool leave(struct job *j)
{
	enum job_state running = JOB_RUNNING;
	COUNT(offload_stuck);
	if (atomic_compare_exchange_strong(&j->state, &running, JOB_LEFT))
		return true;
	COUNT_ADD(offload_stuck, -1);
	return false;
}

int offload(struct offload_lane *lane, void (*fn)(void *arg), void *arg, void (*release)(void *arg), mono_ms deadline)
{
	struct job *j = malloc(sizeof(*j));
	if (!j) {
		release(arg);
		return -ENOMEM;
	}
	*j = (struct job){
		.fn = fn, .arg = arg, .release = release, .answer.fn = deliver, .worker = worker_self(), .fiber = fiber_self()};
	list_init(&j->link);
	atomic_init(&j->state, JOB_QUEUED);
	int r = enqueue(lane, j);
	while (r == 0 && !j->answered) {
		r = fiber_wait(deadline);
		if (r == 0 || j->answered)
			continue;
		if (withdraw(lane, j))
			break;
		if (leave(j))
			return r;
		while (!j->answered)
			fiber_park();
	}
	if (j->answered)
		r = 0;
	job_finish(j);
	return r;
}
