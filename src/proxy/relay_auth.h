/* Relay: the client's own Proxy-Authorization goes to the parent, and the parent's 407 to the client (RFC 9110 11.7.2),
 * on listeners that ask nobody themselves.
 *
 * The two hops are bound to each other by one pin for (client connection, parent): what crosses it signs in the
 * connection between us and the parent, so that all that this client asks of this parent, for whatever site, goes over
 * that one connection, as if it were connected to the parent itself. A sign-in to a site goes over it too: then one
 * connection carries both. Threads: the exchange's fiber. */
#ifndef FAIRLEAD_PROXY_RELAY_AUTH_H
#define FAIRLEAD_PROXY_RELAY_AUTH_H

#include "proxy/exchange.h"

/* Whether this upstream is signed in to by whoever asks, with his own credentials. */
bool upstream_relays(const struct upstream_settings *u);

/* Once the route is known: whether this exchange relays, where its pin is found, and what the request brings. */
void relay_read_request(struct exchange *x);
/* What a request with credentials is to its pin. */
enum pin_event relay_event_of_request(struct exchange *x);
/* What the answer is to its pin; the challenges have been read. */
enum pin_event relay_event_of_answer(const struct exchange *x);

/* A head whose hop fields were dropped keeps what is between the client and the parent, on a connection to it. */
void relay_keep_credentials(struct exchange *x);
void relay_keep_challenges(struct exchange *x);
/* The whole lines of them, for an answer that we write ourselves: the 200 of a tunnel. */
void relay_write_challenges(const struct exchange *x, struct buf *to);

#endif
