/* Our sign-in to somebody else: what is said first, and what is made of odd answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/initiator.h"
#include "auth/ntlm_crypto.h"
#include "auth/ntlm_message.h"
#include "auth/spnego_der.h"
#include "base/encode.h"

static struct initiator_answer said;
static struct buf raw;

static enum auth_step step(struct initiator *i, struct span heard)
{
	buf_fini(&said.token);
	buf_fini(&raw);
	initiator_step(i, heard, &said);
	buf_init(&raw, 70000);
	assert_int_equal(buf_reserve(&raw, said.token.n + 4), 0);
	if (said.token.n)
		raw.n = (size_t)decode_base64(buf_span(&said.token), raw.p, raw.capacity);
	if (said.step == AUTH_STEP_REFUSED || said.step == AUTH_STEP_FAILED)
		assert_int_equal(said.token.n, 0);
	return said.step;
}

static enum auth_step step_raw(struct initiator *i, struct span message)
{
	struct buf text;
	buf_init(&text, 100000);
	encode_base64(&text, message.p, message.n);
	enum auth_step s = step(i, buf_span(&text));
	buf_fini(&text);
	return s;
}

static int fini(void **state)
{
	buf_fini(&said.token);
	buf_fini(&raw);
	return 0;
}

static const struct initiator_credentials alice = {
	.scheme = SCHEME_NTLM, .user = "alice", .domain = "CORP", .password = "Secret1", .spn = "HTTP/proxy1.example"};

#define TYPE2                                                          \
	"NTLMSSP\0\2\0\0\0\0\0\0\0\0\0\0\0\5\x82\x8a\xa2"                  \
	"12345678\0\0\0\0\0\0\0\0\x10\0\x10\0\x38\0\0\0\0\0\0\0\0\0\0\x0f" \
	"\7\0\x08\0"                                                       \
	"abcdefgh"                                                         \
	"\0\0\0\0"

static void basic_in_one_step(void **state)
{
	struct initiator_credentials c = alice;
	c.scheme = SCHEME_BASIC;
	struct initiator *i = initiator_new(&c, SPAN_NONE);
	assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_DONE);
	assert_string_equal(buf_text(&said.token), "Q09SUFxhbGljZTpTZWNyZXQx"); /* CORP\alice:Secret1 */
	assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_REFUSED);                /* asked again: it was refused */
	assert_int_equal(said.reason, AUTH_WRONG_PASSWORD);
	initiator_free(i);
	c.password = NULL;
	i = initiator_new(&c, SPAN_NONE);
	assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_FAILED);
	initiator_free(i);
}

static void ntlm_in_two(void **state)
{
	struct ntlm_negotiate one;
	struct ntlm_authenticate three;
	struct span value, pairs;
	unsigned char key[16], hash[16], base[16], session[16], proof[16], code[16];
	struct initiator *i = initiator_new(&alice, SPAN("tls-server-end-point:x"));
	struct buf first;
	buf_init(&first, 64);
	assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_CONTINUE);
	assert_int_equal(ntlm_negotiate_parse(buf_span(&raw), &one), 0);
	assert_false(initiator_has_proved(i));
	assert_int_equal(raw.n, 40); /* some servers refuse less */
	buf_add(&first, buf_span(&raw));
	assert_int_equal(step_raw(i, SPAN(TYPE2)), AUTH_STEP_DONE);
	assert_true(initiator_has_proved(i));
	assert_int_equal(ntlm_authenticate_parse(buf_span(&raw), &three), 0);
	assert_memory_equal(three.user.p, "a\0l\0i\0c\0e\0", 10);
	assert_memory_equal(three.domain.p, "C\0O\0R\0P\0", 8);
	pairs = span_make(three.nt.p + NTLM_V2_LEAST, three.nt.n - NTLM_V2_LEAST);
	assert_memory_equal(three.nt.p + 24, "abcdefgh", 8); /* the challenge's time, not ours */
	assert_true(ntlm_av_find(pairs, NTLM_AV_FLAGS, &value) && ntlm_u32_at(value, 0) == NTLM_AV_FLAG_MIC);
	assert_true(ntlm_av_find(pairs, NTLM_AV_TARGET_NAME, &value) && value.n == 38);
	assert_int_equal(ntlm_bindings_hash(SPAN("tls-server-end-point:x"), hash), 0);
	assert_true(ntlm_av_find(pairs, NTLM_AV_BINDINGS, &value) && value.n == 16);
	assert_memory_equal(value.p, hash, 16);
	assert_int_equal(three.lm.n, 24);
	assert_memory_equal(three.lm.p, (char[24]){0}, 24);
	/* The proof, and the integrity code over the three messages, reckoned again. */
	assert_int_equal(ntlm_nt_hash(SPAN("Secret1"), hash), 0);
	assert_int_equal(ntlm_response_key(hash, SPAN("ALICE"), SPAN("CORP"), NTLM_CASE_KEPT, key), 0);
	assert_int_equal(
		ntlm_prove(key, (const unsigned char *)"12345678", span_make(three.nt.p + 16, three.nt.n - 16), proof, base),
		0);
	assert_memory_equal(proof, three.nt.p, 16);
	memcpy(session, base, 16);
	if (three.flags & NTLM_KEY_EXCH)
		ntlm_rc4(base, 16, three.session_key.p, 16, session);
	memcpy(hash, raw.p + NTLM_MIC_AT, 16);
	memset(raw.p + NTLM_MIC_AT, 0, 16);
	struct span parts[3] = {buf_span(&first), SPAN(TYPE2), buf_span(&raw)};
	assert_int_equal(ntlm_hmac(session, 16, parts, 3, code), 0);
	assert_memory_equal(code, hash, 16);
	/* A bare challenge now is a refusal. */
	assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_REFUSED);
	assert_int_equal(said.reason, AUTH_WRONG_PASSWORD);
	initiator_free(i);
	buf_fini(&first);
}

