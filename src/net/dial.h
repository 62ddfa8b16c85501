/* Connecting: Happy Eyeballs (RFC 8305) over the addresses of one host.
 *
 * Owner: the caller's stream. Threads: a fiber of any worker. Counts dial_failures_total, one for each attempt. */
#ifndef FAIRLEAD_NET_DIAL_H
#define FAIRLEAD_NET_DIAL_H

#include "net/resolve.h"
#include "net/stream.h"
#include "net/tls.h"

struct dial {
	/* in */
	struct span host; /* a name or a literal */
	uint16_t port;
	mono_ms deadline;
	/* Asked for every candidate address before connecting, also in the forms it carries (IPv4-mapped, NAT64; the
	 * unspecified address is the loopback one); false leaves it out. NULL: all are fine. */
	bool (*allowed)(const struct addr *a, void *arg);
	void *allowed_arg;
	const struct addr *source; /* bind to it; NULL: any */
	unsigned keepalive_s;
	/* out */
	struct addr connected; /* whom we reached; with an error: the last one tried, or AF_UNSPEC */
	unsigned tried;
	bool refused_by_rule; /* -EACCES: no candidate was allowed; `connected` has the first refused one */
	int64_t resolve_us, connect_us;
};

/* 0 and an open stream; what resolve() says with tried == 0; -EACCES; -ECONNREFUSED, -EHOSTUNREACH, -ETIMEDOUT ... of the
 * last attempt; -EMFILE. */
MUST_CHECK int dial(struct dial *d, struct stream *out);

#endif
