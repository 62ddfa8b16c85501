#include "proxy/error_page.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "http/framing.h"
#include "http/head.h"
#include "json_check.h"
#include "proxy/error_page_body.h"
#include "sample_record.h"

#define HTML "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

struct answer {
	struct buf bytes;
	struct head head;
	struct field fields[FIELDS_MOST];
	struct span body;
};

static void answer_fini(struct answer *a)
{
	buf_fini(&a->bytes);
}
#define ANSWER struct answer __attribute__((cleanup(answer_fini)))

/* Writes the page and reads it back with the strict parser. */
static void write_page(struct answer *a, struct error_page page, const char *accept)
{
	struct settings settings = sample_settings();
	if (!page.settings)
		page.settings = &settings;
	page.accept = accept ? span_of(accept) : SPAN_NONE;
	page.minor = 1;
	buf_init(&a->bytes, 1 << 20);
	error_page_write(&page, &a->bytes);
	assert_int_equal(buf_error(&a->bytes), 0);
	size_t scanned = 0;
	int n = head_find_end(buf_span(&a->bytes), &scanned, &head_limits_default);
	assert_true(n > 0);
	struct span head = span_make(a->bytes.p, (size_t)n);
	assert_int_equal(head_parse_response(&a->head, head, a->fields, &head_limits_default), PARSE_OK);
	a->body = span_make(a->bytes.p + n, a->bytes.n - (size_t)n);
	uint64_t length;
	assert_int_equal(span_to_u64(head_value(&a->head, FIELD_CONTENT_LENGTH), 1 << 20, &length), 0);
	assert_true(page.head_only ? a->body.n == 0 && length > 0 : a->body.n == length && length > 0);
}

static bool has(struct span text, const char *what)
{
	return memmem(text.p, text.n, what, strlen(what)) != NULL;
}

static unsigned count_of(struct span text, char c)
{
	unsigned n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == c;
	return n;
}

static void assert_has(struct span text, const char *what)
{
	if (!has(text, what))
		fail_msg("\"%s\" is missing in: %.*s", what, SPAN_ARG(text));
}

static struct span field_of(const struct answer *a, const char *name)
{
	struct field *f = head_find_name(&a->head, span_of(name));
	return f ? field_value(f) : SPAN_NONE;
}

static void the_form_is_what_the_client_would_rather_have(void **state)
{
	static const struct {
		const char *accept;
		enum page_form form;
	} cases[] = {
		{NULL, PAGE_TEXT},
		{"", PAGE_TEXT},
		{"*/*", PAGE_TEXT},
		{HTML, PAGE_HTML},
		{"text/html", PAGE_HTML},
		{"TEXT/HTML;q=1.0", PAGE_HTML},
		{"application/xhtml+xml", PAGE_HTML},
		{"application/json", PAGE_JSON},
		{"application/json, text/plain, */*", PAGE_JSON},
		{"application/json, text/html", PAGE_JSON},
		{"text/html, application/json", PAGE_HTML},
		{"text/html;q=0.5, application/json;q=0.6", PAGE_JSON},
		{"text/html;q=0.6, application/json;q=0.5", PAGE_HTML},
		{"text/html;q=0.123, application/json;q=0.124", PAGE_JSON},
		{"text/html;q=0, */*", PAGE_TEXT},
		{"text/html;q=0", PAGE_TEXT},
		{"*/*, text/html", PAGE_HTML},
		{"text/html;q=0.5, */*", PAGE_TEXT},
		{"text/*, application/json;q=0.9", PAGE_TEXT},
		{"text/plain;q=0.9, text/html;q=0.8", PAGE_TEXT},
		{"image/png, image/*;q=0.8", PAGE_TEXT},
		{"text/html;level=1;q=0.2, application/json;q=0.3", PAGE_JSON},
		{"application/json;q=0.999;x=\"y\"", PAGE_JSON},
		{";;,,;q=,q=1,text/html;q=", PAGE_HTML},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span accept = cases[i].accept ? span_of(cases[i].accept) : SPAN_NONE;
		if (page_form_of(accept) != cases[i].form)
			fail_msg("Accept: %s", cases[i].accept);
	}
}

