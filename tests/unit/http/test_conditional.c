#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/conditional.h"
#include "http/requests.h"

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define SAME "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

static const int64_t now = 1700000000;
static const struct validators strong = {{"\"v1\"", 4}, 784111777};
static const struct validators weak = {{"W/\"v1\"", 6}, 784111777};
static const struct validators none = {{NULL, 0}, -1};

static enum conditional judge(const char *method, const char *fields, const struct validators *v)
{
	return conditional_judge(request_with(method, fields), v, now);
}

static void without_conditions_it_proceeds(void **state)
{
	assert_int_equal(judge("GET", "", &strong), CONDITIONAL_PROCEED);
	assert_int_equal(judge("PUT", "", &none), CONDITIONAL_PROCEED);
}

static void if_none_match_compares_weakly(void **state)
{
	static const char *const same[] = {"If-None-Match: \"v1\"\r\n",
	                                   "If-None-Match: W/\"v1\"\r\n",
	                                   "If-None-Match: *\r\n",
	                                   "If-None-Match: \"a\", \"b,c\" ,W/\"v1\"\r\n",
	                                   "If-None-Match: ,, \"x\",,\"v1\"\r\n",
	                                   "If-None-Match: \"x\"\r\nIf-None-Match: \"v1\"\r\n"};
	static const char *const other[] = {
		"If-None-Match: \"v2\"\r\n", "If-None-Match: v1\r\n",         "If-None-Match: \"V1\"\r\n",
		"If-None-Match: \r\n",       "If-None-Match: w/\"v1\"\r\n",   "If-None-Match: \"v1\r\n",
		"If-None-Match: \"\"\r\n",   "If-None-Match: \"a,\"v1\"\r\n", "If-None-Match: \"a\" \"v1\"\r\n"};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(judge("GET", same[i], &strong), CONDITIONAL_NOT_MODIFIED);
		assert_int_equal(judge("HEAD", same[i], &weak), CONDITIONAL_NOT_MODIFIED);
		assert_int_equal(judge("PUT", same[i], &strong), CONDITIONAL_FAILED);
	}
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_int_equal(judge("GET", other[i], &strong), CONDITIONAL_PROCEED);
}

static void if_match_compares_strongly(void **state)
{
	assert_int_equal(judge("GET", "If-Match: \"v1\"\r\n", &strong), CONDITIONAL_PROCEED);
	assert_int_equal(judge("PUT", "If-Match: \"v0\", \"v1\"\r\n", &strong), CONDITIONAL_PROCEED);
	assert_int_equal(judge("PUT", "If-Match: *\r\n", &weak), CONDITIONAL_PROCEED);
	assert_int_equal(judge("GET", "If-Match: W/\"v1\"\r\n", &strong), CONDITIONAL_FAILED);
	assert_int_equal(judge("GET", "If-Match: \"v1\"\r\n", &weak), CONDITIONAL_FAILED);
	assert_int_equal(judge("GET", "If-Match: W/\"v1\"\r\n", &weak), CONDITIONAL_FAILED);
	assert_int_equal(judge("GET", "If-Match: \"v2\"\r\n", &strong), CONDITIONAL_FAILED);
	assert_int_equal(judge("GET", "If-Match: \"v1\"\r\n", &none), CONDITIONAL_FAILED);
}

