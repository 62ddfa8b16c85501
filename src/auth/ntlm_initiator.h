/* The client's side of one NTLM sign-in (MS-NLMP 3.1.5.1), with NTLMv2 alone: type 1 out, type 2 in, type 3 out.
 *
 * Owner: an initiator. Threads: one at a time. Errors: enum auth_reason; MALFORMED for a challenge that is none. */
#ifndef FAIRLEAD_AUTH_NTLM_INITIATOR_H
#define FAIRLEAD_AUTH_NTLM_INITIATOR_H

#include "auth/initiator.h"

struct ntlm_initiator;

/* NULL without memory. The credentials outlive it. */
struct ntlm_initiator *ntlm_initiator_new(const struct initiator_credentials *credentials, struct span bindings);
void ntlm_initiator_free(struct ntlm_initiator *i);

enum auth_reason ntlm_initiator_negotiate(struct ntlm_initiator *i, struct buf *type1);
enum auth_reason ntlm_initiator_authenticate(struct ntlm_initiator *i, struct span type2, struct buf *type3);

/* After the type 3, as for ntlm_acceptor. */
bool ntlm_initiator_mic_used(const struct ntlm_initiator *i);
bool ntlm_initiator_can_sign(const struct ntlm_initiator *i);
MUST_CHECK int ntlm_initiator_sign(const struct ntlm_initiator *i, bool by_client, struct span message,
                                   unsigned char signature[16]);

#endif
