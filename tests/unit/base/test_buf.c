/* Buffers: growing, ceilings, the error that sticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include "base/buf.h"

static void appends_are_a_straight_list(void **state)
{
	struct buf b;
	buf_init(&b, 1000);
	buf_adds(&b, "GET ");
	buf_add(&b, SPAN("/index"));
	buf_addc(&b, '?');
	buf_addu(&b, 0);
	buf_addu(&b, UINT64_MAX);
	buf_addf(&b, " %s/%d.%d", "HTTP", 1, 1);
	assert_int_equal(buf_error(&b), 0);
	assert_string_equal(buf_text(&b), "GET /index?018446744073709551615 HTTP/1.1");
	assert_int_equal(b.n, strlen(buf_text(&b)));
	buf_clear(&b);
	assert_string_equal(buf_text(&b), "");
	buf_fini(&b);
}

static void the_ceiling_is_exact_and_its_error_sticks(void **state)
{
	struct buf b;
	buf_init(&b, 100);
	for (int i = 0; i < 100; i++)
		buf_addc(&b, 'x');
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(b.n, 100);
	buf_addc(&b, 'y');
	assert_int_equal(buf_error(&b), -ENOBUFS);
	buf_add(&b, SPAN(""));
	buf_addf(&b, "%s", "more");
	assert_int_equal(b.n, 100);
	assert_int_equal(buf_reserve(&b, 0), -ENOBUFS);
	assert_string_equal(buf_text(&b), "");
	buf_clear(&b);
	buf_addc(&b, 'z');
	assert_int_equal(buf_error(&b), 0);
	buf_fini(&b);
}

static void foreign_memory_is_never_outgrown(void **state)
{
	char memory[9] = "........";
	struct buf b;
	buf_over(&b, memory, 8);
	buf_adds(&b, "12345678");
	assert_int_equal(buf_error(&b), 0);
	buf_addc(&b, '9');
	assert_int_equal(buf_error(&b), -ENOBUFS);
	assert_string_equal(memory, "12345678");
	buf_fini(&b);
}

static void long_formats_are_whole(void **state)
{
	char text[5000];
	struct buf b;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buf_init(&b, 10000);
	buf_addf(&b, "<%s>", text);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(b.n, sizeof(text) + 1);
	assert_int_equal(b.p[b.n - 1], '>');
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_are_a_straight_list),
		cmocka_unit_test(the_ceiling_is_exact_and_its_error_sticks),
		cmocka_unit_test(foreign_memory_is_never_outgrown),
		cmocka_unit_test(long_formats_are_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
