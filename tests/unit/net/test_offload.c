/* Lanes for what blocks: full queues, deadlines, and that a job's argument is released once. */
#include "engine.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/counters.h"
#include "net/offload.h"

struct work {
	atomic_int runs, releases, gate;
};

static void release(void *arg)
{
	struct work *w = arg;
	CHECK(++w->releases == 1);
}

static void compute(void *arg)
{
	struct work *w = arg;
	CHECK(worker_self() == NULL);
	w->runs++;
}

static void wait_at_gate(void *arg)
{
	struct work *w = arg;
	w->runs++;
	while (!w->gate)
		usleep(1000);
}

static void ask_many(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		struct work w = {0};
		CHECK(offload(arg, compute, &w, release, worker_now() + 10000) == 0);
		CHECK(w.runs == 1 && w.releases == 1);
	}
}

static void a_job_runs_on_another_thread(void **state)
{
	struct offload_lane *lane;
	assert_int_equal(offload_lane_new("lane", 2, 4, &lane), 0);
	on_worker(ask_many, lane);
	offload_lane_free(lane);
}

/* ---- Full */

struct crowd {
	struct offload_lane *lane;
	struct work works[4];
	int results[4];
};

struct asker {
	struct crowd *crowd;
	int i;
};

static int ask_one(void *arg)
{
	struct asker *a = arg;
	struct crowd *c = a->crowd;
	return offload(c->lane, wait_at_gate, &c->works[a->i], release, NEVER);
}

static void crowd_in(void *arg)
{
	struct crowd *c = arg;
	struct task t[4];
	struct asker askers[4];
	/* One runs, two wait, the fourth is turned away. */
	for (int i = 0; i < 4; i++) {
		askers[i] = (struct asker){c, i};
		CHECK(task_start(&t[i], ask_one, &askers[i]) == 0);
		CHECK(fiber_sleep(30) == 0);
	}
	CHECK(task_done(&t[3]) && task_join(&t[3]) == -EBUSY);
	CHECK(c->works[3].releases == 1 && c->works[3].runs == 0);
	/* Of those that wait, one is told to end: it never runs. */
	task_cancel(&t[2]);
	CHECK(task_join(&t[2]) == -ECANCELED);
	CHECK(c->works[2].releases == 1 && c->works[2].runs == 0);
	c->works[0].gate = c->works[1].gate = 1;
	CHECK(task_join(&t[0]) == 0 && task_join(&t[1]) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(c->works[i].releases == 1 && c->works[i].runs == (i < 2));
}

static void a_full_lane_says_so(void **state)
{
	struct crowd c = {0};
	assert_int_equal(offload_lane_new("crowded", 1, 2, &c.lane), 0);
	on_worker(crowd_in, &c);
	offload_lane_free(c.lane);
}

/* ---- Overdue */

static void be_overdue(void *arg)
{
	struct work first = {0}, stuck = {0}, late = {0};
	int64_t before = counter_read(COUNTER_offload_stuck);
	/* The thread is there now, and begins the next one without delay. */
	CHECK(offload(arg, compute, &first, release, worker_now() + 5000) == 0);
	CHECK(offload(arg, wait_at_gate, &stuck, release, worker_now() + 300) == -ETIMEDOUT);
	CHECK(stuck.runs == 1 && stuck.releases == 0);
	CHECK(counter_read(COUNTER_offload_stuck) == before + 1);
	/* The only thread is stuck, so this one is not even begun. */
	CHECK(offload(arg, compute, &late, release, worker_now() + 50) == -ETIMEDOUT);
	CHECK(late.runs == 0 && late.releases == 1);
	stuck.gate = 1;
	for (int i = 0; i < 100 && !stuck.releases; i++)
		CHECK(fiber_sleep(20) == 0);
	CHECK(stuck.releases == 1);
	CHECK(counter_read(COUNTER_offload_stuck) == before);
	struct work next = {0};
	CHECK(offload(arg, compute, &next, release, worker_now() + 5000) == 0);
	CHECK(next.runs == 1 && next.releases == 1);
}

static void an_overdue_job_is_left_to_its_thread(void **state)
{
	struct offload_lane *lane;
	assert_int_equal(offload_lane_new("slow", 1, 2, &lane), 0);
	on_worker(be_overdue, lane);
	offload_lane_free(lane);
}

/* ---- The deadline and the end at the same moment */

static void end_soon(void *arg)
{
	struct work *w = arg;
	usleep((useconds_t)w->gate);
	w->runs++;
}

static void drop(void *arg)
{
	struct work *w = arg;
	CHECK(++w->releases == 1);
	free(w);
}

static void race(void *arg)
{
	int ended = 0, overdue = 0;
	for (int i = 0; i < 150; i++) {
		struct work *w = calloc(1, sizeof(*w));
		w->gate = 5000 + i * 200;
		int r = offload(arg, end_soon, w, drop, worker_now() + 20);
		CHECK(r == 0 || r == -ETIMEDOUT);
		ended += r == 0;
		overdue += r != 0;
	}
	CHECK(ended > 10 && overdue > 10);
}

static void the_last_one_releases(void **state)
{
	struct offload_lane *lane;
	assert_int_equal(offload_lane_new("race", 8, 100, &lane), 0);
	on_worker(race, lane);
	offload_lane_free(lane);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_runs_on_another_thread),
		cmocka_unit_test(a_full_lane_says_so),
		cmocka_unit_test(an_overdue_job_is_left_to_its_thread),
		cmocka_unit_test(the_last_one_releases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
