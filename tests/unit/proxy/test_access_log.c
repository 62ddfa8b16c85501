#include "proxy/access_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "json_check.h"
#include "sample_record.h"

static const struct log_settings w3c = {.format = LOG_W3C}, w3c_query = {.format = LOG_W3C, .query = true},
								 json = {.format = LOG_JSON}, iis = {.format = LOG_IIS},
								 iis_query = {.format = LOG_IIS, .query = true};

/* The line, terminated; valid until the next call. */
static const char *line_of(const struct log_settings *s, const struct record *r)
{
	static char room[ACCESS_LINE + 1];
	struct buf b;
	buf_over(&b, room, ACCESS_LINE);
	access_log_line(s, r, 123456, &b);
	assert_int_equal(buf_error(&b), 0);
	room[b.n] = '\0';
	return room;
}

static struct span value_among(const char *line, const char *name, const struct access_field *fields, unsigned count)
{
	struct span rest = span_of(line), value;
	for (unsigned i = 0; i < count && span_next(&rest, ' ', &value); i++)
		if (strcmp(fields[i].name, name) == 0)
			return value;
	fail_msg("no field %s in: %s", name, line);
	return SPAN_NONE;
}

/* The value of a field in a W3C line, found by its place in #Fields. */
static struct span value_of(const char *line, const char *name)
{
	unsigned count;
	const struct access_field *fields = access_log_fields(&count);
	return value_among(line, name, fields, count);
}

static unsigned count_values(const char *line)
{
	unsigned n = 1;
	for (; *line; line++)
		n += *line == ' ';
	return n;
}

static void assert_value(const struct record *r, const char *name, const char *expected)
{
	struct span value = value_of(line_of(&w3c, r), name);
	if (!span_eq(value, span_of(expected)))
		fail_msg("%s is \"%.*s\", not \"%s\"", name, SPAN_ARG(value), expected);
}

static void a_plain_exchange_makes_this_very_line(void **state)
{
	struct record r = sample_record(END_OK);
	assert_string_equal(
		line_of(&w3c, &r),
		"2026-11-22 01:35:02 10.1.2.3 51234 - GET http://www.example/a/b HTTP/1.1 www.example "
		"Mozilla/5.0+(X11;+Linux) - 200 0 0 1234 310 123 head-office 192.0.2.7:8080 - - - - 7 3 9 no ok "
		"1f3a9c-00000042 - - -");
}

static void the_same_in_json(void **state)
{
	struct record r = sample_record(END_OK);
	r.reused = true;
	assert_string_equal(
		line_of(&json, &r),
		"{\"date\":\"2026-11-22\",\"time\":\"01:35:02\",\"c-ip\":\"10.1.2.3\",\"c-port\":51234,\"cs-username\":null,"
		"\"cs-method\":\"GET\",\"cs-uri\":\"http://www.example/a/b\",\"cs-version\":\"HTTP/1.1\",\"cs-host\":\"www.example\","
		"\"cs(User-Agent)\":\"Mozilla/5.0 (X11; Linux)\",\"cs(Referer)\":null,\"sc-status\":200,\"sc-substatus\":0,"
		"\"sc-win32-status\":0,\"sc-bytes\":1234,\"cs-bytes\":310,\"time-taken\":123,\"x-hop\":\"head-office\","
		"\"x-server\":\"192.0.2.7:8080\",\"x-received-status\":null,\"x-pin\":null,\"x-leg\":null,\"x-proxy-leg\":null,"
		"\"x-client-connection\":7,\"x-request\":3,\"x-server-connection\":9,\"x-reused\":true,\"x-end\":\"ok\","
		"\"x-id\":\"1f3a9c-00000042\",\"x-error\":null,\"x-rule\":null,\"x-detail\":null}");
}

