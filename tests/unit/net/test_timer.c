/* The timer wheel: order, moving, the horizon. */
#include "engine.h"

#include <stdlib.h>

#include "net/worker_internal.h"

struct alarm {
	struct timer timer;
	mono_ms wanted, rang;
	int order;
};

static int rung;

static void ring(struct timer *t)
{
	struct alarm *a = CONTAINER_OF(t, struct alarm, timer);
	CHECK(a->rang == 0);
	a->rang = worker_now();
	a->order = ++rung;
}

static void set(struct alarm *a, int64_t ms)
{
	a->wanted = worker_now() + ms;
	timer_set(&a->timer, a->wanted);
}

static void ring_in_order(void *arg)
{
	enum { COUNT_OF = 50 };
	struct alarm all[COUNT_OF] = {0};
	rung = 0;
	for (int i = 0; i < COUNT_OF; i++) {
		timer_init(&all[i].timer, ring);
		/* The last ones first. */
		set(&all[i], 20 * (COUNT_OF - i));
	}
	CHECK(fiber_sleep(20 * COUNT_OF + 60) == 0);
	CHECK(rung == COUNT_OF);
	for (int i = 0; i < COUNT_OF; i++) {
		CHECK(all[i].order == COUNT_OF - i);
		CHECK(all[i].rang >= all[i].wanted && all[i].rang < all[i].wanted + 1000);
	}
}

static void timers_ring_in_order(void **state)
{
	on_worker(ring_in_order, NULL);
}

static void move(void *arg)
{
	struct alarm a = {0}, b = {0}, c = {0}, d = {0};
	timer_init(&a.timer, ring);
	timer_init(&b.timer, ring);
	timer_init(&c.timer, ring);
	timer_init(&d.timer, ring);
	rung = 0;
	set(&a, 50);
	mono_ms slot = a.timer.slot;
	set(&a, 1000);
	/* Later: no list was touched. */
	CHECK(a.timer.slot == slot);
	set(&b, 5000);
	set(&b, 100);
	CHECK(b.timer.slot < worker_now() + 200);
	set(&c, 60);
	timer_stop(&c.timer);
	set(&d, 60);
	timer_set(&d.timer, NEVER);
	CHECK(fiber_sleep(200) == 0);
	CHECK(a.rang == 0 && b.rang >= b.wanted && c.rang == 0 && d.rang == 0);
	CHECK(fiber_sleep(900) == 0);
	CHECK(a.rang >= a.wanted && a.rang < a.wanted + 1000);
	CHECK(rung == 2);
	timer_stop(&d.timer);
	timer_stop(&d.timer);
}

static void timers_move(void **state)
{
	on_worker(move, NULL);
}

static void set_again(struct timer *t)
{
	struct alarm *a = CONTAINER_OF(t, struct alarm, timer);
	if (++a->order < 5)
		timer_set(t, worker_now() + 20);
}

static void ring_repeatedly(void *arg)
{
	struct alarm a = {0};
	timer_init(&a.timer, set_again);
	set(&a, 1);
	CHECK(fiber_sleep(400) == 0);
	CHECK(a.order == 5);
}

static void a_timer_may_set_itself_again(void **state)
{
	on_worker(ring_repeatedly, NULL);
}

static struct alarm victim;

static void stop_the_other(struct timer *t)
{
	timer_stop(&victim.timer);
}

static void stop_a_neighbour(void *arg)
{
	struct timer first;
	rung = 0;
	victim = (struct alarm){0};
	timer_init(&first, stop_the_other);
	timer_init(&victim.timer, ring);
	timer_set(&first, worker_now() + 40);
	timer_set(&victim.timer, first.when);
	CHECK(fiber_sleep(120) == 0);
	CHECK(rung == 0);
}

static void a_timer_may_stop_its_neighbour(void **state)
{
	on_worker(stop_a_neighbour, NULL);
}

/* Never early, and late by less than a tick. */
static void check_rung(const struct alarm *a)
{
	CHECK(!a->rang || worker_now() >= a->wanted);
	CHECK(a->rang || worker_now() < a->wanted + TICK_MS);
}

/* A wheel turned by hand, since nobody waits an hour. */
static void turn_by_hand(void *arg)
{
	struct worker *w = worker_self();
	mono_ms real = w->now;
	struct alarm hour = {0}, minute = {0}, second = {0};
	timer_init(&hour.timer, ring);
	timer_init(&minute.timer, ring);
	timer_init(&second.timer, ring);
	rung = 0;
	set(&hour, 3600 * 1000);
	set(&minute, 60 * 1000);
	set(&second, 1000);
	CHECK(hour.timer.slot <= w->now + WHEEL_SLOTS * TICK_MS);
	for (int step = 0; step < 3600 * 1000 / 500 + 2; step++) {
		w->now += 500;
		wheel_fire(w);
		check_rung(&second);
		check_rung(&hour);
	}
	CHECK(minute.order == 2 && hour.order == 3);
	CHECK(minute.rang < minute.wanted + 501 && hour.rang < hour.wanted + 501);

	/* A machine that slept for a day. */
	hour.rang = second.rang = 0;
	set(&hour, 3600 * 1000);
	set(&second, 1000);
	w->now += 24 * 3600 * 1000;
	wheel_fire(w);
	CHECK(second.rang && hour.rang);
	CHECK(second.order < hour.order);
	w->now = real;
	wheel_init(w);
}

static void the_horizon_is_no_limit(void **state)
{
	on_worker(turn_by_hand, NULL);
}

/* Against a straight list: the same rings at the same times. */
static void compare_with_a_list(void *arg)
{
	enum { COUNT_OF = 300 };
	struct worker *w = worker_self();
	mono_ms real = w->now;
	struct alarm *all = calloc(COUNT_OF, sizeof(*all));
	mono_ms *expected = calloc(COUNT_OF, sizeof(*expected));
	srand(7);
	for (int i = 0; i < COUNT_OF; i++) {
		timer_init(&all[i].timer, ring);
		expected[i] = NEVER;
	}
	for (int step = 0; step < 20000; step++) {
		int i = rand() % COUNT_OF;
		int what = rand() % 8;
		if (what == 0) {
			timer_stop(&all[i].timer);
			expected[i] = NEVER;
		} else if (what < 6) {
			expected[i] = w->now + rand() % (rand() % 4 ? 2000 : 200000);
			timer_set(&all[i].timer, expected[i]);
		}
		w->now += rand() % 60;
		for (int k = 0; k < COUNT_OF; k++)
			all[k].rang = 0;
		wheel_fire(w);
		for (int k = 0; k < COUNT_OF; k++) {
			if (all[k].rang) {
				CHECK(expected[k] <= w->now);
				expected[k] = NEVER;
			}
			CHECK(expected[k] == NEVER || expected[k] > w->now - 2 * TICK_MS);
		}
	}
	for (int i = 0; i < COUNT_OF; i++)
		timer_stop(&all[i].timer);
	w->now = real;
	wheel_init(w);
	free(all);
	free(expected);
}

static void the_wheel_rings_as_a_list_would(void **state)
{
	on_worker(compare_with_a_list, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_ring_in_order),         cmocka_unit_test(timers_move),
		cmocka_unit_test(a_timer_may_set_itself_again), cmocka_unit_test(a_timer_may_stop_its_neighbour),
		cmocka_unit_test(the_horizon_is_no_limit),      cmocka_unit_test(the_wheel_rings_as_a_list_would),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
