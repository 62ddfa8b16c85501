/* NTLM messages from anybody: the first byte says to whom. Our acceptor's type 1 and type 3 (after a type 1 of its
 * own), our initiator's type 2. */
#include <stdlib.h>

#include "auth/ntlm_acceptor.h"
#include "auth/ntlm_crypto.h"
#include "auth/ntlm_initiator.h"
#include "auth/ntlm_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Knows the hash of every name's password, so that what comes after the proof is reached when the fuzzer's own type
 * 3 is answered for it. */
static enum auth_reason believe(const struct verifier *v, const struct ntlm_proof *proof, struct identity **who,
                                unsigned char session_base_key[16])
{
	static const unsigned char hash[16];
	struct identity like = {.shown = "x", .name = "x", .domain = "", .verifier = "x", .scheme = "ntlm"};
	enum auth_reason r = ntlm_verify_v2(hash, proof, session_base_key);
	ASSERT(r == AUTH_OK || r == AUTH_WRONG_PASSWORD || r == AUTH_MALFORMED);
	memset(session_base_key, 1, 16);
	*who = identity_new(&like);
	return AUTH_OK;
}

static const struct verifier believer = {.name = "x", .domain = "", .verify_ntlm = believe};
static const struct verifier *const believers[] = {&believer};
static const struct acceptor_policy policy = {
	.verifiers = believers, .verifier_count = 1, .netbios_computer = "P", .dns_computer = "p.example"};
static const struct initiator_credentials credentials = {
	.user = "alice", .domain = "CORP", .password = "Secret1", .spn = "HTTP/p"};

static void accept(struct span in, bool first)
{
	struct buf out;
	struct identity *who = NULL;
	buf_init(&out, NTLM_MESSAGE_MOST);
	struct ntlm_acceptor *a = ntlm_acceptor_new(&policy, SPAN("tls-server-end-point:x"));
	struct span type1 = first ? in : SPAN("NTLMSSP\0\1\0\0\0\x07\x82\x08\xe2");
	if (ntlm_acceptor_challenge(a, type1, &out) == AUTH_OK && !first)
		ASSERT((ntlm_acceptor_verify(a, in, &who) == AUTH_OK) == (who != NULL));
	identity_unref(who);
	ntlm_acceptor_free(a);
	buf_fini(&out);
}

static void initiate(struct span in)
{
	struct buf one, three;
	struct ntlm_authenticate read;
	buf_init(&one, 64);
	buf_init(&three, NTLM_MESSAGE_MOST);
	struct ntlm_initiator *i = ntlm_initiator_new(&credentials, SPAN_NONE);
	ASSERT(ntlm_initiator_negotiate(i, &one) == AUTH_OK);
	if (ntlm_initiator_authenticate(i, in, &three) == AUTH_OK)
		ASSERT(ntlm_authenticate_parse(buf_span(&three), &read) == 0 && read.nt.n >= NTLM_V2_LEAST);
	ntlm_initiator_free(i);
	buf_fini(&one);
	buf_fini(&three);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n == 0 || n > NTLM_MESSAGE_MOST)
		return 0;
	/* A copy of its own, so that reading past the end is seen. */
	char *copy = malloc(n);
	memcpy(copy, bytes + 1, n - 1);
	struct span in = span_make(copy, n - 1);
	if (bytes[0] == '2')
		initiate(in);
	else
		accept(in, bytes[0] == '1');
	free(copy);
	return 0;
}
