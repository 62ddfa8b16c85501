/* A c-ares channel driven by a worker's loop: its sockets by epoll, its timeouts by a timer.
 *
 * Owner: whoever embeds it. Threads: one worker. */
#ifndef FAIRLEAD_NET_RESOLVE_CHANNEL_H
#define FAIRLEAD_NET_RESOLVE_CHANNEL_H

#include <ares.h>

#include "net/resolve.h"
#include "net/worker_internal.h"

enum { MOST_DOMAINS = 6, NAME_ROOM = 256 };

struct channel {
	ares_channel ares;
	struct link sockets;
	struct timer timer;
	struct later write_soon;
	unsigned sweep;
	bool ending;                 /* whatever c-ares still calls back for is told to end */
	char *domains[MOST_DOMAINS]; /* the system's search list, which c-ares itself does not use here */
	unsigned domain_count;
};

/* 0, -EINVAL (`servers`) or -ENOMEM. */
MUST_CHECK int channel_open(struct channel *c, const struct resolve_settings *settings);
/* Ends all look-ups: their callbacks run first. */
void channel_close(struct channel *c);
/* To be called after c-ares was asked something from outside its callbacks. */
void channel_asked(struct channel *c);

#endif
