#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/uri.h"

static void hosts_are_names_or_addresses(void **state)
{
	static const char *const good[] = {"a",      "a.test", "a.test.", "A-b_c.1", "192.0.2.1", "xn--bcher-kva.test",
	                                   "_srv.a", "1e100"};
	static const char *const bad[] = {"",     ".",   "a..b", ".a",   "a b", "a%62", "a,b",
	                                  "\xe4", "a/b", "a:b",  "a\\b", "a@b", "[a]"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!host_is_valid(span_of(good[i]), false))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (host_is_valid(span_of(bad[i]), false))
			fail_msg("%s is allowed", bad[i]);
	assert_true(host_is_valid(SPAN("::1"), true));
	assert_true(host_is_valid(SPAN("::ffff:192.0.2.1"), true));
	assert_false(host_is_valid(SPAN("1:2:3"), true));
	assert_false(host_is_valid(SPAN("fe80::1%eth0"), true));
	assert_false(host_is_valid(SPAN("a.test"), true));
	assert_false(host_is_valid(SPAN("::1\0"), true));
}

static void names_have_a_longest_length(void **state)
{
	char name[300];
	memset(name, 'a', sizeof(name));
	for (size_t i = 63; i < sizeof(name); i += 64)
		name[i] = '.';
	assert_true(host_is_valid(span_make(name, 253), false));
	assert_false(host_is_valid(span_make(name, 254), false));
	assert_true(host_is_valid(span_make(name, 63), false));
	assert_false(host_is_valid(SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), false));
}

static void what_libraries_take_for_a_number_is_told(void **state)
{
	static const char *const numbers[] = {"127.0.0.1",  "127.1",      "0x7f.1", "2130706433",
	                                      "0177.0.0.1", "0x7f000001", "0",      "1.2.3.0X4",
	                                      "127.0.0.1.", "a.1",        "0x"};
	static const char *const names[] = {"a", "1a", "0xg", "1.a", "1.2.3.4a", "0x7f.test", "-1", "1_0", ""};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!host_is_numeric(span_of(numbers[i])))
			fail_msg("%s passes for a name", numbers[i]);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (host_is_numeric(span_of(names[i])))
			fail_msg("%s passes for a number", names[i]);
}

static void folding_makes_equal_hosts_equal(void **state)
{
	char out[256];
	assert_int_equal(host_fold(SPAN("WWW.Example.COM."), out), 15);
	assert_string_equal(out, "www.example.com");
	assert_int_equal(host_fold(SPAN("."), out), 0);
	assert_int_equal(host_fold(SPAN(""), out), 0);
}

static void an_authority_is_host_and_port(void **state)
{
	static const struct {
		const char *text, *host;
		bool v6, given;
		uint16_t port;
		enum parse_fault fault;
	} cases[] = {
		{"a", "a", false, false, 0, PARSE_OK},
		{"a:80", "a", false, true, 80, PARSE_OK},
		{"a:65535", "a", false, true, 65535, PARSE_OK},
		{"[::1]", "::1", true, false, 0, PARSE_OK},
		{"[::1]:8", "::1", true, true, 8, PARSE_OK},
		{"", "", false, false, 0, PARSE_AUTHORITY},
		{":80", "", false, false, 0, PARSE_AUTHORITY},
		{"a:", "", false, false, 0, PARSE_AUTHORITY},
		{"a:0", "", false, false, 0, PARSE_AUTHORITY},
		{"a:65536", "", false, false, 0, PARSE_AUTHORITY},
		{"a:99999999999999999999", "", false, false, 0, PARSE_AUTHORITY},
		{"a:80x", "", false, false, 0, PARSE_AUTHORITY},
		{"a: 80", "", false, false, 0, PARSE_AUTHORITY},
		{"[::1", "", false, false, 0, PARSE_AUTHORITY},
		{"[]", "", false, false, 0, PARSE_AUTHORITY},
		{"[::1]80", "", false, false, 0, PARSE_AUTHORITY},
		{"::1", "", false, false, 0, PARSE_AUTHORITY},
		{"a@b", "", false, false, 0, PARSE_USERINFO},
		{"a:b@c:80", "", false, false, 0, PARSE_USERINFO},
		{"[::1]@a", "", false, false, 0, PARSE_USERINFO},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span host;
		bool v6, given;
		uint16_t port;
		enum parse_fault fault = authority_parse(span_of(cases[i].text), &host, &v6, &port, &given);
		if (fault != cases[i].fault)
			fail_msg("%s: %s", cases[i].text, parse_fault_name(fault));
		if (fault)
			continue;
		assert_true(span_eq(host, span_of(cases[i].host)));
		assert_int_equal(v6, cases[i].v6);
		assert_int_equal(given, cases[i].given);
		assert_int_equal(port, cases[i].port);
	}
}

static void a_target_is_split_where_the_path_begins(void **state)
{
	struct head h = {.is_request = true, .method = METHOD_GET, .target = SPAN("http://a.test:81?x=/y")};
	struct target t;
	assert_int_equal(target_parse(&h, &t), PARSE_OK);
	assert_true(span_eq(t.authority, SPAN("a.test:81")));
	assert_true(span_eq(t.path, SPAN("?x=/y")));
	h.target = SPAN("http://a.test");
	assert_int_equal(target_parse(&h, &t), PARSE_OK);
	assert_int_equal(t.path.n, 0);
	h.target = SPAN("http://a.test/x@y:z");
	assert_int_equal(target_parse(&h, &t), PARSE_OK);
	assert_true(span_eq(t.path, SPAN("/x@y:z")));
	assert_int_equal(t.port, 80);
	assert_false(t.port_given);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_names_or_addresses),
		cmocka_unit_test(names_have_a_longest_length),
		cmocka_unit_test(what_libraries_take_for_a_number_is_told),
		cmocka_unit_test(folding_makes_equal_hosts_equal),
		cmocka_unit_test(an_authority_is_host_and_port),
		cmocka_unit_test(a_target_is_split_where_the_path_begins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
