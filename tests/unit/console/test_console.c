#include "console/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/counters.h"
#include "console/views.h"
#include "json_check.h"
#include "proxy/end_reason.h"
#include "proxy/members.h"

struct asked {
	struct responder_answer answer;
	struct span body;
};

static void asked_fini(struct asked *a)
{
	buf_fini(&a->answer.body);
	buf_fini(&a->answer.fields);
}
#define ASKED struct asked __attribute__((cleanup(asked_fini)))

static struct member_settings members[] = {{.address = "proxy1.example:8080"},
                                           {.address = "proxy2.example:8080", .backup = true}};
static struct upstream_settings upstream = {.name = "head-office", .members = members, .member_count = 2};
static struct pattern to_all = {.kind = PATTERN_ANY, .text = "*"};
static struct route_settings route = {
	.to = {&to_all, 1}, .via = VIA_UPSTREAM, .upstream = &upstream, .pin = true, .where = {"f", 12}};
static struct access_settings rule = {.text = "access { action = deny  to = {\"*.test\"} }", .action = ACCESS_DENY};

static struct member_state *const *members_known;

static struct settings some_settings(struct listen_settings listens[2])
{
	listens[0] = (struct listen_settings){.address = "127.0.0.1:3128", .role = ROLE_PROXY, .name = "proxy.example"};
	listens[1] = (struct listen_settings){.address = "127.0.0.1:3129", .role = ROLE_CONSOLE};
	return (struct settings){.source = "fairlead.conf",
	                         .pseudonym = "proxy.example",
	                         .workers = 2,
	                         .listens = listens,
	                         .listen_count = 2,
	                         .upstreams = &upstream,
	                         .upstream_count = 1,
	                         .routes = &route,
	                         .route_count = 1,
	                         .access = &rule,
	                         .access_count = 1};
}

/* What the console answers, to a request as text, the way the exchange asks it. */
static void ask_with(struct asked *a, const struct settings *settings, bool draining, const char *request)
{
	static struct field fields[FIELDS_MOST];
	struct head head;
	assert_int_equal(head_parse_request(&head, span_of(request), fields, &head_limits_default), PARSE_OK);
	*a = (struct asked){.answer = {.status = 404}};
	buf_init(&a->answer.body, 1 << 20);
	buf_init(&a->answer.fields, 4096);
	struct responder_request r = {
		.settings = settings, .head = &head, .path = head.target, .draining = draining, .members = members_known};
	console_responder.answer(&r, &a->answer);
	assert_int_equal(buf_error(&a->answer.body), 0);
	assert_int_equal(buf_error(&a->answer.fields), 0);
	a->body = buf_span(&a->answer.body);
}

static void ask(struct asked *a, const char *path, const char *accept)
{
	struct listen_settings listens[2];
	struct settings s = some_settings(listens);
	char request[512];
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: c\r\nAccept: %s\r\n\r\n", path, accept);
	ask_with(a, &s, false, request);
}

static bool has(struct span text, const char *what)
{
	return memmem(text.p, text.n, what, strlen(what)) != NULL;
}

static void health_tells_a_balancer_when_to_stop(void **state)
{
	struct listen_settings listens[2];
	struct settings s = some_settings(listens);
	ASKED up, down;
	ask_with(&up, &s, false, "GET /health HTTP/1.1\r\nHost: c\r\n\r\n");
	assert_int_equal(up.answer.status, 200);
	assert_true(span_eq(up.body, SPAN("ok\n")));
	ask_with(&down, &s, true, "GET /health?x=1 HTTP/1.1\r\nHost: c\r\n\r\n");
	assert_int_equal(down.answer.status, 503);
	assert_true(span_eq(down.body, SPAN("draining\n")));
}

static void what_is_not_there_is_404_and_says_what_is(void **state)
{
	static const char *const paths[] = {"/healthz",       "/metrics/", "/ends/", "//",
	                                    "/../etc/passwd", "/<script>", "/Ends"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ASKED a;
		ask(&a, paths[i], "text/html");
		assert_int_equal(a.answer.status, 404);
		assert_true(has(a.body, "/metrics"));
		assert_true(has(a.body, "/ends"));
		assert_false(has(a.body, "script"));
	}
}

static void the_console_is_for_reading(void **state)
{
	struct listen_settings listens[2];
	struct settings s = some_settings(listens);
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE"};
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		char request[128];
		snprintf(request, sizeof(request), "%s /health HTTP/1.1\r\nHost: c\r\n\r\n", methods[i]);
		ASKED a;
		ask_with(&a, &s, false, request);
		assert_int_equal(a.answer.status, 405);
		assert_true(has(buf_span(&a.answer.fields), "Allow: GET, HEAD\r\n"));
	}
}

