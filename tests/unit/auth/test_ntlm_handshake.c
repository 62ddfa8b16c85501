/* Our initiator signs in to our acceptor: each row of the table is one conversation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/known_users.h"
#include "auth/ntlm_acceptor.h"
#include "auth/ntlm_initiator.h"
#include "auth/ntlm_message.h"

static const struct known_user users[] = {
	{"alice", "Secret1"},
	{"J\xc3\xbcrgen", "gr\xc3\xbcn \xe2\x82\xac"},
	{"empty", ""},
	{NULL, NULL},
};

#define CERTIFICATE                                                 \
	{                                                               \
		"tls-server-end-point:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 53 \
	}
#define OTHER_CERTIFICATE                                           \
	{                                                               \
		"tls-server-end-point:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", 53 \
	}

struct conversation {
	const char *called;
	const char *user, *domain, *password;
	struct span client_bindings, server_bindings;
	bool require_mic, require_bindings;
	unsigned spoil_message; /* 1, 2, 3: on the way the byte at spoil_at is changed, from the end if negative */
	int spoil_at;
	uint32_t type1_clear; /* flags that somebody removes from the type 1 before the acceptor sees it */
	const char *default_domain;
	enum auth_reason expected;
};

/* clang-format off */
static const struct conversation conversations[] = {
	{"right password", "alice", "", "Secret1", .expected = AUTH_OK},
	{"a dot for the domain", "alice", ".", "Secret1", .expected = AUTH_OK},
	{"our computer's name as domain", "alice", "proxy1", "Secret1", .expected = AUTH_OK},
	{"our DNS name as domain", "alice", "Proxy1.Example", "Secret1", .expected = AUTH_OK},
	{"a Windows domain", "alice", "CORP", "Domain1", .expected = AUTH_OK},
	{"a Windows domain by its DNS name", "alice", "corp.example", "Domain1", .expected = AUTH_OK},
	{"a UPN", "alice@corp.example", "", "Domain1", .expected = AUTH_OK},
	{"a UPN with the local password", "alice@corp.example", "", "Secret1", .expected = AUTH_WRONG_PASSWORD},
	{"a bare name with a default domain", "alice", "", "Domain1", .default_domain = "corp", .expected = AUTH_OK},
	{"the local password with a default domain", "alice", "", "Secret1", .default_domain = "corp", .expected = AUTH_WRONG_PASSWORD},
	{"a UPN of another suffix goes to the default domain", "alice@mail.example", "", "Domain1", .default_domain = "CORP", .expected = AUTH_OK},
	{"a UPN that nobody knows", "alice@mail.example", "", "Secret1", .expected = AUTH_NO_VERIFIER},
	{"a domain that nobody knows", "alice", "ELSEWHERE", "Secret1", .expected = AUTH_NO_VERIFIER},
	{"letters beyond ASCII", "j\xc3\x9crgen", "", "gr\xc3\xbcn \xe2\x82\xac", .expected = AUTH_OK},
	{"an empty password", "empty", "", "", .expected = AUTH_OK},
	{"wrong password", "alice", "", "secret1", .expected = AUTH_WRONG_PASSWORD},
	{"no such user", "mallory", "", "Secret1", .expected = AUTH_NO_SUCH_USER},
	{"no name", "", "", "", .expected = AUTH_ANONYMOUS_NTLM},
	{"integrity code demanded and there", "alice", "", "Secret1", .require_mic = true, .expected = AUTH_OK},
	{"type 1 altered", "alice", "", "Secret1", .type1_clear = NTLM_128, .expected = AUTH_MIC_WRONG},
	{"signing removed from type 1", "alice", "", "Secret1", .type1_clear = NTLM_SIGN, .expected = AUTH_MIC_WRONG},
	{"Unicode removed from type 1", "alice", "", "Secret1", .type1_clear = NTLM_UNICODE, .expected = AUTH_MIC_WRONG},
	{"type 1's version altered", "alice", "", "Secret1", .spoil_message = 1, .spoil_at = -1, .expected = AUTH_MIC_WRONG},
	{"type 2's version altered", "alice", "", "Secret1", .spoil_message = 2, .spoil_at = 48, .expected = AUTH_MIC_WRONG},
	{"type 2's challenge altered", "alice", "", "Secret1", .spoil_message = 2, .spoil_at = 24, .expected = AUTH_WRONG_PASSWORD},
	{"type 2's target name altered", "alice", "", "Secret1", .spoil_message = 2, .spoil_at = 56, .expected = AUTH_MIC_WRONG},
	{"type 3's version altered", "alice", "", "Secret1", .spoil_message = 3, .spoil_at = 64, .expected = AUTH_MIC_WRONG},
	{"type 3's integrity code altered", "alice", "", "Secret1", .spoil_message = 3, .spoil_at = 87, .expected = AUTH_MIC_WRONG},
	{"type 3's session key altered", "alice", "", "Secret1", .spoil_message = 3, .spoil_at = -1, .expected = AUTH_MIC_WRONG},
	{"type 3's proof altered", "alice", "", "Secret1", .spoil_message = 3, .spoil_at = -40, .expected = AUTH_WRONG_PASSWORD},
	{"type 3's user altered", "alice", "", "Secret1", .spoil_message = 3, .spoil_at = 88, .expected = AUTH_NO_SUCH_USER},
	{"bindings right", "alice", "", "Secret1", CERTIFICATE, CERTIFICATE, .require_bindings = true, .expected = AUTH_OK},
	{"bindings wrong", "alice", "", "Secret1", OTHER_CERTIFICATE, CERTIFICATE, .expected = AUTH_BINDINGS_WRONG},
	{"bindings missing where they may be", "alice", "", "Secret1", {0}, CERTIFICATE, .expected = AUTH_OK},
	{"bindings missing where they must not", "alice", "", "Secret1", {0}, CERTIFICATE, .require_bindings = true, .expected = AUTH_BINDINGS_MISSING},
	{"bindings of a client whose TLS ended before us", "alice", "", "Secret1", CERTIFICATE, {0}, .require_bindings = true, .expected = AUTH_OK},
	{"wrong bindings and a wrong password", "alice", "", "no", OTHER_CERTIFICATE, CERTIFICATE, .expected = AUTH_WRONG_PASSWORD},
};
/* clang-format on */