static void the_header_names_the_fields_in_order(void **state)
{
	unsigned count;
	const struct access_field *fields = access_log_fields(&count);
	const char *header = access_log_header(&w3c), *at = strstr(header, "\n#Fields:");
	assert_non_null(strstr(header, "#Version: 1.0\n"));
	assert_non_null(strstr(header, "\n#Date: %s\n"));
	assert_non_null(at);
	at += strlen("\n#Fields:");
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(*at++, ' ');
		assert_memory_equal(at, fields[i].name, strlen(fields[i].name));
		at += strlen(fields[i].name);
	}
	assert_string_equal(at, "\n");
	assert_null(access_log_header(&json));
}

static void the_row_of_the_end_fills_what_the_record_leaves_open(void **state)
{
	struct record r = sample_record(END_PARENT_WANTS_SIGN_IN);
	r.status = 502;
	assert_value(&r, "sc-substatus", "5");
	assert_value(&r, "sc-win32-status", "12201");
	assert_value(&r, "x-end", "parent-wants-sign-in");
	r.substatus = 3;
	r.win32 = 1326;
	assert_value(&r, "sc-substatus", "3");
	assert_value(&r, "sc-win32-status", "1326");
}

static void an_exchange_without_a_request_has_dashes(void **state)
{
	struct record r = {
		.id = "1f3a9c-00000043", .began_civil_us = 1795311302 * INT64_C(1000000), .end = END_CLIENT_IDLE};
	assert_string_equal(line_of(&w3c, &r), "2026-11-22 01:35:02 - - - - - - - - - 0 0 121 0 0 123 - - - - - - - - - - "
	                                       "client-idle 1f3a9c-00000043 - - -");
	assert_true(json_is_valid(span_of(line_of(&json, &r))));
}

static void the_query_is_kept_only_if_asked_for(void **state)
{
	struct record r = sample_record(END_OK);
	r.referer = SPAN("http://from.example/p?q=secret");
	assert_value(&r, "cs-uri", "http://www.example/a/b");
	assert_value(&r, "cs(Referer)", "http://from.example/p");
	struct span kept = value_of(line_of(&w3c_query, &r), "cs-uri");
	assert_true(span_eq(kept, SPAN("http://www.example/a/b?token=1")));
	assert_null(strstr(line_of(&json, &r), "secret"));
}

static void user_name_and_password_in_a_target_never_show(void **state)
{
	static const char *const targets[][2] = {
		{"http://alice:secret@www.example/a@b?x", "http://www.example/a@b"},
		{"alice:secret@www.example:443", "www.example:443"},
		{"http://alice:sec@ret@www.example/", "http://www.example/"},
		{"http:/alice:secret@www.example/", "http:/www.example/"},
		{"http:\\\\alice:secret@www.example\\x", "http:\\\\www.example\\x"},
		{"http:///alice:secret@www.example/", "http:///www.example/"},
		{"//alice:secret@www.example/", "//www.example/"},
		{"/alice:secret@home", "/alice:secret@home"}, /* a path, as sent to an origin */
		{"ftp://secret@www.example", "ftp://www.example"},
		{"http://www.example?u=a@b", "http://www.example"},
		{"@", "-"},
	};
	struct record r = sample_record(END_REQUEST_MALFORMED);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		r.uri = span_of(targets[i][0]);
		assert_value(&r, "cs-uri", targets[i][1]);
	}
}