static void pages_load_nothing_and_are_not_framed(void **state)
{
	ASKED a;
	ask(&a, "/", "text/html");
	assert_true(has(buf_span(&a.answer.fields), "Content-Security-Policy: default-src 'none'"));
	assert_true(has(buf_span(&a.answer.fields), "frame-ancestors 'none'"));
	assert_false(has(a.body, "<script"));
	assert_false(has(a.body, "src="));
	assert_false(has(a.body, "http://"));
}

static void every_view_is_named_once_and_has_its_columns(void **state)
{
	for (unsigned i = 0; i < view_count; i++) {
		assert_non_null(views[i].columns[0]);
		assert_null(views[i].columns[COLUMNS_MOST]);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(views[i].name, views[k].name);
	}
}

static void every_view_is_json(void **state)
{
	for (unsigned i = 0; i < view_count; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/%s", views[i].name);
		ASKED a;
		ask(&a, path, "application/json");
		assert_int_equal(a.answer.status, 200);
		assert_string_equal(a.answer.content_type, "application/json");
		assert_true(json_is_valid(a.body));
		assert_int_equal(a.body.p[0], '[');
	}
	ASKED all;
	ask(&all, "/", "application/json");
	assert_true(json_is_valid(all.body));
	assert_false(has(all.body, "{hop}") || has(all.body, "{site}"));
	assert_true(has(all.body, "\"listeners\":["));
	assert_true(has(all.body,
	                "{\"upstream\":\"head-office\",\"member\":\"proxy2.example:8080\",\"backup\":true,\"tls\":false,"
	                "\"or-direct\":false,\"state\":null,\"for-s\":null}"));
	assert_true(has(all.body, "{\"address\":\"127.0.0.1:3129\",\"role\":\"console\",\"name\":null,"));
}

static void members_and_whether_they_answer(void **state)
{
	struct listen_settings listens[2];
	struct settings s = some_settings(listens);
	struct member_state known[2] = {{.down_until = NEVER, .since = clock_mono() - 90500}, {0}};
	struct member_state *all[] = {known};
	ASKED page, figures;
	members_known = all;
	ask_with(&page, &s, false, "GET /upstreams HTTP/1.1\r\nHost: c\r\nAccept: application/json\r\n\r\n");
	assert_true(has(page.body, "\"state\":\"down\",\"for-s\":90}"));
	assert_true(has(page.body, "\"state\":\"up\",\"for-s\":null}"));
	ask_with(&figures, &s, false, "GET /metrics HTTP/1.1\r\nHost: c\r\n\r\n");
	assert_true(has(figures.body, "fairlead_member_up{upstream=\"head-office\",member=\"proxy1.example:8080\"} 0\n"));
	assert_true(has(figures.body, "fairlead_member_up{upstream=\"head-office\",member=\"proxy2.example:8080\"} 1\n"));
	members_known = NULL;
}

static unsigned count_of(struct span text, char c)
{
	unsigned n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == c;
	return n;
}

static void every_view_is_text_with_one_row_a_line(void **state)
{
	for (unsigned i = 0; i < view_count; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/%s", views[i].name);
		ASKED a;
		ask(&a, path, "*/*");
		assert_string_equal(a.answer.content_type, "text/plain; charset=utf-8");
		unsigned columns = 0, lines = 0;
		while (views[i].columns[columns])
			columns++;
		struct span rest = a.body, line;
		while (span_next(&rest, '\n', &line) && rest.p) {
			assert_int_equal(count_of(line, '\t'), columns - 1);
			lines++;
		}
		assert_true(lines >= 1);
	}
}

/* Every element that opens closes in its order; '<' stands for nothing else. */
static void assert_balanced(struct span html)
{
	struct span open[32];
	unsigned depth = 0;
	for (size_t i = 0; i < html.n; i++) {
		if (html.p[i] != '<')
			continue;
		bool closing = html.p[i + 1] == '/';
		const char *name = html.p + i + 1 + closing;
		size_t n = strcspn(name, " >");
		struct span element = span_make(name, n);
		if (span_eq(element, SPAN("!DOCTYPE")) || span_eq(element, SPAN("meta")))
			continue;
		if (!closing) {
			assert_true(depth < 32);
			open[depth++] = element;
		} else {
			assert_true(depth > 0);
			if (!span_eq(open[--depth], element))
				fail_msg("<%.*s> is closed by </%.*s>", SPAN_ARG(open[depth]), SPAN_ARG(element));
		}
	}
	assert_int_equal(depth, 0);
}