static void a_page_has_the_fields_that_caches_and_people_need(void **state)
{
	struct record r = sample_record(END_CONNECT_REFUSED);
	ANSWER a;
	write_page(&a, (struct error_page){.record = &r}, HTML);
	assert_int_equal(a.head.status, 502);
	assert_true(span_eq(a.head.reason, SPAN("Bad Gateway")));
	assert_true(span_eq(field_of(&a, "Content-Type"), SPAN("text/html; charset=utf-8")));
	assert_true(span_eq(field_of(&a, "Content-Language"), SPAN("en")));
	assert_true(span_eq(field_of(&a, "Cache-Control"), SPAN("no-store")));
	assert_int_equal(field_of(&a, "Date").n, 29);
	assert_int_equal(field_of(&a, "Connection").n, 0);
	assert_int_equal(field_of(&a, "Retry-After").n, 0);
	assert_has(a.body, "<title>502 Bad Gateway");
	assert_has(a.body, "lang=\"en\"");
	assert_has(a.body, "The parent head-office refused the connection.");
	assert_has(a.body, "helpdesk@example");
	assert_has(a.body, "1f3a9c-00000042");
	assert_has(a.body, "connect-refused");
	assert_has(a.body, "prefers-color-scheme:dark");
	assert_false(has(a.body, "<script"));
	assert_false(has(a.body, "src="));
	assert_false(has(a.body, "href="));
	assert_false(has(a.body, "url("));
}

static void the_connection_field_says_what_follows(void **state)
{
	struct record r = sample_record(END_TOO_BUSY);
	ANSWER a;
	write_page(&a, (struct error_page){.record = &r, .close = true, .extra_fields = "X-One: 1\r\nX-Two: 2\r\n"}, "*/*");
	assert_true(span_eq(field_of(&a, "Connection"), SPAN("close")));
	assert_true(span_eq(field_of(&a, "X-Two"), SPAN("2")));
	assert_true(field_of(&a, "Retry-After").n > 0);
	struct settings s = sample_settings();
	struct error_page old = {.record = &r, .settings = &s, .minor = 0};
	struct buf b __attribute__((cleanup(auto_release_buf)));
	buf_init(&b, 1 << 16);
	error_page_write(&old, &b);
	assert_has(buf_span(&b), "\r\nConnection: keep-alive\r\n");
}

static void every_end_makes_a_page_in_every_form(void **state)
{
	static const char *const accepts[] = {HTML, "*/*", "application/json"};
	for (unsigned end = 0; end < END_LIMIT; end++) {
		for (int form = 0; form < 3 && end_reason_table[end].status; form++) {
			struct record r = sample_record(end);
			ANSWER a;
			write_page(&a, (struct error_page){.record = &r, .connect = end % 2}, accepts[form]);
			assert_int_equal(a.head.status, end_reason_table[end].status);
			assert_has(a.body, end_reason_table[end].name);
			assert_has(a.body, r.id);
			assert_false(has(a.body, "{hop}") || has(a.body, "{site}"));
			assert_true(form != 2 || json_is_valid(a.body));
		}
	}
}

static void an_end_that_cannot_be_told_writes_nothing(void **state)
{
	struct record r = sample_record(END_PIN_LOST);
	struct settings s = sample_settings();
	struct buf b __attribute__((cleanup(auto_release_buf)));
	buf_init(&b, 1 << 16);
	error_page_write(&(struct error_page){.record = &r, .settings = &s}, &b);
	assert_int_equal(b.n, 0);
}

static void head_gets_the_fields_alone(void **state)
{
	struct record r = sample_record(END_DNS_NOT_FOUND);
	ANSWER a;
	write_page(&a, (struct error_page){.record = &r, .head_only = true}, HTML);
}

static void text_says_it_line_by_line(void **state)
{
	struct record r = sample_record(END_PARENT_WANTS_SIGN_IN);
	r.detail = "the parent offers Negotiate, NTLM";
	ANSWER a;
	write_page(&a, (struct error_page){.record = &r}, NULL);
	struct span expected = SPAN(
		"502 Bad Gateway\n"
		"The parent head-office asks this proxy to sign in, and it has no account for that.\n"
		"\n"
		"  |  You (10.1.2.3): fine\n"
		"  |  This proxy (proxy.example): fine\n"
		"  X  Parent head-office (proxy1.example:8080): it stopped here\n"
		"  .  The site (www.example): not reached\n"
		"\n"
		"What happened: The parent head-office (proxy1.example:8080) requires proxy-to-proxy authentication (407), and this "
		"proxy has no credentials for it.\n"
		"In detail:     the parent offers Negotiate, NTLM\n"
		"What to do:    Write a credentials block into its upstream block; or let the parent serve this proxy's "
		"address without sign-in, or lead these sites past it by a route block.\n"
		"Whom to ask:   helpdesk@example\n"
		"Reference:     12201 parent-wants-sign-in, exchange 1f3a9c-00000042\n");
	assert_int_equal(a.body.n, expected.n);
	assert_memory_equal(a.body.p, expected.p, expected.n);
}

