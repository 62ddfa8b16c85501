/* SPNEGO: its bytes, and conversations in which somebody tries to have a weaker mechanism chosen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/known_users.h"
#include "auth/ntlm_initiator.h"
#include "auth/spnego.h"

static const struct known_user users[] = {{"alice", "Secret1"}, {NULL, NULL}};

#define KRB5 "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
#define MS_KRB5 "\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"
#define NTLM "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"
#define NEGOEX "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e"

static void span_is(struct span s, struct span expected)
{
	assert_int_equal(s.n, expected.n);
	assert_memory_equal(s.p, expected.p, expected.n);
}

static void an_init_is_read_framed_or_bare(void **state)
{
	struct spnego_init i;
	struct span framed = SPAN("\x60\x22\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x18\x30\x16\xa0\x0e\x30\x0c" NTLM
	                          "\xa2\x04\x04\x02hi");
	struct span bare = span_make(framed.p + 10, framed.n - 10);
	assert_int_equal(spnego_init_parse(framed, &i), 0);
	span_is(i.mechanisms, SPAN("\x30\x0c" NTLM));
	span_is(i.token, SPAN("hi"));
	assert_int_equal(i.mic.n, 0);
	assert_int_equal(spnego_init_parse(bare, &i), 0);
	span_is(i.token, SPAN("hi"));
	for (size_t n = 0; n < framed.n; n++)
		assert_int_equal(spnego_init_parse(span_make(framed.p, n), &i), -EINVAL);
}

static void hints_are_told_from_a_mic(void **state)
{
	struct spnego_init i;
	/* [3] OCTET STRING; [3] SEQUENCE of hints, then [4] OCTET STRING. */
	assert_int_equal(spnego_init_parse(SPAN("\xa0\x18\x30\x16\xa0\x0e\x30\x0c" NTLM "\xa3\x04\x04\x02hi"), &i), 0);
	span_is(i.mic, SPAN("hi"));
	assert_int_equal(spnego_init_parse(SPAN("\xa0\x22\x30\x20\xa0\x0e\x30\x0c" NTLM "\xa3\x08\x30\x06\xa0\x04\x1b\x02no"
	                                        "\xa4\x04\x04\x02hi"),
	                                   &i),
	                 0);
	span_is(i.mic, SPAN("hi"));
}

static void an_init_that_is_none(void **state)
{
	static const struct span bad[] = {
		{"\xa0\x04\x30\x02\xa0\x00", 6},                                                       /* no list */
		{"\xa0\x06\x30\x04\xa0\x02\x30\x00", 8},                                               /* an empty one */
		{"\xa0\x08\x30\x06\xa2\x04\x04\x02hi", 10},                                            /* a token, no list */
		{"\xa0\x12\x30\x10\xa0\x0e\x30\x0c" NTLM "x", 21},                                     /* something behind it */
		{"\xa0\x1e\x30\x1c\xa2\x04\x04\x02hi\xa0\x0e\x30\x0c" NTLM "\xa2\x04\x04\x02hi", 32},  /* fields out of order */
		{"\xa0\x80\x30\x10\xa0\x0e\x30\x0c" NTLM, 20},                                         /* indefinite length */
		{"\x60\x1c\x06\x06\x2b\x06\x01\x05\x05\x03\xa0\x12\x30\x10\xa0\x0e\x30\x0c" NTLM, 30}, /* another OID */
	};
	struct spnego_init i;
	for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
		if (spnego_init_parse(bad[n], &i) == 0)
			fail_msg("init %u was taken", n);
}

