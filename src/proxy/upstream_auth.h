/* Signing in to a parent with credentials of our own, on a connection just made and before anything of a client goes over it: what ends error
 * 12201.
 *
 * The handshake is made with a TRACE of our own that ends at the parent (Max-Forwards: 0), so that no request of a client is ever sent emptied, twice or
 * for nothing. Threads: the exchange's fiber; what may wait for a KDC goes to the lane of tickets. */
#ifndef FAIRLEAD_PROXY_UPSTREAM_AUTH_H
#define FAIRLEAD_PROXY_UPSTREAM_AUTH_H

#include "proxy/exchange.h"

/* True: conn may be used (conn->signed_in says whether anybody asked). False: *reason, *error, and perhaps x->record.detail. */
bool upstream_sign_in(struct exchange *x, const struct member_settings *member, struct upstream_conn *conn,
                      enum end_reason *reason, int *error);
/* Whether a connection from the pool may still be used: not if the secret has changed since it was signed in, or it is too old. */
bool upstream_sign_in_holds(const struct exchange *x, const struct upstream_conn *conn);
/* The first answer to a request that carried Basic which nobody had asked us for: it says whether our secret was accepted. */
void upstream_end_trial(struct exchange *x, bool accepted);
/* Whether this upstream has credentials of ours. */
bool upstream_signs_in(const struct upstream_settings *u);

#endif
