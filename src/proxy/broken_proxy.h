/* Proxies in front of our clients that break sign-in by connection, as far as they have shown themselves: a later message of a handshake came over a
 * connection that never saw the first. Remembered by the client's address and its Via field, for a while, and not too many.
 *
 * Owner: the process. Threads: any; one lock, held for a look-up in memory. */
#ifndef FAIRLEAD_PROXY_BROKEN_PROXY_H
#define FAIRLEAD_PROXY_BROKEN_PROXY_H

#include "base/addr.h"
#include "base/span.h"

/* It has just done so. True: that is news. */
bool broken_proxy_note(const struct addr *client, struct span via);
bool broken_proxy_known(const struct addr *client, struct span via);

#endif
