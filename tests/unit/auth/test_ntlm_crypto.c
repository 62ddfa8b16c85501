/* The arithmetic against the numbers printed in MS-NLMP 4.2, RFC 1320 and RFC 2202. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/md4.h"
#include "auth/ntlm_crypto.h"
#include "auth/ntlm_message.h"
#include "base/encode.h"

static void is_hex(const void *bytes, size_t n, const char *expected)
{
	char room[512];
	struct buf text;
	buf_over(&text, room, sizeof(room));
	encode_hex(&text, bytes, n);
	assert_string_equal(buf_text(&text), expected);
}

static const unsigned char server_challenge[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
/* 4.2.4.1.3: time 0, client challenge aa.., domain "Domain", server "Server". */
#define BLOB                                                                   \
	"\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\0\0\0\0" \
	"\x02\0\x0c\0D\0o\0m\0a\0i\0n\0\x01\0\x0c\0S\0e\0r\0v\0e\0r\0\0\0\0\0\0\0\0\0"
#define PROOF "\x68\xcd\x0a\xb8\x51\xe5\x1c\x96\xaa\xbc\x92\x7b\xeb\xef\x6a\x1c"

static void md4_is_that_of_rfc_1320(void **state)
{
	static const struct {
		const char *text, *digest;
	} cases[] = {
		{"", "31d6cfe0d16ae931b73c59d7e0c089c0"},
		{"a", "bde52cb31de33e46245e05fbdbd6fb24"},
		{"abc", "a448017aaf21d8525fc10ae87aa6729d"},
		{"message digest", "d9130a8164549fe818874806e1c7014b"},
		{"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "043f8582f241db351ce627e153e7f0e4"},
		{"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
	     "e33b4ddc9c38f2199c3e7b164fcc0536"},
	};
	unsigned char digest[16];
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		md4(cases[i].text, strlen(cases[i].text), digest);
		is_hex(digest, 16, cases[i].digest);
	}
}

static void nt_hash_of_password(void **state)
{
	unsigned char hash[16];
	assert_int_equal(ntlm_nt_hash(SPAN("Password"), hash), 0);
	is_hex(hash, 16, "a4f49c406510bdcab6824ee7c30fd852");
	assert_int_equal(ntlm_nt_hash(SPAN("SecREt01"), hash), 0);
	is_hex(hash, 16, "cd06ca7c7e10c99b1d33b7485a2ed808");
	assert_int_equal(ntlm_nt_hash(SPAN(""), hash), 0);
	is_hex(hash, 16, "31d6cfe0d16ae931b73c59d7e0c089c0");
	assert_int_equal(ntlm_nt_hash(SPAN("\xff"), hash), -EINVAL);
}

static void nt_hash_of_a_password_beyond_the_basic_plane(void **state)
{
	/* U+1F511 is a pair of surrogates in UTF-16: 3d d8 11 dd. */
	unsigned char hash[16], expected[16];
	md4("\x3d\xd8\x11\xdd", 4, expected);
	assert_int_equal(ntlm_nt_hash(SPAN("\xf0\x9f\x94\x91"), hash), 0);
	assert_memory_equal(hash, expected, 16);
}

static void response_key_upper_cases_the_user_and_not_the_domain(void **state)
{
	unsigned char hash[16], key[16], other[16];
	assert_int_equal(ntlm_nt_hash(SPAN("Password"), hash), 0);
	assert_int_equal(ntlm_response_key(hash, SPAN("User"), SPAN("Domain"), NTLM_CASE_UPPER, key), 0);
	is_hex(key, 16, "0c868a403bfd7a93a3001ef22ef02e3f");
	assert_int_equal(ntlm_response_key(hash, SPAN("uSER"), SPAN("Domain"), NTLM_CASE_UPPER, other), 0);
	assert_memory_equal(key, other, 16);
	assert_int_equal(ntlm_response_key(hash, SPAN("User"), SPAN("DOMAIN"), NTLM_CASE_UPPER, other), 0);
	assert_memory_not_equal(key, other, 16);
}

static void proof_and_session_base_key(void **state)
{
	unsigned char hash[16], key[16], proof[16], base[16];
	assert_int_equal(ntlm_nt_hash(SPAN("Password"), hash), 0);
	assert_int_equal(ntlm_response_key(hash, SPAN("User"), SPAN("Domain"), NTLM_CASE_UPPER, key), 0);
	assert_int_equal(ntlm_prove(key, server_challenge, SPAN(BLOB), proof, base), 0);
	assert_memory_equal(proof, PROOF, 16);
	is_hex(base, 16, "8de40ccadbc14a82f15cb0ad0de95ca3");
}

static void exchanged_key(void **state)
{
	unsigned char random[16], base[16], sent[16], hash[16], key[16], proof[16];
	memset(random, 0x55, sizeof(random));
	assert_int_equal(ntlm_nt_hash(SPAN("Password"), hash), 0);
	assert_int_equal(ntlm_response_key(hash, SPAN("User"), SPAN("Domain"), NTLM_CASE_UPPER, key), 0);
	assert_int_equal(ntlm_prove(key, server_challenge, SPAN(BLOB), proof, base), 0);
	ntlm_rc4(base, 16, random, 16, sent);
	is_hex(sent, 16, "c5dad2544fc9799094ce1ce90bc9d03e");
}