static void messages_of_every_size_come_back(void **state)
{
	static char token[40000];
	static const size_t sizes[] = {0, 1, 100, 127, 128, 200, 255, 256, 300, 40000};
	enum spnego_mechanism both[2] = {SPNEGO_KRB5, SPNEGO_NTLM};
	for (unsigned n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
		struct buf list, wire;
		struct spnego_init i, read_init;
		struct spnego_response r, read;
		buf_init(&list, 64);
		buf_init(&wire, SPNEGO_MESSAGE_MOST);
		spnego_mechanisms_write(&list, both, 2);
		i = (struct spnego_init){buf_span(&list), span_make(token, sizes[n]), SPAN("mic")};
		spnego_init_write(&wire, &i);
		assert_int_equal(spnego_init_parse(buf_span(&wire), &read_init), 0);
		span_is(read_init.mechanisms, buf_span(&list));
		assert_int_equal(read_init.token.n, sizes[n]);
		span_is(read_init.mic, SPAN("mic"));
		buf_clear(&wire);
		r = (struct spnego_response){SPNEGO_REQUEST_MIC, spnego_oid(SPNEGO_NTLM), span_make(token, sizes[n]),
		                             SPAN_NONE};
		spnego_response_write(&wire, &r);
		assert_int_equal(spnego_response_parse(buf_span(&wire), &read), 0);
		assert_int_equal(read.state, SPNEGO_REQUEST_MIC);
		assert_int_equal(spnego_mechanism_of(read.mechanism), SPNEGO_NTLM);
		assert_int_equal(read.token.n, sizes[n]);
		buf_fini(&list);
		buf_fini(&wire);
	}
}

/* A client of which every part can be bent: NTLM by our initiator, SPNEGO put together here. */
struct client {
	struct known_users local;
	const struct verifier *verifiers[1];
	struct acceptor_policy policy;
	struct initiator_credentials credentials;
	struct ntlm_initiator *ntlm;
	struct spnego_acceptor *acceptor;
	struct span list; /* as the client knows it */
	struct buf in, out, token;
	struct spnego_response answer;
	struct identity *who;
	enum auth_reason reason;
};

static void begin(struct client *c, struct span list)
{
	*c = (struct client){
		.local = KNOWN_USERS("local", "", NULL, users),
		.verifiers = {&c->local.verifier},
		.policy = {.verifiers = c->verifiers, .verifier_count = 1, .ntlm_in_negotiate = true, .netbios_computer = "P"},
		.credentials = {.user = "alice", .password = "Secret1", .spn = "HTTP/p"},
		.list = list,
	};
	c->ntlm = ntlm_initiator_new(&c->credentials, SPAN_NONE);
	c->acceptor = spnego_acceptor_new(&c->policy, SPAN_NONE);
	buf_init(&c->in, SPNEGO_MESSAGE_MOST);
	buf_init(&c->out, SPNEGO_MESSAGE_MOST);
	buf_init(&c->token, SPNEGO_MESSAGE_MOST);
}

static void end(struct client *c)
{
	identity_unref(c->who);
	ntlm_initiator_free(c->ntlm);
	spnego_acceptor_free(c->acceptor);
	buf_fini(&c->in);
	buf_fini(&c->out);
	buf_fini(&c->token);
}

static enum auth_step step(struct client *c)
{
	buf_clear(&c->out);
	enum auth_step s = spnego_acceptor_step(c->acceptor, buf_span(&c->in), &c->out, &c->who, &c->reason);
	assert_true((s == AUTH_STEP_DONE) == (c->who != NULL));
	if (s == AUTH_STEP_CONTINUE || s == AUTH_STEP_DONE)
		assert_int_equal(spnego_response_parse(buf_span(&c->out), &c->answer), 0);
	buf_clear(&c->in);
	return s;
}

/* The list on the wire may be another than the client's own. */
static enum auth_step send_init(struct client *c, struct span list_on_wire, struct span token)
{
	struct spnego_init i = {.mechanisms = list_on_wire, .token = token};
	spnego_init_write(&c->in, &i);
	return step(c);
}

static enum auth_step send_response(struct client *c, struct span token, struct span mic)
{
	struct spnego_response r = {.state = SPNEGO_STATE_ABSENT, .token = token, .mic = mic};
	spnego_response_write(&c->in, &r);
	return step(c);
}

static struct span type1(struct client *c)
{
	buf_clear(&c->token);
	assert_int_equal(ntlm_initiator_negotiate(c->ntlm, &c->token), AUTH_OK);
	return buf_span(&c->token);
}

static struct span type3(struct client *c)
{
	buf_clear(&c->token);
	assert_int_equal(ntlm_initiator_authenticate(c->ntlm, c->answer.token, &c->token), AUTH_OK);
	return buf_span(&c->token);
}

