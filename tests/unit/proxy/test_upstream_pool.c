/* Waiting for one of a server's few connections. */
#include "net/engine.h"

#include <stdlib.h>

#include "proxy/upstream_pool.h"

static struct upstream_pool pool;

static struct upstream_server *server_with_one_connection(struct upstream_conn **conn)
{
	upstream_pool_init(&pool);
	struct upstream_server *server = upstream_server_get(&pool, SPAN("key"), SPAN("name"));
	CHECK(server);
	*conn = calloc(1, sizeof(**conn));
	CHECK(*conn);
	list_init(&(*conn)->link);
	list_init(&(*conn)->by_age);
	(*conn)->stream.watch.fd = -1;
	(*conn)->server = server;
	upstream_server_enter(server);
	return server;
}

struct asking {
	struct upstream_server *server;
	int64_t wait_ms;
	int result;
};

static int ask(void *arg)
{
	struct asking *a = arg;
	a->result = upstream_server_wait(a->server, 1, true, worker_now() + a->wait_ms);
	return 0;
}

static void come_free_when_the_first_gives_up(void *arg)
{
	struct upstream_conn *conn;
	struct upstream_server *server = server_with_one_connection(&conn);
	struct asking first = {.server = server, .wait_ms = 3000}, second = {.server = server, .wait_ms = 3000};
	struct task one, two;
	CHECK(task_start(&one, ask, &first) == 0);
	CHECK(task_start(&two, ask, &second) == 0);
	while (list_empty(&server->waiting) || server->waiting.next->next == &server->waiting)
		fiber_yield();
	/* The connection ends when the first has been told to give up, and has not yet done so. */
	task_cancel(&one);
	upstream_conn_end(conn);
	task_join(&one);
	task_join(&two);
	CHECK(first.result == -ECANCELED);
	CHECK(second.result == 0);
	upstream_server_put(server);
	upstream_pool_fini(&pool);
}

static void a_place_that_comes_too_late_for_one_is_the_next_ones(void **state)
{
	on_worker(come_free_when_the_first_gives_up, NULL);
}

static void wait_in_vain(void *arg)
{
	struct upstream_conn *conn;
	struct upstream_server *server = server_with_one_connection(&conn);
	CHECK(upstream_server_wait(server, 1, false, worker_now() + 50) == -ETIMEDOUT);
	CHECK(upstream_server_wait(server, 2, false, worker_now() + 50) == 0);
	upstream_conn_end(conn);
	CHECK(upstream_server_wait(server, 1, false, worker_now() + 50) == 0);
	upstream_server_put(server);
	upstream_pool_fini(&pool);
}

static void without_a_place_the_wait_ends_by_its_deadline(void **state)
{
	on_worker(wait_in_vain, NULL);
}

struct crowd {
	struct upstream_server *server;
	unsigned through, at_once, most;
};

static int sign_in(void *arg)
{
	struct crowd *c = arg;
	CHECK(upstream_server_wait_to_sign_in(c->server, worker_now() + 3000) == 0);
	upstream_server_begin_sign_in(c->server);
	c->at_once++;
	c->most = c->at_once > c->most ? c->at_once : c->most;
	CHECK(fiber_sleep(2) == 0);
	c->at_once--;
	c->through++;
	upstream_server_end_sign_in(c->server);
	return 0;
}

static void come_in_a_crowd(void *arg)
{
	enum { CROWD = 200 };
	static struct task tasks[CROWD];
	struct upstream_conn *conn;
	struct crowd crowd = {.server = server_with_one_connection(&conn)};
	for (int i = 0; i < CROWD; i++)
		CHECK(task_start(&tasks[i], sign_in, &crowd) == 0);
	for (int i = 0; i < CROWD; i++)
		task_join(&tasks[i]);
	CHECK(crowd.through == CROWD && crowd.most == 16 && crowd.server->signing_in == 0);
	upstream_conn_end(conn);
	upstream_server_put(crowd.server);
	upstream_pool_fini(&pool);
}

static void a_crowd_signs_in_a_few_at_a_time(void **state)
{
	on_worker(come_in_a_crowd, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crowd_signs_in_a_few_at_a_time),
		cmocka_unit_test(a_place_that_comes_too_late_for_one_is_the_next_ones),
		cmocka_unit_test(without_a_place_the_wait_ends_by_its_deadline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
