/* One acceptor, all schemes. What a token is decides what happens, not the scheme's word, for clients send bare NTLM
 * as Negotiate; the word only has to be one that is offered. A sign-in under way is dropped by whatever does not go
 * on with it. */
#include "auth/acceptor.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/basic.h"
#include "auth/kerberos.h"
#include "auth/ntlm_acceptor.h"
#include "auth/secret.h"
#include "auth/spnego.h"
#include "auth/verifier_choice.h"
#include "base/encode.h"

enum { BINDINGS_MOST = 128, DETAIL_MOST = 320, TOKEN_MOST = SPNEGO_MESSAGE_MOST };
enum { GSS_FRAME = 0x60, AP_REQ = 0x6e, NEG_TOKEN_RESP = 0xa1 }; /* first bytes of tokens */

struct acceptor {
	const struct acceptor_policy *policy;
	struct ntlm_acceptor *ntlm;     /* a bare NTLM sign-in that awaits its type 3 */
	struct spnego_acceptor *spnego; /* a negotiation under way */
	char *detail;
	unsigned bindings_n;
	char bindings[BINDINGS_MOST];
};

struct acceptor *acceptor_new(const struct acceptor_policy *policy, struct span bindings)
{
	ASSERT(bindings.n <= BINDINGS_MOST);
	struct acceptor *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->policy = policy;
	a->bindings_n = (unsigned)bindings.n;
	if (bindings.n)
		memcpy(a->bindings, bindings.p, bindings.n);
	return a;
}

static void drop_handshake(struct acceptor *a)
{
	ntlm_acceptor_free(a->ntlm);
	spnego_acceptor_free(a->spnego);
	a->ntlm = NULL;
	a->spnego = NULL;
}

void acceptor_free(struct acceptor *a)
{
	if (!a)
		return;
	drop_handshake(a);
	free(a->detail);
	free(a);
}

bool acceptor_in_handshake(const struct acceptor *a)
{
	return a->ntlm || a->spnego;
}

static struct span bindings_of(const struct acceptor *a)
{
	return span_make(a->bindings, a->bindings_n);
}

static bool is_offered(const struct acceptor *a, enum auth_scheme scheme)
{
	for (unsigned i = 0; i < a->policy->scheme_count; i++)
		if (a->policy->schemes[i] == scheme)
			return true;
	return false;
}

static bool some_verifier_blocks(const struct acceptor *a)
{
	for (unsigned i = 0; i < a->policy->verifier_count; i++)
		if (a->policy->verifiers[i]->blocks)
			return true;
	return false;
}

bool acceptor_will_block(const struct acceptor *a, const struct challenge *credentials)
{
	if (credentials->scheme == SCHEME_BASIC)
		return true; /* a password hash is slow on purpose */
	switch (token_kind_of(credentials->token)) {
	case TOKEN_NTLM_3:
		return some_verifier_blocks(a);
	case TOKEN_KERBEROS:
	case TOKEN_SPNEGO_FIRST: /* its token may be Kerberos's all the same */
		return a->policy->keytab != NULL;
	case TOKEN_SPNEGO_NEXT:
		return a->spnego && spnego_acceptor_mechanism(a->spnego) == SPNEGO_KRB5;
	default:
		return false;
	}
}

static void set_detail(struct acceptor *a, struct acceptor_answer *out, const char *text)
{
	free(a->detail);
	a->detail = text && *text ? strdup(text) : NULL;
	out->detail = a->detail ? a->detail : "";
}

/* What is ours to mend, not the client's. */
static bool is_outage(enum auth_reason r)
{
	return r == AUTH_UNAVAILABLE || r == AUTH_PIPE_UNREADABLE || r == AUTH_NO_MEMORY;
}

static void refuse(struct acceptor *a, struct acceptor_answer *out, enum auth_reason why)
{
	drop_handshake(a);
	out->step = is_outage(why) ? AUTH_STEP_FAILED : AUTH_STEP_REFUSED;
	out->reason = why;
}

static void sign_in(struct acceptor *a, struct acceptor_answer *out, struct identity *who)
{
	drop_handshake(a);
	out->step = AUTH_STEP_DONE;
	out->who = who;
}

/* The verifier does not know by which way the proof came. */
static struct identity *with_scheme(struct identity *who, const char *scheme)
{
	struct identity like = *who;
	if (who->scheme && strcmp(who->scheme, scheme) == 0)
		return who;
	like.scheme = scheme;
	struct identity *i = identity_new(&like);
	identity_unref(who);
	return i;
}

