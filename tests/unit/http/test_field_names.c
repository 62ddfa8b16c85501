#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/head.h"

static void every_name_of_the_table_is_found_in_any_case(void **state)
{
	for (unsigned id = FIELD_OTHER + 1; id < FIELD_LIMIT; id++) {
		struct span name = field_name_of((enum field_id)id);
		char upper[64], lower[64];
		assert_true(name.n > 0 && name.n < sizeof(upper));
		for (size_t i = 0; i < name.n; i++) {
			lower[i] = ascii_lower(name.p[i]);
			upper[i] = (char)(lower[i] >= 'a' && lower[i] <= 'z' ? lower[i] - 32 : lower[i]);
		}
		assert_int_equal(field_id_of(name), id);
		assert_int_equal(field_id_of(span_make(upper, name.n)), id);
		assert_int_equal(field_id_of(span_make(lower, name.n)), id);
	}
}

/* One byte changed, added or lost makes another name; above all, '_' is never '-'. */
static void near_misses_are_other_names(void **state)
{
	for (unsigned id = FIELD_OTHER + 1; id < FIELD_LIMIT; id++) {
		struct span name = field_name_of((enum field_id)id);
		char changed[64];
		for (size_t at = 0; at < name.n; at++) {
			for (int c = 0; c < 256; c++) {
				memcpy(changed, name.p, name.n);
				changed[at] = (char)c;
				bool same = ascii_lower((char)c) == ascii_lower(name.p[at]);
				enum field_id found = field_id_of(span_make(changed, name.n));
				assert_int_equal(found == id, same);
			}
		}
		memcpy(changed, name.p, name.n);
		changed[name.n] = 's';
		assert_int_equal(field_id_of(span_make(changed, name.n + 1)), FIELD_OTHER);
		assert_int_not_equal(field_id_of(span_make(name.p, name.n - 1)), id);
	}
	assert_int_equal(field_id_of(SPAN("Content_Length")), FIELD_OTHER);
	assert_int_equal(field_id_of(SPAN("X_Forwarded_For")), FIELD_OTHER);
	assert_int_equal(field_id_of(SPAN("Content\rLength")), FIELD_OTHER);
	assert_int_equal(field_id_of(SPAN("")), FIELD_OTHER);
	assert_int_equal(field_name_of(FIELD_OTHER).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_of_the_table_is_found_in_any_case),
		cmocka_unit_test(near_misses_are_other_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
