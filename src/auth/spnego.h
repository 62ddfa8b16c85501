/* SPNEGO (RFC 4178), the only one here: it agrees on Kerberos or NTLM, carries their tokens, and protects the choice
 * by a mechListMIC.
 *
 * Owner: an acceptor or an initiator. Threads: one at a time; steps may wait as Kerberos and verifiers do. Errors:
 * an enum auth_reason beside the step. Tokens are raw; `out` is appended to. */
#ifndef FAIRLEAD_AUTH_SPNEGO_H
#define FAIRLEAD_AUTH_SPNEGO_H

#include "auth/acceptor.h"
#include "auth/initiator.h"
#include "auth/spnego_der.h"

struct spnego_acceptor;

/* `bindings` outlives it. NULL without memory. */
struct spnego_acceptor *spnego_acceptor_new(const struct acceptor_policy *policy, struct span bindings);
void spnego_acceptor_free(struct spnego_acceptor *a);
/* *who, a new reference, only with DONE, and never before a mechListMIC that has to be there was found right. */
enum auth_step spnego_acceptor_step(struct spnego_acceptor *a, struct span in, struct buf *out, struct identity **who,
                                    enum auth_reason *reason);
/* Chosen so far. */
enum spnego_mechanism spnego_acceptor_mechanism(const struct spnego_acceptor *a);
const char *spnego_acceptor_detail(const struct spnego_acceptor *a);

struct spnego_initiator;

struct spnego_initiator *spnego_initiator_new(const struct initiator_credentials *credentials, struct span bindings);
void spnego_initiator_free(struct spnego_initiator *i);
/* `in` is empty at the beginning. After DONE one more token may be handed in, if the other end sends one with its
 * answer: it is verified. */
enum auth_step spnego_initiator_step(struct spnego_initiator *i, struct span in, struct buf *out,
                                     enum auth_reason *reason);
enum spnego_mechanism spnego_initiator_mechanism(const struct spnego_initiator *i);
const char *spnego_initiator_detail(const struct spnego_initiator *i);

/* NTLM's placeholder for a signature where signing was not negotiated (MS-NLMP 3.4.4): it says nothing. */
bool spnego_is_dummy_mic(struct span mic);

#endif
