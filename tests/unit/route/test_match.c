/* Which hosts a pattern matches. */
#include "route/settings_parts.h"

static const struct {
	const char *pattern, *host;
	bool matches;
} rows[] = {
	/* all */
	{"*", "a.example", true},
	{"*", "localhost", true},
	{"*", "192.0.2.1", true},
	{"*", "[2001:db8::1]", true},
	{"*:8080", "a.example:8080", true},
	{"*:8080", "a.example:80", false},
	{"*:8080", "192.0.2.1:8080", true},
	/* names */
	{"a.example", "a.example", true},
	{"a.example", "A.Example", true},
	{"A.EXAMPLE", "a.example", true},
	{"a.example", "a.example.", true},
	{"a.example.", "a.example", true},
	{"a.example", "b.a.example", false},
	{"a.example", "xa.example", false},
	{"a.example", "a.example.com", false},
	{"a.example:443", "a.example:443", true},
	{"a.example:443", "a.example:80", false},
	{"a_b.example", "a_b.example", true},
	{"a_b.example", "a-b.example", false},
	/* domains */
	{"*.example", "a.example", true},
	{"*.example", "b.a.example", true},
	{"*.example", "example", false},
	{"*.example", "aexample", false},
	{"*.example", "a.example.", true},
	{"*.EXAMPLE", "A.example", true},
	{".example", "a.example", true},
	{".example", "example", false},
	{"*.corp.example", "corp.example", false},
	{"*.corp.example", "x.corp.example", true},
	{"*.corp.example", "xcorp.example", false},
	{"*.example:8443", "a.example:8443", true},
	{"*.example:8443", "a.example:443", false},
	/* globs */
	{"www*.example", "www.example", true},
	{"www*.example", "www2.example", true},
	{"www*.example", "www.a.example", true},
	{"www*.example", "ww.example", false},
	{"*cdn*", "a-cdn-7.example", true},
	{"*cdn*", "dn.example", false},
	{"a*b*c", "a.b.c", true},
	{"a*b*c", "abc", true},
	{"a*b*c", "ab", false},
	{"a*b*c", "abcb", false},
	{"*.www*.example", "a.www1.example", true},
	{"*.www*.example", "www1.example", false},
	{"a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", false},
	/* no name or glob matches an address */
	{"*.1x", "192.0.2.1", false},
	/* names without a dot */
	{"<local>", "intranet", true},
	{"<local>", "intranet.", true},
	{"<local>", "intranet.example", false},
	{"<local>", "192.0.2.1", false},
	{"<local>", "[::1]", false},
	{"<local>:8080", "intranet:8080", true},
	{"<local>:8080", "intranet:80", false},
	/* addresses and networks match addresses alone */
	{"10.0.0.0/8", "10.1.2.3", true},
	{"10.0.0.0/8", "10.255.255.255", true},
	{"10.0.0.0/8", "11.0.0.1", false},
	{"10.0.0.0/8", "a.example", false},
	{"10.1.2.3/8", "10.9.9.9", true},
	{"192.0.2.1", "192.0.2.1", true},
	{"192.0.2.1", "192.0.2.2", false},
	{"192.0.2.1:8080", "192.0.2.1:8080", true},
	{"192.0.2.1:8080", "192.0.2.1:80", false},
	{"192.0.2.0/31", "192.0.2.1", true},
	{"192.0.2.0/31", "192.0.2.2", false},
	{"0.0.0.0/0", "203.0.113.9", true},
	{"0.0.0.0/0", "[2001:db8::1]", false},
	{"2001:db8::/32", "[2001:db8::1]", true},
	{"2001:db8::/32", "[2001:db9::1]", false},
	{"2001:db8::1", "[2001:db8:0:0::1]", true},
	{"[2001:db8::1]", "[2001:db8::1]", true},
	{"[2001:db8::1]:8080", "[2001:db8::1]:8080", true},
	{"[2001:db8::1]:8080", "[2001:db8::1]:80", false},
	{"::/0", "[2001:db8::1]", true},
	{"::/0", "192.0.2.1", false},
	/* IPv4 inside of IPv6 is IPv4, on both sides */
	{"10.0.0.0/8", "[::ffff:10.1.2.3]", true},
	{"10.0.0.0/8", "[::ffff:a01:203]", true},
	{"10.0.0.0/8", "[64:ff9b::10.1.2.3]", true},
	{"::ffff:10.0.0.0/104", "10.1.2.3", true},
	{"::ffff:10.1.2.3", "10.1.2.3", true},
	{"::ffff:10.0.0.0/104", "[::ffff:10.1.2.3]", true},
	{"::ffff:10.0.0.0/104", "11.1.2.3", false},
};

static struct settings *settings_with(const char *pattern)
{
	char text[512];
	snprintf(text, sizeof(text), "route { to = {\"%s\"}  via = direct }\n", pattern);
	return settings_of(text);
}

static void patterns_match_as_the_table_says(void **state)
{
	unsigned wrong = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct settings *s;
		struct asked a = ask_for(rows[i].host);
		s = settings_with(rows[i].pattern);
		bool matches = pattern_list_matches(&s->routes[0].to, a.host, a.literal, &a.addr, a.port);
		if (matches != rows[i].matches)
			print_error("%s %s: %s\n", rows[i].pattern, rows[i].host, matches ? "matches" : "does not match");
		wrong += matches != rows[i].matches;
		settings_unref(s);
	}
	assert_int_equal(wrong, 0);
}

static void a_list_matches_if_one_of_it_does(void **state)
{
	struct settings *s = settings_of("route { to = {\"a.example\", \"10.0.0.0/8\", \"<local>\"}  via = direct }\n");
	static const struct {
		const char *host;
		bool matches;
	} hosts[] = {
		{"a.example", true}, {"10.1.1.1", true}, {"intranet", true}, {"b.example", false}, {"11.1.1.1", false}};
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct asked a = ask_for(hosts[i].host);
		assert_int_equal(pattern_list_matches(&s->routes[0].to, a.host, a.literal, &a.addr, a.port), hosts[i].matches);
	}
	settings_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_as_the_table_says),
		cmocka_unit_test(a_list_matches_if_one_of_it_does),
	};
	return cmocka_run_group_tests_name("route: match", tests, NULL, NULL);
}
