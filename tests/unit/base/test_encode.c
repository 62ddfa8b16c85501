/* Encodings: RFC 4648 vectors, and what must not pass through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include "base/encode.h"

static struct buf out;

static const char *text(void)
{
	assert_int_equal(buf_error(&out), 0);
	return buf_text(&out);
}

static int setup(void **state)
{
	buf_init(&out, 1000);
	return 0;
}

static int teardown(void **state)
{
	buf_fini(&out);
	return 0;
}

static void base64_is_that_of_rfc_4648(void **state)
{
	static const char *const rows[][2] = {{"", ""},
	                                      {"f", "Zg=="},
	                                      {"fo", "Zm8="},
	                                      {"foo", "Zm9v"},
	                                      {"foob", "Zm9vYg=="},
	                                      {"fooba", "Zm9vYmE="},
	                                      {"foobar", "Zm9vYmFy"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char back[8] = {0};
		buf_clear(&out);
		encode_base64(&out, rows[i][0], strlen(rows[i][0]));
		assert_string_equal(text(), rows[i][1]);
		assert_int_equal(decode_base64(span_of(rows[i][1]), back, sizeof(back)), strlen(rows[i][0]));
		assert_string_equal(back, rows[i][0]);
	}
}

static void every_byte_comes_back(void **state)
{
	unsigned char all[256], back[256];
	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	encode_base64(&out, all, sizeof(all));
	assert_int_equal(decode_base64(buf_span(&out), back, sizeof(back)), 256);
	assert_memory_equal(all, back, 256);
}

static void loose_base64_is_refused(void **state)
{
	static const char *const bad[] = {
		"Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zm9-", "Zm9_", "=Zm9"};
	char room[16];
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(decode_base64(span_of(bad[i]), room, sizeof(room)), -EINVAL);
	assert_int_equal(decode_base64(SPAN("Zm9vYmFy"), room, 5), -EINVAL);
}

static void hexadecimal_is_lower_case(void **state)
{
	encode_hex(&out, "\x00\x1f\xff", 3);
	assert_string_equal(text(), "001fff");
}

static void html_cannot_be_broken_out_of(void **state)
{
	encode_html(&out, SPAN("<a href=\"x\" b='y'>&\x01"));
	assert_string_equal(text(), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp; ");
}

static void json_is_always_utf_8(void **state)
{
	encode_json(&out, SPAN("a\"b\\c\n\x7f\xc3\xa4\xff\xc0\xaf\xed\xa0\x80z"));
	assert_string_equal(text(), "a\\\"b\\\\c\\u000a\\u007f\xc3\xa4"
	                            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
	buf_clear(&out);
	/* A character cut off by the end of the text. */
	encode_json(&out, SPAN("\xe2\x82"));
	assert_string_equal(text(), "\xef\xbf\xbd\xef\xbf\xbd");
}

static void a_log_field_is_one_field(void **state)
{
	encode_w3c(&out, SPAN(""));
	buf_addc(&out, '|');
	encode_w3c(&out, SPAN("a b\tc\r\nd\x7f"));
	assert_string_equal(text(), "-|a+b+c++d+");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(base64_is_that_of_rfc_4648, setup, teardown),
		cmocka_unit_test_setup_teardown(every_byte_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(loose_base64_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(hexadecimal_is_lower_case, setup, teardown),
		cmocka_unit_test_setup_teardown(html_cannot_be_broken_out_of, setup, teardown),
		cmocka_unit_test_setup_teardown(json_is_always_utf_8, setup, teardown),
		cmocka_unit_test_setup_teardown(a_log_field_is_one_field, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
