/* Listeners: two workers on one address, running out of descriptors, a second instance, draining. */
#include "engine.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/counters.h"
#include "net/listener.h"

enum { WORKERS = 2 };

static struct listener *listener;
static atomic_int accepted[WORKERS];
static atomic_int from_loopback, drained;

static struct addr loopback(const char *host, uint16_t port)
{
	struct addr a;
	CHECK(addr_parse(span_of(host), port, &a) == 0);
	return a;
}

static void on_accept(int fd, const struct addr *from, void *arg)
{
	int flags = fcntl(fd, F_GETFL), descriptor = fcntl(fd, F_GETFD);
	CHECK(flags & O_NONBLOCK && descriptor & FD_CLOEXEC);
	from_loopback += addr_is_loopback(from) && addr_port(from) != 0;
	accepted[worker_index()]++;
	close(fd);
}

static void start(unsigned index, void *arg)
{
	CHECK(listener_start(listener, on_accept, arg) == 0);
	CHECK(listener_start(listener, on_accept, arg) == 0);
}

static void drain(struct message *m)
{
	listener_drain(listener);
	drained++;
	free(m);
}

static void drain_all(void)
{
	drained = 0;
	for (unsigned i = 0; i < workers_count(); i++) {
		struct message *m = malloc(sizeof(*m));
		m->fn = drain;
		worker_post(worker_at(i), m);
	}
	while (drained < (int)workers_count())
		usleep(1000);
}

static int knock(const struct addr *a)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	if (connect(fd, &a->sa, addr_length(a)) != 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static void wait_for(int count)
{
	for (int i = 0; i < 5000 && accepted[0] + accepted[1] < count; i++)
		usleep(1000);
	assert_int_equal(accepted[0] + accepted[1], count);
}

static void begin(const char *host, bool shared)
{
	struct addr a = loopback(host, 0);
	accepted[0] = accepted[1] = from_loopback = 0;
	assert_int_equal(listener_open(&a, WORKERS, shared, 512, &listener), 0);
	assert_int_not_equal(addr_port(listener_addr(listener)), 0);
	assert_int_equal(workers_start(WORKERS, NULL, start, NULL), 0);
}

static void end(void)
{
	drain_all();
	workers_stop();
	listener_free(listener);
}

static void knock_often(int count)
{
	struct addr a = *listener_addr(listener);
	for (int i = 0; i < count; i++) {
		int fd = knock(&a);
		assert_true(fd >= 0);
		close(fd);
	}
	wait_for(count);
	assert_int_equal(from_loopback, count);
}

static void two_workers_share_an_address(void **state)
{
	begin("127.0.0.1", false);
	knock_often(400);
	assert_true(accepted[0] > 50 && accepted[1] > 50);
	end();
}

static void two_workers_share_a_socket(void **state)
{
	begin("127.0.0.1", true);
	knock_often(400);
	end();
}

static void the_unspecified_address_takes_both_families(void **state)
{
	begin("::", false);
	struct addr a = loopback("127.0.0.1", addr_port(listener_addr(listener)));
	int fd = knock(&a);
	assert_true(fd >= 0);
	close(fd);
	a = loopback("::1", addr_port(listener_addr(listener)));
	fd = knock(&a);
	if (fd < 0)
		print_message("    no IPv6 here\n");
	else
		close(fd);
	wait_for(fd < 0 ? 1 : 2);
	assert_int_equal(from_loopback, fd < 0 ? 1 : 2);
	end();
}

static void a_second_instance_is_refused(void **state)
{
	struct listener *second = NULL;
	begin("127.0.0.1", false);
	struct addr a = *listener_addr(listener), any = loopback("0.0.0.0", addr_port(&a));
	assert_int_equal(listener_open(&a, WORKERS, false, 16, &second), -EADDRINUSE);
	assert_int_equal(listener_open(&a, WORKERS, true, 16, &second), -EADDRINUSE);
	assert_int_equal(listener_open(&any, WORKERS, false, 16, &second), -EADDRINUSE);
	assert_null(second);
	pid_t child = fork();
	if (child == 0)
		_exit(listener_open(&a, 1, false, 16, &second) == -EADDRINUSE ? 0 : 1);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	end();
	/* The name is free again, connections in TIME_WAIT or not. */
	assert_int_equal(listener_open(&a, WORKERS, false, 16, &second), 0);
	listener_free(second);
}

static void running_out_of_descriptors_passes(void **state)
{
	struct rlimit before, low;
	int fds[20], top;
	begin("127.0.0.1", false);
	struct addr a = *listener_addr(listener);
	int64_t failures = counter_read(COUNTER_accept_failures_total);
	for (int i = 0; i < 20; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(fds[i] >= 0);
	}
	top = dup(0);
	assert_true(top >= 0);
	close(top);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = (rlim_t)top;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(connect(fds[i], &a.sa, addr_length(&a)), 0);
	usleep(250000);
	int during = accepted[0] + accepted[1];
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(during, 0);
	assert_true(counter_read(COUNTER_accept_failures_total) >= failures + 2);
	/* No new connection, no new edge: they are taken all the same. */
	wait_for(20);
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	end();
}

static void hold_up(struct message *m)
{
	usleep(100000);
	free(m);
}

static void draining_takes_what_waits(void **state)
{
	begin("127.0.0.1", false);
	struct addr a = *listener_addr(listener);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct message *m = malloc(sizeof(*m));
		m->fn = hold_up;
		worker_post(worker_at(i), m);
	}
	usleep(20000);
	int fds[100];
	for (int i = 0; i < 100; i++) {
		fds[i] = knock(&a);
		assert_true(fds[i] >= 0);
	}
	drain_all();
	assert_int_equal(accepted[0] + accepted[1], 100);
	assert_int_equal(knock(&a), -ECONNREFUSED);
	for (int i = 0; i < 100; i++)
		close(fds[i]);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_workers_share_an_address),
		cmocka_unit_test(two_workers_share_a_socket),
		cmocka_unit_test(the_unspecified_address_takes_both_families),
		cmocka_unit_test(a_second_instance_is_refused),
		cmocka_unit_test(running_out_of_descriptors_passes),
		cmocka_unit_test(draining_takes_what_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