static void dates_are_compared_by_the_second(void **state)
{
	assert_int_equal(judge("GET", "If-Modified-Since: " BEFORE "\r\n", &strong), CONDITIONAL_PROCEED);
	assert_int_equal(judge("GET", "If-Modified-Since: " SAME "\r\n", &strong), CONDITIONAL_NOT_MODIFIED);
	assert_int_equal(judge("HEAD", "If-Modified-Since: " AFTER "\r\n", &strong), CONDITIONAL_NOT_MODIFIED);
	assert_int_equal(judge("GET", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", &strong),
	                 CONDITIONAL_NOT_MODIFIED);
	assert_int_equal(judge("GET", "If-Unmodified-Since: " BEFORE "\r\n", &strong), CONDITIONAL_FAILED);
	assert_int_equal(judge("GET", "If-Unmodified-Since: " SAME "\r\n", &strong), CONDITIONAL_PROCEED);
	assert_int_equal(judge("PUT", "If-Unmodified-Since: " AFTER "\r\n", &strong), CONDITIONAL_PROCEED);
}

static void dates_that_do_not_count_are_ignored(void **state)
{
	assert_int_equal(judge("POST", "If-Modified-Since: " SAME "\r\n", &strong), CONDITIONAL_PROCEED);
	assert_int_equal(judge("GET", "If-Modified-Since: yesterday\r\n", &strong), CONDITIONAL_PROCEED);
	assert_int_equal(judge("GET", "If-Modified-Since: " SAME "\r\nIf-Modified-Since: " SAME "\r\n", &strong),
	                 CONDITIONAL_PROCEED);
	assert_int_equal(judge("GET", "If-Unmodified-Since: never\r\n", &strong), CONDITIONAL_PROCEED);
	assert_int_equal(judge("GET", "If-Modified-Since: " SAME "\r\n", &none), CONDITIONAL_PROCEED);
	assert_int_equal(judge("GET", "If-Unmodified-Since: " BEFORE "\r\n", &none), CONDITIONAL_PROCEED);
}

/* RFC 9110 13.2.2: a tag is believed before a date, If-Match and its date before If-None-Match and its date. */
static void the_order_is_that_of_the_rfc(void **state)
{
	assert_int_equal(judge("GET", "If-None-Match: \"v2\"\r\nIf-Modified-Since: " AFTER "\r\n", &strong),
	                 CONDITIONAL_PROCEED);
	assert_int_equal(judge("GET", "If-None-Match: \"v1\"\r\nIf-Modified-Since: " BEFORE "\r\n", &strong),
	                 CONDITIONAL_NOT_MODIFIED);
	assert_int_equal(judge("GET", "If-Match: \"v1\"\r\nIf-Unmodified-Since: " BEFORE "\r\n", &strong),
	                 CONDITIONAL_PROCEED);
	assert_int_equal(judge("GET", "If-Match: \"v2\"\r\nIf-None-Match: \"v1\"\r\n", &strong), CONDITIONAL_FAILED);
	assert_int_equal(judge("GET", "If-Match: \"v1\"\r\nIf-None-Match: \"v1\"\r\n", &strong), CONDITIONAL_NOT_MODIFIED);
	assert_int_equal(judge("GET", "If-Unmodified-Since: " BEFORE "\r\nIf-Modified-Since: " AFTER "\r\n", &strong),
	                 CONDITIONAL_FAILED);
}

static bool allows(const char *fields, const struct validators *v, int64_t at)
{
	return conditional_allows_range(request_with("GET", fields), v, at);
}

static void if_range_wants_a_strong_validator(void **state)
{
	assert_true(allows("", &strong, now));
	assert_true(allows("If-Range: \"v1\"\r\n", &strong, now));
	assert_true(allows("If-Range: " SAME "\r\n", &strong, now));
	assert_false(allows("If-Range: \"v2\"\r\n", &strong, now));
	assert_false(allows("If-Range: W/\"v1\"\r\n", &strong, now));
	assert_false(allows("If-Range: W/\"v1\"\r\n", &weak, now));
	assert_false(allows("If-Range: \"v1\", \"v2\"\r\n", &strong, now));
	assert_false(allows("If-Range: " BEFORE "\r\n", &strong, now));
	assert_false(allows("If-Range: " AFTER "\r\n", &strong, now));
	assert_false(allows("If-Range: " SAME "\r\n", &strong, 784111778)); /* it may yet change in that second */
	assert_false(allows("If-Range: soon\r\n", &strong, now));
	assert_false(allows("If-Range: \"v1\"\r\nIf-Range: \"v1\"\r\n", &strong, now));
	assert_false(allows("If-Range: " SAME "\r\n", &none, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_conditions_it_proceeds),      cmocka_unit_test(if_none_match_compares_weakly),
		cmocka_unit_test(if_match_compares_strongly),          cmocka_unit_test(dates_are_compared_by_the_second),
		cmocka_unit_test(dates_that_do_not_count_are_ignored), cmocka_unit_test(the_order_is_that_of_the_rfc),
		cmocka_unit_test(if_range_wants_a_strong_validator),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