static void a_refusal_shows_the_line_that_would_allow_it(void **state)
{
	struct record r = sample_record(END_ACCESS_DENIED);
	r.remedy = "access { action = allow  to = {\"www.example\"} }";
	r.rule = "fairlead.conf:6";
	ANSWER text, html;
	write_page(&text, (struct error_page){.record = &r}, NULL);
	assert_has(text.body, "\nIn the settings: access { action = allow  to = {\"www.example\"} }\n");
	assert_has(text.body, "\nDecided by:    fairlead.conf:6\n");
	assert_has(text.body, "before the rule that denied it.\n");
	write_page(&html, (struct error_page){.record = &r}, HTML);
	assert_has(html.body, "<pre>access { action = allow  to = {&quot;www.example&quot;} }</pre>");
}

/* The state of each stop in the text form: '|' reached, 'X' broken, '.' not reached. */
static void assert_way(enum end_reason end, const char *hop, const char *expected)
{
	struct record r = sample_record(end);
	r.hop = hop;
	ANSWER a;
	write_page(&a, (struct error_page){.record = &r}, "text/plain");
	char way[8] = "";
	size_t n = 0;
	struct span rest = a.body, line;
	while (span_next(&rest, '\n', &line))
		if (line.n > 3 && line.p[-2] == ' ' && line.p[1] == ' ' && n < 7)
			way[n++] = line.p[0];
	assert_string_equal(way, expected);
}

static void the_broken_stop_is_marked(void **state)
{
	assert_way(END_REQUEST_MALFORMED, NULL, "X|.");
	assert_way(END_ACCESS_DENIED, NULL, "|X.");
	assert_way(END_CONNECT_REFUSED, "direct", "||X");
	assert_way(END_CONNECT_REFUSED, "head-office", "||X.");
	assert_way(END_DNS_NOT_FOUND, "direct", "||X");
	assert_way(END_DNS_NOT_FOUND, "head-office", "|||X");
	assert_way(END_NOT_A_PROXY_REQUEST, NULL, "X|");
	assert_way(END_MAX_FORWARDS, NULL, "|||");
}

static void the_reason_of_a_refused_connect_says_it_all(void **state)
{
	struct record r = sample_record(END_PARENT_WANTS_SIGN_IN);
	ANSWER a;
	write_page(&a, (struct error_page){.record = &r, .connect = true}, HTML);
	assert_true(
		span_eq(a.head.reason, SPAN("Fairlead 12201 parent-wants-sign-in: The parent head-office asks this proxy to "
	                                "sign in, and it has no account for that.")));
	struct record t = sample_record(END_CONNECT_TIMEOUT);
	t.hop = "direct";
	ANSWER b;
	write_page(&b, (struct error_page){.record = &t, .connect = true}, HTML);
	assert_true(span_eq(b.head.reason, SPAN("Fairlead connect-timeout: The site www.example did not answer in time.")));
}

static void reasons_stay_ascii_and_short_whatever_the_names(void **state)
{
	static char name[5000];
	for (unsigned end = 0; end < END_LIMIT; end++) {
		for (size_t n = 1; n < sizeof(name) && end_reason_table[end].status; n = n * 2 + 3) {
			for (size_t i = 0; i < n; i++)
				name[i] = (char)(i * 37 + n);
			struct record r = sample_record(end);
			r.hop = "direct";
			r.host = span_make(name, n);
			ANSWER a;
			write_page(&a, (struct error_page){.record = &r, .connect = true}, HTML);
			assert_true(a.head.reason.n < 120);
			for (size_t i = 0; i < a.head.reason.n; i++)
				assert_true(a.head.reason.p[i] >= 0x20 && a.head.reason.p[i] <= 0x7e);
		}
	}
}

/* Every text that comes from outside, or from the settings. */
static void fill_texts(struct record *r, struct settings *s, const char *text)
{
	r->method = r->host = r->user_agent = r->referer = r->user = r->next_hop = span_of(text);
	r->uri = span_of(text);
	r->hop = r->detail = r->rule = r->remedy = r->pin = r->leg = text;
	s->contact = s->pseudonym = text;
}

