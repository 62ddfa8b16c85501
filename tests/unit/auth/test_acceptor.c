/* What a connection's acceptor makes of whatever it is offered, in any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/basic.h"
#include "auth/initiator.h"
#include "auth/known_users.h"
#include "base/encode.h"

static const struct known_user users[] = {
	{"alice", "Secret1"},
	{"colon", "a:b:c"},
	{"J\xc3\xbcrgen", "gr\xc3\xbcn"},
	{NULL, NULL},
};
static const struct known_user corp_users[] = {{"alice", "Domain1"}, {NULL, NULL}};
static const enum auth_scheme all_schemes[] = {SCHEME_NEGOTIATE, SCHEME_NTLM, SCHEME_BASIC};

struct side {
	struct known_users local, corp;
	const struct verifier *verifiers[2];
	struct acceptor_policy policy;
	struct acceptor *acceptor;
	struct acceptor_answer answer;
};

static struct side *begin(void)
{
	struct side *s = calloc(1, sizeof(*s));
	s->local = (struct known_users)KNOWN_USERS("local", "", NULL, users);
	s->corp = (struct known_users)KNOWN_USERS("corp", "CORP", "corp.example", corp_users);
	s->verifiers[0] = &s->local.verifier;
	s->verifiers[1] = &s->corp.verifier;
	s->policy = (struct acceptor_policy){.schemes = all_schemes,
	                                     .scheme_count = 3,
	                                     .verifiers = s->verifiers,
	                                     .verifier_count = 2,
	                                     .ntlm_in_negotiate = true,
	                                     .netbios_computer = "PROXY1"};
	s->acceptor = acceptor_new(&s->policy, SPAN_NONE);
	return s;
}

static void clear(struct side *s)
{
	identity_unref(s->answer.who);
	buf_fini(&s->answer.token);
	s->answer = (struct acceptor_answer){.who = NULL};
}

static void end(struct side *s)
{
	clear(s);
	acceptor_free(s->acceptor);
	free(s);
}

static enum auth_step offer(struct side *s, enum auth_scheme scheme, struct span token68)
{
	struct challenge c = {.scheme = scheme, .token = token68};
	clear(s);
	acceptor_step(s->acceptor, &c, &s->answer);
	assert_true((s->answer.step == AUTH_STEP_DONE) == (s->answer.who != NULL));
	assert_non_null(s->answer.detail);
	if (s->answer.step == AUTH_STEP_REFUSED || s->answer.step == AUTH_STEP_FAILED) {
		assert_int_not_equal(s->answer.reason, AUTH_OK);
		assert_int_equal(s->answer.token.n, 0);
		assert_false(acceptor_in_handshake(s->acceptor));
	}
	assert_int_equal(acceptor_in_handshake(s->acceptor), s->answer.step == AUTH_STEP_CONTINUE);
	return s->answer.step;
}

static enum auth_step offer_basic(struct side *s, const char *user, const char *password)
{
	struct buf token;
	buf_init(&token, 8192);
	basic_write(&token, span_of(user), span_of(password));
	enum auth_step step = offer(s, SCHEME_BASIC, buf_span(&token));
	buf_fini(&token);
	return step;
}

/* A client of our own, as long as it has something to say; stops before its token number `stop` (from 1) and gives
 * that back. */
struct client {
	struct initiator_credentials credentials;
	struct initiator *initiator;
	struct initiator_answer said;
};

static void client_begin(struct client *c, enum auth_scheme scheme, const char *domain, const char *password)
{
	*c = (struct client){.credentials = {.scheme = scheme, .user = "alice", .domain = domain, .password = password}};
	c->initiator = initiator_new(&c->credentials, SPAN_NONE);
}

static struct span client_says(struct client *c, struct span heard)
{
	buf_fini(&c->said.token);
	initiator_step(c->initiator, heard, &c->said);
	assert_true(c->said.step == AUTH_STEP_CONTINUE || c->said.step == AUTH_STEP_DONE);
	return buf_span(&c->said.token);
}

static void client_end(struct client *c)
{
	buf_fini(&c->said.token);
	initiator_free(c->initiator);
}

static enum auth_step hold(struct side *s, enum auth_scheme client_scheme, enum auth_scheme word, const char *domain,
                           const char *password)
{
	struct client c;
	client_begin(&c, client_scheme, domain, password);
	enum auth_step step = offer(s, word, client_says(&c, SPAN_NONE));
	for (unsigned leg = 0; leg < 3 && step == AUTH_STEP_CONTINUE; leg++)
		step = offer(s, word, client_says(&c, buf_span(&s->answer.token)));
	client_end(&c);
	return step;
}

