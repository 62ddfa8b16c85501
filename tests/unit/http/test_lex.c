/* The table of bytes and the searches over it, against the grammars written out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/lex.h"
#include "http/scan_portable.h"
#ifdef __SSE2__
#include "http/scan_sse2.h"
#endif

static void the_table_says_what_the_grammars_say(void **state)
{
	for (int c = 0; c < 256; c++) {
		bool alpha = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'), digit = c >= '0' && c <= '9';
		bool mark = c && strchr("!#$%&'*+-.^_`|~", c);
		bool hex = digit || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
		assert_int_equal(lex_is((char)c, LEX_TOKEN), alpha || digit || mark);
		assert_int_equal(lex_is((char)c, LEX_TEXT), c == '\t' || (c >= 0x20 && c != 0x7f));
		assert_int_equal(lex_is((char)c, LEX_TARGET), c > 0x20 && c < 0x7f && c != '#');
		assert_int_equal(lex_is((char)c, LEX_HOST), alpha || digit || c == '-' || c == '_' || c == '.');
		assert_int_equal(lex_is((char)c, LEX_SCHEME), alpha || digit || c == '+' || c == '-' || c == '.');
		assert_int_equal(lex_is((char)c, LEX_DIGIT), digit);
		assert_int_equal(lex_is((char)c, LEX_HEX), hex);
		assert_int_equal(lex_is((char)c, LEX_ALPHA), alpha);
	}
}

static void runs_stop_at_the_first_other_byte(void **state)
{
	assert_int_equal(lex_run(SPAN("abc: d"), LEX_TOKEN), 3);
	assert_int_equal(lex_run(SPAN(""), LEX_TOKEN), 0);
	assert_true(lex_all(SPAN("09"), LEX_DIGIT));
	assert_false(lex_all(SPAN("0a"), LEX_DIGIT));
	assert_false(lex_all(SPAN(""), LEX_DIGIT));
}

/* A head event is where a line end is broken or the head is over. */
static void events_are_found_where_they_are(void **state)
{
	static const struct {
		struct span bytes;
		size_t at;
	} cases[] = {
		{{"", 0}, 0},           {{"ab\r\ncd\r\n", 8}, 8}, {{"ab\r\n\r\n", 6}, 5}, {{"ab\n", 3}, 2},
		{{"ab\rc", 4}, 3},      {{"ab\r", 3}, 3},         {{"ab\r\r\n", 5}, 3},   {{"a\0b", 3}, 1},
		{{"\r\nab\r\n", 6}, 6}, {{"\r\n\r\n", 4}, 3},     {{"\n", 1}, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(scan_portable_event(cases[i].bytes.p, 0, cases[i].bytes.n), cases[i].at);
}

#ifdef __SSE2__
/* Every byte at every place around the sixteen-byte steps, and every start. */
static void both_variants_find_the_same(void **state)
{
	char bytes[72];
	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < sizeof(bytes); at++) {
			memset(bytes, 'a', sizeof(bytes));
			bytes[at] = (char)c;
			const char *end = bytes + sizeof(bytes);
			for (size_t from = 0; from < 20; from += 3) {
				assert_ptr_equal(scan_sse2_text(bytes + from, end), scan_portable_text(bytes + from, end));
				assert_ptr_equal(scan_sse2_name(bytes + from, end), scan_portable_name(bytes + from, end));
				assert_ptr_equal(scan_sse2_target(bytes + from, end), scan_portable_target(bytes + from, end));
				assert_int_equal(scan_sse2_event(bytes, from, sizeof(bytes)),
				                 scan_portable_event(bytes, from, sizeof(bytes)));
			}
		}
	}
}

static void both_variants_find_the_same_line_ends(void **state)
{
	static const char *const ends[] = {"\r\n", "\n",     "\r",     "\r\r\n",   "\r\n\r\n",
	                                   "\n\n", "\r\n\n", "\n\r\n", "\r\nx\r\n"};
	char bytes[80];
	for (size_t e = 0; e < sizeof(ends) / sizeof(ends[0]); e++) {
		for (size_t at = 0; at + strlen(ends[e]) <= sizeof(bytes); at++) {
			memset(bytes, 'a', sizeof(bytes));
			memcpy(bytes + at, ends[e], strlen(ends[e]));
			for (size_t from = 0; from <= at + 4 && from <= sizeof(bytes); from++)
				assert_int_equal(scan_sse2_event(bytes, from, sizeof(bytes)),
				                 scan_portable_event(bytes, from, sizeof(bytes)));
		}
	}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_says_what_the_grammars_say), cmocka_unit_test(runs_stop_at_the_first_other_byte),
		cmocka_unit_test(events_are_found_where_they_are),
#ifdef __SSE2__
		cmocka_unit_test(both_variants_find_the_same),          cmocka_unit_test(both_variants_find_the_same_line_ends),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