static void answers_that_are_none(void **state)
{
	static const struct span bad[] = {
		{"!", 1}, {"AAAA", 4}, {"TlRMTVNTUAACAAAA", 16}, {"TlRMTVNTUAADAAAAAAAAAAAAAAA=", 28}};
	static const enum auth_scheme schemes[] = {SCHEME_NTLM, SCHEME_NEGOTIATE};
	struct initiator_credentials c = alice;
	c.spn = NULL; /* no Kerberos */
	for (unsigned s = 0; s < 2; s++) {
		c.scheme = schemes[s];
		for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
			struct initiator *i = initiator_new(&c, SPAN_NONE);
			assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_CONTINUE);
			assert_int_equal(step(i, bad[n]), AUTH_STEP_REFUSED);
			assert_int_equal(said.reason, AUTH_MALFORMED);
			assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_REFUSED); /* it does not begin again by itself */
			initiator_free(i);
		}
		struct initiator *i = initiator_new(&c, SPAN_NONE);
		assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_CONTINUE);
		assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_REFUSED); /* a bare challenge after type 1 */
		assert_int_equal(said.reason, AUTH_NOT_OFFERED);
		initiator_free(i);
		i = initiator_new(&c, SPAN_NONE);
		assert_int_equal(step_raw(i, SPAN(TYPE2)), AUTH_STEP_REFUSED); /* nobody asked */
		initiator_free(i);
	}
}

static void negotiate_without_kerberos_begins_with_ntlm(void **state)
{
	struct initiator_credentials c = alice;
	struct spnego_init init;
	struct span list, oid;
	c.scheme = SCHEME_NEGOTIATE;
	c.spn = NULL;
	struct initiator *i = initiator_new(&c, SPAN_NONE);
	assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_CONTINUE);
	assert_int_equal(spnego_init_parse(buf_span(&raw), &init), 0);
	list = init.mechanisms;
	assert_true(spnego_mechanism_next(&list, &oid));
	assert_int_equal(spnego_mechanism_of(oid), SPNEGO_NTLM);
	assert_false(spnego_mechanism_next(&list, &oid));
	assert_memory_equal(init.token.p, "NTLMSSP\0\1", 9);
	assert_false(initiator_will_block(i) || initiator_has_proved(i));
	/* A bare type 2, as some answer. */
	assert_int_equal(step_raw(i, SPAN(TYPE2)), AUTH_STEP_DONE);
	assert_memory_equal(raw.p, "NTLMSSP\0\3", 9);
	initiator_free(i);
}

static enum auth_step respond(struct initiator *i, enum spnego_state state, enum spnego_mechanism mechanism,
                              struct span token, struct span mic)
{
	struct spnego_response r = {state, spnego_oid(mechanism), token, mic};
	struct buf wire;
	buf_init(&wire, 70000);
	spnego_response_write(&wire, &r);
	enum auth_step s = step_raw(i, buf_span(&wire));
	buf_fini(&wire);
	return s;
}