static void every_scheme_signs_in_to_the_right_accounts(void **state)
{
	static const struct {
		enum auth_scheme scheme, word;
		const char *domain, *password, *verifier, *as;
	} cases[] = {
		{SCHEME_NTLM, SCHEME_NTLM, "", "Secret1", "local", "ntlm"},
		{SCHEME_NTLM, SCHEME_NEGOTIATE, "", "Secret1", "local", "negotiate-ntlm"},
		{SCHEME_NEGOTIATE, SCHEME_NEGOTIATE, "", "Secret1", "local", "negotiate-ntlm"},
		{SCHEME_NTLM, SCHEME_NTLM, "CORP", "Domain1", "corp", "ntlm"},
		{SCHEME_NEGOTIATE, SCHEME_NEGOTIATE, "corp.example", "Domain1", "corp", "negotiate-ntlm"},
		{SCHEME_BASIC, SCHEME_BASIC, "", "Secret1", "local", "basic"},
		{SCHEME_BASIC, SCHEME_BASIC, "CORP", "Domain1", "corp", "basic"},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct side *s = begin();
		assert_int_equal(hold(s, cases[i].scheme, cases[i].word, cases[i].domain, cases[i].password), AUTH_STEP_DONE);
		assert_string_equal(s->answer.who->verifier, cases[i].verifier);
		assert_string_equal(s->answer.who->scheme, cases[i].as);
		assert_int_equal(s->answer.scheme, cases[i].word);
		assert_int_equal(s->answer.per_request, cases[i].word == SCHEME_BASIC);
		assert_int_equal(hold(s, cases[i].scheme, cases[i].word, cases[i].domain, "wrong"), AUTH_STEP_REFUSED);
		assert_int_equal(s->answer.reason, AUTH_WRONG_PASSWORD);
		assert_int_equal(hold(s, cases[i].scheme, cases[i].word, "ELSEWHERE", "Secret1"), AUTH_STEP_REFUSED);
		assert_int_equal(s->answer.reason, AUTH_NO_VERIFIER);
		end(s);
	}
}

static void what_is_not_offered_is_refused(void **state)
{
	static const enum auth_scheme ntlm_only[] = {SCHEME_NTLM}, negotiate_only[] = {SCHEME_NEGOTIATE};
	struct side *s = begin();
	s->policy.schemes = ntlm_only;
	s->policy.scheme_count = 1;
	assert_int_equal(offer_basic(s, "alice", "Secret1"), AUTH_STEP_REFUSED);
	assert_int_equal(s->answer.reason, AUTH_NOT_OFFERED);
	assert_int_equal(hold(s, SCHEME_NEGOTIATE, SCHEME_NEGOTIATE, "", "Secret1"), AUTH_STEP_REFUSED);
	assert_int_equal(hold(s, SCHEME_NEGOTIATE, SCHEME_NTLM, "", "Secret1"),
	                 AUTH_STEP_REFUSED); /* the word does not help */
	assert_int_equal(s->answer.reason, AUTH_NOT_OFFERED);
	assert_int_equal(hold(s, SCHEME_NTLM, SCHEME_NTLM, "", "Secret1"), AUTH_STEP_DONE);
	s->policy.schemes = negotiate_only;
	s->policy.ntlm_in_negotiate = false;
	assert_int_equal(hold(s, SCHEME_NTLM, SCHEME_NEGOTIATE, "", "Secret1"), AUTH_STEP_REFUSED);
	assert_int_equal(hold(s, SCHEME_NEGOTIATE, SCHEME_NEGOTIATE, "", "Secret1"), AUTH_STEP_REFUSED);
	assert_int_equal(offer(s, SCHEME_DIGEST, SPAN("abcd")), AUTH_STEP_REFUSED);
	assert_int_equal(offer(s, SCHEME_OTHER, SPAN("abcd")), AUTH_STEP_REFUSED);
	assert_int_equal(s->local.asked, 1);
	end(s);
}

