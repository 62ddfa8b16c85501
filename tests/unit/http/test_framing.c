/* Bodies: the reader's edges, moving payload past it, and what may follow in trailers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/framing.h"

static struct body_reader reader_of(enum body_kind kind, uint64_t length)
{
	struct framing f = {.kind = kind, .length = length};
	struct body_reader r;
	body_reader_init(&r, &f);
	return r;
}

static enum body_step step(struct body_reader *r, const char *in, size_t *used, struct span *data)
{
	return body_read(r, span_of(in), used, data);
}

static void no_body_is_over_at_once(void **state)
{
	size_t used;
	struct span data;
	struct body_reader none = reader_of(BODY_NONE, 0), zero = reader_of(BODY_LENGTH, 0);
	assert_true(body_is_over(&none, BODY_MORE) && body_may_end(&none));
	assert_int_equal(step(&none, "GET", &used, &data), BODY_END);
	assert_int_equal(used, 0);
	assert_true(body_is_over(&zero, BODY_MORE));
	assert_int_equal(step(&zero, "GET", &used, &data), BODY_END);
	assert_int_equal(used, 0);
}

static void a_counted_body_ends_at_its_last_byte(void **state)
{
	size_t used;
	struct span data;
	struct body_reader r = reader_of(BODY_LENGTH, 5);
	assert_int_equal(body_read(&r, SPAN_NONE, &used, &data), BODY_MORE);
	assert_int_equal(step(&r, "hel", &used, &data), BODY_DATA);
	assert_int_equal(data.n, 3);
	assert_false(body_may_end(&r));
	assert_int_equal(step(&r, "loGET", &used, &data), BODY_DATA);
	assert_int_equal(used, 2);
	assert_true(body_may_end(&r));
	assert_int_equal(body_read(&r, SPAN_NONE, &used, &data), BODY_END);
	assert_int_equal(r.total, 5);
}

static void a_body_until_the_close_never_ends_by_itself(void **state)
{
	size_t used;
	struct span data;
	struct body_reader r = reader_of(BODY_UNTIL_CLOSE, 0);
	assert_int_equal(step(&r, "0\r\n\r\n", &used, &data), BODY_DATA);
	assert_int_equal(data.n, 5);
	assert_int_equal(step(&r, "", &used, &data), BODY_MORE);
	assert_true(body_may_end(&r));
	assert_int_equal(body_plain_left(&r), 0);
}

static void chunks_come_out_as_they_lie(void **state)
{
	const char *in = "5\r\nhello\r\n3;x\r\nabc\r\n0\r\nA: b\r\n\r\nGET";
	size_t used;
	struct span data;
	struct body_reader r = reader_of(BODY_CHUNKED, 0);
	assert_int_equal(step(&r, in, &used, &data), BODY_DATA);
	assert_ptr_equal(data.p, in + 3);
	assert_int_equal(used, 8);
	in += used;
	assert_int_equal(step(&r, in, &used, &data), BODY_DATA);
	assert_true(span_eq(data, SPAN("abc")));
	in += used;
	assert_int_equal(step(&r, in, &used, &data), BODY_END);
	assert_true(span_eq(data, SPAN("A: b\r\n")));
	assert_string_equal(in + used, "GET");
}

static void a_trailer_section_waits_until_it_is_whole(void **state)
{
	size_t used;
	struct span data;
	struct body_reader r = reader_of(BODY_CHUNKED, 0);
	assert_int_equal(step(&r, "0\r\nA: b\r\n", &used, &data), BODY_MORE);
	assert_int_equal(used, 3);
	assert_int_equal(step(&r, "A: b\r\n\r", &used, &data), BODY_MORE);
	assert_int_equal(used, 0);
	assert_int_equal(step(&r, "A: b\r\n\r\n", &used, &data), BODY_END);
	assert_int_equal(used, 8);
}

static void what_is_spliced_is_counted(void **state)
{
	size_t used;
	struct span data;
	struct body_reader r = reader_of(BODY_LENGTH, 100);
	assert_int_equal(body_plain_left(&r), 100);
	body_skip_plain(&r, 60);
	assert_int_equal(body_plain_left(&r), 40);
	body_skip_plain(&r, 40);
	assert_int_equal(step(&r, "", &used, &data), BODY_END);
	assert_int_equal(r.total, 100);
	r = reader_of(BODY_CHUNKED, 0);
	assert_int_equal(body_plain_left(&r), 0);
	assert_int_equal(step(&r, "10\r\n", &used, &data), BODY_MORE);
	assert_int_equal(used, 4);
	assert_int_equal(body_plain_left(&r), 16);
	body_skip_plain(&r, 16);
	assert_int_equal(step(&r, "\r\n0\r\n\r\n", &used, &data), BODY_END);
	assert_int_equal(r.total, 16);
}

static void a_fault_stays_a_fault(void **state)
{
	size_t used;
	struct span data;
	struct body_reader r = reader_of(BODY_CHUNKED, 0);
	assert_int_equal(step(&r, "x", &used, &data), BODY_BAD);
	assert_int_equal(r.fault, PARSE_CHUNK_SIZE);
	assert_int_equal(step(&r, "0\r\n\r\n", &used, &data), BODY_BAD);
	assert_int_equal(step(&r, "", &used, &data), BODY_BAD);
	assert_false(body_may_end(&r));
}

/* A year of video in large chunks with an extension each must pass. */
static void extensions_are_allowed_where_payload_pays_for_them(void **state)
{
	size_t used;
	struct span data;
	struct body_reader r = reader_of(BODY_CHUNKED, 0);
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(step(&r, "400;signature=0123456789abcdef0123456789abcdef\r\n", &used, &data), BODY_MORE);
		body_skip_plain(&r, 0x400);
		assert_int_equal(step(&r, "\r\n", &used, &data), BODY_MORE);
	}
	assert_int_equal(step(&r, "0\r\n\r\n", &used, &data), BODY_END);
}

