/* The initiator's side. Kerberos is tried first where the credentials allow it, with its token in the first message;
 * NTLM follows in the list if there is a password or a hash. The mechListMIC goes out with our last token whenever
 * the other end has to check the list. */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "auth/kerberos.h"
#include "auth/ntlm_initiator.h"
#include "auth/secret.h"
#include "auth/spnego.h"

enum { MECHANISMS_MOST = 64, DETAIL_MOST = 320, MIC_MOST = 256 };

struct spnego_initiator {
	const struct initiator_credentials *credentials;
	struct span bindings;
	bool begun, mechanism_done, mic_asked, mic_sent, bare;
	struct buf mechanisms;
	char mechanisms_room[MECHANISMS_MOST];
	enum spnego_mechanism chosen;
	struct ntlm_initiator *ntlm;
	struct kerberos_context *kerberos;
	char detail[DETAIL_MOST];
};

struct spnego_initiator *spnego_initiator_new(const struct initiator_credentials *credentials, struct span bindings)
{
	struct spnego_initiator *i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	i->credentials = credentials;
	i->bindings = bindings;
	buf_over(&i->mechanisms, i->mechanisms_room, sizeof(i->mechanisms_room));
	return i;
}

void spnego_initiator_free(struct spnego_initiator *i)
{
	if (!i)
		return;
	ntlm_initiator_free(i->ntlm);
	kerberos_context_free(i->kerberos);
	free(i);
}

static enum auth_step refuse(enum auth_reason why, enum auth_reason *reason)
{
	*reason = why;
	return why == AUTH_UNAVAILABLE || why == AUTH_NO_MEMORY ? AUTH_STEP_FAILED : AUTH_STEP_REFUSED;
}

static bool can_use_ntlm(const struct initiator_credentials *c)
{
	return c->user && *c->user && (c->password || c->nt_hash);
}

/* A bare NT hash opens no Kerberos. */
static bool can_use_kerberos(const struct initiator_credentials *c)
{
	return c->spn && (c->keytab || c->ccache || c->password || !c->nt_hash);
}

static enum auth_reason step_kerberos(struct spnego_initiator *i, struct span in, struct buf *out)
{
	enum auth_reason reason = AUTH_OK;
	const char *detail = NULL;
	enum auth_step step = kerberos_initiate(i->credentials, i->bindings, in, out, &i->kerberos, &reason, &detail);
	if (step == AUTH_STEP_REFUSED || step == AUTH_STEP_FAILED) {
		snprintf(i->detail, sizeof(i->detail), "Kerberos: %s",
		         detail && *detail ? detail : auth_reason_sentence(reason));
		return reason;
	}
	i->mechanism_done = step == AUTH_STEP_DONE;
	return AUTH_OK;
}

static enum auth_reason begin_ntlm(struct spnego_initiator *i, struct buf *type1)
{
	i->chosen = SPNEGO_NTLM;
	i->mechanism_done = false;
	if (!i->ntlm)
		i->ntlm = ntlm_initiator_new(i->credentials, i->bindings);
	return i->ntlm ? ntlm_initiator_negotiate(i->ntlm, type1) : AUTH_NO_MEMORY;
}

static enum auth_step begin(struct spnego_initiator *i, struct buf *token, struct buf *out, enum auth_reason *reason)
{
	enum spnego_mechanism offered[2];
	unsigned count = 0;
	enum auth_reason r = AUTH_UNAVAILABLE;
	if (can_use_kerberos(i->credentials) && (r = step_kerberos(i, SPAN_NONE, token)) == AUTH_OK)
		i->chosen = offered[count++] = SPNEGO_KRB5;
	if (r == AUTH_WRONG_PASSWORD) /* a KDC's word: by NTLM the same password would be one more wrong attempt */
		return refuse(r, reason);
	if (can_use_ntlm(i->credentials))
		offered[count++] = SPNEGO_NTLM;
	if (count && offered[0] == SPNEGO_NTLM) {
		buf_clear(token);
		r = begin_ntlm(i, token);
	}
	if (r != AUTH_OK)
		return refuse(r, reason);
	spnego_mechanisms_write(&i->mechanisms, offered, count);
	struct spnego_init init = {.mechanisms = buf_span(&i->mechanisms), .token = buf_span(token)};
	spnego_init_write(out, &init);
	i->begun = true;
	return AUTH_STEP_CONTINUE;
}

static bool can_sign(const struct spnego_initiator *i)
{
	return i->chosen == SPNEGO_KRB5 || ntlm_initiator_can_sign(i->ntlm);
}

static int make_mic(struct spnego_initiator *i, struct buf *mic)
{
	unsigned char signature[16];
	i->mic_sent = true;
	if (i->chosen == SPNEGO_KRB5)
		return kerberos_get_mic(i->kerberos, buf_span(&i->mechanisms), mic);
	int e = ntlm_initiator_sign(i->ntlm, true, buf_span(&i->mechanisms), signature);
	buf_add(mic, span_make((const char *)signature, sizeof(signature)));
	return e;
}

static bool mic_is_right(struct spnego_initiator *i, struct span mic)
{
	unsigned char signature[16];
	if (i->chosen == SPNEGO_KRB5)
		return kerberos_verify_mic(i->kerberos, buf_span(&i->mechanisms), mic) == 0;
	return ntlm_initiator_sign(i->ntlm, false, buf_span(&i->mechanisms), signature) == 0 &&
	       mic.n == sizeof(signature) && CRYPTO_memcmp(mic.p, signature, sizeof(signature)) == 0;
}

