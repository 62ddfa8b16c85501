/* The acceptor's side. A client's first message lists its mechanisms, the best first, and brings a token for the
 * first of them; ours is chosen by that order. If it is not the first of the list, or Kerberos came and failed and
 * NTLM is in the list too, we name ours and wait for its first token.
 *
 * The mechListMIC (RFC 4178 section 5) proves that nobody shortened the list. It has to be there when the first
 * mechanism was not taken, and, as Windows has it, when NTLM's own messages carried an integrity code; a client that
 * can sign sends it with its last token, and if it did not it is asked for. A client that did not negotiate signing
 * has none to give. Until it is found right, `who` stays in here. */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "auth/kerberos.h"
#include "auth/ntlm_acceptor.h"
#include "auth/spnego.h"

enum { MECHANISMS_MOST = 1024, DETAIL_MOST = 320, MIC_MOST = 256 };

enum phase { FIRST, TOKENS, AWAITS_MIC, OVER };

struct spnego_acceptor {
	const struct acceptor_policy *policy;
	struct span bindings;
	enum phase phase;
	struct buf mechanisms; /* the client's list as it stood */
	enum spnego_mechanism chosen;
	struct span chosen_oid; /* in `mechanisms` */
	bool first_refused;     /* the client's first mechanism was not taken, or failed */
	bool named;             /* our choice has been told */
	struct ntlm_acceptor *ntlm;
	struct kerberos_context *kerberos;
	struct identity *who;
	char detail[DETAIL_MOST];
};

/* One message of ours while it is being made. */
struct reply {
	struct spnego_response message;
	struct buf token, mic;
	char mic_room[MIC_MOST];
};

struct spnego_acceptor *spnego_acceptor_new(const struct acceptor_policy *policy, struct span bindings)
{
	struct spnego_acceptor *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->policy = policy;
	a->bindings = bindings;
	buf_init(&a->mechanisms, MECHANISMS_MOST);
	return a;
}

void spnego_acceptor_free(struct spnego_acceptor *a)
{
	if (!a)
		return;
	buf_fini(&a->mechanisms);
	ntlm_acceptor_free(a->ntlm);
	kerberos_context_free(a->kerberos);
	identity_unref(a->who);
	free(a);
}