static const struct known_user corp_users[] = {{"alice", "Domain1"}, {NULL, NULL}};

struct sides {
	struct known_users local, corp;
	const struct verifier *verifiers[2];
	struct acceptor_policy policy;
};

static void make_sides(struct sides *s, const struct conversation *c)
{
	*s = (struct sides){
		.local = KNOWN_USERS("local", "", NULL, users),
		.corp = KNOWN_USERS("corp", "CORP", "corp.example", corp_users),
		.verifiers = {&s->corp.verifier, &s->local.verifier},
		.policy = {.verifiers = s->verifiers,
	               .verifier_count = 2,
	               .default_domain = c->default_domain,
	               .require_mic = c->require_mic,
	               .require_channel_bindings = c->require_bindings,
	               .netbios_computer = "PROXY1",
	               .dns_computer = "proxy1.example"},
	};
}

static void spoil(const struct conversation *c, unsigned message, struct buf *b)
{
	if (c->spoil_message == message)
		b->p[c->spoil_at < 0 ? (int)b->n + c->spoil_at : c->spoil_at] ^= 2;
	if (message == 1)
		for (unsigned i = 0; i < 4; i++)
			b->p[12 + i] = (char)(b->p[12 + i] & ~(c->type1_clear >> (8 * i)));
}

static enum auth_reason hold(const struct conversation *c, struct identity **who)
{
	struct sides s;
	struct buf one, two, three;
	struct initiator_credentials credentials = {.scheme = SCHEME_NTLM,
	                                            .user = c->user,
	                                            .domain = c->domain,
	                                            .password = c->password,
	                                            .spn = "HTTP/proxy1.example"};
	make_sides(&s, c);
	buf_init(&one, NTLM_MESSAGE_MOST);
	buf_init(&two, NTLM_MESSAGE_MOST);
	buf_init(&three, NTLM_MESSAGE_MOST);
	struct ntlm_initiator *initiator = ntlm_initiator_new(&credentials, c->client_bindings);
	struct ntlm_acceptor *acceptor = ntlm_acceptor_new(&s.policy, c->server_bindings);
	assert_int_equal(ntlm_initiator_negotiate(initiator, &one), AUTH_OK);
	spoil(c, 1, &one);
	assert_int_equal(ntlm_acceptor_challenge(acceptor, buf_span(&one), &two), AUTH_OK);
	spoil(c, 2, &two);
	assert_int_equal(ntlm_initiator_authenticate(initiator, buf_span(&two), &three), AUTH_OK);
	spoil(c, 3, &three);
	enum auth_reason r = ntlm_acceptor_verify(acceptor, buf_span(&three), who);
	assert_true(s.local.asked + s.corp.asked <= 1);
	if (r == AUTH_OK) {
		unsigned char theirs[16], ours[16];
		assert_true(ntlm_initiator_mic_used(initiator) && ntlm_acceptor_mic_used(acceptor));
		assert_true(ntlm_initiator_can_sign(initiator) && ntlm_acceptor_can_sign(acceptor));
		for (unsigned by_client = 0; by_client < 2; by_client++) {
			assert_int_equal(ntlm_initiator_sign(initiator, by_client, SPAN("list"), theirs), 0);
			assert_int_equal(ntlm_acceptor_sign(acceptor, by_client, SPAN("list"), ours), 0);
			assert_memory_equal(theirs, ours, 16);
		}
		/* A challenge is good for one answer. */
		struct identity *again;
		assert_int_equal(ntlm_acceptor_verify(acceptor, buf_span(&three), &again), AUTH_MALFORMED);
		assert_null(again);
	}
	ntlm_initiator_free(initiator);
	ntlm_acceptor_free(acceptor);
	buf_fini(&one);
	buf_fini(&two);
	buf_fini(&three);
	return r;
}

