/* Names to addresses: c-ares, a hosts file, and a cache with the answers' times to live (negative answers too); askers of
 * one name share one question.
 *
 * Threads: fibers of any worker. */
#ifndef FAIRLEAD_NET_RESOLVE_H
#define FAIRLEAD_NET_RESOLVE_H

#include "base/addr.h"
#include "base/clock.h"

struct resolve_settings {
	const char *servers;    /* "127.0.0.1:5353,192.0.2.1"; NULL: those of /etc/resolv.conf */
	const char *hosts_file; /* read before asking; NULL: /etc/hosts */
	int64_t timeout_ms;     /* of the whole look-up */
	int64_t negative_ms;    /* how long a "no such name" is believed */
	int64_t longest_ms;     /* an answer is believed no longer than this, whatever its time to live */
	unsigned cache_entries;
};

/* Once per worker, in its start function; may be called again with new settings (a reload): questions under way are then
 * ended by the old ones. 0 or -errno (-EINVAL: `servers`). Stops by itself when the worker is told to stop. */
MUST_CHECK int resolve_start(const struct resolve_settings *settings);
void resolve_stop(void);

enum { RESOLVE_MOST = 16 };
struct resolved {
	unsigned count;
	struct addr addrs[RESOLVE_MOST]; /* as the servers gave them; families interleaved by dial */
};
/* A literal is its own answer, localhost and *.localhost are the loopback addresses; then the hosts file, the cache, the
 * servers (for a name without a dot in the domains of the system's search list first). 0; -ENOENT no such name;
 * -ETIMEDOUT; -EHOSTUNREACH no server answers or they fail; -ECANCELED; -EINVAL not a host name: empty or over-long parts,
 * a dot at the end, characters that names do not have, or a number as the last label (the short, octal, hexadecimal and
 * decimal forms of addresses that inet_aton() takes are never addresses here). */
MUST_CHECK int resolve(struct span host, uint16_t port, mono_ms deadline, struct resolved *out);

#endif
