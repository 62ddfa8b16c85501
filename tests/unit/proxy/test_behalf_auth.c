/* The user as the pool and a parent get to see him: whose credentials are used, and what keeps connections of two users apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/behalf_auth.h"

static struct field fields[FIELDS_MOST];
static char text[512];
static unsigned char behalf[] = {SIGN_ON_BEHALF, SIGN_ON_NTLM};
static struct upstream_settings office = {.name = "office", .credentials = {.on = true, .scheme = {behalf, 1}}};

static void begin(struct exchange *x, struct identity *who, enum behalf how, const char *lines)
{
	int n = snprintf(text, sizeof(text), "GET http://a/ HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
	memset(x, 0, sizeof(*x));
	assert_int_equal(head_parse_request(&x->request, span_make(text, (size_t)n), fields, &head_limits_default),
	                 PARSE_OK);
	x->who = who;
	x->behalf = how;
	x->route = (struct route){.via = VIA_UPSTREAM, .upstream = &office};
}

static void write_key(struct identity *who, enum behalf how, const char *lines, char out[256])
{
	struct exchange x;
	struct buf b;
	begin(&x, who, how, lines);
	buf_over(&b, out, 256);
	behalf_write_key(&x, &b);
	assert_int_equal(b.error, 0);
	out[b.n] = '\0';
}

#define ALICE_1 "Proxy-Authorization: Basic YWxpY2U6b25l\r\n"      /* alice:one */
#define ALICE_2 "Proxy-Authorization: Basic YWxpY2U6dHdv\r\n"      /* alice:two */
#define CORP "Proxy-Authorization: Basic Q09SUFxhbGljZTp0d28=\r\n" /* CORP\alice:two */

static void the_pool_tells_users_ways_and_passwords_apart(void **unused)
{
	static char keys[6][256];
	struct identity alice = {.shown = "alice", .verifier = "local", .scheme = "basic"}, bob = alice, corp = alice,
					ticket = alice;
	bob.shown = "bob";
	corp.verifier = "corp";
	ticket.scheme = "kerberos";
	write_key(&alice, BEHALF_BASIC, ALICE_1, keys[0]);
	write_key(&alice, BEHALF_BASIC, ALICE_2, keys[1]);
	write_key(&bob, BEHALF_BASIC, ALICE_1, keys[2]);
	write_key(&corp, BEHALF_BASIC, ALICE_1, keys[3]);
	write_key(&ticket, BEHALF_KERBEROS, "", keys[4]);
	write_key(&alice, BEHALF_NOT, ALICE_1, keys[5]);
	assert_string_equal(keys[5], "");
	for (int i = 0; i < 6; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(keys[i], keys[k]);
	write_key(&alice, BEHALF_BASIC, ALICE_1, keys[5]);
	assert_string_equal(keys[5], keys[0]);
	assert_null(strstr(keys[0], "one"));
}

static void basic_is_said_as_the_user_said_it(void **unused)
{
	struct exchange x;
	struct credentials c;
	char why[128] = "";
	struct identity who = {.shown = "CORP\\alice", .verifier = "corp", .scheme = "basic"};
	begin(&x, &who, BEHALF_BASIC, CORP);
	assert_int_equal(behalf_credentials(&x, "parent", &c, why, sizeof(why)), 0);
	assert_string_equal(c.with.domain, "CORP");
	assert_string_equal(c.with.user, "alice");
	assert_string_equal(c.with.password, "two");
	assert_true(c.is_ticket); /* never written down */
	assert_int_equal(behalf_schemes(&x)->count, 1);
	assert_int_equal(behalf_schemes(&x)->items[0], SIGN_ON_BASIC);
	credentials_fini(&c);
	begin(&x, &who, BEHALF_BASIC, "");
	assert_int_not_equal(behalf_credentials(&x, "parent", &c, why, sizeof(why)), 0);
	assert_true(why[0] != '\0');
}

static bool keeps(enum behalf how, bool signed_in, enum auth_scheme scheme)
{
	struct exchange x;
	struct identity who = {.shown = "alice", .verifier = "local", .scheme = "basic"};
	struct upstream_conn conn = {.signed_in = signed_in, .scheme = (unsigned char)scheme};
	begin(&x, &who, how, ALICE_1);
	x.conn = &conn;
	struct field *f = head_find(&x.request, FIELD_PROXY_AUTHORIZATION);
	f->dropped = true;
	behalf_keep_credentials(&x);
	return !f->dropped;
}

static void the_password_goes_only_where_basic_was_accepted(void **unused)
{
	assert_true(keeps(BEHALF_BASIC, true, SCHEME_BASIC));
	assert_false(keeps(BEHALF_BASIC, false, SCHEME_BASIC));
	assert_false(keeps(BEHALF_BASIC, true, SCHEME_NEGOTIATE));
	assert_false(keeps(BEHALF_KERBEROS, true, SCHEME_BASIC));
	assert_false(keeps(BEHALF_NOT, true, SCHEME_BASIC));
}

static void a_ticket_is_kept_with_its_identity(void **unused)
{
	struct identity like = {.shown = "alice",
	                        .name = "alice",
	                        .domain = "",
	                        .verifier = "kerberos",
	                        .scheme = "kerberos",
	                        .ticket = SPAN("a\0ticket")};
	struct identity *who = identity_new(&like);
	assert_non_null(who);
	assert_true(span_eq(who->ticket, like.ticket) && who->ticket.p != like.ticket.p);
	identity_unref(who);
}

static void only_this_scheme_alone_is_on_behalf(void **unused)
{
	struct upstream_settings u = office;
	assert_true(upstream_on_behalf(&u));
	u.credentials.scheme.count = 2;
	assert_false(upstream_on_behalf(&u));
	u.credentials.on = false;
	assert_false(upstream_on_behalf(&u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pool_tells_users_ways_and_passwords_apart),
		cmocka_unit_test(basic_is_said_as_the_user_said_it),
		cmocka_unit_test(the_password_goes_only_where_basic_was_accepted),
		cmocka_unit_test(a_ticket_is_kept_with_its_identity),
		cmocka_unit_test(only_this_scheme_alone_is_on_behalf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
