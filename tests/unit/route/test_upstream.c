/* The order in which members are tried. */
#include "route/settings_parts.h"

static const char five[] = "upstream u {\n"
						   "\tmember \"a.example:1\" { }\n"
						   "\tmember \"x.example:1\" { backup = true }\n"
						   "\tmember \"b.example:1\" { }\n"
						   "\tmember \"c.example:1\" { }\n"
						   "\tmember \"y.example:1\" { backup = true }\n"
						   "}\n"
						   "route { to = {\"*\"}  via = u }\n";
enum { A, X, B, C, Y, MEMBERS };

static struct addr client_number(unsigned n)
{
	char text[32];
	snprintf(text, sizeof(text), "10.%u.%u.%u", n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff);
	return address(text);
}

static void everybody_is_tried_once_backups_last_and_in_order(void **state)
{
	struct settings *s = settings_of(five);
	unsigned order[MEMBERS];
	for (unsigned i = 0; i < 500; i++) {
		struct addr client = client_number(i);
		bool seen[MEMBERS] = {false};
		assert_int_equal(upstream_order(&s->upstreams[0], &client, NULL, order), MEMBERS);
		for (unsigned j = 0; j < MEMBERS; j++)
			seen[order[j]] = true;
		for (unsigned j = 0; j < MEMBERS; j++)
			assert_true(seen[j]);
		assert_int_equal(order[3], X);
		assert_int_equal(order[4], Y);
	}
	settings_unref(s);
}

static void clients_are_shared_among_the_members_and_stay_where_they_are(void **state)
{
	struct settings *s = settings_of(five);
	unsigned order[MEMBERS], again[MEMBERS], count[MEMBERS] = {0};
	enum { CLIENTS = 3000 };
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct addr client = client_number(i), other_port = client;
		addr_set_port(&other_port, 4711);
		assert_int_equal(upstream_order(&s->upstreams[0], &client, NULL, order), MEMBERS);
		assert_int_equal(upstream_order(&s->upstreams[0], &other_port, NULL, again), MEMBERS);
		assert_memory_equal(order, again, sizeof(order));
		count[order[0]]++;
	}
	for (unsigned m = 0; m < MEMBERS; m++)
		if (m == X || m == Y)
			assert_int_equal(count[m], 0);
		else
			assert_in_range(count[m], CLIENTS / 3 * 8 / 10, CLIENTS / 3 * 12 / 10);
	settings_unref(s);
}

static void an_ipv4_client_is_the_same_on_an_ipv6_socket(void **state)
{
	struct settings *s = settings_of(five);
	unsigned order[MEMBERS], mapped_order[MEMBERS];
	for (unsigned i = 0; i < 50; i++) {
		char text[64];
		snprintf(text, sizeof(text), "::ffff:10.0.0.%u", i);
		struct addr plain = client_number(i), mapped = address(text);
		assert_int_equal(upstream_order(&s->upstreams[0], &plain, NULL, order), MEMBERS);
		assert_int_equal(upstream_order(&s->upstreams[0], &mapped, NULL, mapped_order), MEMBERS);
		assert_memory_equal(order, mapped_order, sizeof(order));
	}
	settings_unref(s);
}

static void a_member_that_is_down_goes_behind_the_backups_and_moves_its_own_clients_only(void **state)
{
	struct settings *s = settings_of(five);
	unsigned order[MEMBERS], before[MEMBERS];
	bool down[MEMBERS] = {[B] = true};
	for (unsigned i = 0; i < 500; i++) {
		struct addr client = client_number(i);
		assert_int_equal(upstream_order(&s->upstreams[0], &client, NULL, before), MEMBERS);
		assert_int_equal(upstream_order(&s->upstreams[0], &client, down, order), MEMBERS);
		assert_int_equal(order[4], B);
		assert_int_equal(order[2], X);
		assert_int_equal(order[3], Y);
		if (before[0] != B)
			assert_int_equal(order[0], before[0]);
	}
	settings_unref(s);
}

static void all_down_are_tried_all_the_same(void **state)
{
	struct settings *s = settings_of(five);
	unsigned order[MEMBERS];
	bool down[MEMBERS] = {true, true, true, true, true};
	struct addr client = client_number(7);
	assert_int_equal(upstream_order(&s->upstreams[0], &client, down, order), MEMBERS);
	assert_int_equal(order[3], X);
	assert_int_equal(order[4], Y);
	settings_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_is_tried_once_backups_last_and_in_order),
		cmocka_unit_test(clients_are_shared_among_the_members_and_stay_where_they_are),
		cmocka_unit_test(an_ipv4_client_is_the_same_on_an_ipv6_socket),
		cmocka_unit_test(a_member_that_is_down_goes_behind_the_backups_and_moves_its_own_clients_only),
		cmocka_unit_test(all_down_are_tried_all_the_same),
	};
	return cmocka_run_group_tests_name("route: upstream", tests, NULL, NULL);
}
