/* What wire messages cannot show: limits, where a search goes on, and looking fields up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/head.h"

static struct field fields[FIELDS_MOST];

static struct head parse(const char *text)
{
	struct head h;
	assert_int_equal(head_parse_request(&h, span_of(text), fields, &head_limits_default), PARSE_OK);
	return h;
}

static void a_drip_is_scanned_once(void **state)
{
	struct span head = SPAN("GET / HTTP/1.1\r\nHost: a.test\r\nX: y\r\n\r\n");
	size_t scanned = 0;
	for (size_t n = 0; n < head.n; n++) {
		assert_int_equal(head_find_end(span_make(head.p, n), &scanned, &head_limits_default), 0);
		assert_int_equal(scanned, n);
	}
	assert_int_equal(head_find_end(head, &scanned, &head_limits_default), head.n);
}

static void a_search_goes_on_when_the_bytes_have_moved(void **state)
{
	char there[] = "....GET / HTTP/1.1\r\nHost: a\r\n\r\n", moved[sizeof(there)];
	size_t n = sizeof(there) - 5, scanned = 0;
	assert_int_equal(head_find_end(span_make(there + 4, n - 1), &scanned, &head_limits_default), 0);
	memcpy(moved, there + 4, n);
	assert_int_equal(head_find_end(span_make(moved, n), &scanned, &head_limits_default), n);
}

static void the_head_ends_before_what_follows(void **state)
{
	struct span two = SPAN("GET / HTTP/1.1\r\n\r\nGET /\n");
	size_t scanned = 0;
	assert_int_equal(head_find_end(two, &scanned, &head_limits_default), 18);
}

static void limits_are_obeyed_to_the_byte(void **state)
{
	struct span text = SPAN("GET /abcd HTTP/1.1\r\nHost: a.test\r\nX: y\r\n\r\n");
	struct head_limits exact = {.head = (uint32_t)text.n, .field = 14, .target = 5, .fields = 2};
	struct head_limits less;
	struct head h;
	size_t scanned = 0;
	assert_int_equal(head_find_end(text, &scanned, &exact), text.n);
	assert_int_equal(head_parse_request(&h, text, fields, &exact), PARSE_OK);
	less = exact;
	less.head--;
	scanned = 0;
	assert_int_equal(head_find_end(text, &scanned, &less), -PARSE_HEAD_TOO_LARGE);
	assert_int_equal(head_parse_request(&h, text, fields, &less), PARSE_HEAD_TOO_LARGE);
	less = exact;
	less.field--;
	assert_int_equal(head_parse_request(&h, text, fields, &less), PARSE_FIELD_TOO_LARGE);
	less = exact;
	less.target--;
	assert_int_equal(head_parse_request(&h, text, fields, &less), PARSE_TARGET_TOO_LARGE);
	less = exact;
	less.fields--;
	assert_int_equal(head_parse_request(&h, text, fields, &less), PARSE_TOO_MANY_FIELDS);
}

static void more_fields_than_there_is_room_for_are_never_stored(void **state)
{
	struct head_limits generous = head_limits_default;
	struct head h;
	char *text = malloc(300 * 6 + 64), *p = text;
	assert_non_null(text);
	p += sprintf(p, "GET / HTTP/1.0\r\n");
	for (int i = 0; i < 300; i++)
		p += sprintf(p, "X: y\r\n");
	p += sprintf(p, "\r\n");
	generous.fields = UINT16_MAX;
	assert_int_equal(head_parse_request(&h, span_make(text, (size_t)(p - text)), fields, &generous),
	                 PARSE_TOO_MANY_FIELDS);
	free(text);
}

static void a_head_without_its_end_is_refused_by_the_parser_too(void **state)
{
	static const char *const cut[] = {"",
	                                  "G",
	                                  "GET",
	                                  "GET ",
	                                  "GET /",
	                                  "GET / ",
	                                  "GET / HTTP/1.1",
	                                  "GET / HTTP/1.1\r",
	                                  "GET / HTTP/1.0\r\n",
	                                  "GET / HTTP/1.0\r\nA",
	                                  "GET / HTTP/1.0\r\nA:",
	                                  "GET / HTTP/1.0\r\nA: b\r",
	                                  "GET / HTTP/1.0\r\nA: b\r\n",
	                                  "GET / HTTP/1.0\r\n\r"};
	struct head h;
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		assert_int_not_equal(head_parse_request(&h, span_of(cut[i]), fields, &head_limits_default), PARSE_OK);
		assert_int_not_equal(head_parse_response(&h, span_of(cut[i]), fields, &head_limits_default), PARSE_OK);
	}
	assert_int_not_equal(head_parse_response(&h, SPAN("HTTP/1.1 200 OK"), fields, &head_limits_default), PARSE_OK);
	assert_int_not_equal(head_parse_response(&h, SPAN("HTTP/1.1 200 OK\r\n"), fields, &head_limits_default), PARSE_OK);
}

static void fields_are_found_by_number_and_by_name(void **state)
{
	struct head h = parse("GET / HTTP/1.1\r\nHost: a\r\nVIA:  1.1 b \r\nX-Own: 1\r\nvia: 1.0 c\r\n\r\n");
	assert_int_equal(h.count, 4);
	assert_ptr_equal(head_find(&h, FIELD_VIA), &h.fields[1]);
	assert_true(span_eq(head_value(&h, FIELD_VIA), SPAN("1.1 b")));
	assert_true(span_eq(field_name(&h.fields[1]), SPAN("VIA")));
	assert_null(head_find(&h, FIELD_COOKIE));
	assert_null(head_find(&h, FIELD_OTHER));
	assert_null(head_value(&h, FIELD_COOKIE).p);
	assert_false(head_has(&h, FIELD_OTHER));
	assert_ptr_equal(head_find_name(&h, SPAN("x-own")), &h.fields[2]);
	assert_null(head_find_name(&h, SPAN("x_own")));
}

static void tokens_are_found_on_every_line_of_a_list(void **state)
{
	struct head h = parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, Close\r\nConnection: x\r\n\r\n");
	assert_true(head_has_token(&h, FIELD_CONNECTION, SPAN("close")));
	assert_true(head_has_token(&h, FIELD_CONNECTION, SPAN("X")));
	assert_false(head_has_token(&h, FIELD_CONNECTION, SPAN("clos")));
	assert_false(head_has_token(&h, FIELD_TE, SPAN("close")));
}

static void lines_lie_one_behind_the_other(void **state)
{
	struct head h = parse("GET / HTTP/1.1\r\nHost: a\r\nX:y\r\n\r\n");
	assert_ptr_equal(h.fields[0].line + h.fields[0].line_n, h.fields[1].line);
	assert_int_equal(h.fields[1].line_n, 5);
	assert_ptr_equal(h.fields[1].line + h.fields[1].line_n + 2, h.raw.p + h.raw.n);
}

static void every_fault_has_a_name_and_a_sentence(void **state)
{
	for (unsigned f = 0; f < PARSE_FAULT_LIMIT; f++) {
		assert_true(strlen(parse_fault_name((enum parse_fault)f)) > 0);
		assert_true(strlen(parse_fault_text((enum parse_fault)f)) > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drip_is_scanned_once),
		cmocka_unit_test(a_search_goes_on_when_the_bytes_have_moved),
		cmocka_unit_test(the_head_ends_before_what_follows),
		cmocka_unit_test(limits_are_obeyed_to_the_byte),
		cmocka_unit_test(more_fields_than_there_is_room_for_are_never_stored),
		cmocka_unit_test(a_head_without_its_end_is_refused_by_the_parser_too),
		cmocka_unit_test(fields_are_found_by_number_and_by_name),
		cmocka_unit_test(tokens_are_found_on_every_line_of_a_list),
		cmocka_unit_test(lines_lie_one_behind_the_other),
		cmocka_unit_test(every_fault_has_a_name_and_a_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
