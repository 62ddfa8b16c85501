/* The lock-out guard: when a secret may be tried, and what of that a next start knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/lockout.h"
#include "proxy/lockout_file.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND };

static char folder[64], state[96], file[128];

static int make_folder(void **unused)
{
	snprintf(folder, sizeof(folder), "/tmp/fairlead-lockout-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(state, sizeof(state), "%s/state", folder);
	snprintf(file, sizeof(file), "%s/lockout", state);
	return 0;
}

static int remove_folder(void **unused)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* A secret that nobody has used yet, as this process knows it. */
static uint64_t fresh(const char *account)
{
	static unsigned number;
	char text[64];
	snprintf(text, sizeof(text), "secret %u", number++);
	uint64_t secret = lockout_fingerprint(span_of(account), span_of(text));
	assert_int_equal(lockout_ask(secret, 0, false, 0).verdict, LOCKOUT_UNKNOWN);
	assert_int_equal(lockout_ask(secret, 0, false, 0).verdict, LOCKOUT_WAIT);
	lockout_recognize(secret, state, span_of(account), span_of(text));
	return secret;
}

static enum lockout_verdict ask(uint64_t secret, mono_ms now)
{
	return lockout_ask(secret, now, false, now).verdict;
}

static void prove(uint64_t secret, mono_ms now)
{
	assert_int_equal(ask(secret, now), LOCKOUT_GO);
	assert_true(lockout_tell(secret, LOCKOUT_ACCEPTED, now));
}

static void a_secret_never_accepted_has_one_attempt(void **unused)
{
	uint64_t secret = fresh("a");
	struct lockout_answer a = lockout_ask(secret, 1, false, 1);
	assert_int_equal(a.verdict, LOCKOUT_GO);
	assert_true(a.save);
	assert_int_equal(ask(secret, 2), LOCKOUT_WAIT);
	assert_true(lockout_tell(secret, LOCKOUT_REFUSED, 3));
	a = lockout_ask(secret, 4, false, 1000ll * MINUTE);
	assert_int_equal(a.verdict, LOCKOUT_HELD);
	assert_true(a.until == NEVER);
	assert_int_equal(lockout_ask(secret, 4, true, 5).verdict, LOCKOUT_HELD);
}

static void an_attempt_without_an_end_may_be_repeated(void **unused)
{
	uint64_t secret = fresh("b");
	for (mono_ms now = 0; now < 5; now++) {
		assert_int_equal(ask(secret, now), LOCKOUT_GO);
		assert_true(lockout_tell(secret, LOCKOUT_UNDECIDED, now));
	}
}

static void one_that_has_worked_is_refused_thrice_spaced(void **unused)
{
	uint64_t secret = fresh("c");
	mono_ms now = 100 * MINUTE;
	prove(secret, now);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ask(secret, now), LOCKOUT_GO);
		assert_true(lockout_tell(secret, LOCKOUT_REFUSED, now));
		assert_int_equal(ask(secret, now + 59 * SECOND), LOCKOUT_HELD);
		now += MINUTE;
	}
	assert_int_equal(ask(secret, 129 * MINUTE), LOCKOUT_HELD);
	assert_int_equal(ask(secret, 131 * MINUTE), LOCKOUT_GO);
	assert_int_equal(ask(secret, 131 * MINUTE), LOCKOUT_WAIT);
}

static void another_member_need_not_wait(void **unused)
{
	uint64_t secret = fresh("d");
	prove(secret, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(lockout_ask(secret, 0, true, 0).verdict, LOCKOUT_GO);
		assert_true(lockout_tell(secret, LOCKOUT_REFUSED, 0));
	}
	assert_int_equal(lockout_ask(secret, 0, true, 0).verdict, LOCKOUT_HELD);
}

static void a_rush_has_no_more_attempts_in_flight_than_may_fail(void **unused)
{
	uint64_t secret = fresh("e");
	prove(secret, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ask(secret, 10), LOCKOUT_GO);
	assert_int_equal(ask(secret, 10), LOCKOUT_WAIT);
	assert_int_equal(lockout_ask(secret, 10, false, 900).verdict, LOCKOUT_WAIT);
	assert_false(lockout_tell(secret, LOCKOUT_ACCEPTED, 900));
	assert_int_equal(ask(secret, 950), LOCKOUT_GO);
	/* Who has waited for a second goes while the secret is known to be good, and not after that. */
	assert_int_equal(lockout_ask(secret, 10, false, 1010).verdict, LOCKOUT_GO);
	assert_int_equal(lockout_ask(secret, 10, false, 1901).verdict, LOCKOUT_WAIT);
}