static void basic_in_all_its_forms(void **state)
{
	struct side *s = begin();
	assert_int_equal(offer_basic(s, "colon", "a:b:c"), AUTH_STEP_DONE);
	assert_int_equal(offer_basic(s, "J\xc3\xbcrgen", "gr\xc3\xbcn"), AUTH_STEP_DONE);
	assert_int_equal(offer_basic(s, "J\xfcrgen", "gr\xfcn"), AUTH_STEP_DONE); /* Latin-1 */
	assert_int_equal(offer_basic(s, "CORP\\alice", "Domain1"), AUTH_STEP_DONE);
	assert_string_equal(s->answer.who->verifier, "corp");
	assert_int_equal(offer_basic(s, "alice@corp.example", "Domain1"), AUTH_STEP_DONE);
	assert_int_equal(offer_basic(s, "PROXY1\\alice", "Secret1"), AUTH_STEP_DONE);
	assert_string_equal(s->answer.who->verifier, "local");
	assert_int_equal(offer_basic(s, "", "Secret1"), AUTH_STEP_REFUSED);
	assert_int_equal(s->answer.reason, AUTH_NO_SUCH_USER);
	static const struct span bad[] = {
		{"", 0},     {"YWxpY2U=", 8} /* no colon */, {"YWxpY2U6U2VjcmV0MQ", 18} /* no padding */,
		{"!!!!", 4}, {"YQBiOmM=", 8} /* NUL */,
	};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(offer(s, SCHEME_BASIC, bad[i]), AUTH_STEP_REFUSED);
		assert_int_equal(s->answer.reason, AUTH_MALFORMED);
	}
	end(s);
}

static void a_type_1_always_begins_anew(void **state)
{
	struct side *s = begin();
	struct client c, d;
	client_begin(&c, SCHEME_NTLM, "", "Secret1");
	client_begin(&d, SCHEME_NTLM, "", "Secret1");
	assert_int_equal(offer(s, SCHEME_NTLM, client_says(&c, SPAN_NONE)), AUTH_STEP_CONTINUE);
	/* Another begins on the same connection; the answer to the first challenge is then worth nothing. */
	struct span three = client_says(&c, buf_span(&s->answer.token));
	assert_int_equal(offer(s, SCHEME_NTLM, client_says(&d, SPAN_NONE)), AUTH_STEP_CONTINUE);
	struct buf kept;
	buf_init(&kept, 8192);
	buf_add(&kept, buf_span(&s->answer.token));
	assert_int_equal(offer(s, SCHEME_NTLM, three), AUTH_STEP_REFUSED);
	assert_int_equal(s->answer.reason, AUTH_WRONG_PASSWORD);
	/* And a challenge takes one answer only. */
	assert_int_equal(offer(s, SCHEME_NTLM, client_says(&d, buf_span(&kept))), AUTH_STEP_REFUSED);
	assert_int_equal(s->answer.reason, AUTH_MALFORMED);
	assert_int_equal(hold(s, SCHEME_NTLM, SCHEME_NTLM, "", "Secret1"), AUTH_STEP_DONE);
	assert_int_equal(hold(s, SCHEME_NTLM, SCHEME_NTLM, "", "Secret1"), AUTH_STEP_DONE);
	buf_fini(&kept);
	client_end(&c);
	client_end(&d);
	end(s);
}

static void tokens_out_of_turn_reset_everything(void **state)
{
	struct side *s = begin();
	struct client ntlm, nego;
	client_begin(&ntlm, SCHEME_NTLM, "", "Secret1");
	client_begin(&nego, SCHEME_NEGOTIATE, "", "Secret1");
	assert_int_equal(offer(s, SCHEME_NTLM, client_says(&ntlm, SPAN_NONE)), AUTH_STEP_CONTINUE);
	struct buf three;
	buf_init(&three, 8192);
	buf_add(&three, client_says(&ntlm, buf_span(&s->answer.token)));
	assert_int_equal(offer(s, SCHEME_NEGOTIATE, client_says(&nego, SPAN_NONE)), AUTH_STEP_CONTINUE); /* drops NTLM's */
	assert_int_equal(offer(s, SCHEME_NTLM, buf_span(&three)), AUTH_STEP_REFUSED);
	assert_int_equal(s->answer.reason, AUTH_MALFORMED);
	assert_int_equal(offer(s, SCHEME_NTLM, SPAN("")), AUTH_STEP_REFUSED);
	assert_int_equal(offer(s, SCHEME_NEGOTIATE, SPAN("AAAA")), AUTH_STEP_REFUSED);
	assert_int_equal(offer(s, SCHEME_NEGOTIATE, SPAN("oQcwBaADCgEA")),
	                 AUTH_STEP_REFUSED); /* a NegTokenResp from nowhere */
	assert_int_equal(offer(s, SCHEME_NTLM, SPAN("TlRMTVNTUAACAAAA")), AUTH_STEP_REFUSED); /* a type 2 */
	assert_int_equal(s->answer.reason, AUTH_MALFORMED);
	assert_int_equal(s->local.asked, 0);
	buf_fini(&three);
	client_end(&ntlm);
	client_end(&nego);
	end(s);
}

