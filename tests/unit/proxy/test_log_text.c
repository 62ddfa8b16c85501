#include "proxy/log_text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proxy/log_plain.h"

static void assert_number(uint64_t n)
{
	char expected[32], got[32];
	snprintf(expected, sizeof(expected), "%" PRIu64, n);
	*add_number(got, n) = '\0';
	assert_string_equal(got, expected);
}

static void numbers_of_every_length(void **state)
{
	for (uint64_t n = 0; n < 20000; n++)
		assert_number(n);
	for (uint64_t power = 10000; power <= UINT64_MAX / 10; power *= 10) {
		assert_number(power * 10 - 1);
		assert_number(power * 10);
		assert_number(power * 10 + 1);
		assert_number(power * 3 + 12345);
	}
	assert_number(UINT64_MAX);
	assert_number(UINT64_MAX - 1);
}

enum { LONGEST = 70, ROOM = LONGEST + 16 };

/* Both variants say the same, write the same, and nothing beyond the text. */
static void assert_twins(const char *p, size_t n, enum log_text format)
{
	char one[ROOM], other[ROOM];
	memset(one, '#', sizeof(one));
	memset(other, '#', sizeof(other));
	size_t plain = log_plain(one, span_make(p, n), format);
	assert_int_equal(plain, log_plain_portable(other, span_make(p, n), format));
	assert_memory_equal(one, other, plain);
	for (size_t i = n; i < ROOM; i++)
		assert_int_equal(one[i], '#');
}

static void both_variants_of_the_plain_run_agree(void **state)
{
	char text[LONGEST] = {0};
	for (size_t n = 0; n <= LONGEST; n++) {
		for (size_t i = 0; i < n; i++)
			text[i] = (char)(' ' + (i * 7 + n) % 95);
		for (enum log_text format = LOG_TEXT_W3C; format <= LOG_TEXT_JSON; format++)
			assert_twins(text, n, format);
		memset(text, 'a', n);
		for (size_t at = 0; at < n; at++) {
			for (int byte = 0; byte < 256; byte++) {
				text[at] = (char)byte;
				assert_twins(text, n, LOG_TEXT_W3C);
				assert_twins(text, n, LOG_TEXT_JSON);
			}
			text[at] = 'a';
		}
	}
}

static void assert_escaped(enum log_text format, const char *text, const char *expected)
{
	char got[256];
	*add_escaped(got, span_of(text), format, sizeof(got) - 1) = '\0';
	assert_string_equal(got, expected);
}

static void what_is_plain_in_one_format_need_not_be_in_the_other(void **state)
{
	assert_escaped(LOG_TEXT_W3C, "a \"quoted\" word and a long\\path of it~",
	               "a+\"quoted\"+word+and+a+long\\path+of+it~");
	assert_escaped(LOG_TEXT_JSON, "a \"quoted\" word and a long\\path of it~",
	               "a \\\"quoted\\\" word and a long\\\\path of it~");
	assert_escaped(LOG_TEXT_W3C, "tab\tdel\x7f\xc3\xa4 and \xff behind a long text",
	               "tab+del+\xc3\xa4+and+?+behind+a+long+text");
	assert_escaped(LOG_TEXT_JSON, "tab\tdel\x7f\xc3\xa4 and \xff", "tab\\u0009del\\u007f\xc3\xa4 and \xef\xbf\xbd");
}

static void what_is_cut_ends_in_dots(void **state)
{
	char text[100], got[100];
	memset(text, 'x', sizeof(text));
	for (size_t most = 16; most < sizeof(text); most++) {
		char *end = add_escaped(got, span_make(text, sizeof(text)), LOG_TEXT_W3C, most);
		assert_int_equal(end - got, most);
		assert_memory_equal(end - 3, "...", 3);
		end = add_escaped(got, span_make(text, most - 3), LOG_TEXT_W3C, most);
		assert_int_equal(end - got, most - 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_every_length),
		cmocka_unit_test(both_variants_of_the_plain_run_agree),
		cmocka_unit_test(what_is_plain_in_one_format_need_not_be_in_the_other),
		cmocka_unit_test(what_is_cut_ends_in_dots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
