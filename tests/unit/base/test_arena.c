/* Arenas: alignment, the ceiling, chunks of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include "base/arena.h"

static void allocations_are_aligned_and_apart(void **state)
{
	struct arena a;
	char *all[500];
	arena_init(&a, 10 << 20);
	for (int i = 0; i < 500; i++) {
		size_t n = (size_t)(i * 37 % 9000) + 1;
		all[i] = arena_alloc(&a, n);
		assert_non_null(all[i]);
		assert_int_equal((uintptr_t)all[i] % 16, 0);
		memset(all[i], i, n);
	}
	for (int i = 0; i < 500; i++) {
		size_t n = (size_t)(i * 37 % 9000) + 1;
		for (size_t k = 0; k < n; k++)
			assert_int_equal((unsigned char)all[i][k], i & 0xff);
	}
	arena_fini(&a);
	arena_trim();
}

static void the_ceiling_holds(void **state)
{
	struct arena a;
	arena_init(&a, 1024);
	assert_non_null(arena_alloc(&a, 1008));
	assert_null(arena_alloc(&a, 17));
	assert_non_null(arena_alloc(&a, 16));
	assert_null(arena_alloc(&a, 1));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_dup(&a, SPAN("x")).p);
	assert_string_equal(arena_printf(&a, "%d", 1), "");
	/* Used again, it is as new. */
	arena_fini(&a);
	assert_non_null(arena_alloc(&a, 1024));
	arena_fini(&a);
	arena_trim();
}

static void what_is_reused_is_cleared_on_demand(void **state)
{
	struct arena a;
	for (int round = 0; round < 3; round++) {
		arena_init(&a, 100000);
		char *p = arena_zalloc(&a, 3000);
		for (int i = 0; i < 3000; i++)
			assert_int_equal(p[i], 0);
		memset(p, 'x', 3000);
		assert_true(span_eq(arena_dup(&a, SPAN("copied")), SPAN("copied")));
		assert_string_equal(arena_dup(&a, SPAN("copied")).p, "copied");
		assert_string_equal(arena_printf(&a, "%s-%d", "text", 5), "text-5");
		arena_fini(&a);
	}
	arena_trim();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_aligned_and_apart),
		cmocka_unit_test(the_ceiling_holds),
		cmocka_unit_test(what_is_reused_is_cleared_on_demand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