static struct span mic_over(struct client *c, struct span list, char room[16])
{
	assert_int_equal(ntlm_initiator_sign(c->ntlm, true, list, (unsigned char *)room), 0);
	return span_make(room, 16);
}

#define LIST_NTLM SPAN("\x30\x0c" NTLM)
#define LIST_BOTH SPAN("\x30\x17" KRB5 NTLM)
#define LIST_WINDOWS SPAN("\x30\x22" MS_KRB5 KRB5 NTLM)
#define LIST_NEGOEX SPAN("\x30\x18" NEGOEX NTLM)

static void ntlm_first_in_the_list_signs_in_with_a_mic(void **state)
{
	struct client c;
	char room[16];
	unsigned char ours[16];
	begin(&c, LIST_NTLM);
	assert_int_equal(send_init(&c, c.list, type1(&c)), AUTH_STEP_CONTINUE);
	assert_int_equal(c.answer.state, SPNEGO_INCOMPLETE);
	assert_int_equal(spnego_mechanism_of(c.answer.mechanism), SPNEGO_NTLM);
	struct span three = type3(&c);
	assert_int_equal(send_response(&c, three, mic_over(&c, c.list, room)), AUTH_STEP_DONE);
	assert_int_equal(c.answer.state, SPNEGO_COMPLETED);
	assert_int_equal(c.answer.mechanism.n, 0);
	assert_int_equal(ntlm_initiator_sign(c.ntlm, false, c.list, ours), 0);
	span_is(c.answer.mic, span_make((char *)ours, 16));
	assert_string_equal(c.who->name, "alice");
	end(&c);
}

static void a_client_that_forgot_the_mic_is_asked_for_it(void **state)
{
	struct client c;
	char room[16];
	begin(&c, LIST_NTLM);
	assert_int_equal(send_init(&c, c.list, type1(&c)), AUTH_STEP_CONTINUE);
	assert_int_equal(send_response(&c, type3(&c), SPAN_NONE), AUTH_STEP_CONTINUE);
	assert_int_equal(c.answer.state, SPNEGO_INCOMPLETE);
	assert_int_equal(c.answer.mic.n, 16);
	assert_int_equal(send_response(&c, SPAN_NONE, mic_over(&c, c.list, room)), AUTH_STEP_DONE);
	assert_int_equal(c.answer.mic.n, 0);
	end(&c);
}

static void a_client_that_does_not_give_it_is_not_signed_in(void **state)
{
	struct client c;
	begin(&c, LIST_NTLM);
	assert_int_equal(send_init(&c, c.list, type1(&c)), AUTH_STEP_CONTINUE);
	assert_int_equal(send_response(&c, type3(&c), SPAN_NONE), AUTH_STEP_CONTINUE);
	assert_int_equal(send_response(&c, SPAN_NONE, SPAN_NONE), AUTH_STEP_REFUSED);
	assert_int_equal(c.reason, AUTH_MIC_MISSING);
	end(&c);
}

/* Somebody takes Kerberos out of the list on its way, so that NTLM is used. */
static void a_shortened_list_is_noticed(void **state)
{
	struct client c;
	char room[16];
	begin(&c, LIST_BOTH);
	assert_int_equal(send_init(&c, LIST_NTLM, type1(&c)), AUTH_STEP_CONTINUE);
	struct span three = type3(&c);
	assert_int_equal(send_response(&c, three, mic_over(&c, c.list, room)), AUTH_STEP_REFUSED);
	assert_int_equal(c.reason, AUTH_MIC_WRONG);
	end(&c);
}

static void the_dummy_signature_is_none(void **state)
{
	struct client c;
	begin(&c, LIST_NTLM);
	assert_int_equal(send_init(&c, c.list, type1(&c)), AUTH_STEP_CONTINUE);
	struct span three = type3(&c);
	assert_int_equal(send_response(&c, three, SPAN("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")), AUTH_STEP_REFUSED);
	assert_int_equal(c.reason, AUTH_MIC_WRONG);
	end(&c);
}