static void a_ticket_is_no_secret_of_ours(void **unused)
{
	uint64_t secret = lockout_fingerprint(SPAN("f"), SPAN("FILE:/tmp/krb5cc"));
	lockout_take_for_ticket(secret);
	struct lockout_answer a = lockout_ask(secret, 0, false, 0);
	assert_int_equal(a.verdict, LOCKOUT_GO);
	assert_false(a.save);
	assert_false(lockout_tell(secret, LOCKOUT_REFUSED, 0));
	assert_int_equal(ask(secret, MINUTE), LOCKOUT_GO);
}

static void one_that_was_not_recognized_may_be_by_the_next(void **unused)
{
	uint64_t secret = lockout_fingerprint(SPAN("g"), SPAN("x"));
	assert_int_equal(ask(secret, 0), LOCKOUT_UNKNOWN);
	lockout_unrecognized(secret);
	assert_int_equal(ask(secret, 0), LOCKOUT_UNKNOWN);
}

/* ---- the file */

static struct lockout_record found(const char *account, const char *secret)
{
	struct lockout_record r = {0};
	unsigned char mark[LOCKOUT_MARK];
	assert_int_equal(lockout_file_mark(state, span_of(account), span_of(secret), mark), 0);
	assert_int_equal(lockout_file_find(state, mark, &r), 0);
	return r;
}

static void store(const char *account, const char *secret, struct lockout_record r)
{
	assert_int_equal(lockout_file_mark(state, span_of(account), span_of(secret), r.mark), 0);
	assert_int_equal(lockout_file_store(state, &r), 0);
}