static void addresses_of_both_families(void **state)
{
	static const char *const cases[][3] = {
		{"2001:db8::1", "2001:db8::1", "[2001:db8::1]:8080"},
		{"::1", "::1", "[::1]:8080"},
		{"::", "::", "[::]:8080"},
		{"fe80::", "fe80::", "[fe80::]:8080"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]:8080"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "[2001:db8::1:0:0:1]:8080"},
		{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:8080"},
		{"1::8", "1::8", "[1::8]:8080"},
		{"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8", "[::3:4:5:6:7:8]:8080"},
		{"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1:8080"},
		{"255.255.255.255", "255.255.255.255", "255.255.255.255:8080"},
		{"0.0.0.0", "0.0.0.0", "0.0.0.0:8080"},
	};
	struct record r = sample_record(END_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(addr_parse(span_of(cases[i][0]), 8080, &r.client), 0);
		r.server = r.client;
		assert_value(&r, "c-ip", cases[i][1]);
		assert_value(&r, "c-port", "8080");
		assert_value(&r, "x-server", cases[i][2]);
	}
}

/* ---- The line of Internet Information Services */

static struct span iis_value_of(const char *line, const char *name)
{
	unsigned count;
	const struct access_field *fields = access_log_iis_fields(&count);
	return value_among(line, name, fields, count);
}

static void assert_iis(const struct log_settings *s, const struct record *r, const char *name, const char *expected)
{
	struct span value = iis_value_of(line_of(s, r), name);
	if (!span_eq(value, span_of(expected)))
		fail_msg("%s is \"%.*s\", not \"%s\"", name, SPAN_ARG(value), expected);
}

static struct record site_record(void)
{
	struct record r = sample_record(END_OK);
	r.uri = SPAN("/Secure/./x?y=1");
	r.stem = SPAN("/secure/x");
	r.query = SPAN("y=1");
	r.user = SPAN("CORP\\alice");
	assert_int_equal(addr_parse(SPAN("192.0.2.1"), 443, &r.local), 0);
	return r;
}

static void a_line_of_iis_is_this_very_line(void **state)
{
	struct record r = site_record();
	assert_string_equal(
		line_of(&iis_query, &r),
		"2026-11-22 01:35:02 192.0.2.1 GET /secure/x y=1 443 CORP\\alice 10.1.2.3 "
		"Mozilla/5.0+(X11;+Linux) - 200 0 0 123 1234 310 www.example ok 1f3a9c-00000042 - - 7 3 head-office "
		"192.0.2.7:8080 9 - -");
}

/* Readers know a line by this: LogParser's and AWStats' "IIS", GoAccess' W3C. */
static void its_header_begins_as_that_of_iis(void **state)
{
	unsigned count;
	const struct access_field *fields = access_log_iis_fields(&count);
	const char *at = strstr(access_log_header(&iis),
	                        "\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port "
	                        "cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus "
	                        "sc-win32-status time-taken ");
	assert_non_null(at);
	at += strlen("\n#Fields:");
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(*at++, ' ');
		assert_memory_equal(at, fields[i].name, strlen(fields[i].name));
		at += strlen(fields[i].name);
	}
	assert_string_equal(at, "\n");
}

static void without_a_site_stem_and_query_are_those_of_the_target(void **state)
{
	static const char *const targets[][3] = {
		{"http://www.example/a/b?c=d", "/a/b", "c=d"},
		{"http://www.example", "/", "-"},
		{"http://www.example?x", "/", "x"},
		{"http://alice:secret@www.example/a@b?x", "/a@b", "x"},
		{"/a?b?c", "/a", "b?c"},
		{"/a?", "/a", "-"},
		{"*", "*", "-"},
		{"www.example:443", "www.example:443", "-"},
		{"alice:secret@www.example:443", "www.example:443", "-"},
		{"//alice:secret@www.example/x", "www.example/x", "-"},
	};
	struct record r = sample_record(END_OK);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		r.uri = span_of(targets[i][0]);
		assert_iis(&iis_query, &r, "cs-uri-stem", targets[i][1]);
		assert_iis(&iis_query, &r, "cs-uri-query", targets[i][2]);
		assert_iis(&iis, &r, "cs-uri-query", "-");
		assert_null(strstr(line_of(&iis_query, &r), "secret"));
	}
}

static void what_iis_finds_too_long_is_three_dots(void **state)
{
	static char longest[4098];
	memset(longest, 'a', sizeof(longest) - 1);
	struct record r = site_record();
	r.stem = r.query = r.user_agent = r.referer = span_make(longest, 4097);
	static const char *const names[] = {"cs-uri-stem", "cs-uri-query", "cs(User-Agent)", "cs(Referer)"};
	for (int i = 0; i < 4; i++)
		assert_iis(&iis_query, &r, names[i], "...");
}

