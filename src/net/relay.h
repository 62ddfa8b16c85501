/* Two streams joined until both have ended: copies while reads are small, splices a direction while reads keep filling the
 * buffer. Holds no fiber, and when idle no buffer and no pipe. Half-close is kept.
 *
 * Owner: the relay owns both streams from relay_start() on and closes them before it calls on_end, once. */
#ifndef FAIRLEAD_NET_RELAY_H
#define FAIRLEAD_NET_RELAY_H

#include "net/stream.h"

struct relay;

enum relay_end {
	RELAY_DONE, /* both directions ended in order */
	RELAY_IDLE, /* nothing moved for the idle time */
	RELAY_CLIENT_FAILED,
	RELAY_SERVER_FAILED,
	RELAY_TOLD /* relay_stop() */
};

struct relay_result {
	enum relay_end end;
	uint64_t to_server, to_client; /* bytes moved by the relay */
	int64_t lasted_ms;
};

/* `client` and `server` are moved into the relay (their watches are re-pointed; the caller's structs are then closed shells).
 * Bytes the caller has already read go in as *_first and are sent before anything else. 0 or -errno (then nothing moved). */
MUST_CHECK int relay_start(struct stream *client, struct span client_first, struct stream *server,
                           struct span server_first, int64_t idle_ms,
                           void (*on_end)(const struct relay_result *r, void *arg), void *arg, struct relay **out);
void relay_stop(struct relay *r);

#endif
