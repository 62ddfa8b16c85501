/* Questions that may not take long: who is left behind, and who is not even asked meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/windows_within.h"
#include "base/clock.h"

static atomic_int released;
static atomic_bool go_on;

static void release(void *arg)
{
	free(arg);
	atomic_fetch_add(&released, 1);
}

static void answer(void *arg)
{
	*(int *)arg = 42;
}

static void hang(void *arg)
{
	while (!atomic_load(&go_on))
		usleep(1000);
	*(int *)arg = 1;
}

static void an_answer_in_time_is_the_askers(void **state)
{
	int *arg = calloc(1, sizeof(*arg));
	assert_true(windows_within(5000, answer, arg, release));
	assert_int_equal(*arg, 42);
	assert_int_equal(atomic_load(&released), 0);
	free(arg);
}

static void one_that_hangs_is_left_and_nobody_else_asks(void **state)
{
	mono_ms begin = clock_mono();
	assert_false(windows_within(50, hang, calloc(1, sizeof(int)), release));
	assert_in_range(clock_mono() - begin, 50, 2000);
	assert_int_equal(atomic_load(&released), 0);
	begin = clock_mono();
	assert_false(windows_within(5000, answer, calloc(1, sizeof(int)), release));
	assert_in_range(clock_mono() - begin, 0, 1000);
	assert_int_equal(atomic_load(&released), 1);
	atomic_store(&go_on, true);
	for (int i = 0; i < 5000 && atomic_load(&released) < 2; i++)
		usleep(1000);
	assert_int_equal(atomic_load(&released), 2);
	int *arg = calloc(1, sizeof(*arg));
	assert_true(windows_within(5000, answer, arg, release));
	free(arg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_in_time_is_the_askers),
		cmocka_unit_test(one_that_hangs_is_left_and_nobody_else_asks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