/* GoAccess' buffer for a line has 4096 bytes. */
static void a_long_line_is_kept_within_what_readers_take(void **state)
{
	static char longest[4098];
	memset(longest, 'a', sizeof(longest) - 1);
	for (size_t n = 0; n <= 4096; n++) {
		struct record r = site_record();
		r.query = span_make(longest, n);
		size_t alone = strlen(line_of(&iis_query, &r));
		assert_true(alone < 4095);
		if (n > 0 && n <= 2048)
			assert_int_equal(iis_value_of(line_of(&iis_query, &r), "cs-uri-query").n, n);
		r.stem = r.user_agent = r.referer = r.query;
		assert_true(strlen(line_of(&iis_query, &r)) < 4095);
		r.method = SPAN("FOO");
		assert_true(strlen(line_of(&iis_query, &r)) < 4095);
	}
}

static void a_value_never_ends_in_a_backslash(void **state)
{
	struct record r = site_record();
	r.user_agent = r.query = r.referer = SPAN("x\\\\");
	r.user = SPAN("CORP\\");
	assert_iis(&iis_query, &r, "cs(User-Agent)", "x\\%5C");
	assert_iis(&iis_query, &r, "cs-uri-query", "x\\%5C");
	assert_iis(&iis_query, &r, "cs-username", "CORP%5C");
}

static void blanks_and_what_cannot_be_printed_become_plus_in_iis_lines(void **state)
{
	struct record r = site_record();
	r.user_agent = SPAN("a b\x1b[2J\"c\" J\xc3\xb6rg \xff");
	r.user = SPAN("CORP\\Web User");
	assert_iis(&iis, &r, "cs(User-Agent)", "a+b+[2J\"c\"+J\xc3\xb6rg+?");
	assert_iis(&iis, &r, "cs-username", "CORP\\Web+User");
}

static void a_connection_that_ended_without_a_status_is_400_604(void **state)
{
	struct record r = site_record();
	r.status = 0;
	r.end = END_CLIENT_CLOSED;
	assert_iis(&iis, &r, "sc-status", "400");
	assert_iis(&iis, &r, "sc-substatus", "604");
	assert_iis(&iis, &r, "sc-win32-status", "64");
}

/* W3C's own word for what readers skip. */
static void what_no_reader_would_count_is_a_remark(void **state)
{
	static const char *const methods[] = {"", "FOO", "get", "GETX", "SEARCH"};
	struct record r = site_record();
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		r.method = span_of(methods[i]);
		const char *line = line_of(&iis, &r);
		assert_memory_equal(line, "#Remark: 2026-11-22\t01:35:02\t192.0.2.1\t", 39);
	}
	r = site_record();
	r.method = SPAN("PROPFIND");
	assert_int_equal(line_of(&iis, &r)[0], '2');
	r.client = (struct addr){0};
	assert_int_equal(line_of(&iis, &r)[0], '#');
}

/* What clients, servers and settings may put into a record. */
static void fill_texts(struct record *r, struct span s, const char *terminated)
{
	r->method = r->uri = r->stem = r->query = r->host = r->user_agent = r->referer = r->user = s;
	r->hop = r->pin = r->leg = r->proxy_leg = r->detail = r->rule = terminated;
}