static struct initiator *negotiating(struct initiator_credentials *c)
{
	*c = alice;
	c->scheme = SCHEME_NEGOTIATE;
	c->spn = NULL;
	struct initiator *i = initiator_new(c, SPAN_NONE);
	assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_CONTINUE);
	return i;
}

static void negotiation_that_goes_wrong(void **state)
{
	struct initiator_credentials c;
	struct initiator *i = negotiating(&c);
	assert_int_equal(respond(i, SPNEGO_REJECT, SPNEGO_OTHER, SPAN_NONE, SPAN_NONE), AUTH_STEP_REFUSED);
	assert_int_equal(said.reason, AUTH_NOT_OFFERED);
	initiator_free(i);
	i = negotiating(&c); /* names what we did not offer */
	assert_int_equal(respond(i, SPNEGO_INCOMPLETE, SPNEGO_KRB5, SPAN_NONE, SPAN_NONE), AUTH_STEP_REFUSED);
	assert_int_equal(said.reason, AUTH_NOT_OFFERED);
	initiator_free(i);
	i = negotiating(&c); /* content before anything was proved */
	assert_int_equal(respond(i, SPNEGO_COMPLETED, SPNEGO_NTLM, SPAN_NONE, SPAN_NONE), AUTH_STEP_REFUSED);
	assert_int_equal(said.reason, AUTH_MALFORMED);
	initiator_free(i);
	i = negotiating(&c); /* refuses the proof */
	assert_int_equal(respond(i, SPNEGO_INCOMPLETE, SPNEGO_NTLM, SPAN(TYPE2), SPAN_NONE), AUTH_STEP_DONE);
	assert_int_equal(respond(i, SPNEGO_REJECT, SPNEGO_OTHER, SPAN_NONE, SPAN_NONE), AUTH_STEP_REFUSED);
	assert_int_equal(said.reason, AUTH_WRONG_PASSWORD);
	initiator_free(i);
}

static void the_list_is_signed_when_asked_for(void **state)
{
	struct initiator_credentials c;
	struct spnego_response r;
	char type2[] = TYPE2;
	struct initiator *i = negotiating(&c);
	type2[20] |= 0x10; /* the sample, with signing */
	assert_int_equal(respond(i, SPNEGO_REQUEST_MIC, SPNEGO_NTLM, span_make(type2, sizeof(type2) - 1), SPAN_NONE),
	                 AUTH_STEP_DONE);
	assert_int_equal(spnego_response_parse(buf_span(&raw), &r), 0);
	assert_memory_equal(r.token.p, "NTLMSSP\0\3", 9);
	assert_int_equal(r.mic.n, 16);
	assert_int_equal(respond(i, SPNEGO_COMPLETED, SPNEGO_OTHER, SPAN_NONE, SPAN_NONE), AUTH_STEP_REFUSED);
	assert_int_equal(said.reason, AUTH_MIC_MISSING); /* it asked for ours and gives none */
	initiator_free(i);
	i = negotiating(&c);
	assert_int_equal(respond(i, SPNEGO_INCOMPLETE, SPNEGO_NTLM, span_make(type2, sizeof(type2) - 1), SPAN_NONE),
	                 AUTH_STEP_DONE);
	assert_int_equal(respond(i, SPNEGO_COMPLETED, SPNEGO_OTHER, SPAN_NONE, SPAN("0123456789abcdef")),
	                 AUTH_STEP_REFUSED);
	assert_int_equal(said.reason, AUTH_MIC_WRONG);
	initiator_free(i);
}

static void nothing_to_sign_in_with(void **state)
{
	struct initiator_credentials c = {.scheme = SCHEME_NTLM, .user = "alice"};
	struct initiator *i = initiator_new(&c, SPAN_NONE);
	assert_int_equal(step(i, SPAN_NONE), AUTH_STEP_FAILED);
	assert_int_equal(said.reason, AUTH_UNAVAILABLE);
	initiator_free(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(basic_in_one_step, fini),
		cmocka_unit_test_teardown(ntlm_in_two, fini),
		cmocka_unit_test_teardown(answers_that_are_none, fini),
		cmocka_unit_test_teardown(negotiate_without_kerberos_begins_with_ntlm, fini),
		cmocka_unit_test_teardown(negotiation_that_goes_wrong, fini),
		cmocka_unit_test_teardown(the_list_is_signed_when_asked_for, fini),
		cmocka_unit_test_teardown(nothing_to_sign_in_with, fini),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