static void rc4_vector(void **state)
{
	char out[9];
	ntlm_rc4("Key", 3, "Plaintext", 9, out);
	is_hex(out, 9, "bbf316e8d940af0ad3");
}

static void hmac_vectors_of_rfc_2202(void **state)
{
	unsigned char code[16];
	struct span parts[2] = {SPAN("what do ya want "), SPAN("for nothing?")};
	assert_int_equal(ntlm_hmac("Jefe", 4, parts, 2, code), 0);
	is_hex(code, 16, "750c783e6ab0b503eaa86e310a5db738");
}

/* 4.2.4.4: the sealing example's signing key makes the checksum that RC4 then covers; sequence 0, "Plaintext" in
 * UTF-16. */
static void signing_key_makes_the_printed_checksum(void **state)
{
	unsigned char signing[16], code[16], exported[16];
	memset(exported, 0x55, sizeof(exported));
	struct span key_parts[2] = {span_make((const char *)exported, 16),
	                            SPAN("session key to client-to-server signing key magic constant\0")};
	assert_int_equal(ntlm_md5(key_parts, 2, signing), 0);
	is_hex(signing, 16, "4788dc861b4782f35d43fd98fe1a2d39");
	struct span parts[2] = {SPAN("\0\0\0\0"), SPAN("P\0l\0a\0i\0n\0t\0e\0x\0t\0")};
	assert_int_equal(ntlm_hmac(signing, 16, parts, 2, code), 0);
	unsigned char plain[16], covered[16];
	uint32_t flags = NTLM_SIGN | NTLM_EXTENDED_SECURITY | NTLM_128;
	assert_int_equal(ntlm_sign(exported, flags, true, parts[1], plain), 0);
	assert_memory_equal(plain, "\1\0\0\0", 4);
	assert_memory_equal(plain + 4, code, 8);
	assert_memory_equal(plain + 12, "\0\0\0\0", 4);
	/* The printed signature comes after the sealed message in one RC4 stream: 18 bytes of it are used up by then. */
	struct span seal_parts[2] = {span_make((const char *)exported, 16),
	                             SPAN("session key to client-to-server sealing key magic constant\0")};
	unsigned char sealing[16], stream[26], text[26] = "P\0l\0a\0i\0n\0t\0e\0x\0t";
	assert_int_equal(ntlm_md5(seal_parts, 2, sealing), 0);
	is_hex(sealing, 16, "59f600973cc4960a25480a7c196e4c58");
	memcpy(text + 18, code, 8);
	ntlm_rc4(sealing, 16, text, 26, stream);
	is_hex(stream, 18, "54e50165bf1936dc996020c1811b0f06fb5f");
	is_hex(stream + 18, 8, "7fb38ec5c55d4976");
	assert_int_equal(ntlm_sign(exported, flags | NTLM_KEY_EXCH, true, parts[1], covered), 0);
	ntlm_rc4(sealing, 16, code, 8, code);
	assert_memory_equal(covered + 4, code, 8);
	assert_int_equal(ntlm_sign(exported, flags | NTLM_KEY_EXCH, false, parts[1], plain), 0);
	assert_memory_not_equal(plain, covered, 16);
}

static enum auth_reason verify(const char *user, const char *domain, const char *response, size_t n)
{
	unsigned char hash[16], base[16];
	struct ntlm_proof proof = {.user = span_of(user),
	                           .domain = span_of(domain),
	                           .nt_response = (const unsigned char *)response,
	                           .nt_response_n = n};
	memcpy(proof.server_challenge, server_challenge, 8);
	assert_int_equal(ntlm_nt_hash(SPAN("Password"), hash), 0);
	enum auth_reason r = ntlm_verify_v2(hash, &proof, base);
	if (r == AUTH_OK)
		is_hex(base, 16, "8de40ccadbc14a82f15cb0ad0de95ca3");
	return r;
}

static void verifying_the_printed_response(void **state)
{
	char response[] = PROOF BLOB;
	size_t n = sizeof(response) - 1;
	assert_int_equal(verify("User", "Domain", response, n), AUTH_OK);
	assert_int_equal(verify("user", "Domain", response, n), AUTH_OK);
	assert_int_equal(verify("User", "domain", response, n), AUTH_WRONG_PASSWORD);
	assert_int_equal(verify("Usher", "Domain", response, n), AUTH_WRONG_PASSWORD);
	assert_int_equal(verify("User", "Domain", response, 24), AUTH_MALFORMED);
	for (size_t i = 0; i < n; i++) {
		response[i] ^= 1;
		assert_int_equal(verify("User", "Domain", response, n), AUTH_WRONG_PASSWORD);
		response[i] ^= 1;
	}
}