static void assert_iis_is_whole(struct record *r)
{
	unsigned count;
	access_log_iis_fields(&count);
	const char *remark = line_of(&iis_query, r); /* since the method is strange */
	unsigned tabs = 0;
	for (const char *c = remark; *c; c++) {
		tabs += *c == '\t';
		assert_true(*c == '\t' || ((unsigned char)*c >= 0x20 && *c != 0x7f));
	}
	assert_int_equal(tabs + 1, count);
	assert_int_equal(count_values(remark), 2);
	r->method = SPAN("GET");
	const char *line = line_of(&iis_query, r);
	assert_int_equal(count_values(line), count);
	for (const char *c = line; *c; c++)
		assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void nothing_can_end_a_line_or_a_field(void **state)
{
	unsigned count;
	access_log_fields(&count);
	char bytes[257] = {0};
	for (int i = 0; i < 256; i++)
		bytes[i] = (char)(i == 0 ? 1 : i);
	struct record r = sample_record(END_OK);
	for (int from = 0; from < 256; from++) {
		fill_texts(&r, span_make(bytes + from, (size_t)(256 - from)), bytes + from);
		const char *line = line_of(&w3c, &r);
		assert_int_equal(count_values(line), count);
		for (const char *c = line; *c; c++)
			assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
		assert_true(json_is_valid(span_of(line_of(&json, &r))));
		assert_iis_is_whole(&r);
	}
}

static void random_bytes_stay_in_their_fields(void **state)
{
	unsigned count;
	access_log_fields(&count);
	struct record r = sample_record(END_OK);
	uint64_t seed = 42;
	for (int round = 0; round < 20000; round++) {
		char bytes[64] = {0};
		size_t n = seed % (sizeof(bytes) - 1);
		for (size_t i = 0; i < n; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			bytes[i] = (char)(seed >> 56 ? seed >> 56 : 1);
		}
		seed += 7;
		fill_texts(&r, span_make(bytes, n), bytes);
		assert_int_equal(count_values(line_of(&w3c, &r)), count);
		assert_true(json_is_valid(span_of(line_of(&json, &r))));
		assert_iis_is_whole(&r);
	}
}

static void terminals_are_not_spoken_to(void **state)
{
	struct record r = sample_record(END_OK);
	r.user_agent = SPAN("a\x1b[2Jb\xc2\x9b\x37mc\xff\xfe J\xc3\xb6rg \xe2\x82\xac");
	assert_value(&r, "cs(User-Agent)", "a+[2Jb+7mc??+J\xc3\xb6rg+\xe2\x82\xac");
	assert_non_null(
		strstr(line_of(&json, &r), "\"a\\u001b[2Jb\\u009b7mc\xef\xbf\xbd\xef\xbf\xbd J\xc3\xb6rg \xe2\x82\xac\""));
}

static void the_longest_values_leave_a_whole_line(void **state)
{
	unsigned count;
	access_log_fields(&count);
	static char longest[70000], control[70000];
	memset(longest, 'a', sizeof(longest) - 1);
	memset(control, 1, sizeof(control) - 1);
	struct record r = sample_record(END_INTERNAL);
	r.bytes_in = r.bytes_out = r.client_connection = r.server_connection = UINT64_MAX;
	r.request_on_connection = r.received_status = r.status = r.substatus = r.win32 = UINT32_MAX;
	r.error = -ECONNRESET;
	assert_int_equal(addr_parse(SPAN("2001:db8:1111:2222:3333:4444:5555:6666"), 65535, &r.client), 0);
	r.server = r.client;
	memset(r.id, 'i', sizeof(r.id));
	r.local = r.client;
	char *both[] = {longest, control};
	for (int i = 0; i < 2; i++) {
		fill_texts(&r, span_of(both[i]), both[i]);
		r.stem = r.query = r.user_agent = r.referer = span_make(both[i], 4096);
		assert_iis_is_whole(&r);
		fill_texts(&r, span_of(both[i]), both[i]);
		assert_int_equal(count_values(line_of(&w3c, &r)), count);
		assert_true(json_is_valid(span_of(line_of(&json, &r))));
	}
	fill_texts(&r, span_of(longest), longest);
	struct span agent = value_of(line_of(&w3c, &r), "cs(User-Agent)");
	assert_int_equal(agent.n, 512);
	assert_true(span_ends_nocase(agent, SPAN("aaa...")));
}

static void a_buffer_without_room_gets_nothing(void **state)
{
	char room[ACCESS_LINE - 1];
	struct buf b;
	struct record r = sample_record(END_OK);
	buf_over(&b, room, sizeof(room));
	access_log_line(&w3c, &r, 1, &b);
	assert_int_equal(buf_error(&b), -ENOBUFS);
	assert_int_equal(b.n, 0);
}

static void lines_follow_each_other_in_one_buffer(void **state)
{
	struct buf b __attribute__((cleanup(auto_release_buf)));
	struct record r = sample_record(END_OK);
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 50; i++) {
		access_log_line(&json, &r, 0, &b);
		buf_addc(&b, '\n');
	}
	assert_int_equal(buf_error(&b), 0);
	struct span rest = buf_span(&b), line;
	int lines = 0;
	while (span_next(&rest, '\n', &line) && line.n) {
		assert_true(json_is_valid(line));
		lines++;
	}
	assert_int_equal(lines, 50);
}

