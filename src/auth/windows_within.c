#include "auth/windows_within.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { RUNNING_MOST = 64 };

struct call {
	void (*ask)(void *arg);
	void (*release)(void *arg);
	void *arg;
	pthread_cond_t done;
	bool ended, left;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned running, overdue;

static void call_free(struct call *c)
{
	pthread_cond_destroy(&c->done);
	free(c);
}

static void *run(void *arg)
{
	struct call *c = arg;
	c->ask(c->arg);
	pthread_mutex_lock(&lock);
	bool left = c->left;
	c->ended = true;
	running--;
	overdue -= left;
	pthread_cond_signal(&c->done);
	pthread_mutex_unlock(&lock);
	if (left) {
		c->release(c->arg);
		call_free(c);
	}
	return NULL;
}

static struct call *call_new(void (*ask)(void *arg), void *arg, void (*release)(void *arg))
{
	pthread_condattr_t monotonic;
	struct call *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	*c = (struct call){.ask = ask, .release = release, .arg = arg};
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&c->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return c;
}

/* With the lock held. Signals are the main thread's alone. */
static bool begin(struct call *c)
{
	pthread_t id;
	sigset_t all, before;
	if (overdue > 0 || running >= RUNNING_MOST)
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&id, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return false;
	pthread_detach(id);
	running++;
	return true;
}

/* With the lock held. */
static void wait_for_end(struct call *c, int ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!c->ended && pthread_cond_timedwait(&c->done, &lock, &until) != ETIMEDOUT)
		;
	c->left = !c->ended;
	overdue += c->left;
}

bool windows_within(int ms, void (*ask)(void *arg), void *arg, void (*release)(void *arg))
{
	struct call *c = call_new(ask, arg, release);
	if (!c) {
		release(arg);
		return false;
	}
	pthread_mutex_lock(&lock);
	bool begun = begin(c);
	if (begun)
		wait_for_end(c, ms);
	bool left = begun && c->left;
	pthread_mutex_unlock(&lock);
	if (left)
		return false;
	call_free(c);
	if (!begun)
		release(arg);
	return begun;
}
