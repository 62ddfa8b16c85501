/* What the guard lets through, as a table of the conversation with it. */
#include "proxy/lockout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { S = 1000, MIN = 60 * S };

/* A secret that no other test knows. */
static uint64_t fresh(void)
{
	static uint64_t last = 0x5ec;
	return ++last;
}

static void must_say(enum lockout_verdict wanted, uint64_t secret, mono_ms now)
{
	mono_ms until;
	assert_int_equal(lockout_ask(secret, now, &until), wanted);
}

static void elsewhere_must_say(enum lockout_verdict wanted, uint64_t secret, mono_ms now)
{
	mono_ms until;
	assert_int_equal(lockout_ask_elsewhere(secret, now, &until), wanted);
}

static uint64_t proven(mono_ms now)
{
	uint64_t secret = fresh();
	must_say(LOCKOUT_GO, secret, now);
	lockout_tell(secret, LOCKOUT_ACCEPTED, now);
	return secret;
}

static void refused(uint64_t secret, mono_ms now)
{
	lockout_tell(secret, LOCKOUT_REFUSED, now);
}

static void one_never_accepted_is_tried_once_wherever(void **state)
{
	uint64_t secret = fresh();
	must_say(LOCKOUT_GO, secret, 1);
	must_say(LOCKOUT_WAIT, secret, 1);
	refused(secret, 2);
	must_say(LOCKOUT_HELD, secret, 3);
	elsewhere_must_say(LOCKOUT_HELD, secret, 3);
	must_say(LOCKOUT_HELD, secret, 3ll * 24 * 60 * MIN);
}

static void one_that_has_worked_is_tried_again_after_a_space(void **state)
{
	uint64_t secret = proven(1);
	must_say(LOCKOUT_GO, secret, 2);
	must_say(LOCKOUT_GO, secret, 2);
	refused(secret, 10);
	must_say(LOCKOUT_HELD, secret, 10 + 59 * S);
	must_say(LOCKOUT_GO, secret, 10 + 60 * S);
	must_say(LOCKOUT_WAIT, secret, 10 + 60 * S);
	lockout_tell(secret, LOCKOUT_ACCEPTED, 10 + 61 * S);
	must_say(LOCKOUT_GO, secret, 10 + 61 * S);
}

static void elsewhere_it_is_tried_without_the_space_but_not_more_often(void **state)
{
	uint64_t secret = proven(1);
	must_say(LOCKOUT_GO, secret, 2);
	refused(secret, 10);
	elsewhere_must_say(LOCKOUT_GO, secret, 11);
	elsewhere_must_say(LOCKOUT_WAIT, secret, 11);
	refused(secret, 12);
	elsewhere_must_say(LOCKOUT_GO, secret, 13);
	refused(secret, 14);
	elsewhere_must_say(LOCKOUT_HELD, secret, 15);
	elsewhere_must_say(LOCKOUT_HELD, secret, 29 * MIN);
	elsewhere_must_say(LOCKOUT_GO, secret, 31 * MIN);
}

static void what_was_not_decided_counts_for_nothing(void **state)
{
	uint64_t secret = fresh();
	must_say(LOCKOUT_GO, secret, 1);
	lockout_tell(secret, LOCKOUT_UNDECIDED, 2);
	must_say(LOCKOUT_GO, secret, 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_never_accepted_is_tried_once_wherever),
		cmocka_unit_test(one_that_has_worked_is_tried_again_after_a_space),
		cmocka_unit_test(elsewhere_it_is_tried_without_the_space_but_not_more_often),
		cmocka_unit_test(what_was_not_decided_counts_for_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
