/* What goes on to the next hop, read as the head before and the lines after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "http/hop.h"

static struct field fields[FIELDS_MOST];
static char out[8192];

static struct head request(const char *lines)
{
	static char text[8192];
	struct head h;
	int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
	assert_int_equal(head_parse_request(&h, span_make(text, (size_t)n), fields, &head_limits_default), PARSE_OK);
	return h;
}

static struct head response(const char *lines)
{
	static char text[8192];
	struct head h;
	int n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n", lines);
	assert_int_equal(head_parse_response(&h, span_make(text, (size_t)n), fields, &head_limits_default), PARSE_OK);
	return h;
}

static void expect_lines(const struct head *h, const char *wanted)
{
	struct buf b;
	buf_over(&b, out, sizeof(out));
	head_copy_fields(h, &b);
	assert_string_equal(buf_text(&b), wanted);
}

static void hop_by_hop_fields_of_requests_stay_here(void **state)
{
	struct head h = request(
		"A: b\r\nConnection: x-own, TE\r\nX-Own: 1\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\n"
		"TE: trailers\r\nUpgrade: x\r\nProxy-Authorization: Basic eA==\r\nTransfer-Encoding: chunked\r\n"
		"Fairlead-Exchange: 1\r\nAuthorization: NTLM x\r\nC: d\r\n");
	hop_drop_request(&h);
	expect_lines(&h, "Host: a\r\nA: b\r\nAuthorization: NTLM x\r\nC: d\r\n");
}

static void hop_by_hop_fields_of_responses_stay_here(void **state)
{
	struct head h = response("A: b\r\nProxy-Authenticate: NTLM\r\nProxy-Authentication-Info: x\r\n"
	                         "Proxy-Support: Session-Based-Authentication\r\nConnection: Proxy-Support, close\r\n"
	                         "WWW-Authenticate: NTLM\r\nWWW-Authenticate: Negotiate\r\nPersistent-Auth: true\r\n");
	hop_drop_response(&h);
	expect_lines(&h, "A: b\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Negotiate\r\nPersistent-Auth: true\r\n");
}

static void both_lines_of_connection_nominate(void **state)
{
	struct head h = request(
		"Connection: x-one\r\nX-Two: 2\r\nX-One: 1\r\nx-two: 3\r\nConnection: keep-alive,,X-TWO\r\n");
	hop_drop_request(&h);
	expect_lines(&h, "Host: a\r\n");
}

static void what_others_judge_by_cannot_be_nominated(void **state)
{
	static const char lines[] = "Authorization: NTLM x\r\nCookie: a\r\nCache-Control: no-store\r\nVia: 1.1 b\r\n"
								"Max-Forwards: 1\r\nExpect: 100-continue\r\nContent-Length: 0\r\nContent-Type: x\r\n"
								"Content-Encoding: y\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: for=x\r\nDate: z\r\n";
	char text[2048], wanted[2048];
	snprintf(text, sizeof(text),
	         "%sConnection: host, authorization, cookie, cache-control, via, max-forwards, expect, content-length, "
	         "content-type, content-encoding, x-forwarded-for, forwarded, date, www-authenticate, set-cookie\r\n",
	         lines);
	snprintf(wanted, sizeof(wanted), "Host: a\r\n%s", lines);
	struct head h = request(text);
	hop_drop_request(&h);
	expect_lines(&h, wanted);
	h = response("Connection: set-cookie, www-authenticate, authentication-info, date\r\nSet-Cookie: a\r\nDate: b\r\n"
	             "WWW-Authenticate: c\r\nAuthentication-Info: d\r\n");
	hop_drop_response(&h);
	expect_lines(&h, "Set-Cookie: a\r\nDate: b\r\nWWW-Authenticate: c\r\nAuthentication-Info: d\r\n");
}

static void an_underscore_nominates_no_dash(void **state)
{
	struct head h = request("Connection: X_Own\r\nX-Own: 1\r\n");
	hop_drop_request(&h);
	expect_lines(&h, "Host: a\r\nX-Own: 1\r\n");
}

static void dropped_lines_split_the_copy(void **state)
{
	struct head h = request("A: 1\r\nB: 2\r\nC: 3\r\n");
	h.fields[0].dropped = true;
	h.fields[2].dropped = true;
	expect_lines(&h, "A: 1\r\nC: 3\r\n");
	h.fields[1].dropped = h.fields[3].dropped = true;
	expect_lines(&h, "");
}

static void our_pseudonym_is_found_wherever_via_has_it(void **state)
{
	static const struct {
		const char *lines;
		unsigned times;
	} cases[] = {
		{"", 0},
		{"Via: 1.1 us\r\n", 1},
		{"Via: 1.1 US\r\n", 1},
		{"Via: HTTP/1.1 us (comment)\r\n", 1},
		{"Via: 1.1\tus\r\n", 1},
		{"Via: 1.0 other, 1.1 us\r\n", 1},
		{"Via: 1.1 us, 1.1 x, 1.1 us\r\nVia: 1.0 us\r\n", 3},
		{"Via: 1.1 us:80\r\n", 0},
		{"Via: 1.1 us2\r\n", 0},
		{"Via: us\r\n", 0},
		{"Via: 1.1 x (1.1 us, 1.1 us)\r\n", 0},
		{"Via: 1.1 x (a \\) , 1.1 us), 1.1 us\r\n", 1},
		{"Via: 1.1 x (a (nested), 1.1 us), 1.0 y\r\n", 0},
		{"Via: ,,1.1 us,\r\n", 1},
		{"Via: 1.1 us(no blank)\r\n", 1},
		{"Via: 1.1 x (never closed, 1.1 us\r\n", 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct head h = request(cases[i].lines);
		unsigned times;
		assert_int_equal(via_has(&h, SPAN("us"), &times), cases[i].times > 0);
		if (times != cases[i].times)
			fail_msg("%s: %u times", cases[i].lines, times);
	}
}

static void via_says_what_was_received(void **state)
{
	struct buf b;
	buf_over(&b, out, sizeof(out));
	via_add(&b, 1, SPAN("us"));
	via_add(&b, 0, SPAN("us"));
	assert_string_equal(buf_text(&b), "Via: 1.1 us\r\nVia: 1.0 us\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hop_by_hop_fields_of_requests_stay_here),
		cmocka_unit_test(hop_by_hop_fields_of_responses_stay_here),
		cmocka_unit_test(both_lines_of_connection_nominate),
		cmocka_unit_test(what_others_judge_by_cannot_be_nominated),
		cmocka_unit_test(an_underscore_nominates_no_dash),
		cmocka_unit_test(dropped_lines_split_the_copy),
		cmocka_unit_test(our_pseudonym_is_found_wherever_via_has_it),
		cmocka_unit_test(via_says_what_was_received),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
