/* The server's side of one NTLM sign-in (MS-NLMP 3.2.5.1): type 1 in, type 2 out, type 3 in, identity out.
 *
 * Owner: an acceptor, for the length of the sign-in. Threads: one at a time. Errors: enum auth_reason; AUTH_OK else. */
#ifndef FAIRLEAD_AUTH_NTLM_ACCEPTOR_H
#define FAIRLEAD_AUTH_NTLM_ACCEPTOR_H

#include "auth/acceptor.h"

struct ntlm_acceptor;

/* `bindings`: as for acceptor_new(). NULL without memory. */
struct ntlm_acceptor *ntlm_acceptor_new(const struct acceptor_policy *policy, struct span bindings);
void ntlm_acceptor_free(struct ntlm_acceptor *a);

/* A second type 1 begins anew. */
enum auth_reason ntlm_acceptor_challenge(struct ntlm_acceptor *a, struct span type1, struct buf *type2);
/* *who is the verifier's, a new reference, only with AUTH_OK. Calls the verifier, once for each challenge. */
enum auth_reason ntlm_acceptor_verify(struct ntlm_acceptor *a, struct span type3, struct identity **who);

/* After AUTH_OK. Whether the messages carried an integrity code (then SPNEGO's list of mechanisms has one too), and
 * whether the client can sign at all. */
bool ntlm_acceptor_mic_used(const struct ntlm_acceptor *a);
bool ntlm_acceptor_can_sign(const struct ntlm_acceptor *a);
/* What the client's, or our, first signature over `message` is. 0 or -ENOMEM. */
MUST_CHECK int ntlm_acceptor_sign(const struct ntlm_acceptor *a, bool by_client, struct span message,
                                  unsigned char signature[16]);
/* `CORP\alice from WS7`, as the client claims; "" before the type 3. */
const char *ntlm_acceptor_claim(const struct ntlm_acceptor *a);

#endif
