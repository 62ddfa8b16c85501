/* Addresses and networks as text, and what kind they are of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include "base/addr.h"

static struct addr parse(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(span_of(text), 80, &a), 0);
	return a;
}

static void literals_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *host, *with_port;
	} rows[] = {
		{"192.0.2.1", "192.0.2.1", "192.0.2.1:80"},
		{"2001:db8::1", "2001:db8::1", "[2001:db8::1]:80"},
		{"[2001:DB8:0:0::1]", "2001:db8::1", "[2001:db8::1]:80"},
		{"::", "::", "[::]:80"},
		{"0.0.0.0", "0.0.0.0", "0.0.0.0:80"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:80"},
	};
	char text[ADDR_TEXT];
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct addr a = parse(rows[i].text);
		addr_format(&a, false, text);
		assert_string_equal(text, rows[i].host);
		addr_format(&a, true, text);
		assert_string_equal(text, rows[i].with_port);
		assert_int_equal(addr_port(&a), 80);
	}
}

static void other_forms_are_refused(void **state)
{
	static const char *const bad[] = {"",           "1",          "127.1",        "0x7f.0.0.1", "127.0.0.01",
	                                  "2130706433", "1.2.3.",     "1.2.3.4.5",    "256.1.1.1",  " 1.2.3.4",
	                                  "1.2.3.4 ",   "[1.2.3.4]",  "[::1",         "::1]",       ":::",
	                                  "[]",         "1.2.3.4:80", "fe80::1%eth0", "g::1",       "1:2:3:4:5:6:7:8:9",
	                                  "www.example"};
	struct addr a;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(addr_parse(span_of(bad[i]), 80, &a), -EINVAL);
	assert_int_equal(addr_parse(span_make("1.2.3.4\0", 8), 80, &a), -EINVAL);
	assert_int_equal(addr_parse(SPAN_NONE, 80, &a), -EINVAL);
}

static void kinds_are_told(void **state)
{
	static const struct {
		const char *text;
		bool loopback, link_local, unspecified, private;
	} rows[] = {
		{"127.0.0.1", 1, 0, 0, 0},
		{"127.255.0.9", 1, 0, 0, 0},
		{"128.0.0.1", 0, 0, 0, 0},
		{"::1", 1, 0, 0, 0},
		{"::ffff:127.0.0.1", 1, 0, 0, 0},
		{"64:ff9b::7f00:1", 1, 0, 0, 0},
		{"169.254.1.1", 0, 1, 0, 0},
		{"fe80::1", 0, 1, 0, 0},
		{"fec0::1", 0, 0, 0, 0},
		{"0.0.0.0", 0, 0, 1, 0},
		{"::", 0, 0, 1, 0},
		{"::ffff:0.0.0.0", 0, 0, 1, 0},
		{"10.1.2.3", 0, 0, 0, 1},
		{"172.16.0.1", 0, 0, 0, 1},
		{"172.31.255.255", 0, 0, 0, 1},
		{"172.32.0.1", 0, 0, 0, 0},
		{"192.168.9.9", 0, 0, 0, 1},
		{"192.169.0.1", 0, 0, 0, 0},
		{"fd00::1", 0, 0, 0, 1},
		{"fc00::1", 0, 0, 0, 1},
		{"fe00::1", 0, 0, 0, 0},
		{"::10.0.0.1", 0, 0, 0, 1},
		{"64:ff9b::a9fe:1", 0, 1, 0, 0},
		{"2001:db8::1", 0, 0, 0, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct addr a = parse(rows[i].text);
		assert_int_equal(addr_is_loopback(&a), rows[i].loopback);
		assert_int_equal(addr_is_link_local(&a), rows[i].link_local);
		assert_int_equal(addr_is_unspecified(&a), rows[i].unspecified);
		assert_int_equal(addr_is_private(&a), rows[i].private);
	}
}

static void carried_addresses_are_taken_out(void **state)
{
	static const char *const rows[][2] = {{"::ffff:192.0.2.1", "192.0.2.1"},
	                                      {"::192.0.2.1", "192.0.2.1"},
	                                      {"64:ff9b::192.0.2.1", "192.0.2.1"},
	                                      {"::1", "::1"},
	                                      {"::", "::"},
	                                      {"64:ff9b:1::192.0.2.1", "64:ff9b:1::c000:201"},
	                                      {"2001:db8::1", "2001:db8::1"}};
	char text[ADDR_TEXT];
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct addr a = parse(rows[i][0]);
		addr_unmap(&a);
		addr_format(&a, false, text);
		assert_string_equal(text, rows[i][1]);
		assert_int_equal(addr_port(&a), 80);
	}
}

static void addresses_are_compared(void **state)
{
	struct addr a = parse("192.0.2.1"), b = parse("::ffff:192.0.2.1"), c = parse("192.0.2.1"), d = parse("192.0.2.2");
	addr_set_port(&c, 81);
	assert_true(addr_same_host(&a, &b));
	assert_true(addr_same_host(&a, &c));
	assert_false(addr_same_host(&a, &d));
	assert_true(addr_eq(&a, &a));
	assert_false(addr_eq(&a, &c));
	assert_int_equal(addr_length(&a), sizeof(struct sockaddr_in));
	assert_int_equal(addr_length(&b), sizeof(struct sockaddr_in6));
}

static void networks_have_their_addresses(void **state)
{
	static const struct {
		const char *network, *inside, *outside;
	} rows[] = {
		{"10.0.0.0/8", "10.255.1.2", "11.0.0.0"},
		{"10.1.2.3/8", "10.255.1.2", "9.255.255.255"},
		{"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
		{"192.0.2.4/30", "192.0.2.7", "192.0.2.8"},
		{"192.0.2.4", "192.0.2.4", "192.0.2.5"},
		{"192.0.2.0/24", "::ffff:192.0.2.9", "::ffff:192.0.3.9"},
		{"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
		{"::/0", "2001:db8::1", "192.0.2.1"},
		{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
		{"[2001:db8::1]", "2001:db8::1", "2001:db8::2"},
	};
	struct network n;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(network_parse(span_of(rows[i].network), &n), 0);
		struct addr inside = parse(rows[i].inside), outside = parse(rows[i].outside);
		assert_true(network_has(&n, &inside));
		assert_false(network_has(&n, &outside));
	}
	static const char *const bad[] = {"",          "/8",           "10.0.0.0/33", "::/129",
	                                  "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/-1", "10/8"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(network_parse(span_of(bad[i]), &n), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals_are_read_and_written),
		cmocka_unit_test(other_forms_are_refused),
		cmocka_unit_test(kinds_are_told),
		cmocka_unit_test(carried_addresses_are_taken_out),
		cmocka_unit_test(addresses_are_compared),
		cmocka_unit_test(networks_have_their_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
