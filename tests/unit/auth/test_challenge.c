/* Lists of challenges as servers send them, good and bad, and what is read out of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/challenge.h"
#include "base/buf.h"

/* One line per challenge: "Name scheme|token|parameters;" */
static const char *read_all(const char *value)
{
	static char text[2048];
	struct buf b;
	struct span rest = span_of(value);
	struct challenge c;
	buf_over(&b, text, sizeof(text));
	while (challenge_next(&rest, &c))
		buf_addf(&b, "%.*s %s|%.*s|%.*s;", SPAN_ARG(c.name), scheme_name(c.scheme), SPAN_ARG(c.token),
		         SPAN_ARG(c.parameters));
	return buf_text(&b);
}

static void lists_of_challenges(void **state)
{
	static const struct {
		const char *value, *read;
	} cases[] = {
		{"", ""},
		{"NTLM", "NTLM NTLM||;"},
		{"ntlm", "ntlm NTLM||;"},
		{"Negotiate, NTLM, Basic realm=\"x, y\"", "Negotiate Negotiate||;NTLM NTLM||;Basic Basic||realm=\"x, y\";"},
		{"Negotiate YII=", "Negotiate Negotiate|YII=|;"},
		{"Negotiate YII==, NTLM", "Negotiate Negotiate|YII==|;NTLM NTLM||;"},
		{"NTLM TlRM+/ab,Basic realm=x", "NTLM NTLM|TlRM+/ab|;Basic Basic||realm=x;"},
		{"Digest realm=\"a\", nonce=b , qop=\"auth,auth-int\", Kerberos",
	     "Digest Digest||realm=\"a\", nonce=b , qop=\"auth,auth-int\";Kerberos Kerberos||;"},
		{"Digest a=b,,c=d,NTLM", "Digest Digest||a=b,,c=d;NTLM NTLM||;"},
		{"Basic realm = \"x\", NTLM", "Basic Basic||realm = \"x\";NTLM NTLM||;"},
		{"Basic realm=\"a\\\"b, NTLM\", Nego2", "Basic Basic||realm=\"a\\\"b, NTLM\";Nego2 other||;"},
		{"Basic realm=\"never closed, NTLM", "Basic Basic||realm=\"never closed, NTLM;"},
		{" , ,NTLM , ,", "NTLM NTLM||;"},
		{"realm=\"orphan\", NTLM", "NTLM NTLM||;"},
		{"\"quoted\", NTLM", "NTLM NTLM||;"},
		{"=, NTLM", "NTLM NTLM||;"},
		{"Basic/x, NTLM", "NTLM NTLM||;"},
		{"NTLM @@@, Basic", "NTLM NTLM||;Basic Basic||;"},
		{"Negotiate a b, NTLM", "Negotiate Negotiate||;NTLM NTLM||;"},
		{"Bearer, Negotiate\tYII=", "Bearer Bearer||;Negotiate Negotiate|YII=|;"},
		{"Negotiate   YII=", "Negotiate Negotiate|YII=|;"},
		{"Basic realm=x NTLM", "Basic Basic||realm=x NTLM;"},
		{"NTLM, NTLM, NTLM", "NTLM NTLM||;NTLM NTLM||;NTLM NTLM||;"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *read = read_all(cases[i].value);
		if (strcmp(read, cases[i].read) != 0)
			fail_msg("%s\nis read as %s\ninstead of %s", cases[i].value, read, cases[i].read);
	}
}

static void credentials(void **state)
{
	static const struct {
		const char *value;
		bool good;
		enum auth_scheme scheme;
		const char *token, *parameters;
	} cases[] = {
		{"NTLM TlRM", true, SCHEME_NTLM, "TlRM", ""},
		{"negotiate  YII== ", true, SCHEME_NEGOTIATE, "YII==", ""},
		{"Negotiate\tYII=", true, SCHEME_NEGOTIATE, "YII=", ""},
		{"Negotiate", true, SCHEME_NEGOTIATE, "", ""},
		{"Negotiate ", true, SCHEME_NEGOTIATE, "", ""},
		{"Basic YTpi", true, SCHEME_BASIC, "YTpi", ""},
		{"Digest username=\"a\", nonce=b", true, SCHEME_DIGEST, "", "username=\"a\", nonce=b"},
		{"Custom TlRM", true, SCHEME_OTHER, "TlRM", ""},
		/* Nothing behind a connection-bound scheme passes for "no token". */
		{"NTLM TlRM, Basic x", true, SCHEME_NTLM, "TlRM, Basic x", ""},
		{"Negotiate @", true, SCHEME_NEGOTIATE, "@", ""},
		{"Nego2 a=b, c", true, SCHEME_OTHER, "a=b, c", ""},
		{"", false, SCHEME_OTHER, "", ""},
		{"\"NTLM\" x", false, SCHEME_OTHER, "", ""},
		{"NTLM/x", false, SCHEME_OTHER, "", ""},
		{",NTLM x", false, SCHEME_OTHER, "", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct challenge c;
		bool good = credentials_parse(span_of(cases[i].value), &c);
		if (good != cases[i].good)
			fail_msg("%s: %d", cases[i].value, good);
		if (!good)
			continue;
		assert_int_equal(c.scheme, cases[i].scheme);
		if (!span_eq(c.token, span_of(cases[i].token)) || !span_eq(c.parameters, span_of(cases[i].parameters)))
			fail_msg("%s: token %.*s, parameters %.*s", cases[i].value, SPAN_ARG(c.token), SPAN_ARG(c.parameters));
	}
}

static void schemes_that_sign_in_a_connection(void **state)
{
	static const char *const bound[] = {"NTLM", "ntlm", "Negotiate", "Kerberos", "Nego2", "NegoEx", "nego"};
	static const char *const free_ones[] = {"Basic", "Digest", "Bearer", "NTLM2x", "Neg", "Custom"};
	struct challenge c;
	for (size_t i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
		assert_true(credentials_parse(span_of(bound[i]), &c));
		assert_true(scheme_is_connection_bound(&c));
	}
	for (size_t i = 0; i < sizeof(free_ones) / sizeof(free_ones[0]); i++) {
		assert_true(credentials_parse(span_of(free_ones[i]), &c));
		assert_false(scheme_is_connection_bound(&c));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_challenges),
		cmocka_unit_test(credentials),
		cmocka_unit_test(schemes_that_sign_in_a_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