static void every_view_is_html(void **state)
{
	for (unsigned i = 0; i <= view_count; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/%s", i < view_count ? views[i].name : "");
		ASKED a;
		ask(&a, path, "text/html,*/*;q=0.8");
		assert_string_equal(a.answer.content_type, "text/html; charset=utf-8");
		assert_balanced(span_of(buf_text(&a.answer.body)));
		assert_true(has(a.body, "<title>"));
	}
}

static void settings_are_text_not_markup(void **state)
{
	struct listen_settings listens[2];
	struct settings s = some_settings(listens);
	listens[0].name = "<b>\"bold\"\t\n\\</b>";
	s.pseudonym = s.source = "</title><script>";
	static const char *const accepts[] = {"text/html", "application/json", "text/plain"};
	for (int i = 0; i < 3; i++) {
		char request[128];
		snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: c\r\nAccept: %s\r\n\r\n", accepts[i]);
		ASKED a;
		ask_with(&a, &s, false, request);
		if (i == 0) {
			assert_balanced(span_of(buf_text(&a.answer.body)));
			assert_false(has(a.body, "<b>") || has(a.body, "<script"));
		} else if (i == 1) {
			assert_true(json_is_valid(a.body));
		}
	}
}

static void long_route_lists_are_cut(void **state)
{
	static struct pattern many[200];
	struct listen_settings listens[2];
	struct settings s = some_settings(listens);
	struct route_settings long_route = route;
	for (int i = 0; i < 200; i++)
		many[i] = (struct pattern){.text = "*.very-long-name.example"};
	long_route.to = (struct pattern_list){many, 200};
	s.routes = &long_route;
	ASKED a;
	ask_with(&a, &s, false, "GET /routes HTTP/1.1\r\nHost: c\r\nAccept: application/json\r\n\r\n");
	assert_true(json_is_valid(a.body));
	assert_true(has(a.body, " ...\""));
}

/* ---- /metrics, by the rules of the text format 0.0.4 and of promtool check metrics */

static bool name_is_valid(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
		if (!letter && !(i && c >= '0' && c <= '9'))
			return false;
	}
	return s.n > 0;
}

/* Label pairs in braces: name="value", without escapes since we use none. */
static bool labels_are_valid(struct span s)
{
	struct span pair;
	if (s.n < 2 || s.p[0] != '{' || s.p[s.n - 1] != '}')
		return false;
	struct span rest = span_make(s.p + 1, s.n - 2);
	while (span_next(&rest, ',', &pair)) {
		const char *equals = memchr(pair.p, '=', pair.n);
		if (!equals || !name_is_valid(span_make(pair.p, (size_t)(equals - pair.p))))
			return false;
		struct span value = span_make(equals + 1, pair.n - (size_t)(equals + 1 - pair.p));
		if (value.n < 2 || value.p[0] != '"' || value.p[value.n - 1] != '"' || memchr(value.p, '\\', value.n))
			return false;
	}
	return true;
}

struct family {
	struct span name, type;
	bool helped;
	unsigned samples;
};

struct metrics {
	struct family families[200];
	unsigned count;
	struct span series[400];
	double values[400];
	unsigned series_count;
};

static void read_comment(struct metrics *m, struct span line)
{
	struct span word, name;
	struct span rest = line;
	assert_true(span_next(&rest, ' ', &word) && span_next(&rest, ' ', &word) && span_next(&rest, ' ', &name));
	struct family *last = m->count ? &m->families[m->count - 1] : NULL;
	if (span_eq(word, SPAN("HELP"))) {
		for (unsigned i = 0; i < m->count; i++)
			assert_false(span_eq(m->families[i].name, name)); /* all of a family stands together */
		assert_true(rest.n > 5);
		m->families[m->count++] = (struct family){.name = name, .helped = true};
	} else {
		assert_true(span_eq(word, SPAN("TYPE")));
		assert_true(last && span_eq(last->name, name) && last->type.n == 0 && last->samples == 0);
		assert_true(span_eq(rest, SPAN("counter")) || span_eq(rest, SPAN("gauge")));
		last->type = rest;
	}
}

static void read_sample(struct metrics *m, struct span line)
{
	const char *blank = memrchr(line.p, ' ', line.n);
	assert_non_null(blank);
	struct span series = span_make(line.p, (size_t)(blank - line.p));
	const char *brace = memchr(series.p, '{', series.n);
	struct span name = brace ? span_make(series.p, (size_t)(brace - series.p)) : series;
	assert_true(name_is_valid(name));
	assert_true(!brace || labels_are_valid(span_make(brace, series.n - name.n)));
	assert_true(m->count > 0 && span_eq(m->families[m->count - 1].name, name));
	m->families[m->count - 1].samples++;
	for (unsigned i = 0; i < m->series_count; i++)
		assert_false(span_eq(m->series[i], series));
	char *end;
	m->series[m->series_count] = series;
	m->values[m->series_count++] = strtod(blank + 1, &end);
	assert_ptr_equal(end, line.p + line.n);
}