static void the_clock_is_that_of_the_end(void **state)
{
	char room[ACCESS_LINE];
	struct buf b;
	struct record r = sample_record(END_OK);
	buf_over(&b, room, sizeof(room));
	access_log_line(&w3c, &r, INT64_C(86400) * 1000000, &b);
	assert_memory_equal(b.p, "2026-11-23 01:35:02 ", 20);
	buf_clear(&b);
	access_log_line(&w3c, &r, 57999999, &b);
	assert_memory_equal(b.p, "2026-11-22 01:35:59 ", 20);
	buf_clear(&b);
	access_log_line(&w3c, &r, 58000000, &b);
	assert_memory_equal(b.p, "2026-11-22 01:36:00 ", 20);
}

static const char *assert_rows(const char *at, const struct access_field *fields, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char row[512];
		snprintf(row, sizeof(row), "\n| `%s` | %s |", fields[i].name, fields[i].sentence);
		const char *found = strstr(at, row);
		if (!found)
			fail_msg("doc/logs.md lacks this row, or has it out of order:%s", row);
		at = found + 1;
	}
	return at;
}

/* doc/logs.md is what administrators and the authors of log readers go by. */
static void the_manual_lists_every_field(void **state)
{
	FILE *f = fopen("doc/logs.md", "r");
	assert_non_null(f);
	static char text[65536];
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	unsigned count;
	const struct access_field *fields = access_log_fields(&count);
	const char *behind = assert_rows(text, fields, count);
	fields = access_log_iis_fields(&count);
	assert_rows(behind, fields, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_exchange_makes_this_very_line),
		cmocka_unit_test(the_same_in_json),
		cmocka_unit_test(the_header_names_the_fields_in_order),
		cmocka_unit_test(the_row_of_the_end_fills_what_the_record_leaves_open),
		cmocka_unit_test(an_exchange_without_a_request_has_dashes),
		cmocka_unit_test(the_query_is_kept_only_if_asked_for),
		cmocka_unit_test(user_name_and_password_in_a_target_never_show),
		cmocka_unit_test(addresses_of_both_families),
		cmocka_unit_test(a_line_of_iis_is_this_very_line),
		cmocka_unit_test(its_header_begins_as_that_of_iis),
		cmocka_unit_test(without_a_site_stem_and_query_are_those_of_the_target),
		cmocka_unit_test(what_iis_finds_too_long_is_three_dots),
		cmocka_unit_test(a_long_line_is_kept_within_what_readers_take),
		cmocka_unit_test(a_value_never_ends_in_a_backslash),
		cmocka_unit_test(blanks_and_what_cannot_be_printed_become_plus_in_iis_lines),
		cmocka_unit_test(a_connection_that_ended_without_a_status_is_400_604),
		cmocka_unit_test(what_no_reader_would_count_is_a_remark),
		cmocka_unit_test(nothing_can_end_a_line_or_a_field),
		cmocka_unit_test(random_bytes_stay_in_their_fields),
		cmocka_unit_test(terminals_are_not_spoken_to),
		cmocka_unit_test(the_longest_values_leave_a_whole_line),
		cmocka_unit_test(a_buffer_without_room_gets_nothing),
		cmocka_unit_test(lines_follow_each_other_in_one_buffer),
		cmocka_unit_test(the_clock_is_that_of_the_end),
		cmocka_unit_test(the_manual_lists_every_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