/* What the verifier cannot answer is no refusal: the client is told to come back. */
static void an_outage_is_told_from_a_refusal(void **state)
{
	static const struct {
		enum auth_reason reason;
		enum auth_step step;
	} cases[] = {
		{AUTH_UNAVAILABLE, AUTH_STEP_FAILED}, {AUTH_PIPE_UNREADABLE, AUTH_STEP_FAILED},
		{AUTH_NO_MEMORY, AUTH_STEP_FAILED},   {AUTH_LOCKED, AUTH_STEP_REFUSED},
		{AUTH_DISABLED, AUTH_STEP_REFUSED},   {AUTH_MUST_CHANGE, AUTH_STEP_REFUSED},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct side *s = begin();
		s->local.always = cases[i].reason;
		assert_int_equal(hold(s, SCHEME_NTLM, SCHEME_NTLM, "", "Secret1"), cases[i].step);
		assert_int_equal(s->answer.reason, cases[i].reason);
		assert_int_equal(hold(s, SCHEME_NEGOTIATE, SCHEME_NEGOTIATE, "", "Secret1"), cases[i].step);
		assert_int_equal(s->answer.reason, cases[i].reason);
		assert_int_equal(offer_basic(s, "alice", "Secret1"), cases[i].step);
		assert_int_equal(s->answer.reason, cases[i].reason);
		end(s);
	}
}

static void the_claim_is_there_for_the_log(void **state)
{
	struct side *s = begin();
	assert_int_equal(hold(s, SCHEME_NTLM, SCHEME_NTLM, "CORP", "wrong"), AUTH_STEP_REFUSED);
	assert_memory_equal(s->answer.detail, "CORP\\alice from ", 16);
	assert_int_equal(hold(s, SCHEME_NEGOTIATE, SCHEME_NEGOTIATE, "CORP", "wrong"), AUTH_STEP_REFUSED);
	assert_memory_equal(s->answer.detail, "CORP\\alice from ", 16);
	assert_int_equal(offer_basic(s, "CORP\\alice", "wrong"), AUTH_STEP_REFUSED);
	assert_string_equal(s->answer.detail, "CORP\\alice");
	end(s);
}

static void only_what_may_wait_is_said_to(void **state)
{
	struct side *s = begin();
	struct challenge c = {.scheme = SCHEME_NTLM, .token = SPAN("TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=")};
	assert_false(acceptor_will_block(s->acceptor, &c));
	c.token = SPAN("TlRMTVNTUAADAAAA");
	assert_false(acceptor_will_block(s->acceptor, &c));
	s->corp.verifier.blocks = true;
	assert_true(acceptor_will_block(s->acceptor, &c));
	c.scheme = SCHEME_BASIC;
	assert_true(acceptor_will_block(s->acceptor, &c));
	end(s);
}

static void identities_are_counted_copies(void **state)
{
	char shown[] = "CORP\\alice", group[] = "CORP\\Web Users";
	const char *groups[] = {group, "b"};
	struct identity like = {.shown = shown,
	                        .name = "alice",
	                        .domain = "CORP",
	                        .verifier = "corp",
	                        .scheme = "ntlm",
	                        .groups = groups,
	                        .group_count = 2,
	                        .generation = 7};
	struct identity *i = identity_new(&like);
	shown[0] = group[0] = 'x';
	assert_string_equal(i->shown, "CORP\\alice");
	assert_string_equal(i->groups[0], "CORP\\Web Users");
	assert_string_equal(i->groups[1], "b");
	assert_null(i->upn);
	assert_int_equal(i->generation, 7);
	assert_ptr_equal(identity_ref(i), i);
	identity_unref(i);
	identity_unref(i);
	identity_unref(NULL);
}

static void every_reason_has_its_words(void **state)
{
	for (unsigned r = 0; r < AUTH_REASON_LIMIT; r++) {
		assert_true(strlen(auth_reason_name(r)) > 1);
		assert_true(strlen(auth_reason_sentence(r)) > 5);
		assert_true((auth_reason_win32(r) == 0) == (r == AUTH_OK));
		for (unsigned k = 0; k < r; k++)
			assert_string_not_equal(auth_reason_name(r), auth_reason_name(k));
	}
	assert_string_equal(auth_reason_name(AUTH_REASON_LIMIT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_scheme_signs_in_to_the_right_accounts),
		cmocka_unit_test(what_is_not_offered_is_refused),
		cmocka_unit_test(basic_in_all_its_forms),
		cmocka_unit_test(a_type_1_always_begins_anew),
		cmocka_unit_test(tokens_out_of_turn_reset_everything),
		cmocka_unit_test(an_outage_is_told_from_a_refusal),
		cmocka_unit_test(the_claim_is_there_for_the_log),
		cmocka_unit_test(only_what_may_wait_is_said_to),
		cmocka_unit_test(identities_are_counted_copies),
		cmocka_unit_test(every_reason_has_its_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
