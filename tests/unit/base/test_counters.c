/* Counters: rows of threads add up, also after the threads have ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include <pthread.h>

#include "base/counters.h"

enum { THREADS = 4, TIMES = 100000 };

static void *count_much(void *arg)
{
	if (arg)
		counters_attach();
	for (int i = 0; i < TIMES; i++) {
		COUNT(exchanges_total);
		COUNT(exchanges);
		COUNT_ADD(client_bytes_in_total, 3);
		COUNT_ADD(exchanges, -1);
	}
	if (arg)
		counters_detach();
	return NULL;
}

static void no_count_is_lost(void **state)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_much, i % 2 ? &threads : NULL), 0);
	for (int i = 0; i < 1000; i++)
		assert_true(counter_read(COUNTER_exchanges_total) <= THREADS * TIMES);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(counter_read(COUNTER_exchanges_total), THREADS * TIMES);
	assert_int_equal(counter_read(COUNTER_client_bytes_in_total), 3 * THREADS * TIMES);
	assert_int_equal(counter_read(COUNTER_exchanges), 0);
}

static void *count_down(void *arg)
{
	counters_attach();
	counters_attach();
	COUNT_ADD(tunnels, -5);
	counters_detach();
	return NULL;
}

static void a_gauge_may_fall_on_another_thread(void **state)
{
	pthread_t thread;
	COUNT_ADD(tunnels, 7);
	assert_int_equal(pthread_create(&thread, NULL, count_down, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(counter_read(COUNTER_tunnels), 2);
}

static void every_counter_is_described(void **state)
{
	for (int i = 0; i < COUNTER_LIMIT; i++) {
		assert_non_null(counter_table[i].name);
		assert_non_null(counter_table[i].sentence);
	}
	assert_string_equal(counter_table[COUNTER_fibers].name, "fibers");
	assert_int_equal(counter_table[COUNTER_fibers].kind, COUNTER_GAUGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_count_is_lost),
		cmocka_unit_test(a_gauge_may_fall_on_another_thread),
		cmocka_unit_test(every_counter_is_described),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
