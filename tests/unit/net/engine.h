/* Runs a test's body on a fiber of a real worker, and waits for it.
 *
 *     on_worker(body, arg);        starts one worker, runs body(arg) on a fiber, stops the worker
 */
#ifndef FAIRLEAD_TESTS_ENGINE_H
#define FAIRLEAD_TESTS_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/fiber.h"
#include "net/stream.h"
#include "net/worker.h"

/* cmocka's own asserts jump out of the function, which no fiber and no second thread may do. */
#define CHECK(x)                                                            \
	do {                                                                    \
		if (!(x)) {                                                         \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
			_exit(1);                                                       \
		}                                                                   \
	} while (0)

struct engine_job {
	fiber_fn *fn;
	void *arg;
	sem_t done;
	const struct worker_limits *limits;
};

static inline void engine_fiber(void *arg)
{
	struct engine_job *job = arg;
	job->fn(job->arg);
	sem_post(&job->done);
}

static inline void engine_start(unsigned index, void *arg)
{
	if (index == 0)
		CHECK(fiber_start(engine_fiber, arg) == 0);
}

static inline void on_workers(unsigned count, const struct worker_limits *limits, fiber_fn *fn, void *arg)
{
	struct engine_job job = {.fn = fn, .arg = arg};
	sem_init(&job.done, 0, 0);
	CHECK(workers_start(count, limits, engine_start, &job) == 0);
	while (sem_wait(&job.done) != 0)
		;
	workers_stop();
	sem_destroy(&job.done);
}

static inline void on_worker(fiber_fn *fn, void *arg)
{
	on_workers(1, NULL, fn, arg);
}

/* Two connected non-blocking sockets: of the local kind, or TCP over loopback. */
static inline void local_pair(int fds[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
}

static inline void tcp_pair(int fds[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(l >= 0 && bind(l, (struct sockaddr *)&a, size) == 0 && listen(l, 8) == 0);
	CHECK(getsockname(l, (struct sockaddr *)&a, &size) == 0);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	connect(fds[0], (struct sockaddr *)&a, size);
	fds[1] = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(fds[0] >= 0 && fds[1] >= 0);
	close(l);
}

static inline void stream_pair(struct stream *one, struct stream *two, void (*make)(int fds[2]))
{
	int fds[2];
	make(fds);
	CHECK(stream_open(one, fds[0]) == 0);
	CHECK(stream_open(two, fds[1]) == 0);
}

#endif