bool spnego_is_dummy_mic(struct span mic)
{
	return span_eq(mic, SPAN("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
}

static bool is_offered(const struct spnego_acceptor *a, enum spnego_mechanism m)
{
	return (m == SPNEGO_KRB5 && a->policy->keytab) || (m == SPNEGO_NTLM && a->policy->ntlm_in_negotiate);
}

/* The first of the client's list that is offered and is `wanted` (SPNEGO_OTHER: any). */
static bool choose(struct spnego_acceptor *a, enum spnego_mechanism wanted)
{
	struct span list = buf_span(&a->mechanisms), oid;
	for (unsigned i = 0; spnego_mechanism_next(&list, &oid); i++) {
		enum spnego_mechanism m = spnego_mechanism_of(oid);
		if (!is_offered(a, m) || (wanted != SPNEGO_OTHER && m != wanted))
			continue;
		a->chosen = m;
		a->chosen_oid = oid;
		a->first_refused = a->first_refused || i > 0;
		return true;
	}
	return false;
}

static enum spnego_mechanism first_mechanism(const struct spnego_acceptor *a)
{
	struct span list = buf_span(&a->mechanisms), oid;
	return spnego_mechanism_next(&list, &oid) ? spnego_mechanism_of(oid) : SPNEGO_OTHER;
}

static bool is_ntlm(struct span token)
{
	return token.n >= 8 && memcmp(token.p, "NTLMSSP", 8) == 0;
}

static enum auth_step refuse(struct spnego_acceptor *a, enum auth_reason why, enum auth_reason *reason)
{
	bool ours = why == AUTH_UNAVAILABLE || why == AUTH_PIPE_UNREADABLE || why == AUTH_NO_MEMORY;
	a->phase = OVER;
	*reason = why;
	identity_unref(a->who);
	a->who = NULL;
	return ours ? AUTH_STEP_FAILED : AUTH_STEP_REFUSED;
}

static enum auth_reason step_ntlm(struct spnego_acceptor *a, struct span token, struct buf *out)
{
	if (token.n < 12)
		return AUTH_MALFORMED;
	if (!a->ntlm)
		a->ntlm = ntlm_acceptor_new(a->policy, a->bindings);
	if (!a->ntlm)
		return AUTH_NO_MEMORY;
	if (token.p[8] == 1)
		return ntlm_acceptor_challenge(a->ntlm, token, out);
	enum auth_reason r = ntlm_acceptor_verify(a->ntlm, token, &a->who);
	snprintf(a->detail, sizeof(a->detail), "%s", ntlm_acceptor_claim(a->ntlm));
	return r;
}

static enum auth_reason step_kerberos(struct spnego_acceptor *a, struct span token, struct buf *out)
{
	enum auth_reason reason = AUTH_OK;
	bool channel_bound = false;
	enum auth_step step = kerberos_accept(a->policy->keytab, a->policy->keep_tickets, token, a->bindings, out, &a->who,
	                                      &reason, &channel_bound, &a->kerberos);
	snprintf(a->detail, sizeof(a->detail), "%s", kerberos_detail(a->kerberos));
	if (step == AUTH_STEP_REFUSED || step == AUTH_STEP_FAILED)
		return reason;
	if (step == AUTH_STEP_DONE && a->bindings.n && a->policy->require_channel_bindings && !channel_bound)
		return AUTH_BINDINGS_MISSING;
	return AUTH_OK;
}

static bool can_sign(const struct spnego_acceptor *a)
{
	return a->chosen == SPNEGO_KRB5 || ntlm_acceptor_can_sign(a->ntlm);
}

static bool needs_mic(const struct spnego_acceptor *a)
{
	return can_sign(a) && (a->first_refused || (a->chosen == SPNEGO_NTLM && ntlm_acceptor_mic_used(a->ntlm)));
}

static int make_mic(struct spnego_acceptor *a, struct buf *mic)
{
	unsigned char signature[16];
	if (a->chosen == SPNEGO_KRB5)
		return kerberos_get_mic(a->kerberos, buf_span(&a->mechanisms), mic);
	int e = ntlm_acceptor_sign(a->ntlm, false, buf_span(&a->mechanisms), signature);
	buf_add(mic, span_make((const char *)signature, sizeof(signature)));
	return e;
}

static bool mic_is_right(struct spnego_acceptor *a, struct span mic)
{
	unsigned char signature[16];
	if (a->chosen == SPNEGO_KRB5)
		return kerberos_verify_mic(a->kerberos, buf_span(&a->mechanisms), mic) == 0;
	return ntlm_acceptor_sign(a->ntlm, true, buf_span(&a->mechanisms), signature) == 0 && mic.n == sizeof(signature) &&
	       CRYPTO_memcmp(mic.p, signature, sizeof(signature)) == 0;
}

static enum auth_step send(struct spnego_acceptor *a, struct reply *r, enum spnego_state state, enum phase next,
                           struct buf *out)
{
	r->message.state = state;
	r->message.mechanism = a->named ? SPAN_NONE : a->chosen_oid;
	r->message.token = buf_span(&r->token);
	r->message.mic = buf_span(&r->mic);
	a->named = true;
	a->phase = next;
	spnego_response_write(out, &r->message);
	return next == OVER ? AUTH_STEP_DONE : AUTH_STEP_CONTINUE;
}

/* The mechanism is content: now for the list. `mic` is the client's, with its last token or alone after it. */
static enum auth_step conclude(struct spnego_acceptor *a, struct reply *r, struct span mic, struct buf *out,
                               struct identity **who, enum auth_reason *reason)
{
	bool asked = a->phase == AWAITS_MIC;
	if (mic.n && !can_sign(a) && spnego_is_dummy_mic(mic))
		mic = SPAN_NONE;
	if (mic.n && !mic_is_right(a, mic))
		return refuse(a, AUTH_MIC_WRONG, reason);
	if (mic.n == 0 && asked)
		return refuse(a, AUTH_MIC_MISSING, reason);
	bool wanting = mic.n == 0 && needs_mic(a);
	if ((wanting || mic.n) && !asked && make_mic(a, &r->mic) != 0)
		return refuse(a, AUTH_NO_MEMORY, reason);
	if (wanting)
		return send(a, r, SPNEGO_INCOMPLETE, AWAITS_MIC, out);
	*who = a->who;
	a->who = NULL;
	return send(a, r, SPNEGO_COMPLETED, OVER, out);
}

static enum auth_step step_mechanism(struct spnego_acceptor *a, struct reply *r, struct span token, struct span mic,
                                     struct buf *out, struct identity **who, enum auth_reason *reason)
{
	bool first = a->phase == FIRST;
	enum auth_reason why = a->chosen == SPNEGO_NTLM ? step_ntlm(a, token, &r->token)
	                                                : step_kerberos(a, token, &r->token);
	if (why != AUTH_OK && first && a->chosen == SPNEGO_KRB5 && why != AUTH_NO_MEMORY) {
		a->first_refused = true;
		identity_unref(a->who);
		a->who = NULL;
		buf_clear(&r->token);
		if (choose(a, SPNEGO_NTLM))
			return send(a, r, SPNEGO_REQUEST_MIC, TOKENS, out);
	}
	if (why != AUTH_OK)
		return refuse(a, why, reason);
	if (a->who)
		return conclude(a, r, mic, out, who, reason);
	return send(a, r, SPNEGO_INCOMPLETE, TOKENS, out);
}

/* The optimistic token belongs to the first mechanism of the list, unless it is plainly NTLM's. */
static enum auth_step step_first(struct spnego_acceptor *a, struct span in, struct reply *r, struct buf *out,
                                 struct identity **who, enum auth_reason *reason)
{
	struct spnego_init init;
	if (spnego_init_parse(in, &init) != 0)
		return refuse(a, AUTH_MALFORMED, reason);
	buf_add(&a->mechanisms, init.mechanisms);
	if (buf_error(&a->mechanisms))
		return refuse(a, buf_error(&a->mechanisms) == -ENOMEM ? AUTH_NO_MEMORY : AUTH_MALFORMED, reason);
	enum spnego_mechanism first = first_mechanism(a);
	enum spnego_mechanism of_token = is_ntlm(init.token) ? SPNEGO_NTLM : first == SPNEGO_NTLM ? SPNEGO_OTHER : first;
	if (init.token.n && is_offered(a, of_token) && choose(a, of_token))
		return step_mechanism(a, r, init.token, init.mic, out, who, reason);
	if (!choose(a, SPNEGO_OTHER))
		return refuse(a, AUTH_NOT_OFFERED, reason);
	return send(a, r, a->first_refused ? SPNEGO_REQUEST_MIC : SPNEGO_INCOMPLETE, TOKENS, out);
}

static enum auth_step step_next(struct spnego_acceptor *a, struct span in, struct reply *r, struct buf *out,
                                struct identity **who, enum auth_reason *reason)
{
	struct spnego_response response;
	if (spnego_response_parse(in, &response) != 0)
		return refuse(a, AUTH_MALFORMED, reason);
	if (a->phase == AWAITS_MIC)
		return response.token.n ? refuse(a, AUTH_MALFORMED, reason) : conclude(a, r, response.mic, out, who, reason);
	if (a->phase != TOKENS || response.token.n == 0)
		return refuse(a, AUTH_MALFORMED, reason);
	return step_mechanism(a, r, response.token, response.mic, out, who, reason);
}

enum auth_step spnego_acceptor_step(struct spnego_acceptor *a, struct span in, struct buf *out, struct identity **who,
                                    enum auth_reason *reason)
{
	struct reply r = {.message = {0}};
	*who = NULL;
	*reason = AUTH_OK;
	buf_init(&r.token, SPNEGO_MESSAGE_MOST);
	buf_over(&r.mic, r.mic_room, sizeof(r.mic_room));
	enum auth_step step = a->phase == FIRST ? step_first(a, in, &r, out, who, reason)
	                                        : step_next(a, in, &r, out, who, reason);
	if (buf_error(&r.token) || buf_error(out)) {
		identity_unref(*who);
		*who = NULL;
		step = refuse(a, AUTH_NO_MEMORY, reason);
	}
	buf_fini(&r.token);
	return step;
}

enum spnego_mechanism spnego_acceptor_mechanism(const struct spnego_acceptor *a)
{
	return a->chosen;
}

const char *spnego_acceptor_detail(const struct spnego_acceptor *a)
{
	return a->detail;
}
