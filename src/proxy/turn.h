/* A turn to use a secret of ours: what stands between upstream_auth.c and the lock-out guard, which may have to wait for a disk.
 *
 * Threads: the exchange's fiber; what waits goes to a lane. */
#ifndef FAIRLEAD_PROXY_TURN_H
#define FAIRLEAD_PROXY_TURN_H

#include "proxy/credentials.h"
#include "proxy/lockout.h"

struct exchange;

/* Waits until this secret may be tried. 0: do so, then turn_end(); -EACCES: it is held, and x->record.detail says why; -ETIMEDOUT, -ECANCELED. */
MUST_CHECK int turn_take(struct exchange *x, const struct credentials *c, mono_ms deadline);
void turn_end(struct exchange *x, const struct credentials *c, enum lockout_outcome outcome);

#endif