static void what_is_stored_is_found(void **unused)
{
	struct lockout_record r = {.proven = true, .refusals = 2, .window = 1700000000, .last = 1700000060}, back;
	unsigned char mark[LOCKOUT_MARK];
	store("h", "one", r);
	store("h", "two", (struct lockout_record){.flying = true, .last = 5});
	back = found("h", "one");
	assert_true(back.proven && !back.flying && back.refusals == 2 && back.window == r.window && back.last == r.last);
	back = found("h", "two");
	assert_true(!back.proven && back.flying && back.last == 5);
	assert_int_equal(lockout_file_mark(state, SPAN("h"), SPAN("three"), mark), 0);
	assert_int_equal(lockout_file_find(state, mark, &back), -ENOENT);
	struct stat about;
	assert_int_equal(stat(file, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
}

static void account_and_secret_do_not_run_together(void **unused)
{
	unsigned char one[LOCKOUT_MARK], two[LOCKOUT_MARK];
	assert_int_equal(lockout_file_mark(state, SPAN("ab"), SPAN("c"), one), 0);
	assert_int_equal(lockout_file_mark(state, SPAN("a"), SPAN("bc"), two), 0);
	assert_memory_not_equal(one, two, LOCKOUT_MARK);
}

static void the_oldest_gives_way(void **unused)
{
	struct lockout_record r = {.refusals = 1}, back;
	for (int i = 1; i <= LOCKOUT_RECORDS_MOST + 10; i++) {
		memset(r.mark, 0, sizeof(r.mark));
		memcpy(r.mark, &i, sizeof(i));
		r.last = 2000000000 + i;
		assert_int_equal(lockout_file_store(state, &r), 0);
	}
	assert_int_equal(lockout_file_find(state, r.mark, &back), 0);
	int first = 1;
	memcpy(r.mark, &first, sizeof(first));
	assert_int_equal(lockout_file_find(state, r.mark, &back), -ENOENT);
}

static void a_damaged_file_is_put_aside(void **unused)
{
	struct lockout_record r = {.refusals = 1, .last = 1}, back;
	static const char *const damage[] = {"", "fairlead lockout 1\n", "fairlead lockout 1\nsalt 00\nseal 00\n"};
	for (unsigned i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		store("i", "one", r);
		memcpy(r.mark, found("i", "one").mark, LOCKOUT_MARK);
		FILE *f = fopen(file, "w");
		assert_true(fputs(damage[i], f) >= 0);
		fclose(f);
		assert_int_equal(lockout_file_find(state, r.mark, &back), -ENOENT);
		assert_int_not_equal(access(file, F_OK), 0);
	}
	/* One digit of a record alone. */
	store("i", "one", r);
	FILE *f = fopen(file, "r+");
	assert_int_equal(fseek(f, 70, SEEK_SET), 0);
	fputc('z', f);
	fclose(f);
	assert_int_equal(lockout_file_find(state, r.mark, &back), -ENOENT);
}

static void where_nothing_can_be_written_it_says_so(void **unused)
{
	struct lockout_record r = {0};
	char blocked[160];
	store("j", "one", r);
	snprintf(blocked, sizeof(blocked), "%s/below", file);
	assert_true(lockout_file_store(blocked, &r) < 0);
	assert_int_equal(lockout_file_mark(blocked, SPAN("j"), SPAN("one"), r.mark), 0);
}

/* ---- the next start */

static struct lockout_answer after_restart(const char *account, struct lockout_record r)
{
	static const char *const secret = "remembered";
	uint64_t fingerprint = lockout_fingerprint(span_of(account), span_of(secret));
	store(account, secret, r);
	assert_int_equal(ask(fingerprint, clock_mono()), LOCKOUT_UNKNOWN);
	lockout_recognize(fingerprint, state, span_of(account), span_of(secret));
	return lockout_ask(fingerprint, clock_mono(), false, clock_mono());
}

static int64_t civil(void)
{
	return clock_civil_us() / 1000000;
}

static void the_next_start_knows_what_was_refused(void **unused)
{
	struct lockout_answer a = after_restart("k1", (struct lockout_record){.refusals = 1, .last = 1, .window = 1});
	assert_true(a.verdict == LOCKOUT_HELD && a.until == NEVER);
	a = after_restart("k2",
	                  (struct lockout_record){.proven = true, .refusals = 3, .window = civil() - 60, .last = civil()});
	assert_true(a.verdict == LOCKOUT_HELD && a.until > clock_mono() + 28 * MINUTE &&
	            a.until < clock_mono() + 30 * MINUTE);
	a = after_restart("k3", (struct lockout_record){.proven = true, .refusals = 1, .window = civil(), .last = civil()});
	assert_true(a.verdict == LOCKOUT_HELD && a.until <= clock_mono() + MINUTE);
	a = after_restart(
		"k4", (struct lockout_record){.proven = true, .refusals = 3, .window = civil() - 3600, .last = civil() - 3600});
	assert_int_equal(a.verdict, LOCKOUT_GO);
	a = after_restart("k5", (struct lockout_record){.proven = true});
	assert_true(a.verdict == LOCKOUT_GO && !a.save);
}

static void the_next_start_knows_what_was_cut_off(void **unused)
{
	struct lockout_answer a = after_restart("l1", (struct lockout_record){.flying = true, .last = civil()});
	assert_true(a.verdict == LOCKOUT_HELD && a.until > clock_mono() + 29 * MINUTE &&
	            a.until < clock_mono() + 31 * MINUTE);
	a = after_restart("l2", (struct lockout_record){.flying = true, .last = civil() - 3600});
	assert_int_equal(a.verdict, LOCKOUT_GO);
	a = after_restart("l3", (struct lockout_record){
								.proven = true, .flying = true, .refusals = 2, .window = civil(), .last = civil()});
	assert_true(a.verdict == LOCKOUT_HELD && a.until > clock_mono() + 29 * MINUTE);
}

static void a_clock_that_was_set_back_shortens_nothing(void **unused)
{
	struct lockout_answer a = after_restart(
		"m",
		(struct lockout_record){.proven = true, .refusals = 3, .window = civil() + 86400, .last = civil() + 86400});
	assert_true(a.verdict == LOCKOUT_HELD && a.until > clock_mono() + 29 * MINUTE &&
	            a.until < clock_mono() + 31 * MINUTE);
}

static void what_is_saved_is_what_was_told(void **unused)
{
	uint64_t secret = lockout_fingerprint(SPAN("n"), SPAN("saved"));
	assert_int_equal(ask(secret, 0), LOCKOUT_UNKNOWN);
	lockout_recognize(secret, state, SPAN("n"), SPAN("saved"));
	assert_int_equal(ask(secret, clock_mono()), LOCKOUT_GO);
	lockout_save(secret, state);
	assert_true(found("n", "saved").flying);
	assert_true(lockout_tell(secret, LOCKOUT_REFUSED, clock_mono()));
	lockout_save(secret, state);
	struct lockout_record r = found("n", "saved");
	assert_true(!r.flying && r.refusals == 1 && r.last >= civil() - 2 && r.last <= civil());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_never_accepted_has_one_attempt),
		cmocka_unit_test(an_attempt_without_an_end_may_be_repeated),
		cmocka_unit_test(one_that_has_worked_is_refused_thrice_spaced),
		cmocka_unit_test(another_member_need_not_wait),
		cmocka_unit_test(a_rush_has_no_more_attempts_in_flight_than_may_fail),
		cmocka_unit_test(a_ticket_is_no_secret_of_ours),
		cmocka_unit_test(one_that_was_not_recognized_may_be_by_the_next),
		cmocka_unit_test(what_is_stored_is_found),
		cmocka_unit_test(account_and_secret_do_not_run_together),
		cmocka_unit_test(the_oldest_gives_way),
		cmocka_unit_test(a_damaged_file_is_put_aside),
		cmocka_unit_test(where_nothing_can_be_written_it_says_so),
		cmocka_unit_test(the_next_start_knows_what_was_refused),
		cmocka_unit_test(the_next_start_knows_what_was_cut_off),
		cmocka_unit_test(a_clock_that_was_set_back_shortens_nothing),
		cmocka_unit_test(what_is_saved_is_what_was_told),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
