#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/proxy_protocol.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define ADDRESSES4 "\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x50"
/* SPAN() as an initializer of static storage. */
#define SPAN_CONST(literal)          \
	{                                \
		literal, sizeof(literal) - 1 \
	}

static const char *text_of(const struct addr *a)
{
	static char text[2][ADDR_TEXT];
	static unsigned turn;
	char *out = text[turn++ % 2];
	addr_format(a, true, out);
	return out;
}

/* The whole header is taken with its length, each part of it asks for more. */
static void expect_addresses(struct span bytes, size_t length, const char *source, const char *destination)
{
	struct proxy_header h;
	assert_int_equal(proxy_header_parse(bytes, &h), length);
	assert_false(h.local);
	assert_string_equal(text_of(&h.source), source);
	assert_string_equal(text_of(&h.destination), destination);
	for (size_t n = 0; n < length; n++)
		assert_int_equal(proxy_header_parse(span_make(bytes.p, n), &h), 0);
}

static void expect_local(struct span bytes, size_t length)
{
	struct proxy_header h;
	assert_int_equal(proxy_header_parse(bytes, &h), length);
	assert_true(h.local);
}

static void version_1(void **state)
{
	expect_addresses(SPAN("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\nGET /"), 40, "192.0.2.1:1234", "192.0.2.2:80");
	expect_addresses(SPAN("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n"), 36, "[2001:db8::1]:65535", "[::1]:0");
	expect_local(SPAN("PROXY UNKNOWN\r\nGET"), 15);
	expect_local(SPAN("PROXY UNKNOWN ffff:f:f:f:f:f:f:f ffff:f:f:f:f:f:f:f 65535 65535\r\n"), 65);
}

static void version_2(void **state)
{
	expect_addresses(SPAN(SIGNATURE "\x21\x11\x00\x0c" ADDRESSES4 "GET /"), 28, "192.0.2.1:1234", "192.0.2.2:80");
	expect_addresses(SPAN(SIGNATURE "\x21\x11\x00\x13" ADDRESSES4 "\x04\x00\x04"
	                                "abcd"
	                                "GET"),
	                 35, "192.0.2.1:1234", "192.0.2.2:80");
	expect_addresses(SPAN(SIGNATURE "\x21\x21\x00\x24"
	                                "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
	                                "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
	                                "\x04\xd2\x00\x50"),
	                 52, "[2001:db8::1]:1234", "[::1]:80");
	expect_local(SPAN(SIGNATURE "\x20\x00\x00\x00"), 16);
	expect_local(SPAN(SIGNATURE "\x20\x11\x00\x0c" ADDRESSES4), 28);
	expect_local(SPAN(SIGNATURE "\x21\x00\x00\x02xx"), 18);
}

static void long_extensions_are_skipped(void **state)
{
	char bytes[PROXY_HEADER_MOST] = SIGNATURE "\x21\x11";
	size_t rest = sizeof(bytes) - 16, extension = rest - 12 - 3;
	struct proxy_header h;
	bytes[14] = (char)(rest >> 8);
	bytes[15] = (char)rest;
	memcpy(bytes + 16, ADDRESSES4, 12);
	bytes[28] = 0x20;
	bytes[29] = (char)(extension >> 8);
	bytes[30] = (char)extension;
	assert_int_equal(proxy_header_parse(span_make(bytes, sizeof(bytes) - 1), &h), 0);
	assert_int_equal(proxy_header_parse(span_make(bytes, sizeof(bytes)), &h), sizeof(bytes));
	bytes[30]++;
	assert_int_equal(proxy_header_parse(span_make(bytes, sizeof(bytes)), &h), -EPROTO);
	bytes[14] = (char)((rest + 1) >> 8);
	bytes[15] = (char)(rest + 1);
	assert_int_equal(proxy_header_parse(span_make(bytes, 16), &h), -EPROTO);
}

static void everything_else_is_refused(void **state)
{
	static const struct span bad[] = {
		SPAN_CONST("GET / HTTP/1.1\r\n"),
		SPAN_CONST("PROXX"),
		SPAN_CONST("proxy tcp4"),
		SPAN_CONST("\r\nGET"),
		SPAN_CONST("PROXY \r\n"),
		SPAN_CONST("PROXY TCP5 192.0.2.1 192.0.2.2 1234 80\r\n"),
		SPAN_CONST("PROXY TCP4 192.0.2.1 192.0.2.2 1234\r\n"),
		SPAN_CONST("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80 \r\n"),
		SPAN_CONST("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80 1\r\n"),
		SPAN_CONST("PROXY TCP4  192.0.2.1 192.0.2.2 1234 80\r\n"),
		SPAN_CONST("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\n"),
		SPAN_CONST("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\r\n"),
		SPAN_CONST("PROXY TCP4 192.0.2.1 192.0.2.2 65536 80\r\n"),
		SPAN_CONST("PROXY TCP4 192.0.2.1 192.0.2.2 01 80\r\n"),
		SPAN_CONST("PROXY TCP4 192.0.2.1 192.0.2.2 -1 80\r\n"),
		SPAN_CONST("PROXY TCP4 192.0.2.1 192.0.2.2 1a 80\r\n"),
		SPAN_CONST("PROXY TCP4 192.0.2.01 192.0.2.2 1234 80\r\n"),
		SPAN_CONST("PROXY TCP4 ::1 ::1 1234 80\r\n"),
		SPAN_CONST("PROXY TCP6 192.0.2.1 192.0.2.2 1234 80\r\n"),
		SPAN_CONST("PROXY TCP6 [::1] ::1 1234 80\r\n"),
		SPAN_CONST("PROXY TCP4 192.0.2.1\0 192.0.2.2 1234 80\r\n"),
		SPAN_CONST(
			"PROXY TCP4 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		SPAN_CONST(SIGNATURE "\x11\x11\x00\x0c" ADDRESSES4),
		SPAN_CONST(SIGNATURE "\x22\x11\x00\x0c" ADDRESSES4),
		SPAN_CONST(SIGNATURE "\x21\x12\x00\x0c" ADDRESSES4),
		SPAN_CONST(SIGNATURE "\x21\x41\x00\x0c" ADDRESSES4),
		SPAN_CONST(SIGNATURE "\x21\x11\x00\x0b" ADDRESSES4),
		SPAN_CONST(SIGNATURE "\x21\x21\x00\x0c" ADDRESSES4),
		SPAN_CONST(SIGNATURE "\x21\x31\x00\x0c" ADDRESSES4),
		SPAN_CONST(SIGNATURE "\x21\x11\x00\x0e" ADDRESSES4 "\x04\x00"),
		SPAN_CONST(SIGNATURE "\x21\x11\xff\xff"),
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct proxy_header h;
		if (proxy_header_parse(bad[i], &h) != -EPROTO)
			fail_msg("number %zu (%.*s) is not refused", i, SPAN_ARG(bad[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1),
		cmocka_unit_test(version_2),
		cmocka_unit_test(long_extensions_are_skipped),
		cmocka_unit_test(everything_else_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