static void markup_from_outside_is_only_text(void **state)
{
	static const char *const attacks[] = {
		"<script>alert(1)</script>",
		"\"><img/onerror=alert(1)>",
		"'onmouseover='alert(1)",
		"</title><b>x</b>",
		"</style><i>",
		"&lt;b&gt;&#60;",
		"<!--",
		"]]><svg/onload=a>",
		"</dd></dl></main>",
	};
	for (unsigned end = 0; end < END_LIMIT; end++) {
		for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]) && end_reason_table[end].status; i++) {
			struct settings s = sample_settings();
			struct record harmless = sample_record(end), r = harmless;
			fill_texts(&harmless, &s, "plain");
			ANSWER expected, a;
			write_page(&expected, (struct error_page){.record = &harmless, .settings = &s}, HTML);
			fill_texts(&r, &s, attacks[i]);
			write_page(&a, (struct error_page){.record = &r, .settings = &s}, HTML);
			for (const char *c = "<>\""; *c; c++)
				assert_int_equal(count_of(a.body, *c), count_of(expected.body, *c));
			assert_false(has(a.body, attacks[i]) && strpbrk(attacks[i], "<>\"'&"));
		}
	}
}

static void random_bytes_break_no_form(void **state)
{
	static const char *const accepts[] = {HTML, "*/*", "application/json"};
	struct settings s = sample_settings();
	struct record harmless = sample_record(END_ACCESS_DENIED);
	fill_texts(&harmless, &s, "plain");
	ANSWER plain;
	write_page(&plain, (struct error_page){.record = &harmless, .settings = &s}, HTML);
	uint64_t seed = 7;
	for (int round = 0; round < 3000; round++) {
		char text[200] = "";
		size_t n = 1 + (size_t)(seed % (sizeof(text) - 2));
		for (size_t i = 0; i < n; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			text[i] = (char)(seed >> 56 ? seed >> 56 : 'x');
		}
		seed++;
		struct record r = sample_record(END_ACCESS_DENIED);
		fill_texts(&r, &s, text);
		r.uri = SPAN("http://www.example/");
		ANSWER a;
		write_page(&a, (struct error_page){.record = &r, .settings = &s, .connect = round % 2}, accepts[round % 3]);
		if (round % 3 == 0)
			assert_int_equal(count_of(a.body, '<'), count_of(plain.body, '<'));
		for (size_t i = 0; round % 3 == 1 && i < a.body.n; i++)
			assert_true((unsigned char)a.body.p[i] >= 0x20 || a.body.p[i] == '\n');
		assert_true(round % 3 != 2 || json_is_valid(a.body));
	}
}

static void secrets_are_not_shown(void **state)
{
	static const char *const accepts[] = {HTML, "*/*", "application/json"};
	for (int form = 0; form < 3; form++) {
		struct record r = sample_record(END_CONNECT_REFUSED);
		r.uri = SPAN("http://alice:hunter2@www.example/path/seen?token=hunter2#hunter2");
		r.referer = SPAN("http://x.example/?hunter2");
		ANSWER a;
		write_page(&a, (struct error_page){.record = &r}, accepts[form]);
		assert_false(has(buf_span(&a.bytes), "hunter2"));
		assert_false(has(buf_span(&a.bytes), "alice"));
	}
	struct record r = sample_record(END_CONNECT_REFUSED);
	r.uri = SPAN("http://alice:hunter2@www.example/path/seen?token=hunter2");
	ANSWER a;
	write_page(&a, (struct error_page){.record = &r}, HTML);
	assert_has(a.body, "http://www.example/path/seen<");
}

/* ---- Proxy-Status: the syntax of RFC 8941, one item with parameters */

static bool token_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~:/", c));
}

/* Takes a bare item off the front: string, integer or token. */
static bool sf_bare_item(struct span *s)
{
	size_t n = 0;
	if (s->n && s->p[0] == '"') {
		for (n = 1; n < s->n && s->p[n] != '"'; n++) {
			if (s->p[n] < 0x20 || s->p[n] > 0x7e)
				return false;
			if (s->p[n] == '\\' && (++n == s->n || !strchr("\"\\", s->p[n])))
				return false;
		}
		if (n++ == s->n)
			return false;
	} else {
		bool number = s->n && s->p[0] >= '0' && s->p[0] <= '9';
		bool word = s->n && ((s->p[0] | 0x20) >= 'a' && (s->p[0] | 0x20) <= 'z');
		while ((number || word) && n < s->n && (number ? s->p[n] >= '0' && s->p[n] <= '9' : token_byte(s->p[n])))
			n++;
	}
	s->p += n;
	s->n -= n;
	return n > 0;
}