static bool is_listed(const struct spnego_initiator *i, enum spnego_mechanism m)
{
	struct span list = buf_span(&i->mechanisms), oid;
	while (spnego_mechanism_next(&list, &oid))
		if (spnego_mechanism_of(oid) == m)
			return true;
	return false;
}

static enum auth_reason step_ntlm(struct spnego_initiator *i, struct span type2, struct buf *type3)
{
	enum auth_reason r = ntlm_initiator_authenticate(i->ntlm, type2, type3);
	i->mechanism_done = r == AUTH_OK;
	return r;
}

/* What the other end says of the list, once the mechanism is content. */
static enum auth_reason check_list(struct spnego_initiator *i, const struct spnego_response *r)
{
	if (r->mic.n && !can_sign(i) && spnego_is_dummy_mic(r->mic))
		return AUTH_OK;
	if (r->mic.n)
		return mic_is_right(i, r->mic) ? AUTH_OK : AUTH_MIC_WRONG;
	return r->state == SPNEGO_COMPLETED && i->mic_asked && i->mic_sent ? AUTH_MIC_MISSING : AUTH_OK;
}

static bool owes_mic(const struct spnego_initiator *i)
{
	bool windows_wants_it = i->chosen == SPNEGO_NTLM && ntlm_initiator_mic_used(i->ntlm);
	return i->mechanism_done && !i->mic_sent && can_sign(i) && (i->mic_asked || windows_wants_it);
}

static enum auth_step answer(struct spnego_initiator *i, const struct spnego_response *theirs, struct buf *token,
                             struct buf *out, enum auth_reason *reason)
{
	char room[MIC_MOST];
	struct buf mic;
	buf_over(&mic, room, sizeof(room));
	if ((owes_mic(i) || (theirs->mic.n && !i->mic_sent && theirs->state != SPNEGO_COMPLETED)) && make_mic(i, &mic) != 0)
		return refuse(AUTH_NO_MEMORY, reason);
	struct spnego_response ours = {.state = SPNEGO_STATE_ABSENT, .token = buf_span(token), .mic = buf_span(&mic)};
	if (token->n || mic.n)
		spnego_response_write(out, &ours);
	return i->mechanism_done ? AUTH_STEP_DONE : AUTH_STEP_CONTINUE;
}

static enum auth_reason why_rejected(const struct spnego_initiator *i)
{
	if (i->chosen == SPNEGO_KRB5)
		return AUTH_TICKET_REFUSED;
	return i->mechanism_done ? AUTH_WRONG_PASSWORD : AUTH_NOT_OFFERED;
}

static enum auth_step step_response(struct spnego_initiator *i, struct span in, struct buf *token, struct buf *out,
                                    enum auth_reason *reason)
{
	struct spnego_response r;
	bool was_done = i->mechanism_done;
	enum auth_reason why = AUTH_OK;
	if (spnego_response_parse(in, &r) != 0)
		return refuse(AUTH_MALFORMED, reason);
	if (r.state == SPNEGO_REJECT)
		return refuse(why_rejected(i), reason);
	i->mic_asked = i->mic_asked || r.state == SPNEGO_REQUEST_MIC;
	enum spnego_mechanism named = r.mechanism.n ? spnego_mechanism_of(r.mechanism) : i->chosen;
	if (named != i->chosen) {
		if (named != SPNEGO_NTLM || !is_listed(i, named))
			return refuse(AUTH_NOT_OFFERED, reason);
		i->mic_asked = true; /* whether it says so or not: our first choice was not taken */
		why = begin_ntlm(i, token);
	} else if (r.token.n) {
		why = i->chosen == SPNEGO_NTLM ? step_ntlm(i, r.token, token) : step_kerberos(i, r.token, token);
	} else if (r.state == SPNEGO_COMPLETED && i->chosen == SPNEGO_KRB5) {
		i->mechanism_done = true; /* no mutual authentication: it did not care to */
	} else if (!was_done) {
		why = AUTH_MALFORMED;
	}
	if (why == AUTH_OK && i->mechanism_done)
		why = check_list(i, &r);
	return why == AUTH_OK ? answer(i, &r, token, out, reason) : refuse(why, reason);
}

/* Some answer a wrapped type 1 with a bare type 2. */
static enum auth_step step_bare(struct spnego_initiator *i, struct span in, struct buf *out, enum auth_reason *reason)
{
	if (i->chosen != SPNEGO_NTLM || i->mechanism_done || i->mic_asked)
		return refuse(AUTH_MALFORMED, reason);
	enum auth_reason r = step_ntlm(i, in, out);
	return r == AUTH_OK ? AUTH_STEP_DONE : refuse(r, reason);
}

enum auth_step spnego_initiator_step(struct spnego_initiator *i, struct span in, struct buf *out,
                                     enum auth_reason *reason)
{
	AUTO(secret) struct buf token;
	enum auth_step step;
	buf_init(&token, SPNEGO_MESSAGE_MOST);
	*reason = AUTH_OK;
	if (!i->begun)
		step = in.n ? refuse(AUTH_MALFORMED, reason) : begin(i, &token, out, reason);
	else if (in.n >= 8 && memcmp(in.p, "NTLMSSP", 8) == 0)
		step = step_bare(i, in, out, reason);
	else
		step = step_response(i, in, &token, out, reason);
	return buf_error(&token) || buf_error(out) ? refuse(AUTH_NO_MEMORY, reason) : step;
}

enum spnego_mechanism spnego_initiator_mechanism(const struct spnego_initiator *i)
{
	return i->chosen;
}

const char *spnego_initiator_detail(const struct spnego_initiator *i)
{
	return i->detail;
}
