/* Fibers: waiting, waking, telling to end, tasks, ceilings. */
#include "engine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/counters.h"
#include "net/worker_internal.h"

/* ---- Two that wake each other */

struct game {
	struct fiber *one, *two;
	int hits, wanted;
	bool over;
};

static void second_player(void *arg)
{
	struct game *g = arg;
	g->two = fiber_self();
	while (g->hits < g->wanted) {
		g->hits++;
		fiber_wake(g->one);
		CHECK(fiber_wait(NEVER) == 0);
	}
	g->over = true;
	fiber_wake(g->one);
}

static void play(void *arg)
{
	struct game *g = arg;
	g->one = fiber_self();
	CHECK(fiber_start(second_player, g) == 0);
	while (!g->over) {
		CHECK(fiber_wait(NEVER) == 0);
		if (g->two)
			fiber_wake(g->two);
	}
}

static void two_fibers_wake_each_other(void **state)
{
	struct game g = {.wanted = 1000};
	on_worker(play, &g);
	assert_int_equal(g.hits, 1000);
	assert_true(g.over);
}

/* ---- Deadlines and cancelling */

static void wait_for_nothing(void *arg)
{
	mono_ms before = clock_mono();
	CHECK(fiber_wait(worker_now() + 50) == -ETIMEDOUT);
	mono_ms waited = clock_mono() - before;
	CHECK(waited >= 48 && waited < 1000);
	CHECK(fiber_wait(worker_now() - 1) == -ETIMEDOUT);
	CHECK(fiber_sleep(20) == 0);
	/* The timer of the long wait stays in the wheel and must not end the next one early. */
	CHECK(fiber_wait(worker_now() + 30) == -ETIMEDOUT);
	before = clock_mono();
	CHECK(fiber_wait(worker_now() + 120) == -ETIMEDOUT);
	CHECK(clock_mono() - before >= 118);
}

static void a_wait_ends_at_its_deadline(void **state)
{
	on_worker(wait_for_nothing, NULL);
}

static int wait_for_ever(void *arg)
{
	int *waits = arg;
	int r = fiber_wait(NEVER);
	(*waits)++;
	CHECK(r == -ECANCELED);
	CHECK(fiber_wait(NEVER) == -ECANCELED);
	CHECK(fiber_sleep(1) == -ECANCELED);
	return r;
}

static void cancel_a_task(void *arg)
{
	int waits = 0;
	struct task t;
	CHECK(task_start(&t, wait_for_ever, &waits) == 0);
	CHECK(fiber_sleep(20) == 0);
	CHECK(!task_done(&t));
	task_cancel(&t);
	CHECK(task_join(&t) == -ECANCELED);
	CHECK(task_join(&t) == -ECANCELED);
	CHECK(waits == 1);
	struct task never = {0};
	CHECK(task_join(&never) == 0);
}

static void a_fiber_that_is_told_stays_told(void **state)
{
	on_worker(cancel_a_task, NULL);
}

static int tell_owner(void *arg)
{
	fiber_cancel(arg);
	CHECK(fiber_wait(worker_now() + 30) == -ETIMEDOUT);
	return 7;
}

static void join_while_told(void *arg)
{
	struct task t;
	CHECK(task_start(&t, tell_owner, fiber_self()) == 0);
	CHECK(fiber_wait(NEVER) == -ECANCELED);
	CHECK(task_join(&t) == 7);
}

static void a_told_owner_still_waits_for_its_task(void **state)
{
	on_worker(join_while_told, NULL);
}

/* ---- Many, and the ceiling */

static int alive, most_alive, ended;

static void live_a_while(void *arg)
{
	char frame[2048];
	memset(frame, (int)(intptr_t)arg, sizeof(frame));
	if (++alive > most_alive)
		most_alive = alive;
	CHECK(fiber_sleep(30 + (intptr_t)arg % 50) == 0);
	for (size_t i = 0; i < sizeof(frame); i++)
		CHECK(frame[i] == (char)(intptr_t)arg);
	alive--;
	ended++;
}

static void start_thousands(void *arg)
{
	for (int round = 0; round < 3; round++) {
		for (intptr_t i = 0; i < 3000; i++)
			CHECK(fiber_start(live_a_while, (void *)i) == 0);
		while (worker_fibers() > 1)
			CHECK(fiber_sleep(10) == 0);
	}
}

static void thousands_of_fibers_keep_their_stacks_apart(void **state)
{
	alive = most_alive = ended = 0;
	on_worker(start_thousands, NULL);
	assert_int_equal(ended, 9000);
	assert_true(most_alive > 2000);
	assert_int_equal(counter_read(COUNTER_fibers), 0);
}

static void start_too_many(void *arg)
{
	int64_t before = counter_read(COUNTER_fibers_refused_total);
	for (intptr_t i = 0; i < 4; i++)
		CHECK(fiber_start(live_a_while, (void *)i) == 0);
	CHECK(fiber_start(live_a_while, NULL) == -EAGAIN);
	CHECK(fiber_run(live_a_while, NULL) == -EAGAIN);
	CHECK(counter_read(COUNTER_fibers_refused_total) == before + 2);
	while (worker_fibers() > 1)
		CHECK(fiber_sleep(10) == 0);
	CHECK(fiber_start(live_a_while, NULL) == 0);
	while (worker_fibers() > 1)
		CHECK(fiber_sleep(10) == 0);
}

