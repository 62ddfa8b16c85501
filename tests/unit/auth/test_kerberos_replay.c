/* What was accepted once is not accepted again, for as long as a ticket's clock may lag, in bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "auth/kerberos_replay.h"

enum { MINUTE = 60 * 1000 };

static bool replayed(const char *kind, unsigned number, mono_ms now)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s %u", kind, number);
	return kerberos_replayed(span_make(text, (size_t)n), now);
}

static void each_is_new_once(void **state)
{
	for (unsigned i = 0; i < 100000; i++)
		assert_false(replayed("one", i, 1 * MINUTE));
	for (unsigned i = 0; i < 100000; i++)
		assert_true(replayed("one", i, 2 * MINUTE));
	assert_false(replayed("one", 100000, 2 * MINUTE));
}

static void none_is_forgotten_within_ten_minutes(void **state)
{
	for (mono_ms minute = 100; minute < 200; minute++) {
		assert_false(replayed("each minute", (unsigned)minute, minute * MINUTE));
		for (mono_ms before = minute - 10 < 100 ? 100 : minute - 10; before < minute; before++)
			assert_true(replayed("each minute", (unsigned)before, minute * MINUTE));
	}
}

static void old_ones_make_room(void **state)
{
	assert_false(replayed("old", 1, 300 * MINUTE));
	assert_false(replayed("old", 2, 312 * MINUTE));
	assert_false(replayed("old", 3, 324 * MINUTE));
	assert_false(replayed("old", 1, 324 * MINUTE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_new_once),
		cmocka_unit_test(none_is_forgotten_within_ten_minutes),
		cmocka_unit_test(old_ones_make_room),
	};
	return cmocka_run_group_tests_name("kerberos replay", tests, NULL, NULL);
}
