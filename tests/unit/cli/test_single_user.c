/* The settings that are made of a command line, and what is said of no_proxy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/proxy_lines.h"
#include "cli/single_user.h"

/* The settings for these words; with_ticket: the user has one. */
static struct settings *settings_for(char **words, struct serve_options *o, const char *secret, bool with_ticket)
{
	struct single_user u = {.options = o};
	struct settings *s = NULL;
	int n = 0;
	while (words[n])
		n++;
	optind = 0;
	assert_true(serve_options_parse(n, words, o));
	assert_true(o->single_user);
	if (with_ticket)
		strcpy(u.ccache, "FILE:/tmp/krb5cc_1000");
	buf_init(&u.text, 1 << 16);
	assert_true(single_user_text(&u, &u.text));
	u.secret = (char *)(uintptr_t)secret;
	assert_int_equal(single_user_load(&u, &s), 0);
	if (secret)
		assert_null(strstr(buf_text(&u.text), secret));
	buf_fini(&u.text);
	return s;
}

#define WORDS(...) ((char *[]){(char *)"serve", __VA_ARGS__, NULL})
#define W(text) ((char *)(uintptr_t)(text))

static void a_parent_and_an_account_are_enough(void **state)
{
	struct serve_options o;
	struct settings *s = settings_for(
		WORDS(W("--parent"), W("http://Proxy.corp.example:8080/"), W("--account"), W("CORP\\alice")), &o, "Canary",
		false);
	assert_int_equal(s->listen_count, 1);
	assert_string_equal(s->listens[0].address, "127.0.0.1:3128");
	assert_true(s->listens[0].same_user);
	assert_int_equal(s->listens[0].connect_ports.items[0].to, UINT16_MAX);
	const struct upstream_settings *u = &s->upstreams[0];
	assert_string_equal(u->members[0].address, "Proxy.corp.example:8080");
	assert_string_equal(u->credentials.account, "CORP\\alice");
	assert_string_equal(u->credentials.secret, "Canary");
	assert_int_equal(u->credentials.scheme.count, 2);
	assert_int_equal(u->credentials.scheme.items[0], SIGN_ON_NEGOTIATE);
	assert_int_equal(s->route_count, 1);
	assert_false(settings_log_access(s));
	settings_unref(s);
}

static void all_options_come_through(void **state)
{
	struct serve_options o;
	struct settings *s = settings_for(WORDS(W("--parent"), W("p1.example:8080"), W("--parent"), W("p2.example:8081"),
	                                        W("--account"), W("alice@corp.example"), W("--listen"), W("127.0.0.1:3129"),
	                                        W("--listen"), W("*:3130"), W("--clients"), W("172.17.0.0/16"),
	                                        W("--direct"), W("*.corp.example"), W("--direct"), W("192.168.0.0/16"),
	                                        W("--direct"), W("localhost")),
	                                  &o, "Canary", false);
	assert_int_equal(s->listen_count, 2);
	assert_false(s->listens[1].same_user);
	assert_int_equal(s->listens[1].clients.items[0].bits, 16);
	assert_false(s->upstreams[0].members[0].backup);
	assert_true(s->upstreams[0].members[1].backup);
	assert_int_equal(s->route_count, 2);
	assert_int_equal(s->routes[0].via, VIA_DIRECT);
	assert_int_equal(s->routes[0].to.count, 3);
	assert_int_equal(s->access_count, 2); /* the network, and loopback for localhost */
	settings_unref(s);
}

static void a_ticket_needs_no_password(void **state)
{
	struct serve_options o;
	struct settings *s = settings_for(WORDS(W("--parent"), W("p1.example:8080")), &o, NULL, true);
	const struct credentials_settings *k = &s->upstreams[0].credentials;
	assert_int_equal(k->scheme.count, 1);
	assert_int_equal(k->scheme.items[0], SIGN_ON_NEGOTIATE);
	assert_string_equal(k->ccache, "FILE:/tmp/krb5cc_1000");
	assert_null(k->secret);
	settings_unref(s);
}

/* Nobody writes settings by way of an argument. */
static void what_would_end_a_value_is_refused(void **state)
{
	static const char *const bad[] = {"x'", "x\ny", "x\x01", "a' workers = 7 b'"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf text;
		struct serve_options o = {.parents = {{"p.example:1"}, 1}, .account = bad[i]};
		struct single_user u = {.options = &o};
		buf_init(&text, 1 << 16);
		assert_false(single_user_text(&u, &text));
		buf_fini(&text);
	}
}

static void no_proxy_says_what_all_programs_understand(void **state)
{
	static const struct {
		struct words direct;
		const char *says, *rest;
	} rows[] = {
		{{{0}, 0}, "localhost,127.0.0.1,::1", ""},
		{{{"intranet.example"}, 1}, "localhost,127.0.0.1,::1,intranet.example", ""},
		{{{"*.corp.example", ".lab.example"}, 2}, "localhost,127.0.0.1,::1,corp.example,lab.example", ""},
		{{{"10.0.0.0/8", "<local>"}, 2}, "localhost,127.0.0.1,::1", "10.0.0.0/8, <local>"},
		{{{"10.1.2.3", "[2001:db8::1]", "10.1.2.4/32"}, 3},
	     "localhost,127.0.0.1,::1,10.1.2.3,2001:db8::1,10.1.2.4",
	     ""},
		{{{"localhost", "127.0.0.1", "::1"}, 3}, "localhost,127.0.0.1,::1", ""},
		{{{"www*.example", "a.example:8080", "*"}, 3}, "localhost,127.0.0.1,::1", "www*.example, a.example:8080, *"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf says, rest;
		buf_init(&says, 4096);
		buf_init(&rest, 4096);
		proxy_lines_no_proxy(&rows[i].direct, &says, &rest);
		assert_string_equal(buf_text(&says), rows[i].says);
		assert_string_equal(buf_text(&rest), rows[i].rest);
		buf_fini(&says);
		buf_fini(&rest);
	}
}

static void the_lines_name_where_it_listens(void **state)
{
	static const struct words none = {{0}, 0};
	static const struct {
		const char *host, *url, *container;
	} rows[] = {
		{"127.0.0.1", "http_proxy=http://127.0.0.1:3128 ", "\"httpProxy\": \"http://172.17.0.1:3128\""},
		{"::1", "http_proxy=http://[::1]:3128 ", "\"httpProxy\": \"http://172.17.0.1:3128\""},
		{"172.17.0.1", "http_proxy=http://172.17.0.1:3128 ", "\"httpProxy\": \"http://172.17.0.1:3128\""},
		{"0.0.0.0", "http_proxy=http://127.0.0.1:3128 ", "\"httpProxy\": \"http://172.17.0.1:3128\""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proxy_lines l = {.direct = &none, .user = "alice"};
		struct buf text;
		buf_init(&text, 1 << 16);
		assert_int_equal(addr_parse(span_of(rows[i].host), 3128, &l.at), 0);
		proxy_lines_add(&l, &text);
		if (!strstr(buf_text(&text), rows[i].url) || !strstr(buf_text(&text), rows[i].container))
			fail_msg("%s: %s", rows[i].host, buf_text(&text));
		assert_non_null(strstr(buf_text(&text), "processes of alice and root only"));
		buf_fini(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parent_and_an_account_are_enough),
		cmocka_unit_test(all_options_come_through),
		cmocka_unit_test(a_ticket_needs_no_password),
		cmocka_unit_test(what_would_end_a_value_is_refused),
		cmocka_unit_test(no_proxy_says_what_all_programs_understand),
		cmocka_unit_test(the_lines_name_where_it_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
