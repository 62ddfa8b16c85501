/* Proxies in front of our clients that break sign-in by connection, as far as they have shown themselves. Two signs: a later message of a handshake
 * came over a connection that never saw the first; or one connection after the other ended in mid-handshake, and none came through. Remembered by the
 * client's address and its Via field, for a while, and not too many.
 *
 * Owner: the process. Threads: any; one lock, held for a look-up in memory, and taken only once something has been seen. */
#ifndef FAIRLEAD_PROXY_BROKEN_PROXY_H
#define FAIRLEAD_PROXY_BROKEN_PROXY_H

#include "base/addr.h"
#include "base/span.h"

/* Who is remembered: never 0. */
uint64_t broken_proxy_key(const struct addr *client, struct span via);

/* The first sign. True: that is news. */
bool broken_proxy_note(uint64_t key);
/* A connection ended in mid-handshake; a handshake came through. */
void broken_proxy_abandoned(uint64_t key);
void broken_proxy_came_through(uint64_t key);
/* The second sign has come, and nobody has been told yet: so that an untrue sign costs one page and shuts nobody out. */
bool broken_proxy_tell(uint64_t key);
bool broken_proxy_known(uint64_t key);
/* Something was seen since the start: mostly not, and then there is no need to ask. */
bool broken_proxy_any(void);

#endif