static void conversations_end_as_they_should(void **state)
{
	for (unsigned i = 0; i < sizeof(conversations) / sizeof(conversations[0]); i++) {
		const struct conversation *c = &conversations[i];
		struct identity *who = NULL;
		enum auth_reason r = hold(c, &who);
		if (r != c->expected)
			fail_msg("%s: %s, not %s", c->called, auth_reason_name(r), auth_reason_name(c->expected));
		if ((r == AUTH_OK) != (who != NULL))
			fail_msg("%s: an identity without a sign-in, or the other way round", c->called);
		identity_unref(who);
	}
}

/* With the integrity code demanded no message can be changed unseen. Without, one can: a type 2 whose list of AV
 * pairs is cut before the time makes the client leave the code out, and curl always does. */
static void no_bit_can_be_changed(void **state)
{
	static const unsigned length[4] = {0, 40, 120, 300};
	for (unsigned message = 1; message <= 3; message++) {
		for (unsigned at = 12; at < length[message]; at += message == 1 ? 1 : 3) {
			struct conversation c = {.user = "alice", .require_mic = true};
			struct sides s;
			struct buf m[4];
			struct identity *who = NULL;
			struct initiator_credentials credentials = {
				.user = "alice", .domain = "", .password = "Secret1", .spn = "HTTP/p"};
			make_sides(&s, &c);
			for (unsigned i = 1; i < 4; i++)
				buf_init(&m[i], NTLM_MESSAGE_MOST);
			struct ntlm_initiator *initiator = ntlm_initiator_new(&credentials, SPAN_NONE);
			struct ntlm_acceptor *acceptor = ntlm_acceptor_new(&s.policy, SPAN_NONE);
			assert_int_equal(ntlm_initiator_negotiate(initiator, &m[1]), AUTH_OK);
			enum auth_reason r = AUTH_OK;
			for (unsigned i = 1; i <= 3 && r == AUTH_OK; i++) {
				if (i == message && at < m[i].n)
					m[i].p[at] ^= 1;
				r = i == 1   ? ntlm_acceptor_challenge(acceptor, buf_span(&m[1]), &m[2])
				    : i == 2 ? ntlm_initiator_authenticate(initiator, buf_span(&m[2]), &m[3])
				             : ntlm_acceptor_verify(acceptor, buf_span(&m[3]), &who);
			}
			if (r == AUTH_OK && at < m[message].n)
				fail_msg("byte %u of message %u was changed, and nobody saw it", at, message);
			identity_unref(who);
			ntlm_initiator_free(initiator);
			ntlm_acceptor_free(acceptor);
			for (unsigned i = 1; i < 4; i++)
				buf_fini(&m[i]);
		}
	}
}

/* What clients of old send, put together by hand. */
struct old_client {
	const char *called;
	uint32_t type1_flags, type3_flags;
	struct span lm, nt, user;
	enum auth_reason challenged, expected;
};