static bool sf_item_is_valid(struct span s)
{
	if (!sf_bare_item(&s))
		return false;
	while (s.n) {
		size_t n = 0;
		if (s.n < 3 || s.p[0] != ';' || s.p[1] != ' ')
			return false;
		s = span_make(s.p + 2, s.n - 2);
		while (n < s.n && (s.p[n] == '-' || (s.p[n] >= 'a' && s.p[n] <= 'z')))
			n++;
		if (n == 0 || n == s.n || s.p[n] != '=')
			return false;
		s = span_make(s.p + n + 1, s.n - n - 1);
		if (!sf_bare_item(&s))
			return false;
	}
	return true;
}

static void proxy_status_says_what_the_page_says(void **state)
{
	struct record r = sample_record(END_PARENT_WANTS_SIGN_IN);
	r.received_status = 407;
	ANSWER a;
	write_page(&a, (struct error_page){.record = &r}, HTML);
	struct span expected = SPAN(
		"proxy.example; error=proxy_configuration_error; next-hop=\"proxy1.example:8080\"; received-status=407; "
		"details=\"12201 parent-wants-sign-in: The parent head-office asks this proxy to sign in, and it has no account "
		"for that.\"; fairlead-exchange=\"1f3a9c-00000042\"");
	assert_true(span_eq(field_of(&a, "Proxy-Status"), expected));
}

static void proxy_status_of_a_good_answer_has_no_error(void **state)
{
	struct record r = sample_record(END_OK);
	struct settings s = sample_settings();
	struct buf b __attribute__((cleanup(auto_release_buf)));
	r.received_status = 200;
	buf_init(&b, 4096);
	proxy_status_write(&r, &s, &b);
	assert_string_equal(buf_text(&b),
	                    "Proxy-Status: proxy.example; next-hop=\"proxy1.example:8080\"; received-status=200; "
	                    "fairlead-exchange=\"1f3a9c-00000042\"\r\n");
}

static void proxy_status_is_a_structured_field_whatever_is_in_it(void **state)
{
	char text[260];
	for (int i = 0; i < 256; i++)
		text[i] = (char)(i ? i : 1);
	text[256] = '\0';
	for (unsigned end = 0; end < END_LIMIT; end++) {
		for (int from = 0; from < 256 && end_reason_table[end].status; from += 5) {
			struct settings s = sample_settings();
			struct record r = sample_record(end);
			fill_texts(&r, &s, text + from);
			if (from % 2)
				r.detail = NULL;
			ANSWER a;
			write_page(&a, (struct error_page){.record = &r, .settings = &s}, "*/*");
			assert_true(sf_item_is_valid(field_of(&a, "Proxy-Status")));
		}
	}
	assert_true(sf_item_is_valid(SPAN("\"a \\\" b\"; c=1")));
	assert_false(sf_item_is_valid(SPAN("a; b=\"c")));
	assert_false(sf_item_is_valid(SPAN("a; b=\"\\c\"")));
	assert_false(sf_item_is_valid(SPAN("a;b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_form_is_what_the_client_would_rather_have),
		cmocka_unit_test(a_page_has_the_fields_that_caches_and_people_need),
		cmocka_unit_test(the_connection_field_says_what_follows),
		cmocka_unit_test(every_end_makes_a_page_in_every_form),
		cmocka_unit_test(an_end_that_cannot_be_told_writes_nothing),
		cmocka_unit_test(head_gets_the_fields_alone),
		cmocka_unit_test(text_says_it_line_by_line),
		cmocka_unit_test(a_refusal_shows_the_line_that_would_allow_it),
		cmocka_unit_test(the_broken_stop_is_marked),
		cmocka_unit_test(the_reason_of_a_refused_connect_says_it_all),
		cmocka_unit_test(reasons_stay_ascii_and_short_whatever_the_names),
		cmocka_unit_test(markup_from_outside_is_only_text),
		cmocka_unit_test(random_bytes_break_no_form),
		cmocka_unit_test(secrets_are_not_shown),
		cmocka_unit_test(proxy_status_says_what_the_page_says),
		cmocka_unit_test(proxy_status_of_a_good_answer_has_no_error),
		cmocka_unit_test(proxy_status_is_a_structured_field_whatever_is_in_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
