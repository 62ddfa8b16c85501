/* The messages printed in MS-NLMP 4.2.4.3, byte for byte, and what bent ones must not pass as. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/ntlm_message.h"

#define TARGET_INFO "\x02\0\x0c\0D\0o\0m\0a\0i\0n\0\x01\0\x0c\0S\0e\0r\0v\0e\0r\0\0\0\0\0"
#define NT_RESPONSE                                                    \
	"\x68\xcd\x0a\xb8\x51\xe5\x1c\x96\xaa\xbc\x92\x7b\xeb\xef\x6a\x1c" \
	"\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\0\0\0\0" TARGET_INFO "\0\0\0\0"
#define LM_RESPONSE "\x86\xc3\x50\x97\xac\x9c\xec\x10\x25\x54\x76\x4a\x57\xcc\xcc\x19\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
#define SESSION_KEY "\xc5\xda\xd2\x54\x4f\xc9\x79\x90\x94\xce\x1c\xe9\x0b\xc9\xd0\x3e"

#define CHALLENGE                                                            \
	"NTLMSSP\0\2\0\0\0\x0c\0\x0c\0\x38\0\0\0\x33\x82\x8a\xe2"                \
	"\x01\x23\x45\x67\x89\xab\xcd\xef\0\0\0\0\0\0\0\0\x24\0\x24\0\x44\0\0\0" \
	"\x06\0\x70\x17\0\0\0\x0f"                                               \
	"S\0e\0r\0v\0e\0r\0" TARGET_INFO
#define AUTHENTICATE                                                                      \
	"NTLMSSP\0\3\0\0\0\x18\0\x18\0\x6c\0\0\0\x54\0\x54\0\x84\0\0\0\x0c\0\x0c\0\x48\0\0\0" \
	"\x08\0\x08\0\x54\0\0\0\x10\0\x10\0\x5c\0\0\0\x10\0\x10\0\xd8\0\0\0\x35\x82\x88\xe2"  \
	"\x05\x01\x28\x0a\0\0\0\x0f"                                                          \
	"D\0o\0m\0a\0i\0n\0U\0s\0e\0r\0C\0O\0M\0P\0U\0T\0E\0R\0" LM_RESPONSE NT_RESPONSE SESSION_KEY

static void span_is(struct span s, struct span expected)
{
	assert_int_equal(s.n, expected.n);
	assert_memory_equal(s.p, expected.p, expected.n);
}
#define IS(s, literal) span_is(s, SPAN(literal))

static void printed_challenge(void **state)
{
	struct ntlm_challenge c;
	assert_int_equal(ntlm_challenge_parse(SPAN(CHALLENGE), &c), 0);
	assert_int_equal(c.flags, 0xe28a8233);
	assert_memory_equal(c.nonce, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	IS(c.target_name, "S\0e\0r\0v\0e\0r\0");
	IS(c.target_info, TARGET_INFO);
}

static void challenge_is_written_as_printed(void **state)
{
	struct ntlm_challenge c;
	char room[512], bare[] = CHALLENGE;
	struct buf to;
	assert_int_equal(ntlm_challenge_parse(SPAN(CHALLENGE), &c), 0);
	c.flags &= ~NTLM_VERSION; /* the version is the sample's own */
	buf_over(&to, room, sizeof(room));
	ntlm_challenge_write(&to, &c);
	memset(bare + 48, 0, 8);
	bare[23] &= ~2;
	span_is(buf_span(&to), span_make(bare, sizeof(bare) - 1));
}

static void printed_authenticate(void **state)
{
	struct ntlm_authenticate a;
	assert_int_equal(ntlm_authenticate_parse(SPAN(AUTHENTICATE), &a), 0);
	assert_int_equal(a.flags, 0xe2888235);
	IS(a.domain, "D\0o\0m\0a\0i\0n\0");
	IS(a.user, "U\0s\0e\0r\0");
	IS(a.workstation, "C\0O\0M\0P\0U\0T\0E\0R\0");
	IS(a.lm, LM_RESPONSE);
	IS(a.nt, NT_RESPONSE);
	IS(a.session_key, SESSION_KEY);
}