#define R24 "0123456789abcdef01234567"
static const struct old_client old_clients[] = {
	{"LM alone", 0x207, 0x205, {R24, 24}, {0}, {"b\0o\0b\0", 6}, AUTH_OK, AUTH_LM_OR_NTLMV1},
	{"NTLMv1", 0x207, 0x205, {R24, 24}, {R24, 24}, {"b\0o\0b\0", 6}, AUTH_OK, AUTH_LM_OR_NTLMV1},
	{"NTLMv1 with session security",
     0x80207,
     0x80205,
     {R24, 24},
     {R24, 24},
     {"b\0o\0b\0", 6},
     AUTH_OK,
     AUTH_LM_OR_NTLMV1},
	{"anonymous", 0x207, 0xa05, {"\0", 1}, {0}, {0}, AUTH_OK, AUTH_ANONYMOUS_NTLM},
	{"anonymous without saying so", 0x207, 0x205, {0}, {0}, {0}, AUTH_OK, AUTH_ANONYMOUS_NTLM},
	{"no responses", 0x207, 0x205, {0}, {0}, {"b\0o\0b\0", 6}, AUTH_OK, AUTH_ANONYMOUS_NTLM},
	{"datagrams from the beginning",
     0x247,
     0x245,
     {R24, 24},
     {R24, 24},
     {"b\0o\0b\0", 6},
     AUTH_DATAGRAM_NTLM,
     AUTH_MALFORMED},
	{"datagrams in the end", 0x207, 0x245, {R24, 24}, {R24, 24}, {"b\0o\0b\0", 6}, AUTH_OK, AUTH_DATAGRAM_NTLM},
	{"a name of odd length", 0x207, 0x205, {0}, {R24 R24, 48}, {"b\0o\0b", 5}, AUTH_OK, AUTH_MALFORMED},
	{"a name with a NUL in it", 0x207, 0x205, {0}, {R24 R24, 48}, {"b\0\0\0b\0", 6}, AUTH_OK, AUTH_MALFORMED},
	{"a response between the versions", 0x207, 0x205, {0}, {R24 R24, 30}, {"b\0o\0b\0", 6}, AUTH_OK, AUTH_MALFORMED},
	{"a blob of an unknown version", 0x207, 0x205, {0}, {R24 R24, 48}, {"b\0o\0b\0", 6}, AUTH_OK, AUTH_MALFORMED},
};

static void old_clients_are_refused_by_name(void **state)
{
	for (unsigned i = 0; i < sizeof(old_clients) / sizeof(old_clients[0]); i++) {
		const struct old_client *o = &old_clients[i];
		struct conversation c = {.user = ""};
		struct sides s;
		struct buf one, two, three;
		struct identity *who;
		make_sides(&s, &c);
		buf_init(&one, 1024);
		buf_init(&two, 8192);
		buf_init(&three, 8192);
		struct ntlm_acceptor *a = ntlm_acceptor_new(&s.policy, SPAN_NONE);
		ntlm_negotiate_write(&one, o->type1_flags);
		assert_int_equal(ntlm_acceptor_challenge(a, buf_span(&one), &two), o->challenged);
		struct ntlm_authenticate m = {.flags = o->type3_flags, .lm = o->lm, .nt = o->nt, .user = o->user};
		ntlm_authenticate_write(&three, &m);
		enum auth_reason r = ntlm_acceptor_verify(a, buf_span(&three), &who);
		if (r != o->expected)
			fail_msg("%s: %s, not %s", o->called, auth_reason_name(r), auth_reason_name(o->expected));
		assert_null(who);
		assert_int_equal(s.local.asked + s.corp.asked, 0);
		ntlm_acceptor_free(a);
		buf_fini(&one);
		buf_fini(&two);
		buf_fini(&three);
	}
}

static uint32_t flags_answered(const char *domain, uint32_t asked, struct ntlm_challenge *out, struct buf *two)
{
	struct acceptor_policy policy = {
		.netbios_computer = "PROXY1", .netbios_domain = domain, .dns_domain = "corp.example"};
	struct buf one;
	buf_init(&one, 64);
	struct ntlm_acceptor *a = ntlm_acceptor_new(&policy, SPAN_NONE);
	ntlm_negotiate_write(&one, asked);
	assert_int_equal(ntlm_acceptor_challenge(a, buf_span(&one), two), AUTH_OK);
	assert_int_equal(ntlm_challenge_parse(buf_span(two), out), 0);
	ntlm_acceptor_free(a);
	buf_fini(&one);
	return out->flags;
}

static void challenge_grants_what_was_asked_for(void **state)
{
	struct ntlm_challenge c;
	struct buf two;
	struct span value;
	buf_init(&two, 8192);
	/* curl: OEM, no version; it repeats our flags in its type 3, which has no room for a version. */
	uint32_t flags = flags_answered(NULL, 0x88206, &c, &two);
	assert_int_equal(flags, NTLM_OEM | NTLM_REQUEST_TARGET | NTLM_NTLM | NTLM_ALWAYS_SIGN | NTLM_EXTENDED_SECURITY |
	                            NTLM_TARGET_SERVER | NTLM_TARGET_INFO);
	assert_int_equal(c.target_name.n, 6);
	assert_memory_equal(c.target_name.p, "PROXY1", 6);
	assert_true(ntlm_av_find(c.target_info, NTLM_AV_TIMESTAMP, &value));
	assert_true(ntlm_av_find(c.target_info, NTLM_AV_NETBIOS_DOMAIN, &value));
	assert_memory_equal(value.p, "P\0R\0O\0X\0Y\0001\0", 12);
	buf_clear(&two);
	/* Windows, to a member of a domain; no LAN Manager key, whatever is asked. */
	flags = flags_answered("CORP", 0xe20882b7, &c, &two);
	assert_true(flags & NTLM_UNICODE && !(flags & NTLM_OEM) && flags & NTLM_TARGET_DOMAIN && flags & NTLM_VERSION);
	assert_false(flags & 0x80);
	assert_memory_equal(c.target_name.p, "C\0O\0R\0P\0", 8);
	assert_true(ntlm_av_find(c.target_info, NTLM_AV_NETBIOS_COMPUTER, &value));
	assert_memory_equal(value.p, "P\0R\0O\0X\0Y\0001\0", 12);
	buf_fini(&two);
}