/* Programs differ in what they make of letters beyond ASCII: Windows maps them, cntlm leaves them, curl widens bytes. */
static void user_names_beyond_ascii_as_programs_differ(void **state)
{
	static const enum ntlm_case ways[] = {NTLM_CASE_UPPER, NTLM_CASE_UPPER_ASCII, NTLM_CASE_UPPER_BYTES};
	unsigned char hash[16], key[16], response[16 + 48] = {0}, base[16], again[16];
	assert_int_equal(ntlm_nt_hash(SPAN("x"), hash), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct span blob = span_make((const char *)response + 16, 48);
		assert_int_equal(ntlm_response_key(hash, SPAN("j\xc3\xbcrgen"), SPAN("D"), ways[i], key), 0);
		assert_int_equal(ntlm_prove(key, server_challenge, blob, response, base), 0);
		struct ntlm_proof proof = {.user = SPAN("j\xc3\xbcrgen"),
		                           .domain = SPAN("D"),
		                           .nt_response = response,
		                           .nt_response_n = sizeof(response)};
		memcpy(proof.server_challenge, server_challenge, 8);
		assert_int_equal(ntlm_verify_v2(hash, &proof, again), AUTH_OK);
		assert_memory_equal(base, again, 16);
	}
}

static void upper(const char *from, const char *expected)
{
	char room[64], back[64];
	struct buf text, utf8;
	buf_over(&text, room, sizeof(room));
	buf_over(&utf8, back, sizeof(back));
	assert_int_equal(utf16_from_utf8(&text, span_of(from), NTLM_CASE_UPPER), 0);
	assert_int_equal(utf8_from_utf16(&utf8, buf_span(&text)), 0);
	assert_string_equal(buf_text(&utf8), expected);
}

static void upper_case_is_that_of_windows(void **state)
{
	upper("alice", "ALICE");
	upper("J\xc3\xbcrgen Stra\xc3\x9f"
	      "e",
	      "J\xc3\x9cRGEN STRA\xc3\x9f"
	      "E");
	upper("\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd", "\xd0\x98\xd0\x92\xd0\x90\xd0\x9d"); /* Cyrillic */
	upper("\xc4\xb1\xc5\xbf\xc2\xb5", "\xc4\xb1\xc5\xbf\xc2\xb5");                 /* dotless i, long s, micro stay */
	upper("\xf0\x90\x90\xa8", "\xf0\x90\x90\xa8"); /* Deseret: Windows knows no case there */
	assert_true(utf8_eq_nocase(SPAN("\xc3\x84rzte"), SPAN("\xc3\xa4RZTE")));
	assert_false(utf8_eq_nocase(SPAN("a"), SPAN("ab")));
	assert_false(utf8_eq_nocase(SPAN("i"), SPAN("\xc4\xb1")));
}

static void text_that_is_none(void **state)
{
	char room[64];
	struct buf to;
	static const struct span bad16[] = {
		{"a", 1},
		{"\x3d\xd8", 2},
		{"\x3d\xd8"
	     "a\0",
	     4},
		{"\x11\xdd", 2},
		{"a\0\0\0", 4},
		{"a\0\n\0", 4},
		{"\x85\0", 2},
	};
	for (unsigned i = 0; i < sizeof(bad16) / sizeof(bad16[0]); i++) {
		buf_over(&to, room, sizeof(room));
		assert_int_equal(utf8_from_utf16(&to, bad16[i]), -EINVAL);
	}
	buf_over(&to, room, sizeof(room));
	assert_int_equal(utf8_from_oem(&to, SPAN("a\x01")), -EINVAL);
	buf_over(&to, room, sizeof(room));
	assert_int_equal(utf8_from_oem(&to, SPAN("J\xfcrgen \x80")), 0);
	assert_string_equal(buf_text(&to), "J\xc3\xbcrgen \xe2\x82\xac");
	buf_over(&to, room, sizeof(room));
	assert_int_equal(utf8_from_oem(&to, SPAN("J\xc3\xbcrgen")), 0);
	assert_string_equal(buf_text(&to), "J\xc3\xbcrgen");
	buf_over(&to, room, sizeof(room));
	assert_int_equal(oem_from_utf8(&to, SPAN("J\xc3\xbcrgen \xe2\x82\xac \xd0\xb8")), 0);
	assert_string_equal(buf_text(&to), "J\xfcrgen \x80 ?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(md4_is_that_of_rfc_1320),
		cmocka_unit_test(nt_hash_of_password),
		cmocka_unit_test(nt_hash_of_a_password_beyond_the_basic_plane),
		cmocka_unit_test(response_key_upper_cases_the_user_and_not_the_domain),
		cmocka_unit_test(proof_and_session_base_key),
		cmocka_unit_test(exchanged_key),
		cmocka_unit_test(rc4_vector),
		cmocka_unit_test(hmac_vectors_of_rfc_2202),
		cmocka_unit_test(signing_key_makes_the_printed_checksum),
		cmocka_unit_test(verifying_the_printed_response),
		cmocka_unit_test(user_names_beyond_ascii_as_programs_differ),
		cmocka_unit_test(upper_case_is_that_of_windows),
		cmocka_unit_test(text_that_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
