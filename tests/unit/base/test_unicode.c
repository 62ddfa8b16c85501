#include "base/unicode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"

static void every_character_comes_back_from_utf8(void **state)
{
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		char bytes[4];
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		size_t n = unicode_to_utf8(c, bytes);
		assert_int_equal(utf8_length(bytes, n), n);
		assert_int_equal(unicode_of_utf8(bytes, n), c);
	}
}

/* In a process whose locale was never set. */
static void case_is_that_of_unicode(void **state)
{
	static const uint32_t pairs[][2] = {{'a', 'A'}, {0xe4, 0xc4}, {0x3c9, 0x3a9}, {0x44f, 0x42f}};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_int_equal(unicode_lower(pairs[i][1]), pairs[i][0]);
		assert_int_equal(unicode_upper(pairs[i][0]), pairs[i][1]);
	}
	assert_int_equal(unicode_upper(0x17f), 'S');
	assert_int_equal(unicode_upper(0x131), 'I');
	assert_int_equal(unicode_lower(0x212a), 'k');
	assert_int_equal(unicode_lower(0x4e00), 0x4e00);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_comes_back_from_utf8),
		cmocka_unit_test(case_is_that_of_unicode),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
