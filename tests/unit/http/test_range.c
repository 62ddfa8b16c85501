#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/range.h"
#include "http/requests.h"

enum { SIZE = 1000 };

/* "0-99 500-999", "whole" or "nowhere". */
static const char *read_as(const char *value, uint64_t size)
{
	static char said[1024];
	struct ranges r;
	struct buf b;
	enum range_wish wish = range_parse(span_of(value), size, &r);
	if (wish == RANGE_WHOLE)
		return "whole";
	if (wish == RANGE_NOWHERE)
		return "nowhere";
	buf_over(&b, said, sizeof(said));
	for (unsigned i = 0; i < r.count; i++)
		buf_addf(&b, "%s%llu-%llu", i ? " " : "", (unsigned long long)r.at[i].first, (unsigned long long)r.at[i].last);
	return buf_text(&b);
}

static void one_range_in_each_of_its_forms(void **state)
{
	assert_string_equal(read_as("bytes=0-0", SIZE), "0-0");
	assert_string_equal(read_as("bytes=0-499", SIZE), "0-499");
	assert_string_equal(read_as("bytes=999-999", SIZE), "999-999");
	assert_string_equal(read_as("bytes=500-", SIZE), "500-999");
	assert_string_equal(read_as("bytes=0-", SIZE), "0-999");
	assert_string_equal(read_as("bytes=-1", SIZE), "999-999");
	assert_string_equal(read_as("bytes=-500", SIZE), "500-999");
	assert_string_equal(read_as("BYTES=1-2", SIZE), "1-2");
}

static void what_reaches_beyond_the_end_stops_there(void **state)
{
	assert_string_equal(read_as("bytes=500-1000", SIZE), "500-999");
	assert_string_equal(read_as("bytes=500-99999999999999999999999999", SIZE), "500-999");
	assert_string_equal(read_as("bytes=-1000", SIZE), "0-999");
	assert_string_equal(read_as("bytes=-5000", SIZE), "0-999");
	assert_string_equal(read_as("bytes=-99999999999999999999999999", SIZE), "0-999");
	assert_string_equal(read_as("bytes=18446744073709551614-", UINT64_MAX),
	                    "18446744073709551614-18446744073709551614");
}

static void what_begins_behind_the_end_lies_nowhere(void **state)
{
	assert_string_equal(read_as("bytes=1000-", SIZE), "nowhere");
	assert_string_equal(read_as("bytes=1000-2000", SIZE), "nowhere");
	assert_string_equal(read_as("bytes=-0", SIZE), "nowhere");
	assert_string_equal(read_as("bytes=99999999999999999999999999-", SIZE), "nowhere");
	assert_string_equal(read_as("bytes=1000-,2000-3000,-0", SIZE), "nowhere");
}

static void several_ranges_keep_their_order(void **state)
{
	assert_string_equal(read_as("bytes=0-99,200-299", SIZE), "0-99 200-299");
	assert_string_equal(read_as("bytes=900-,0-99", SIZE), "900-999 0-99");
	assert_string_equal(read_as("bytes=0-0 ,\t-1", SIZE), "0-0 999-999");
	assert_string_equal(read_as("bytes=,0-1,,5-6,", SIZE), "0-1 5-6");
	assert_string_equal(read_as("bytes=0-99,100-199", SIZE), "0-99 100-199");
	assert_string_equal(read_as("bytes=5000-,0-9", SIZE), "0-9");
}

static void overlapping_or_too_many_ask_for_the_whole(void **state)
{
	char many[256] = "bytes=";
	assert_string_equal(read_as("bytes=0-100,100-200", SIZE), "whole");
	assert_string_equal(read_as("bytes=0-,0-,0-", SIZE), "whole");
	assert_string_equal(read_as("bytes=100-200,0-999", SIZE), "whole");
	for (unsigned i = 0; i < RANGES_MOST; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "%u-%u,", i * 10, i * 10 + 5);
	assert_string_not_equal(read_as(many, SIZE), "whole");
	strcat(many, "900-901");
	assert_string_equal(read_as(many, SIZE), "whole");
}

static void what_cannot_be_read_asks_for_the_whole(void **state)
{
	static const char *const bad[] = {
		"",          "bytes",      "bytes=",       "bytes=-",       "bytes=,",     "bytes=5",
		"bytes=5-4", "bytes=a-b",  "bytes=1-2-3",  "bytes= =1-2",   "bytes=+1-2",  "bytes=1 -2",
		"bytes=--1", "bytes=1-2x", "octets=0-499", "bytes=0-1;2-3", "bytes 0-499", "bytes=0x1-2"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(read_as(bad[i], SIZE), "whole");
	assert_string_equal(read_as("bytes=0-99,abc", SIZE), "whole");
}

static void an_empty_file_is_given_whole(void **state)
{
	assert_string_equal(read_as("bytes=0-", 0), "whole");
	assert_string_equal(read_as("bytes=-5", 0), "whole");
}

static void only_get_with_one_range_field_counts(void **state)
{
	struct ranges r;
	assert_int_equal(range_of_request(request_with("GET", "Range: bytes=0-9\r\n"), SIZE, &r), RANGE_PARTS);
	assert_int_equal(range_length(&r.at[0]), 10);
	assert_int_equal(range_of_request(request_with("HEAD", "Range: bytes=0-9\r\n"), SIZE, &r), RANGE_WHOLE);
	assert_int_equal(range_of_request(request_with("GET", ""), SIZE, &r), RANGE_WHOLE);
	assert_int_equal(range_of_request(request_with("GET", "Range: bytes=0-9\r\nRange: bytes=20-29\r\n"), SIZE, &r),
	                 RANGE_WHOLE);
}

static void content_range_says_where(void **state)
{
	char text[100];
	struct buf b;
	buf_over(&b, text, sizeof(text));
	range_add(&b, &(struct byte_range){5, 99}, SIZE);
	buf_addc(&b, '\n');
	range_add(&b, NULL, SIZE);
	assert_string_equal(buf_text(&b), "bytes 5-99/1000\nbytes */1000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_range_in_each_of_its_forms),
		cmocka_unit_test(what_reaches_beyond_the_end_stops_there),
		cmocka_unit_test(what_begins_behind_the_end_lies_nowhere),
		cmocka_unit_test(several_ranges_keep_their_order),
		cmocka_unit_test(overlapping_or_too_many_ask_for_the_whole),
		cmocka_unit_test(what_cannot_be_read_asks_for_the_whole),
		cmocka_unit_test(an_empty_file_is_given_whole),
		cmocka_unit_test(only_get_with_one_range_field_counts),
		cmocka_unit_test(content_range_says_where),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