static void chunk_lines_are_written_as_they_are_read(void **state)
{
	static const struct {
		uint64_t n;
		const char *line;
	} cases[] = {{0, "0\r\n"},
	             {9, "9\r\n"},
	             {255, "ff\r\n"},
	             {0x1a2b, "1a2b\r\n"},
	             {INT64_MAX, "7fffffffffffffff\r\n"},
	             {UINT64_MAX, "ffffffffffffffff\r\n"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[CHUNK_LINE];
		assert_true(span_eq(span_make(out, chunk_line(cases[i].n, out)), span_of(cases[i].line)));
	}
}

static void trailers_that_control_are_not_forwarded(void **state)
{
	static const char *const refused[] = {"Content-Length",
	                                      "transfer-encoding",
	                                      "Host",
	                                      "Connection",
	                                      "Authorization",
	                                      "Set-Cookie",
	                                      "Cookie",
	                                      "Content-Encoding",
	                                      "content-range",
	                                      "If-Match",
	                                      "Range",
	                                      "Proxy-Foo",
	                                      "WWW-Authenticate",
	                                      "Cache-Control",
	                                      "X-Forwarded-For",
	                                      "Via",
	                                      "TE",
	                                      "X-Forwarded-Proto",
	                                      "Max-Forwards",
	                                      "Expires",
	                                      "Upgrade",
	                                      "Trailer"};
	static const char *const allowed[] = {"Digest", "Server-Timing", "grpc-status", "X-Checksum",
	                                      "ETag",   "Proxy-Status",  "Repr-Digest"};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (trailer_field_allowed(span_of(refused[i])))
			fail_msg("%s is allowed", refused[i]);
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (!trailer_field_allowed(span_of(allowed[i])))
			fail_msg("%s is refused", allowed[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_body_is_over_at_once),
		cmocka_unit_test(a_counted_body_ends_at_its_last_byte),
		cmocka_unit_test(a_body_until_the_close_never_ends_by_itself),
		cmocka_unit_test(chunks_come_out_as_they_lie),
		cmocka_unit_test(a_trailer_section_waits_until_it_is_whole),
		cmocka_unit_test(what_is_spliced_is_counted),
		cmocka_unit_test(a_fault_stays_a_fault),
		cmocka_unit_test(extensions_are_allowed_where_payload_pays_for_them),
		cmocka_unit_test(chunk_lines_are_written_as_they_are_read),
		cmocka_unit_test(trailers_that_control_are_not_forwarded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