static void read_metrics(struct metrics *m, struct span text)
{
	struct span line;
	*m = (struct metrics){.count = 0};
	assert_true(text.n > 0 && text.p[text.n - 1] == '\n');
	while (span_next(&text, '\n', &line) && text.p) {
		assert_true(line.n > 0);
		if (line.p[0] == '#')
			read_comment(m, line);
		else
			read_sample(m, line);
	}
	for (unsigned i = 0; i < m->count; i++) {
		const struct family *f = &m->families[i];
		assert_true(f->helped && f->type.n && f->samples);
		bool total = span_ends_nocase(f->name, SPAN("_total"));
		if (total != span_eq(f->type, SPAN("counter")))
			fail_msg("%.*s is a %.*s", SPAN_ARG(f->name), SPAN_ARG(f->type));
	}
}

static double value_of(const struct metrics *m, const char *series)
{
	for (unsigned i = 0; i < m->series_count; i++)
		if (span_eq(m->series[i], span_of(series)))
			return m->values[i];
	fail_msg("no %s", series);
	return 0;
}

static void metrics_are_what_collectors_read(void **state)
{
	static struct metrics before, after;
	ASKED first, second;
	ask(&first, "/metrics", "*/*");
	assert_string_equal(first.answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
	read_metrics(&before, first.body);
	COUNT(exchanges_total);
	COUNT_ADD(tunnels, -3);
	end_reason_count(END_LOOP);
	end_reason_count(END_LOOP);
	ask(&second, "/metrics", "text/html");
	read_metrics(&after, second.body);
	assert_true(value_of(&after, "fairlead_exchanges_total") - value_of(&before, "fairlead_exchanges_total") == 1);
	assert_true(value_of(&after, "fairlead_tunnels") - value_of(&before, "fairlead_tunnels") == -3);
	assert_true(value_of(&after, "fairlead_exchange_ends_total{reason=\"loop\"}") == 2);
	assert_true(value_of(&after, "fairlead_exchange_ends_total{reason=\"ok\"}") == 0);
	assert_true(value_of(&after, "fairlead_build_info{version=\"" FAIRLEAD_VERSION "\"}") == 1);
	assert_true(value_of(&after, "fairlead_draining") == 0);
	assert_true(value_of(&after, "fairlead_workers") == 2);
	COUNT_ADD(tunnels, 3);
	for (int i = 0; i < COUNTER_LIMIT; i++) {
		char name[128];
		snprintf(name, sizeof(name), "fairlead_%s", counter_table[i].name);
		value_of(&after, name);
	}
}

static void the_process_is_described_as_it_is(void **state)
{
	static struct metrics m;
	ASKED before, after;
	ask(&before, "/metrics", "*/*");
	read_metrics(&m, before.body);
	double open = value_of(&m, "process_open_fds");
	assert_true(value_of(&m, "process_resident_memory_bytes") > 100000);
	assert_true(value_of(&m, "process_virtual_memory_bytes") > value_of(&m, "process_resident_memory_bytes"));
	assert_true(value_of(&m, "process_start_time_seconds") > 1.6e9);
	assert_true(value_of(&m, "fairlead_uptime_seconds") < 3600);
	assert_true(value_of(&m, "process_max_fds") >= open);
	assert_true(value_of(&m, "process_threads") >= 1);
	FILE *files[5];
	for (int i = 0; i < 5; i++)
		assert_non_null(files[i] = fopen("/dev/null", "r"));
	ask(&after, "/metrics", "*/*");
	read_metrics(&m, after.body);
	assert_true(value_of(&m, "process_open_fds") == open + 5);
	for (int i = 0; i < 5; i++)
		fclose(files[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(health_tells_a_balancer_when_to_stop),
		cmocka_unit_test(what_is_not_there_is_404_and_says_what_is),
		cmocka_unit_test(the_console_is_for_reading),
		cmocka_unit_test(pages_load_nothing_and_are_not_framed),
		cmocka_unit_test(every_view_is_named_once_and_has_its_columns),
		cmocka_unit_test(every_view_is_json),
		cmocka_unit_test(members_and_whether_they_answer),
		cmocka_unit_test(every_view_is_text_with_one_row_a_line),
		cmocka_unit_test(every_view_is_html),
		cmocka_unit_test(settings_are_text_not_markup),
		cmocka_unit_test(long_route_lists_are_cut),
		cmocka_unit_test(metrics_are_what_collectors_read),
		cmocka_unit_test(the_process_is_described_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