/* The sample has no room for an integrity code, ours does: the same but for 16 bytes more. */
static void authenticate_is_written_as_printed(void **state)
{
	struct ntlm_authenticate a, again;
	char room[512];
	struct buf to;
	assert_int_equal(ntlm_authenticate_parse(SPAN(AUTHENTICATE), &a), 0);
	buf_over(&to, room, sizeof(room));
	ntlm_authenticate_write(&to, &a);
	assert_int_equal(to.n, sizeof(AUTHENTICATE) - 1 + 16);
	span_is(span_make(to.p + NTLM_MIC_END, to.n - NTLM_MIC_END),
	        span_make(&AUTHENTICATE[NTLM_MIC_AT], sizeof(AUTHENTICATE) - 1 - NTLM_MIC_AT));
	assert_int_equal(ntlm_authenticate_parse(buf_span(&to), &again), 0);
	span_is(again.user, a.user);
	span_is(again.nt, a.nt);
	span_is(again.session_key, a.session_key);
	assert_int_equal(again.flags, a.flags);
}

static void type1_of_every_length(void **state)
{
	struct ntlm_negotiate n;
	/* curl's 32 bytes; Windows with version; sixteen bytes of old; with names; too short. */
	assert_int_equal(ntlm_negotiate_parse(SPAN("NTLMSSP\0\1\0\0\0\x06\x82\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), &n),
	                 0);
	assert_int_equal(n.flags, 0x88206);
	assert_int_equal(ntlm_negotiate_parse(SPAN("NTLMSSP\0\1\0\0\0\x97\x82\x08\xe2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	                                           "\x0a\0\x63\x45\0\0\0\x0f"),
	                                      &n),
	                 0);
	assert_int_equal(ntlm_negotiate_parse(SPAN("NTLMSSP\0\1\0\0\0\x07\x02\0\0"), &n), 0);
	assert_int_equal(ntlm_negotiate_parse(SPAN("NTLMSSP\0\1\0\0\0\x07\xb2\x08\xa2\3\0\3\0\x2b\0\0\0\3\0\3\0\x28\0\0\0"
	                                           "\5\1\x28\x0a\0\0\0\x0fWS7LAB"),
	                                      &n),
	                 0);
	IS(n.domain, "LAB");
	IS(n.workstation, "WS7");
	assert_int_equal(ntlm_negotiate_parse(SPAN("NTLMSSP\0\1\0\0\0\x07\x02\0"), &n), -EINVAL);
	assert_int_equal(ntlm_negotiate_parse(SPAN("NTLMSSP\0\2\0\0\0\x07\x02\0\0"), &n), -EINVAL);
	assert_int_equal(ntlm_negotiate_parse(SPAN("NTLMSSX\0\1\0\0\0\x07\x02\0\0"), &n), -EINVAL);
	/* A domain that lies outside. */
	assert_int_equal(ntlm_negotiate_parse(SPAN("NTLMSSP\0\1\0\0\0\x07\xb2\x08\xa2\3\0\3\0\x2c\0\0\0\3\0\3\0\x28\0\0\0"
	                                           "\5\1\x28\x0a\0\0\0\x0fWS7LAB"),
	                                      &n),
	                 -EINVAL);
}

static void authenticate_cut_anywhere_is_refused_or_whole(void **state)
{
	struct ntlm_authenticate a;
	for (size_t n = 0; n < sizeof(AUTHENTICATE) - 1; n++)
		assert_int_equal(ntlm_authenticate_parse(span_make(AUTHENTICATE, n), &a), -EINVAL);
}

/* Changes one field of the sample: its length and offset. */
static int with_field(size_t at, unsigned length, unsigned offset)
{
	char bytes[] = AUTHENTICATE;
	struct ntlm_authenticate a;
	bytes[at] = (char)length;
	bytes[at + 1] = (char)(length >> 8);
	for (unsigned i = 0; i < 4; i++)
		bytes[at + 4 + i] = (char)(offset >> (8 * i));
	return ntlm_authenticate_parse(span_make(bytes, sizeof(bytes) - 1), &a);
}

static void authenticate_fields_must_lie_inside_and_apart(void **state)
{
	enum { NT = 20, USER = 36, KEY = 52, END = sizeof(AUTHENTICATE) - 1 };
	assert_int_equal(with_field(USER, 8, 0x54), 0);
	assert_int_equal(with_field(USER, 0, 0xffffffff), 0); /* empty: points anywhere */
	assert_int_equal(with_field(USER, 0, 0), 0);
	assert_int_equal(with_field(USER, 8, END - 7), -EINVAL);
	assert_int_equal(with_field(USER, 8, 0xfffffffc), -EINVAL);
	assert_int_equal(with_field(USER, 8, 0x56), -EINVAL); /* runs into the workstation */
	assert_int_equal(with_field(USER, 8, 0x6c), -EINVAL); /* inside the LM response */
	assert_int_equal(with_field(USER, 8, 12), -EINVAL);   /* inside the fixed part */
	assert_int_equal(with_field(NT, 0xffff, 0x84), -EINVAL);
	assert_int_equal(with_field(KEY, 16, END - 16), 0);
	assert_int_equal(with_field(KEY, 16, END - 15), -EINVAL);
}

static void authenticate_of_the_oldest_form(void **state)
{
	struct ntlm_authenticate a;
	assert_int_equal(
		ntlm_authenticate_parse(SPAN("NTLMSSP\0\3\0\0\0\0\0\0\0\x3a\0\0\0\0\0\0\0\x3a\0\0\0\3\0\3\0\x34\0\0\0"
	                                 "\3\0\3\0\x37\0\0\0\0\0\0\0\x3a\0\0\0LABbob"),
	                            &a),
		0);
	assert_int_equal(a.flags, 0);
	IS(a.domain, "LAB");
	IS(a.user, "bob");
}

static void too_long_is_refused(void **state)
{
	static char bytes[NTLM_MESSAGE_MOST + 1] = AUTHENTICATE;
	struct ntlm_authenticate a;
	assert_int_equal(ntlm_authenticate_parse(span_make(bytes, NTLM_MESSAGE_MOST), &a), 0);
	assert_int_equal(ntlm_authenticate_parse(span_make(bytes, NTLM_MESSAGE_MOST + 1), &a), -EINVAL);
}

static void av_pairs(void **state)
{
	struct span rest = SPAN(TARGET_INFO "junk"), value;
	unsigned id;
	assert_true(ntlm_av_next(&rest, &id, &value));
	assert_int_equal(id, NTLM_AV_NETBIOS_DOMAIN);
	IS(value, "D\0o\0m\0a\0i\0n\0");
	assert_true(ntlm_av_next(&rest, &id, &value));
	assert_int_equal(id, NTLM_AV_NETBIOS_COMPUTER);
	assert_false(ntlm_av_next(&rest, &id, &value));
	assert_int_equal(rest.n, 0);
	assert_false(ntlm_av_find(SPAN(TARGET_INFO), NTLM_AV_TIMESTAMP, &value));
	assert_true(ntlm_av_find(SPAN(TARGET_INFO), NTLM_AV_NETBIOS_COMPUTER, &value));
	IS(value, "S\0e\0r\0v\0e\0r\0");
	rest = SPAN("\x02\0\x0d\0D\0o\0m\0a\0i\0n\0");
	assert_false(ntlm_av_next(&rest, &id, &value));
	assert_int_not_equal(rest.n, 0);
	/* Nothing behind the end counts. */
	assert_false(ntlm_av_find(SPAN("\0\0\0\0\x06\0\x04\0\x02\0\0\0"), NTLM_AV_FLAGS, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printed_challenge),
		cmocka_unit_test(challenge_is_written_as_printed),
		cmocka_unit_test(printed_authenticate),
		cmocka_unit_test(authenticate_is_written_as_printed),
		cmocka_unit_test(type1_of_every_length),
		cmocka_unit_test(authenticate_cut_anywhere_is_refused_or_whole),
		cmocka_unit_test(authenticate_fields_must_lie_inside_and_apart),
		cmocka_unit_test(authenticate_of_the_oldest_form),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(av_pairs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