static void sign_in_ntlm(struct acceptor *a, struct acceptor_answer *out, struct identity *who)
{
	struct identity *i = with_scheme(who, out->scheme == SCHEME_NEGOTIATE ? "negotiate-ntlm" : "ntlm");
	if (i)
		sign_in(a, out, i);
	else
		refuse(a, out, AUTH_NO_MEMORY);
}

static enum auth_reason verify_basic(struct acceptor *a, const struct basic_pair *pair, struct acceptor_answer *out,
                                     struct identity **who)
{
	struct span user, domain;
	char claim[DETAIL_MOST];
	user_name_split(pair->user, &user, &domain);
	snprintf(claim, sizeof(claim), "%.*s", SPAN_ARG(pair->user));
	set_detail(a, out, claim);
	const struct verifier *v = user.n ? verifier_choose(a->policy, user, domain, SPAN_NONE) : NULL;
	if (!v)
		return user.n ? AUTH_NO_VERIFIER : AUTH_NO_SUCH_USER;
	return v->verify_password(v, user, pair->password, who);
}

static void step_basic(struct acceptor *a, struct span token68, struct acceptor_answer *out)
{
	struct basic_pair pair;
	struct identity *who = NULL;
	int e = basic_parse(token68, &pair);
	enum auth_reason r = e == 0 ? verify_basic(a, &pair, out, &who) : e == -ENOMEM ? AUTH_NO_MEMORY : AUTH_MALFORMED;
	basic_pair_fini(&pair);
	out->per_request = true;
	if (r != AUTH_OK)
		refuse(a, out, r);
	else
		sign_in(a, out, who);
}

static void step_ntlm_1(struct acceptor *a, struct span raw, struct buf *reply, struct acceptor_answer *out)
{
	drop_handshake(a);
	a->ntlm = ntlm_acceptor_new(a->policy, bindings_of(a));
	enum auth_reason r = a->ntlm ? ntlm_acceptor_challenge(a->ntlm, raw, reply) : AUTH_NO_MEMORY;
	if (r != AUTH_OK)
		refuse(a, out, r);
}

static void step_ntlm_3(struct acceptor *a, struct span raw, struct acceptor_answer *out)
{
	struct identity *who = NULL;
	if (!a->ntlm) {
		refuse(a, out, AUTH_MALFORMED);
		return;
	}
	enum auth_reason r = ntlm_acceptor_verify(a->ntlm, raw, &who);
	set_detail(a, out, ntlm_acceptor_claim(a->ntlm));
	if (r != AUTH_OK)
		refuse(a, out, r);
	else
		sign_in_ntlm(a, out, who);
}

/* An AP-REQ without SPNEGO around it; the library takes it bare only from DCE's clients. */
static void step_kerberos(struct acceptor *a, struct span raw, struct buf *reply, struct acceptor_answer *out)
{
	AUTO(secret) struct buf framed;
	struct kerberos_context *ctx = NULL;
	struct identity *who = NULL;
	enum auth_reason r = AUTH_OK;
	bool channel_bound = false;
	drop_handshake(a);
	buf_init(&framed, TOKEN_MOST);
	if ((unsigned char)raw.p[0] == AP_REQ) {
		kerberos_frame_write(&framed, raw);
		raw = buf_span(&framed);
	}
	enum auth_step step = kerberos_accept(a->policy->keytab, a->policy->keep_tickets, raw, bindings_of(a), reply, &who,
	                                      &r, &channel_bound, &ctx);
	set_detail(a, out, kerberos_detail(ctx));
	kerberos_context_free(ctx);
	if (step == AUTH_STEP_CONTINUE)
		r = AUTH_MALFORMED; /* more legs only inside SPNEGO */
	else if (step == AUTH_STEP_DONE && a->bindings_n && a->policy->require_channel_bindings && !channel_bound)
		r = AUTH_BINDINGS_MISSING;
	out->per_request = true;
	if (step == AUTH_STEP_DONE && r == AUTH_OK) {
		sign_in(a, out, who);
		return;
	}
	identity_unref(who);
	refuse(a, out, r);
}

