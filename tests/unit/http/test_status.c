#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/status.h"

static void reasons_are_those_of_the_registry(void **state)
{
	assert_string_equal(status_reason(200), "OK");
	assert_string_equal(status_reason(407), "Proxy Authentication Required");
	assert_string_equal(status_reason(511), "Network Authentication Required");
	assert_string_equal(status_reason(299), "");
	assert_string_equal(status_reason(0), "");
}

static void methods_have_their_properties(void **state)
{
	static const struct {
		const char *name;
		enum method method;
		bool safe, idempotent;
	} cases[] = {
		{"GET", METHOD_GET, true, true},         {"HEAD", METHOD_HEAD, true, true},
		{"POST", METHOD_POST, false, false},     {"PUT", METHOD_PUT, false, true},
		{"DELETE", METHOD_DELETE, false, true},  {"CONNECT", METHOD_CONNECT, false, false},
		{"OPTIONS", METHOD_OPTIONS, true, true}, {"TRACE", METHOD_TRACE, true, true},
		{"PATCH", METHOD_PATCH, false, false},   {"PROPFIND", METHOD_OTHER, false, false},
		{"get", METHOD_OTHER, false, false},     {"", METHOD_OTHER, false, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum method m = method_of(span_of(cases[i].name));
		assert_int_equal(m, cases[i].method);
		assert_int_equal(method_is_safe(m), cases[i].safe);
		assert_int_equal(method_is_idempotent(m), cases[i].idempotent);
		assert_true(m == METHOD_OTHER ? method_name(m).n == 0 : span_eq(method_name(m), span_of(cases[i].name)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons_are_those_of_the_registry),
		cmocka_unit_test(methods_have_their_properties),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