static void fibers_have_a_ceiling(void **state)
{
	struct worker_limits limits = worker_limits_default;
	limits.fibers = 5;
	on_workers(1, &limits, start_too_many, NULL);
}

static void swell_and_shrink(void *arg)
{
	struct worker *w = worker_self();
	for (intptr_t i = 0; i < 1000; i++)
		CHECK(fiber_start(live_a_while, (void *)i) == 0);
	while (worker_fibers() > 1)
		CHECK(fiber_sleep(10) == 0);
	CHECK(w->stacks.count == 1000);
	/* Half of the unused ones go every second, but for those that stay. */
	CHECK(fiber_sleep(3500) == 0);
	CHECK(w->stacks.count < 600 && w->stacks.count >= w->limits.spare_stacks);
}

static void spare_stacks_are_given_back(void **state)
{
	on_worker(swell_and_shrink, NULL);
}

/* ---- Stopping */

static atomic_int told;

static void wait_to_be_told(void *arg)
{
	CHECK(fiber_wait(NEVER) == -ECANCELED);
	told++;
}

static void hook(void *arg)
{
	CHECK(told == 0);
	*(int *)arg += 1;
}

static void leave_fibers_behind(void *arg)
{
	for (int i = 0; i < 10; i++)
		CHECK(fiber_start(wait_to_be_told, NULL) == 0);
	worker_on_stop(hook, arg);
	fiber_yield();
}

static void stopping_tells_those_that_wait(void **state)
{
	int hooks = 0;
	told = 0;
	on_worker(leave_fibers_behind, &hooks);
	assert_int_equal(told, 10);
	assert_int_equal(hooks, 1);
}

/* ---- Mail */

struct letter {
	struct message message;
	struct fiber *reader;
	int *order, number;
	bool last;
};

static void read_letter(struct message *m)
{
	struct letter *l = CONTAINER_OF(m, struct letter, message);
	CHECK(++*l->order == l->number);
	if (l->last)
		fiber_wake(l->reader);
}

static void *send_letters(void *arg)
{
	struct letter *letters = arg;
	for (int i = 0; i < 1000; i++)
		worker_post(worker_at(0), &letters[i].message);
	return NULL;
}

static void receive(void *arg)
{
	int order = 0;
	pthread_t sender;
	struct letter *letters = calloc(1000, sizeof(*letters));
	for (int i = 0; i < 1000; i++)
		letters[i] = (struct letter){
			.message.fn = read_letter, .reader = fiber_self(), .order = &order, .number = i + 1};
	letters[999].last = true;
	CHECK(pthread_create(&sender, NULL, send_letters, letters) == 0);
	while (order < 1000)
		CHECK(fiber_wait(worker_now() + 5000) == 0);
	pthread_join(sender, NULL);
	/* To oneself, with nobody else to ring the bell. */
	letters[0].number = 1001;
	letters[0].last = true;
	worker_post(worker_self(), &letters[0].message);
	while (order < 1001)
		CHECK(fiber_wait(worker_now() + 5000) == 0);
	free(letters);
}

static void mail_arrives_in_order(void **state)
{
	on_worker(receive, NULL);
}

/* ---- Cost */

static void switch_often(void *arg)
{
	enum { TIMES = 200000 };
	struct game g = {.wanted = TIMES};
	int64_t before = clock_mono_us();
	play(&g);
	printf("    %.0f ns for a wake-up and a switch there and back, the loop's epoll_wait() included\n",
	       (double)(clock_mono_us() - before) * 1000 / (2 * TIMES));
}

enum { CROWD = 64, ROUNDS = 20000 };

static void yield_often(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		fiber_yield();
}

static void switch_in_a_crowd(void *arg)
{
	int64_t before = clock_mono_us();
	for (int i = 0; i < CROWD; i++)
		CHECK(fiber_start(yield_often, NULL) == 0);
	while (worker_fibers() > 1)
		fiber_yield();
	printf("    %.1f ns for a switch there and back in a crowd\n",
	       (double)(clock_mono_us() - before) * 1000 / (CROWD * ROUNDS));
}

static void start_often(void *arg)
{
	*(int *)arg += 1;
}

static void start_fibers(void *arg)
{
	enum { TIMES = 200000 };
	int ran = 0;
	int64_t before = clock_mono_us();
	for (int i = 0; i < TIMES / 50; i++) {
		for (int k = 0; k < 50; k++)
			CHECK(fiber_start(start_often, &ran) == 0);
		fiber_yield();
	}
	fiber_yield();
	CHECK(ran == TIMES);
	printf("    %.1f ns for a fiber from its start to its end\n", (double)(clock_mono_us() - before) * 1000 / TIMES);
}

static void switching_is_measured(void **state)
{
	on_worker(switch_often, NULL);
	on_worker(switch_in_a_crowd, NULL);
	on_worker(start_fibers, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_fibers_wake_each_other),
		cmocka_unit_test(a_wait_ends_at_its_deadline),
		cmocka_unit_test(a_fiber_that_is_told_stays_told),
		cmocka_unit_test(a_told_owner_still_waits_for_its_task),
		cmocka_unit_test(thousands_of_fibers_keep_their_stacks_apart),
		cmocka_unit_test(fibers_have_a_ceiling),
		cmocka_unit_test(spare_stacks_are_given_back),
		cmocka_unit_test(stopping_tells_those_that_wait),
		cmocka_unit_test(mail_arrives_in_order),
		cmocka_unit_test(switching_is_measured),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