static void step_spnego(struct acceptor *a, struct span raw, bool first, struct buf *reply, struct acceptor_answer *out)
{
	struct identity *who = NULL;
	if (first) {
		drop_handshake(a);
		a->spnego = spnego_acceptor_new(a->policy, bindings_of(a));
	}
	if (!a->spnego) {
		refuse(a, out, first ? AUTH_NO_MEMORY : AUTH_MALFORMED);
		return;
	}
	enum auth_reason r = AUTH_OK;
	enum auth_step step = spnego_acceptor_step(a->spnego, raw, reply, &who, &r);
	set_detail(a, out, spnego_acceptor_detail(a->spnego));
	if (step == AUTH_STEP_CONTINUE)
		return;
	if (step != AUTH_STEP_DONE) {
		refuse(a, out, r);
	} else if (spnego_acceptor_mechanism(a->spnego) == SPNEGO_NTLM) {
		sign_in_ntlm(a, out, who);
	} else {
		out->per_request = first;
		sign_in(a, out, who);
	}
}

static bool is_bare_ntlm(struct span raw)
{
	return raw.n >= 12 && memcmp(raw.p, "NTLMSSP", 8) == 0;
}

static bool is_bare_kerberos(struct span raw)
{
	struct spnego_init init;
	return raw.n && ((unsigned char)raw.p[0] == AP_REQ ||
	                 ((unsigned char)raw.p[0] == GSS_FRAME && spnego_init_parse(raw, &init) != 0));
}

static void step_token(struct acceptor *a, struct span raw, enum token_kind kind, struct buf *reply,
                       struct acceptor_answer *out)
{
	bool ntlm_offered = out->scheme == SCHEME_NEGOTIATE ? a->policy->ntlm_in_negotiate : is_offered(a, SCHEME_NTLM);
	if (is_bare_ntlm(raw)) {
		if (!ntlm_offered)
			refuse(a, out, AUTH_NOT_OFFERED);
		else if (kind == TOKEN_NTLM_1)
			step_ntlm_1(a, raw, reply, out);
		else if (kind == TOKEN_NTLM_3)
			step_ntlm_3(a, raw, out);
		else
			refuse(a, out, AUTH_MALFORMED);
		return;
	}
	if (kind == TOKEN_NONE || kind == TOKEN_UNKNOWN)
		refuse(a, out, AUTH_MALFORMED);
	else if (!is_offered(a, SCHEME_NEGOTIATE))
		refuse(a, out, AUTH_NOT_OFFERED);
	else if (kind == TOKEN_KERBEROS && is_bare_kerberos(raw) && !a->policy->keytab)
		refuse(a, out, AUTH_NOT_OFFERED);
	else if (kind == TOKEN_KERBEROS && is_bare_kerberos(raw))
		step_kerberos(a, raw, reply, out);
	else
		step_spnego(a, raw, (unsigned char)raw.p[0] != NEG_TOKEN_RESP, reply, out);
}

static void step_connection_bound(struct acceptor *a, const struct challenge *credentials, struct acceptor_answer *out)
{
	AUTO(secret) struct buf raw;
	struct buf reply;
	buf_init(&raw, TOKEN_MOST);
	buf_init(&reply, TOKEN_MOST);
	int n = -EINVAL;
	if (credentials->token.n <= TOKEN_MOST / 3 * 4 && buf_reserve(&raw, credentials->token.n / 4 * 3 + 1) == 0)
		n = decode_base64(credentials->token, raw.p, raw.capacity);
	if (n <= 0) {
		refuse(a, out, buf_error(&raw) == -ENOMEM ? AUTH_NO_MEMORY : AUTH_MALFORMED);
		return;
	}
	raw.n = (size_t)n;
	out->step = AUTH_STEP_CONTINUE;
	step_token(a, buf_span(&raw), token_kind_of(credentials->token), &reply, out);
	if (out->step == AUTH_STEP_CONTINUE || out->step == AUTH_STEP_DONE)
		encode_base64(&out->token, reply.p, reply.n);
	buf_fini(&reply);
	if (buf_error(&out->token)) {
		identity_unref(out->who);
		out->who = NULL;
		buf_clear(&out->token);
		refuse(a, out, AUTH_NO_MEMORY);
	}
}

void acceptor_step(struct acceptor *a, const struct challenge *credentials, struct acceptor_answer *out)
{
	enum auth_scheme scheme = credentials->scheme;
	*out = (struct acceptor_answer){.scheme = scheme, .detail = ""};
	buf_init(&out->token, (size_t)TOKEN_MOST * 2);
	set_detail(a, out, NULL);
	if (scheme == SCHEME_KERBEROS)
		scheme = SCHEME_NEGOTIATE;
	if (!is_offered(a, scheme))
		refuse(a, out, AUTH_NOT_OFFERED);
	else if (scheme == SCHEME_BASIC)
		step_basic(a, credentials->token, out);
	else
		step_connection_bound(a, credentials, out);
}
