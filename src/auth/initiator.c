#include "auth/initiator.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/basic.h"
#include "auth/ntlm_initiator.h"
#include "auth/secret.h"
#include "auth/spnego.h"
#include "base/encode.h"

enum { BINDINGS_MOST = 128, TOKEN_MOST = SPNEGO_MESSAGE_MOST };

enum phase { FIRST, CHALLENGED, OVER };

struct initiator {
	const struct initiator_credentials *credentials;
	enum phase phase;
	struct ntlm_initiator *ntlm;
	struct spnego_initiator *spnego;
	unsigned bindings_n;
	char bindings[BINDINGS_MOST];
};

struct initiator *initiator_new(const struct initiator_credentials *c, struct span bindings)
{
	ASSERT(bindings.n <= BINDINGS_MOST);
	struct initiator *i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	i->credentials = c;
	i->bindings_n = (unsigned)bindings.n;
	if (bindings.n)
		memcpy(i->bindings, bindings.p, bindings.n);
	return i;
}

void initiator_free(struct initiator *i)
{
	if (!i)
		return;
	ntlm_initiator_free(i->ntlm);
	spnego_initiator_free(i->spnego);
	free(i);
}

bool initiator_will_block(const struct initiator *i)
{
	return i->credentials->scheme == SCHEME_NEGOTIATE &&
	       (!i->spnego || spnego_initiator_mechanism(i->spnego) == SPNEGO_KRB5);
}

static void refuse(struct initiator *i, struct initiator_answer *out, enum auth_reason why)
{
	i->phase = OVER;
	out->step = why == AUTH_UNAVAILABLE || why == AUTH_NO_MEMORY ? AUTH_STEP_FAILED : AUTH_STEP_REFUSED;
	out->reason = why;
}

/* A full name where there is a domain: that is how a server of many domains is told. */
static void step_basic(struct initiator *i, struct initiator_answer *out)
{
	const struct initiator_credentials *c = i->credentials;
	AUTO(buf) struct buf user;
	buf_init(&user, 2048);
	if (c->domain && *c->domain) {
		buf_adds(&user, c->domain);
		buf_addc(&user, '\\');
	}
	buf_adds(&user, c->user ? c->user : "");
	if (!c->password || i->phase != FIRST) {
		refuse(i, out, c->password ? AUTH_WRONG_PASSWORD : AUTH_UNAVAILABLE);
		return;
	}
	basic_write(&out->token, buf_span(&user), span_of(c->password));
	i->phase = OVER;
	out->step = AUTH_STEP_DONE;
}

static enum auth_reason step_ntlm(struct initiator *i, struct span in, struct buf *raw)
{
	const struct initiator_credentials *c = i->credentials;
	if (i->phase == FIRST && in.n == 0) {
		if (!c->user || !*c->user || (!c->password && !c->nt_hash))
			return AUTH_UNAVAILABLE;
		i->ntlm = ntlm_initiator_new(c, span_make(i->bindings, i->bindings_n));
		i->phase = CHALLENGED;
		return i->ntlm ? ntlm_initiator_negotiate(i->ntlm, raw) : AUTH_NO_MEMORY;
	}
	if (i->phase != CHALLENGED)
		return in.n ? AUTH_MALFORMED : AUTH_WRONG_PASSWORD;
	i->phase = OVER;
	if (in.n == 0)
		return AUTH_NOT_OFFERED; /* a bare challenge in answer to our type 1 */
	return ntlm_initiator_authenticate(i->ntlm, in, raw);
}

static void answer_ntlm(struct initiator *i, struct span in, struct buf *raw, struct initiator_answer *out)
{
	enum auth_reason r = step_ntlm(i, in, raw);
	if (r != AUTH_OK)
		refuse(i, out, r);
	else
		out->step = i->phase == OVER ? AUTH_STEP_DONE : AUTH_STEP_CONTINUE;
}

/* A bare challenge after our last token, or after a ticket; or in answer to a first token that it cannot use. */
static enum auth_reason why_refused(const struct initiator *i)
{
	if (spnego_initiator_mechanism(i->spnego) == SPNEGO_KRB5)
		return AUTH_TICKET_REFUSED;
	return i->phase == OVER ? AUTH_WRONG_PASSWORD : AUTH_NOT_OFFERED;
}

static void answer_spnego(struct initiator *i, struct span in, struct buf *raw, struct initiator_answer *out)
{
	enum auth_reason r;
	if (!i->spnego)
		i->spnego = spnego_initiator_new(i->credentials, span_make(i->bindings, i->bindings_n));
	if (!i->spnego) {
		refuse(i, out, AUTH_NO_MEMORY);
		return;
	}
	if (in.n == 0 && i->phase != FIRST) {
		refuse(i, out, why_refused(i));
		return;
	}
	out->step = spnego_initiator_step(i->spnego, in, raw, &r);
	out->detail = spnego_initiator_detail(i->spnego);
	i->phase = out->step == AUTH_STEP_CONTINUE ? CHALLENGED : OVER;
	if (out->step == AUTH_STEP_REFUSED || out->step == AUTH_STEP_FAILED)
		refuse(i, out, r);
}

static int decode(struct span token68, struct buf *raw)
{
	if (token68.n == 0)
		return 0;
	if (token68.n > TOKEN_MOST / 3 * 4 || buf_reserve(raw, token68.n / 4 * 3 + 1) != 0)
		return -EINVAL;
	int n = decode_base64(token68, raw->p, raw->capacity);
	raw->n = n > 0 ? (size_t)n : 0;
	return n < 0 ? n : 0;
}

void initiator_step(struct initiator *i, struct span token68, struct initiator_answer *out)
{
	AUTO(secret) struct buf in;
	AUTO(secret) struct buf raw;
	*out = (struct initiator_answer){.detail = ""};
	buf_init(&in, TOKEN_MOST);
	buf_init(&raw, TOKEN_MOST);
	buf_init(&out->token, (size_t)TOKEN_MOST * 2);
	if (decode(token68, &in) != 0)
		refuse(i, out, AUTH_MALFORMED);
	else if (i->credentials->scheme == SCHEME_BASIC)
		step_basic(i, out);
	else if (i->credentials->scheme == SCHEME_NTLM)
		answer_ntlm(i, buf_span(&in), &raw, out);
	else
		answer_spnego(i, buf_span(&in), &raw, out);
	if (out->step != AUTH_STEP_REFUSED && out->step != AUTH_STEP_FAILED)
		encode_base64(&out->token, raw.p, raw.n);
	if (buf_error(&out->token))
		refuse(i, out, AUTH_NO_MEMORY);
}

bool initiator_has_proved(const struct initiator *i)
{
	if (i->spnego && spnego_initiator_mechanism(i->spnego) == SPNEGO_KRB5)
		return true;
	return i->phase == OVER;
}
