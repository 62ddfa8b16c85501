#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "http/date.h"

static const int64_t now = 1700000000; /* 14 Nov 2023 */

static void dates_are_written_as_the_rfc_says(void **state)
{
	assert_true(span_eq(http_date(784111777), SPAN("Sun, 06 Nov 1994 08:49:37 GMT")));
	assert_true(span_eq(http_date(784111777), SPAN("Sun, 06 Nov 1994 08:49:37 GMT")));
	assert_true(span_eq(http_date(0), SPAN("Thu, 01 Jan 1970 00:00:00 GMT")));
	assert_true(span_eq(http_date(951782399), SPAN("Mon, 28 Feb 2000 23:59:59 GMT")));
	assert_true(span_eq(http_date(951782400), SPAN("Tue, 29 Feb 2000 00:00:00 GMT")));
	assert_true(span_eq(http_date(-5), SPAN("Thu, 01 Jan 1970 00:00:00 GMT")));
}

static void the_library_writes_the_same_for_centuries(void **state)
{
	for (int64_t t = 0; t < 9000000000; t += 86400 * 3 + 4321) {
		char wanted[64];
		struct tm tm;
		time_t library = (time_t)t;
		strftime(wanted, sizeof(wanted), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&library, &tm));
		int64_t back;
		assert_true(span_eq(http_date(t), span_of(wanted)));
		assert_int_equal(http_date_parse(span_of(wanted), now, &back), 0);
		assert_int_equal(back, t);
	}
}

static void all_three_forms_are_read(void **state)
{
	static const char *const same[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
	                                   "Sun Nov  6 08:49:37 1994", "Sun Nov 06 08:49:37 1994"};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		int64_t t = 0;
		assert_int_equal(http_date_parse(span_of(same[i]), now, &t), 0);
		assert_int_equal(t, 784111777);
	}
}

static void two_digits_mean_at_most_fifty_years_ahead(void **state)
{
	int64_t t;
	assert_int_equal(http_date_parse(SPAN("Wednesday, 01-Jan-73 00:00:00 GMT"), now, &t), 0);
	assert_true(span_eq(http_date(t), SPAN("Sun, 01 Jan 2073 00:00:00 GMT")));
	assert_int_equal(http_date_parse(SPAN("Tuesday, 01-Jan-74 00:00:00 GMT"), now, &t), 0);
	assert_true(span_eq(http_date(t), SPAN("Tue, 01 Jan 1974 00:00:00 GMT")));
}

static void everything_else_is_refused(void **state)
{
	static const char *const bad[] = {"",
	                                  "Sun",
	                                  "0",
	                                  "-1",
	                                  "Sun, 06 Nov 1994 08:49:37",
	                                  "Sun, 06 Nov 1994 08:49:37 UTC",
	                                  "Sun, 6 Nov 1994 08:49:37 GMT",
	                                  "Sun, 06 nov 1994 08:49:37 GMT",
	                                  "Foo, 06 Nov 1994 08:49:37 GMT",
	                                  "Sun, 31 Feb 1994 08:49:37 GMT",
	                                  "Sun, 00 Nov 1994 08:49:37 GMT",
	                                  "Sun, 06 Nov 1994 24:49:37 GMT",
	                                  "Sun, 06 Nov 1994 08:60:37 GMT",
	                                  "Sun, 06 Nov 1994 08:49:61 GMT",
	                                  "Sun, 06 Nov 1994 08:49:37 GMTx",
	                                  "Sun, 29 Feb 1900 00:00:00 GMT",
	                                  "Sun, 06-Nov 1994 08:49:37 GMT",
	                                  "Sun Nov  6 08:49:37 199",
	                                  "Sunday, 06-Nov-1994 08:49:37 GMT",
	                                  "Sun, 06 Nov +994 08:49:37 GMT"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t t;
		if (http_date_parse(span_of(bad[i]), now, &t) == 0)
			fail_msg("%s is read", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_written_as_the_rfc_says),
		cmocka_unit_test(the_library_writes_the_same_for_centuries),
		cmocka_unit_test(all_three_forms_are_read),
		cmocka_unit_test(two_digits_mean_at_most_fifty_years_ahead),
		cmocka_unit_test(everything_else_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
