/* Failures of sign-in, counted for each pair of address and account: a table of the conversation with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/failures.h"

enum { MINUTE = 60 * 1000, WINDOW = 15 * MINUTE };

static struct failures_attempt attempt(const char *from, const char *user)
{
	struct failures_attempt a = {.limits = {.most = 3, .window_ms = WINDOW, .pairs = 1000}};
	assert_int_equal(addr_parse(span_of(from), 4711, &a.from), 0);
	a.claim.n = (unsigned)strlen(user);
	memcpy(a.claim.user, user, a.claim.n);
	return a;
}

static enum failures_verdict wrong(const char *from, const char *user, mono_ms now)
{
	struct failures_attempt a = attempt(from, user);
	enum failures_verdict v = failures_ask(&a, now);
	failures_tell(&a, FAILURES_WRONG, now);
	return v;
}

static enum failures_verdict ask(const char *from, const char *user, mono_ms now)
{
	struct failures_attempt a = attempt(from, user);
	enum failures_verdict v = failures_ask(&a, now);
	failures_tell(&a, FAILURES_UNDECIDED, now);
	return v;
}

static void after_so_many_it_is_refused(void **state)
{
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(wrong("10.0.0.1", "a", 1), FAILURES_GO);
	assert_int_equal(wrong("10.0.0.1", "a", 2), FAILURES_REFUSE);
	struct failures_row rows[4];
	struct failures_limits limits = {.most = 3, .window_ms = WINDOW};
	assert_int_equal(failures_refused(&limits, 2, rows, 4), 1);
	assert_string_equal(rows[0].user, "a");
	assert_string_equal(rows[0].from, "10.0.0.1");
	assert_true(rows[0].failures == 3 && rows[0].left_ms == WINDOW - 1);
	assert_int_equal(ask("10.0.0.2", "a", 2), FAILURES_GO);
	assert_int_equal(ask("10.0.0.1", "b", 2), FAILURES_GO);
	assert_int_equal(ask("10.0.0.1", "a", WINDOW), FAILURES_REFUSE);
	assert_int_equal(ask("10.0.0.1", "a", WINDOW + 1), FAILURES_GO);
}

static void success_clears(void **state)
{
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(wrong("10.0.0.1", "c", i), FAILURES_GO);
		assert_int_equal(wrong("10.0.0.1", "c", i), FAILURES_GO);
		struct failures_attempt a = attempt("10.0.0.1", "c");
		assert_int_equal(failures_ask(&a, i), FAILURES_GO);
		failures_tell(&a, FAILURES_RIGHT, i);
	}
}

static void failures_of_long_ago_do_not_count(void **state)
{
	for (mono_ms now = 1; now < 100 * WINDOW; now += WINDOW / 2)
		assert_int_equal(wrong("10.0.0.1", "d", now), FAILURES_GO);
}

static void no_more_are_in_flight_than_may_fail(void **state)
{
	struct failures_attempt a[3];
	assert_int_equal(wrong("10.0.0.1", "e", 1), FAILURES_GO);
	for (unsigned i = 0; i < 2; i++) {
		a[i] = attempt("10.0.0.1", "e");
		assert_int_equal(failures_ask(&a[i], 1), FAILURES_GO);
	}
	a[2] = attempt("10.0.0.1", "e");
	assert_int_equal(failures_ask(&a[2], 1), FAILURES_WAIT);
	failures_tell(&a[2], FAILURES_WRONG, 1); /* was not let through: counts for nothing */
	failures_tell(&a[0], FAILURES_UNDECIDED, 1);
	assert_int_equal(failures_ask(&a[2], 1), FAILURES_GO);
	failures_tell(&a[1], FAILURES_RIGHT, 1);
	failures_tell(&a[2], FAILURES_WRONG, 1);
	failures_tell(&a[2], FAILURES_WRONG, 1); /* once only */
	assert_int_equal(wrong("10.0.0.1", "e", 1), FAILURES_GO);
	assert_int_equal(wrong("10.0.0.1", "e", 1), FAILURES_GO);
	assert_int_equal(wrong("10.0.0.1", "e", 1), FAILURES_REFUSE);
}

static void mapped_addresses_are_the_same(void **state)
{
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(wrong("10.0.0.9", "f", 1), FAILURES_GO);
	assert_int_equal(ask("::ffff:10.0.0.9", "f", 1), FAILURES_REFUSE);
	assert_int_equal(ask("2001:db8::9", "f", 1), FAILURES_GO);
}

static void without_a_limit_or_a_name_nothing_counts(void **state)
{
	unsigned before = failures_pairs();
	for (unsigned i = 0; i < 9; i++) {
		struct failures_attempt a = attempt("10.0.0.1", "g"), b = attempt("10.0.0.1", "");
		a.limits.most = 0;
		assert_int_equal(failures_ask(&a, 1), FAILURES_GO);
		assert_int_equal(failures_ask(&b, 1), FAILURES_GO);
		failures_tell(&a, FAILURES_WRONG, 1);
		failures_tell(&b, FAILURES_WRONG, 1);
	}
	assert_int_equal(failures_pairs(), before);
}

static void who_does_not_fail_is_not_remembered(void **state)
{
	unsigned before = failures_pairs();
	assert_int_equal(ask("10.0.0.1", "h", 1), FAILURES_GO);
	struct failures_attempt a = attempt("10.0.0.1", "i");
	assert_int_equal(failures_ask(&a, 1), FAILURES_GO);
	assert_int_equal(failures_pairs(), before + 1);
	failures_tell(&a, FAILURES_RIGHT, 1);
	assert_int_equal(failures_pairs(), before);
}

static void the_oldest_give_way(void **state)
{
	char user[32];
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(wrong("10.0.0.1", "first", 1), FAILURES_GO);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(user, sizeof(user), "flood%u", i);
		assert_int_equal(wrong("10.0.0.1", user, 1), FAILURES_GO);
		assert_in_range(failures_pairs(), 1, 1000);
	}
	assert_int_equal(ask("10.0.0.1", "first", 1), FAILURES_GO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_so_many_it_is_refused),
		cmocka_unit_test(success_clears),
		cmocka_unit_test(failures_of_long_ago_do_not_count),
		cmocka_unit_test(no_more_are_in_flight_than_may_fail),
		cmocka_unit_test(mapped_addresses_are_the_same),
		cmocka_unit_test(without_a_limit_or_a_name_nothing_counts),
		cmocka_unit_test(who_does_not_fail_is_not_remembered),
		cmocka_unit_test(the_oldest_give_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
