/* Maps: against a plain array, with gravestones and a ceiling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"

enum { KEYS = 2000 };

static char keys[KEYS][16];
static int values[2][KEYS];

static struct span key_of(int i)
{
	return span_of(keys[i]);
}

static void agree(const struct map *m, int *const *expected)
{
	size_t at = 0, seen = 0;
	struct span key;
	void *value;
	for (int i = 0; i < KEYS; i++)
		assert_ptr_equal(map_get(m, key_of(i)), expected[i]);
	while (map_each(m, &at, &key, &value)) {
		assert_ptr_equal(value, map_get(m, key));
		seen++;
	}
	assert_int_equal(seen, m->count);
}

static void a_map_does_what_an_array_would(void **state)
{
	struct map m;
	static int *expected[KEYS];
	size_t count = 0;
	for (int i = 0; i < KEYS; i++)
		snprintf(keys[i], sizeof(keys[i]), "key-%d", i);
	map_init(&m, SIZE_MAX);
	srand(11);
	for (int step = 0; step < 200000; step++) {
		int i = rand() % KEYS;
		void *old = &m;
		if (rand() % 2) {
			int *value = &values[rand() % 2][i];
			assert_int_equal(map_put(&m, key_of(i), value, &old), 0);
			assert_ptr_equal(old, expected[i]);
			count += !expected[i];
			expected[i] = value;
		} else {
			assert_ptr_equal(map_remove(&m, key_of(i)), expected[i]);
			count -= !!expected[i];
			expected[i] = NULL;
		}
		assert_int_equal(m.count, count);
		if (step % 20000 == 0)
			agree(&m, expected);
	}
	agree(&m, expected);
	/* Coming and going does not make it grow without end. */
	assert_true(m.capacity <= 8192);
	map_fini(&m);
}

static void the_ceiling_refuses_new_keys_only(void **state)
{
	struct map m;
	int v = 1, w = 2;
	map_init(&m, 2);
	assert_int_equal(map_put(&m, SPAN("one"), &v, NULL), 0);
	assert_int_equal(map_put(&m, SPAN("two"), &v, NULL), 0);
	assert_int_equal(map_put(&m, SPAN("three"), &v, NULL), -ENOSPC);
	assert_int_equal(map_put(&m, SPAN("two"), &w, NULL), 0);
	assert_ptr_equal(map_get(&m, SPAN("two")), &w);
	assert_ptr_equal(map_remove(&m, SPAN("one")), &v);
	assert_null(map_remove(&m, SPAN("one")));
	assert_int_equal(map_put(&m, SPAN("three"), &v, NULL), 0);
	map_fini(&m);
}

static void entries_may_be_removed_on_the_way(void **state)
{
	struct map m;
	int v = 1, removed = 0;
	size_t at = 0;
	struct span key;
	void *value;
	map_init(&m, KEYS);
	for (int i = 0; i < 100; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%d", i);
		assert_int_equal(map_put(&m, key_of(i), &v, NULL), 0);
	}
	while (map_each(&m, &at, &key, &value))
		removed += map_remove(&m, key) == &v;
	assert_int_equal(removed, 100);
	assert_int_equal(m.count, 0);
	map_fini(&m);
}

static void hashes_tell_lengths_and_bytes_apart(void **state)
{
	static const char zeros[32];
	for (size_t n = 1; n < sizeof(zeros); n++)
		assert_true(hash_bytes(span_make(zeros, n)) != hash_bytes(span_make(zeros, n - 1)));
	assert_true(hash_bytes(SPAN("abcdefgh1")) == hash_bytes(SPAN("abcdefgh1")));
	assert_true(hash_bytes(SPAN("abcdefgh1")) != hash_bytes(SPAN("abcdefgh2")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_does_what_an_array_would),
		cmocka_unit_test(the_ceiling_refuses_new_keys_only),
		cmocka_unit_test(entries_may_be_removed_on_the_way),
		cmocka_unit_test(hashes_tell_lengths_and_bytes_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