static void our_signature_does_not_pass_for_theirs(void **state)
{
	struct client c;
	char reflected[16];
	begin(&c, LIST_NTLM);
	assert_int_equal(send_init(&c, c.list, type1(&c)), AUTH_STEP_CONTINUE);
	assert_int_equal(send_response(&c, type3(&c), SPAN_NONE), AUTH_STEP_CONTINUE);
	memcpy(reflected, c.answer.mic.p, 16);
	assert_int_equal(send_response(&c, SPAN_NONE, span_make(reflected, 16)), AUTH_STEP_REFUSED);
	assert_int_equal(c.reason, AUTH_MIC_WRONG);
	end(&c);
}

/* The first of the list is not ours: its token is left alone, NTLM is named, and the list must be signed. */
static void falls_to_ntlm(struct span list, const char *keytab)
{
	struct client c;
	char room[16];
	for (unsigned signs = 0; signs < 2; signs++) {
		begin(&c, list);
		c.policy.keytab = keytab;
		assert_int_equal(send_init(&c, list, SPAN("\x60\x0f" KRB5 "\x01\0\x6e\0")), AUTH_STEP_CONTINUE);
		assert_int_equal(c.answer.state, SPNEGO_REQUEST_MIC);
		assert_int_equal(spnego_mechanism_of(c.answer.mechanism), SPNEGO_NTLM);
		assert_int_equal(c.answer.token.n, 0);
		assert_int_equal(send_response(&c, type1(&c), SPAN_NONE), AUTH_STEP_CONTINUE);
		assert_int_equal(c.answer.mechanism.n, 0);
		struct span three = type3(&c);
		enum auth_step s = send_response(&c, three, signs ? mic_over(&c, c.list, room) : SPAN_NONE);
		assert_int_equal(s, signs ? AUTH_STEP_DONE : AUTH_STEP_CONTINUE);
		assert_int_equal(c.answer.mic.n, 16);
		end(&c);
	}
}

static void kerberos_is_not_offered_here(void **state)
{
	falls_to_ntlm(LIST_BOTH, NULL);
	falls_to_ntlm(LIST_WINDOWS, NULL);
	falls_to_ntlm(LIST_NEGOEX, NULL);
}

static void kerberos_fails_and_ntlm_follows(void **state)
{
	falls_to_ntlm(LIST_BOTH, "/nonexistent/keytab");
	falls_to_ntlm(LIST_WINDOWS, "/nonexistent/keytab");
}

static void kerberos_fails_and_nothing_follows(void **state)
{
	struct client c;
	begin(&c, SPAN("\x30\x0b" KRB5));
	c.policy.keytab = "/nonexistent/keytab";
	enum auth_step s = send_init(&c, c.list, SPAN("\x60\x0f" KRB5 "\x01\0\x6e\0"));
	assert_true(s == AUTH_STEP_REFUSED || s == AUTH_STEP_FAILED);
	assert_int_not_equal(c.reason, AUTH_OK);
	end(&c);
}

static void ntlm_token_beside_a_list_that_kerberos_leads(void **state)
{
	struct client c;
	char room[16];
	begin(&c, LIST_BOTH);
	c.policy.keytab = "/nonexistent/keytab";
	assert_int_equal(send_init(&c, c.list, type1(&c)), AUTH_STEP_CONTINUE);
	assert_true(c.answer.token.n > 0);
	struct span three = type3(&c);
	assert_int_equal(send_response(&c, three, mic_over(&c, c.list, room)), AUTH_STEP_DONE);
	end(&c);
}

static void nothing_in_common(void **state)
{
	struct client c;
	begin(&c, LIST_NTLM);
	c.policy.ntlm_in_negotiate = false;
	assert_int_equal(send_init(&c, c.list, type1(&c)), AUTH_STEP_REFUSED);
	assert_int_equal(c.reason, AUTH_NOT_OFFERED);
	end(&c);
	begin(&c, SPAN("\x30\x0c" NEGOEX));
	assert_int_equal(send_init(&c, c.list, SPAN("x")), AUTH_STEP_REFUSED);
	assert_int_equal(c.reason, AUTH_NOT_OFFERED);
	end(&c);
}