static void an_initiator_answers_any_challenge_or_refuses_it(void **state)
{
	static const char big[60000];
	struct initiator_credentials credentials = {.user = "alice", .password = "x", .spn = "HTTP/p"};
	struct buf one, three, info;
	buf_init(&one, 64);
	buf_init(&info, 70000);
	struct ntlm_initiator *i = ntlm_initiator_new(&credentials, SPAN_NONE);
	assert_int_equal(ntlm_initiator_negotiate(i, &one), AUTH_OK);
	const struct {
		struct span raw;
		enum auth_reason expected;
	} cases[] = {
		{SPAN(""), AUTH_MALFORMED},
		{SPAN("NTLMSSP\0\2\0\0\0"), AUTH_MALFORMED},
		{SPAN("NTLMSSP\0\2\0\0\0\0\0\0\0\0\0\0\0\1\x02\0\0"
	          "12345678"),
	     AUTH_OK}, /* NT 4: no target info */
		{SPAN("NTLMSSP\0\2\0\0\0\0\0\0\0\0\0\0\0\1\x02\x80\0"
	          "12345678"),
	     AUTH_MALFORMED}, /* promises some */
		{SPAN("NTLMSSP\0\2\0\0\0\x08\0\x08\0\x80\0\0\0\1\x02\0\0"
	          "12345678"),
	     AUTH_MALFORMED}, /* name outside */
		{SPAN("NTLMSSP\0\2\0\0\0\0\0\0\0\0\0\0\0\1\x02\x80\0"
	          "12345678\0\0\0\0\0\0\0\0\4\0\4\0\x30\0\0\0\2\0\x09\0"),
	     AUTH_MALFORMED}, /* a pair longer than its list */
		{SPAN("NTLMSSP\0\2\0\0\0\0\0\0\0\0\0\0\0\1\x02\x80\0"
	          "12345678\0\0\0\0\0\0\0\0\4\0\4\0\x30\0\0\0\0\0\0\0"),
	     AUTH_OK},
	};
	for (unsigned n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		buf_init(&three, NTLM_MESSAGE_MOST);
		enum auth_reason r = ntlm_initiator_authenticate(i, cases[n].raw, &three);
		if (r != cases[n].expected)
			fail_msg("challenge %u: %s", n, auth_reason_name(r));
		buf_fini(&three);
	}
	for (unsigned n = 0; n < 2; n++) { /* one that can be answered within 64 KB, one that cannot */
		struct ntlm_challenge c = {.flags = NTLM_UNICODE | NTLM_TARGET_INFO};
		struct buf two;
		buf_init(&two, 70000);
		buf_init(&three, NTLM_MESSAGE_MOST);
		buf_clear(&info);
		ntlm_av_add(&info, NTLM_AV_DNS_TREE, span_make(big, n ? 65000 - 5000 : 30000));
		if (n)
			ntlm_av_add(&info, NTLM_AV_DNS_DOMAIN, span_make(big, 5400));
		ntlm_av_add(&info, NTLM_AV_END, SPAN_NONE);
		c.target_info = buf_span(&info);
		ntlm_challenge_write(&two, &c);
		assert_int_equal(buf_error(&two), 0);
		assert_int_equal(ntlm_initiator_authenticate(i, buf_span(&two), &three), n ? AUTH_MALFORMED : AUTH_OK);
		buf_fini(&two);
		buf_fini(&three);
	}
	ntlm_initiator_free(i);
	buf_fini(&one);
	buf_fini(&info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations_end_as_they_should),
		cmocka_unit_test(no_bit_can_be_changed),
		cmocka_unit_test(old_clients_are_refused_by_name),
		cmocka_unit_test(challenge_grants_what_was_asked_for),
		cmocka_unit_test(an_initiator_answers_any_challenge_or_refuses_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
