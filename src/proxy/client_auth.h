/* Signing clients in to us (407): the step of the exchange, and what of it the client's connection keeps (struct client_auth in client.h).
 *
 * Threads: one worker; verifying that may wait goes to an offload lane, which then owns the acceptor until it is done. */
#ifndef FAIRLEAD_PROXY_CLIENT_AUTH_H
#define FAIRLEAD_PROXY_CLIENT_AUTH_H

#include "proxy/exchange.h"

void client_auth_fini(struct client_auth *auth);
/* The connection ends: an unfinished handshake says something of who is between. */
void client_auth_ended(struct client_auth *auth);
/* True while a challenge of ours is unanswered. */
bool client_auth_in_handshake(const struct client_auth *auth);

/* Whether somebody has to be named before this request may pass, and nobody is: then the answer is a challenge. */
bool must_sign_in(const struct exchange *x, const struct access_answer *answer);
/* Whether this listener asks anybody at all. */
bool can_challenge(const struct exchange *x);
/* 407 with what this listener offers: only where can_challenge(). */
enum step challenge_client(struct exchange *x, enum end_reason reason);

#endif