static void tokens_out_of_turn(void **state)
{
	struct client c;
	begin(&c, LIST_NTLM);
	assert_int_equal(send_response(&c, type1(&c), SPAN_NONE), AUTH_STEP_REFUSED);
	assert_int_equal(c.reason, AUTH_MALFORMED);
	end(&c);
	begin(&c, LIST_NTLM);
	assert_int_equal(send_init(&c, c.list, type1(&c)), AUTH_STEP_CONTINUE);
	assert_int_equal(send_init(&c, c.list, type1(&c)), AUTH_STEP_REFUSED);
	assert_int_equal(c.reason, AUTH_MALFORMED);
	end(&c);
}

/* Our own initiator, whole. */
static enum auth_reason hold(const char *password, bool bindings_differ)
{
	struct client c;
	struct buf theirs;
	begin(&c, LIST_NTLM);
	struct span b = SPAN("tls-server-end-point:aa"), b2 = SPAN("tls-server-end-point:ab");
	struct initiator_credentials credentials = {.scheme = SCHEME_NEGOTIATE, .user = "alice", .password = password};
	struct spnego_initiator *i = spnego_initiator_new(&credentials, b);
	struct spnego_acceptor *a = spnego_acceptor_new(&c.policy, bindings_differ ? b2 : b);
	enum auth_reason ri, ra = AUTH_OK;
	enum auth_step si, sa = AUTH_STEP_CONTINUE;
	struct identity *who = NULL;
	buf_init(&theirs, SPNEGO_MESSAGE_MOST);
	do {
		buf_clear(&c.in);
		si = spnego_initiator_step(i, buf_span(&theirs), &c.in, &ri);
		assert_true(si == AUTH_STEP_CONTINUE || si == AUTH_STEP_DONE);
		buf_clear(&theirs);
		if (sa == AUTH_STEP_CONTINUE)
			sa = spnego_acceptor_step(a, buf_span(&c.in), &theirs, &who, &ra);
	} while (sa == AUTH_STEP_CONTINUE);
	if (sa == AUTH_STEP_DONE) {
		buf_clear(&c.in);
		assert_int_equal(si, AUTH_STEP_DONE);
		assert_int_equal(spnego_initiator_step(i, buf_span(&theirs), &c.in, &ri), AUTH_STEP_DONE);
		assert_int_equal(c.in.n, 0);
		theirs.p[theirs.n - 1] ^= 1; /* the server's own mechListMIC is checked too */
		theirs.p[theirs.n - 6] ^= 1;
		assert_int_equal(spnego_initiator_step(i, buf_span(&theirs), &c.in, &ri), AUTH_STEP_REFUSED);
		assert_int_equal(ri, AUTH_MIC_WRONG);
	}
	identity_unref(who);
	spnego_initiator_free(i);
	spnego_acceptor_free(a);
	buf_fini(&theirs);
	end(&c);
	return ra;
}

static void our_two_ends(void **state)
{
	assert_int_equal(hold("Secret1", false), AUTH_OK);
	assert_int_equal(hold("Secret2", false), AUTH_WRONG_PASSWORD);
	assert_int_equal(hold("Secret1", true), AUTH_BINDINGS_WRONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_init_is_read_framed_or_bare),
		cmocka_unit_test(hints_are_told_from_a_mic),
		cmocka_unit_test(an_init_that_is_none),
		cmocka_unit_test(messages_of_every_size_come_back),
		cmocka_unit_test(ntlm_first_in_the_list_signs_in_with_a_mic),
		cmocka_unit_test(a_client_that_forgot_the_mic_is_asked_for_it),
		cmocka_unit_test(a_client_that_does_not_give_it_is_not_signed_in),
		cmocka_unit_test(a_shortened_list_is_noticed),
		cmocka_unit_test(the_dummy_signature_is_none),
		cmocka_unit_test(our_signature_does_not_pass_for_theirs),
		cmocka_unit_test(kerberos_is_not_offered_here),
		cmocka_unit_test(kerberos_fails_and_ntlm_follows),
		cmocka_unit_test(kerberos_fails_and_nothing_follows),
		cmocka_unit_test(ntlm_token_beside_a_list_that_kerberos_leads),
		cmocka_unit_test(nothing_in_common),
		cmocka_unit_test(tokens_out_of_turn),
		cmocka_unit_test(our_two_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
