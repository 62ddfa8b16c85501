/* Spans: comparing, trimming, lists, numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include <stdlib.h>

#include "base/error.h"
#include "base/span.h"

static void spans_compare_without_case(void **state)
{
	assert_true(span_eq_nocase(SPAN("Content-Length"), SPAN("content-LENGTH")));
	assert_false(span_eq_nocase(SPAN("Content-Length"), SPAN("content-lengths")));
	/* Only ASCII letters fold: '@' and '`' differ by the same bit. */
	assert_false(span_eq_nocase(SPAN("@"), SPAN("`")));
	assert_false(span_eq_nocase(SPAN("\xc4"), SPAN("\xe4")));
	assert_true(span_eq(SPAN_NONE, SPAN("")));
	assert_true(span_starts_nocase(SPAN("NTLM TlRM"), SPAN("ntlm ")));
	assert_false(span_starts_nocase(SPAN("NT"), SPAN("ntlm")));
	assert_true(span_ends_nocase(SPAN("www.Example.COM"), SPAN(".example.com")));
	assert_false(span_ends_nocase(SPAN("com"), SPAN(".com")));
}

static void spans_are_trimmed(void **state)
{
	assert_true(span_eq(span_trim(SPAN(" \t a b \t")), SPAN("a b")));
	assert_true(span_eq(span_trim(SPAN(" \t ")), SPAN("")));
	/* OWS is space and tab, nothing else. */
	assert_true(span_eq(span_trim(SPAN("\na\r")), SPAN("\na\r")));
}

static void lists_are_walked(void **state)
{
	static const char *const expected[] = {"a", "", "b c", "d", ""};
	struct span rest = SPAN("a,, b c ,d,"), item;
	for (size_t i = 0; i < 5; i++) {
		assert_true(span_next(&rest, ',', &item));
		assert_true(span_eq(item, span_of(expected[i])));
	}
	assert_false(span_next(&rest, ',', &item));
	assert_false(span_next(&rest, ',', &item));
}

static void numbers_are_read_strictly(void **state)
{
	uint64_t v = 7;
	assert_int_equal(span_to_u64(SPAN("0"), 10, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(span_to_u64(SPAN("18446744073709551615"), UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(span_to_u64(SPAN("18446744073709551616"), UINT64_MAX, &v), -EINVAL);
	assert_int_equal(span_to_u64(SPAN("65535"), 65535, &v), 0);
	assert_int_equal(span_to_u64(SPAN("65536"), 65535, &v), -EINVAL);
	assert_int_equal(span_to_u64(SPAN("9"), 5, &v), -EINVAL);
	static const char *const bad[] = {"", "+1", "-1", " 1", "1 ", "0x1", "1a", "1_0"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(span_to_u64(span_of(bad[i]), UINT64_MAX, &v), -EINVAL);
}

static void copies_are_terminated(void **state)
{
	char *copy = span_dup(span_make("abcdef", 3));
	assert_string_equal(copy, "abc");
	free(copy);
	copy = span_dup(SPAN_NONE);
	assert_string_equal(copy, "");
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_compare_without_case), cmocka_unit_test(spans_are_trimmed),
		cmocka_unit_test(lists_are_walked),           cmocka_unit_test(numbers_are_read_strictly),
		cmocka_unit_test(copies_are_terminated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
