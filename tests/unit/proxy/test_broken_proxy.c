/* Proxies that break sign-in by connection: the two signs, and what they cost when they are untrue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proxy/broken_proxy.h"

static uint64_t key_of(const char *address, const char *via)
{
	struct addr a;
	assert_int_equal(addr_parse(span_of(address), 0, &a), 0);
	return broken_proxy_key(&a, span_of(via));
}

static void the_port_of_a_client_does_not_count_but_its_address_and_via_do(void **state)
{
	struct addr a, b;
	assert_int_equal(addr_parse(SPAN("192.0.2.1"), 1000, &a), 0);
	assert_int_equal(addr_parse(SPAN("192.0.2.1"), 2000, &b), 0);
	assert_true(broken_proxy_key(&a, SPAN("1.1 x")) == broken_proxy_key(&b, SPAN("1.1 x")));
	assert_true(key_of("192.0.2.1", "1.1 x") != key_of("192.0.2.2", "1.1 x"));
	assert_true(key_of("192.0.2.1", "1.1 x") != key_of("192.0.2.1", "1.1 y"));
}

static void who_showed_it_is_known_and_news_once(void **state)
{
	uint64_t key = key_of("192.0.2.10", "1.1 breaker"), other = key_of("192.0.2.10", "1.1 keeper");
	assert_false(broken_proxy_known(key));
	assert_true(broken_proxy_note(key));
	assert_false(broken_proxy_note(key));
	assert_true(broken_proxy_known(key));
	assert_false(broken_proxy_known(other));
}

static void one_abandoned_handshake_after_the_other_is_told_of(void **state)
{
	uint64_t key = key_of("192.0.2.20", "1.1 breaker");
	for (int i = 0; i < 3; i++) {
		broken_proxy_abandoned(key);
		assert_false(broken_proxy_tell(key));
	}
	broken_proxy_abandoned(key);
	assert_true(broken_proxy_tell(key));
	assert_false(broken_proxy_known(key));
}

static void a_handshake_that_comes_through_clears_the_suspicion(void **state)
{
	uint64_t key = key_of("192.0.2.30", "");
	for (int i = 0; i < 100; i++) {
		broken_proxy_abandoned(key);
		broken_proxy_abandoned(key);
		broken_proxy_abandoned(key);
		broken_proxy_came_through(key);
		assert_false(broken_proxy_tell(key));
	}
}

static void once_told_it_takes_as_many_again(void **state)
{
	uint64_t key = key_of("192.0.2.40", "");
	for (int i = 0; i < 4; i++)
		broken_proxy_abandoned(key);
	assert_true(broken_proxy_tell(key));
	broken_proxy_note(key);
	assert_false(broken_proxy_tell(key));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_port_of_a_client_does_not_count_but_its_address_and_via_do),
		cmocka_unit_test(who_showed_it_is_known_and_news_once),
		cmocka_unit_test(one_abandoned_handshake_after_the_other_is_told_of),
		cmocka_unit_test(a_handshake_that_comes_through_clears_the_suspicion),
		cmocka_unit_test(once_told_it_takes_as_many_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
