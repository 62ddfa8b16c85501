/* Whom credentials claim to be: one name for every form of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/basic.h"
#include "auth/claim.h"
#include "auth/ntlm_message.h"
#include "auth/ntlm_text.h"
#include "auth/spnego_der.h"
#include "base/encode.h"

static char token[4096];
static const struct verifier *asked;

static const char *claimed(enum auth_scheme scheme, struct span token68)
{
	static struct claim c;
	static char name[NAME_MOST + 1];
	static const struct verifier local = {.name = "local", .domain = ""}, corp = {.name = "corp", .domain = "CORP"};
	static const struct verifier *const both[] = {&local, &corp};
	static const struct acceptor_policy policy = {.verifiers = both, .verifier_count = 2};
	if (!claim_read(&(struct challenge){.scheme = scheme, .token = token68}, &policy, &c, &asked))
		return "";
	memcpy(name, c.user, c.n);
	name[c.n] = '\0';
	return name;
}

static const char *by_basic(const char *user)
{
	struct buf b;
	buf_over(&b, token, sizeof(token));
	basic_write(&b, span_of(user), SPAN("pass:word"));
	return claimed(SCHEME_BASIC, buf_span(&b));
}

static void every_form_of_a_name_is_one(void **state)
{
	static const char *const forms[] = {
		"alice", "ALICE", "CORP\\alice", "other\\Alice", ".\\alice", "alice@corp.example", "alice@"};
	for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		assert_string_equal(by_basic(forms[i]), "alice");
	assert_string_equal(by_basic("J\xc3\x9cRGEN"), "j\xc3\xbcrgen");
	assert_string_equal(by_basic("bob"), "bob");
	assert_string_equal(asked->name, "local");
	assert_string_equal(by_basic("corp\\bob"), "bob");
	assert_string_equal(asked->name, "corp");
	assert_string_equal(by_basic("nowhere\\bob"), "bob");
	assert_null(asked);
	assert_string_equal(by_basic("@odd"), "@odd");
}

static void no_name_is_no_claim(void **state)
{
	assert_string_equal(by_basic(""), "");
	assert_string_equal(by_basic("CORP\\"), "");
	assert_string_equal(claimed(SCHEME_BASIC, SPAN("not base64!")), "");
	assert_string_equal(claimed(SCHEME_NTLM, SPAN("TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAA=")), "");
	assert_string_equal(claimed(SCHEME_NEGOTIATE, SPAN_NONE), "");
}

/* A type 3 of alice@corp.example, her name in UTF-16 or as bytes; `flags` may say so or not. */
static struct span type_3(uint32_t flags, bool unicode, bool wrapped)
{
	static char raw[2048], inner[2048], name[256];
	struct buf b, out, n;
	buf_over(&b, raw, sizeof(raw));
	buf_over(&out, inner, sizeof(inner));
	buf_over(&n, name, sizeof(name));
	if (unicode)
		assert_int_equal(utf16_from_utf8(&n, SPAN("Alice@corp.example"), NTLM_CASE_KEPT), 0);
	else
		buf_adds(&n, "Alice@corp.example");
	struct ntlm_authenticate m = {
		.flags = flags, .nt = SPAN("0123456789012345678901234567890123456789"), .user = buf_span(&n)};
	ntlm_authenticate_write(&b, &m);
	if (wrapped)
		spnego_response_write(&out, &(struct spnego_response){.state = SPNEGO_STATE_ABSENT, .token = buf_span(&b)});
	struct buf text;
	buf_over(&text, token, sizeof(token));
	encode_base64(&text, wrapped ? out.p : b.p, wrapped ? out.n : b.n);
	return buf_span(&text);
}

static void ntlm_claims_in_its_last_message(void **state)
{
	assert_string_equal(claimed(SCHEME_NTLM, type_3(NTLM_UNICODE, true, false)), "alice");
	assert_string_equal(claimed(SCHEME_NTLM, type_3(0, true, false)), "alice");
	assert_string_equal(claimed(SCHEME_NTLM, type_3(NTLM_OEM, false, false)), "alice");
	assert_string_equal(claimed(SCHEME_NEGOTIATE, type_3(NTLM_UNICODE, true, false)), "alice");
	assert_string_equal(claimed(SCHEME_NEGOTIATE, type_3(NTLM_UNICODE, true, true)), "alice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_a_name_is_one),
		cmocka_unit_test(no_name_is_no_claim),
		cmocka_unit_test(ntlm_claims_in_its_last_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
