#include "config/prefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct arena memory;

static void what_people_write_gets_its_one_spelling(void **state)
{
	static const char *const cases[][2] = {
		{"/", "/"},
		{"/public/", "/public/"},
		{"/A-b_c.d~1/e/", "/A-b_c.d~1/e/"},
		{"/.well-known/", "/.well-known/"},
		{"/My Files/", "/My%20Files/"},
		{"/My%20Files/", "/My%20Files/"},
		{"/\xc3\x96"
	     "ffentlich/",
	     "/%C3%96ffentlich/"},
		{"/%c3%96ffentlich/", "/%C3%96ffentlich/"},
		{"/%61/", "/a/"},
		{"/\xe7\x9b\xae\xe5\xbd\x95/", "/%E7%9B%AE%E5%BD%95/"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *out, *problem = value_prefix(&memory, cases[i][0], &out);
		if (problem)
			fail_msg("%s: %s", cases[i][0], problem);
		assert_string_equal(out, cases[i][1]);
	}
}

static void what_can_be_read_in_two_ways_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"a/",
		"/a",
		"//",
		"/a//b/",
		"/./",
		"/a/../",
		"/%2e%2e/",
		"/a./",
		"/a /",
		"/a%20/",
		"/.../",
		"/ /",
		"/a;b/",
		"/a%3Bb/",
		"/a%2Fb/",
		"/a%2fb/",
		"/a%5Cb/",
		"/a\\b/",
		"/a%00/",
		"/a\tb/",
		"/%zz/",
		"/%4/",
		"/%/",
		"/a%25/",
		"/(S(x))/",
		"/a:b/",
		"/\xff/",
		"/%C3/",
		"/%C0%AE/",
		"/a\xef\xbc\x8e/",
		"/o\xcc\x88/",
		"/\xe2\x84\xaa/",
		"/\xc4\xb1/",
		"/\xf0\x9f\x98\x80/",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *out;
		if (!value_prefix(&memory, bad[i], &out))
			fail_msg("%s is taken for %s", bad[i], out);
	}
}

static void length_and_depth_have_an_end(void **state)
{
	char deep[2 * 33 + 2] = "/", longest[515] = "/";
	const char *out;
	for (int i = 0; i < 32; i++)
		memcpy(deep + 1 + 2 * i, "a/", 3);
	assert_null(value_prefix(&memory, deep, &out));
	memcpy(deep + 65, "a/", 3);
	assert_non_null(value_prefix(&memory, deep, &out));
	memset(longest + 1, 'a', 510);
	longest[511] = '/';
	assert_null(value_prefix(&memory, longest, &out));
	longest[511] = 'a';
	longest[512] = '/';
	assert_non_null(value_prefix(&memory, longest, &out));
}

static void case_tells_no_prefixes_apart(void **state)
{
	assert_true(prefix_begins("/Secure/Open/", "/secure/"));
	assert_true(prefix_begins("/%C3%96ffentlich/x/", "/%C3%B6FFENTLICH/"));
	assert_true(prefix_begins("/%CF%83/", "/%CF%82/")); /* sigma, and at the end of a word */
	assert_true(prefix_begins("/a/", "/"));
	assert_true(prefix_begins("/My%20Files/", "/my%20files/"));
	assert_false(prefix_begins("/", "/a/"));
	assert_false(prefix_begins("/secured/", "/secure/"));
	assert_false(prefix_begins("/%C3%96/", "/%C3%84/"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_write_gets_its_one_spelling),
		cmocka_unit_test(what_can_be_read_in_two_ways_is_refused),
		cmocka_unit_test(length_and_depth_have_an_end),
		cmocka_unit_test(case_tells_no_prefixes_apart),
	};
	arena_init(&memory, 1 << 20);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_fini(&memory);
	return failed;
}
