/* The first route that matches decides; names are looked up only where a route asks for it. */
#include "route/settings_parts.h"

static const char office[] = "upstream near { member \"p1.example:8080\" { } }\n"
							 "upstream far { member \"p2.example:8080\" { }  or-direct = true }\n"
							 "route { to = {\"*.corp.example\", \"10.0.0.0/8\", \"<local>\"}  via = direct }\n"
							 "route { to = {\"old.example\"}  via = direct  via-header = false }\n"
							 "route { to = {\"public.example\"}  via = near  pin = false }\n"
							 "route { to = {\"*:8443\"}  via = far }\n"
							 "route { to = {\"*.example\", \"192.0.2.0/24\"}  via = near }\n";

static struct route decide(const struct settings *s, const char *authority)
{
	struct asked a = ask_for(authority);
	struct route_question q = {.host = a.host, .host_is_literal = a.literal, .literal = a.addr, .port = a.port};
	struct route r;
	route_decide(s, &q, &r);
	return r;
}

static const struct {
	const char *host, *upstream;
	int rule; /* its line; 0: none */
} rows[] = {
	{"a.corp.example", NULL, 3},
	{"A.Corp.Example.", NULL, 3},
	{"corp.example", "near", 7},
	{"10.9.9.9:8443", NULL, 3},
	{"intranet:8443", NULL, 3},
	{"old.example", NULL, 4},
	{"old.example:8443", NULL, 4},
	{"public.example", "near", 5},
	{"public.example:8443", "near", 5},
	{"other.example:8443", "far", 6},
	{"203.0.113.1:8443", "far", 6},
	{"other.example", "near", 7},
	{"192.0.2.77", "near", 7},
	{"[::ffff:192.0.2.77]", "near", 7},
	{"[2001:db8::1]", NULL, 0},
	{"203.0.113.1", NULL, 0},
	{"other.test", NULL, 0},
};

static void the_first_route_that_matches_decides(void **state)
{
	struct settings *s = settings_of(office);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct route r = decide(s, rows[i].host);
		int line = r.rule ? r.rule->where.line : 0;
		if (line != rows[i].rule)
			fail_msg("%s: line %d", rows[i].host, line);
		assert_int_equal(r.via, rows[i].upstream ? VIA_UPSTREAM : VIA_DIRECT);
		assert_string_equal(r.upstream ? r.upstream->name : "", rows[i].upstream ? rows[i].upstream : "");
	}
	settings_unref(s);
}

static void a_route_says_whether_via_is_sent_and_sign_in_passes(void **state)
{
	struct settings *s = settings_of(office);
	struct route plain = decide(s, "x.test"), old = decide(s, "old.example"), public = decide(s, "public.example");
	assert_true(plain.via_header && plain.pin);
	assert_true(!old.via_header && old.pin);
	assert_true(public.via_header && !public.pin);
	settings_unref(s);
}

static void a_route_explains_itself(void **state)
{
	struct settings *s = settings_of(office);
	struct arena memory;
	arena_init(&memory, 65536);
	char wanted[512];
	struct route near = decide(s, "other.example"), none = decide(s, "x.test");
	snprintf(wanted, sizeof(wanted), "upstream near (rule at %s:7)", s->source);
	assert_string_equal(route_explain(&near, &memory), wanted);
	assert_string_equal(route_explain(&none, &memory), "direct (no route matches)");
	arena_fini(&memory);
	settings_unref(s);
}

static const char resolving[] = "upstream near { member \"p1.example:8080\" { } }\n"
								"route { to = {\"known.example\"}  via = near }\n"
								"route { to = {\"10.0.0.0/8\", \"2001:db8::/32\"}  via = direct  resolve = true }\n"
								"route { to = {\"192.0.2.0/24\"}  via = direct }\n"
								"route { to = {\"*\"}  via = near }\n";

static bool needs(const struct settings *s, const char *authority)
{
	struct asked a = ask_for(authority);
	struct route_question q = {.host = a.host, .host_is_literal = a.literal, .literal = a.addr, .port = a.port};
	return route_needs_addresses(s, &q);
}

static void a_name_is_looked_up_only_if_a_route_that_may_decide_asks_for_it(void **state)
{
	struct settings *plain = settings_of(office), *s = settings_of(resolving);
	assert_false(needs(plain, "other.example"));
	assert_false(needs(plain, "other.test"));
	assert_false(needs(s, "known.example")); /* decided before */
	assert_false(needs(s, "10.1.1.1"));
	assert_true(needs(s, "other.example"));
	settings_unref(plain);
	settings_unref(s);
}

static int line_with(const struct settings *s, const char *authority, const char *one, const char *two)
{
	struct asked a = ask_for(authority);
	struct addr found[2] = {address(one), address(two)};
	struct route_question q = {.host = a.host, .port = a.port, .resolved = found, .resolved_count = 2};
	struct route r;
	route_decide(s, &q, &r);
	return r.rule->where.line;
}

static void a_network_with_resolve_matches_what_a_name_has(void **state)
{
	struct settings *s = settings_of(resolving);
	assert_int_equal(line_with(s, "a.example", "203.0.113.1", "203.0.113.2"), 5);
	assert_int_equal(line_with(s, "a.example", "203.0.113.1", "10.0.0.1"), 3);
	assert_int_equal(line_with(s, "a.example", "::ffff:10.0.0.1", "203.0.113.2"), 3);
	assert_int_equal(line_with(s, "a.example", "2001:db8::7", "203.0.113.2"), 3);
	assert_int_equal(line_with(s, "a.example", "192.0.2.1", "192.0.2.2"), 5); /* without resolve: literals alone */
	assert_int_equal(line_with(s, "known.example", "10.0.0.1", "10.0.0.2"), 2);
	settings_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_route_that_matches_decides),
		cmocka_unit_test(a_route_says_whether_via_is_sent_and_sign_in_passes),
		cmocka_unit_test(a_route_explains_itself),
		cmocka_unit_test(a_name_is_looked_up_only_if_a_route_that_may_decide_asks_for_it),
		cmocka_unit_test(a_network_with_resolve_matches_what_a_name_has),
	};
	return cmocka_run_group_tests_name("route: route", tests, NULL, NULL);
}
