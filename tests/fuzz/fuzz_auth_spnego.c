/* SPNEGO from anybody: a conversation in which each token is preceded by its length in two bytes. The first byte
 * says to whom. */
#include <stdlib.h>

#include "auth/spnego.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static enum auth_reason believe(const struct verifier *v, const struct ntlm_proof *proof, struct identity **who,
                                unsigned char session_base_key[16])
{
	struct identity like = {.shown = "x", .name = "x", .domain = "", .verifier = "x", .scheme = "ntlm"};
	memset(session_base_key, 1, 16);
	*who = identity_new(&like);
	return AUTH_OK;
}

static const struct verifier believer = {.name = "x", .domain = "", .verify_ntlm = believe};
static const struct verifier *const believers[] = {&believer};
static const struct acceptor_policy policy = {
	.verifiers = believers, .verifier_count = 1, .ntlm_in_negotiate = true, .netbios_computer = "P"};
static const struct initiator_credentials credentials = {
	.scheme = SCHEME_NEGOTIATE, .user = "alice", .password = "Secret1"};

/* What parses is written again the same, but for the hints and frames that we do not write. */
static void write_again(struct span in)
{
	struct spnego_response r, again;
	struct buf out;
	if (spnego_response_parse(in, &r) != 0)
		return;
	buf_init(&out, (size_t)2 * SPNEGO_MESSAGE_MOST);
	spnego_response_write(&out, &r);
	ASSERT(buf_error(&out) == 0 && spnego_response_parse(buf_span(&out), &again) == 0);
	ASSERT(again.state == r.state && span_eq(again.token, r.token) && span_eq(again.mic, r.mic) &&
	       span_eq(again.mechanism, r.mechanism));
	buf_fini(&out);
}

static bool next_token(struct span *rest, char **token, size_t *n)
{
	if (rest->n < 2)
		return false;
	*n = (size_t)(unsigned char)rest->p[0] << 8 | (unsigned char)rest->p[1];
	*n = *n < rest->n - 2 ? *n : rest->n - 2;
	*token = malloc(*n + 1);
	memcpy(*token, rest->p + 2, *n);
	*rest = span_make(rest->p + 2 + *n, rest->n - 2 - *n);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct span rest = span_make((const char *)bytes + 1, n ? n - 1 : 0);
	struct spnego_acceptor *a = spnego_acceptor_new(&policy, SPAN_NONE);
	struct spnego_initiator *i = spnego_initiator_new(&credentials, SPAN_NONE);
	bool to_initiator = n && bytes[0] == 'i';
	enum auth_step step = AUTH_STEP_CONTINUE;
	enum auth_reason reason;
	struct buf out;
	char *token;
	size_t size;
	buf_init(&out, SPNEGO_MESSAGE_MOST);
	if (to_initiator)
		step = spnego_initiator_step(i, SPAN_NONE, &out, &reason);
	while (step == AUTH_STEP_CONTINUE && next_token(&rest, &token, &size)) {
		struct identity *who = NULL;
		buf_clear(&out);
		write_again(span_make(token, size));
		if (to_initiator)
			step = spnego_initiator_step(i, span_make(token, size), &out, &reason);
		else
			step = spnego_acceptor_step(a, span_make(token, size), &out, &who, &reason);
		ASSERT(to_initiator || (step == AUTH_STEP_DONE) == (who != NULL));
		identity_unref(who);
		free(token);
	}
	spnego_acceptor_free(a);
	spnego_initiator_free(i);
	buf_fini(&out);
	return 0;
}
