/* Threads for what blocks, in lanes that cannot starve each other.
 *
 * A job cannot be cancelled: its argument is a counted heap object freed by whoever finishes last. */
#ifndef FAIRLEAD_NET_OFFLOAD_H
#define FAIRLEAD_NET_OFFLOAD_H

#include "base/clock.h"
#include "base/error.h"

struct offload_lane;

/* `threads` at most, started when needed; `queue` jobs may wait. `name` for logs and thread names. */
MUST_CHECK int offload_lane_new(const char *name, unsigned threads, unsigned queue, struct offload_lane **out);
/* Waits a moment for running jobs. A thread that is stuck in one is left to the end of the process, and the lane with it. NULL is fine. */
void offload_lane_free(struct offload_lane *lane);

/* Runs fn(arg) on a thread of the lane; the fiber waits. `release(arg)` is called exactly once, by whoever finishes last (also when the
 * job never ran). 0 when fn ran and ended, -EBUSY (queue full), -ETIMEDOUT (not begun or not ended in time; the job may still run),
 * -ECANCELED. Read results from arg before returning: offload() keeps its own reference only during the call, so take one. */
MUST_CHECK int offload(struct offload_lane *lane, void (*fn)(void *arg), void *arg, void (*release)(void *arg),
                       mono_ms deadline);

#endif
