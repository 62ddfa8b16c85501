/* The lanes of threads on which signing in may wait (net/offload.h), one for each thing that can be stuck on its own: a domain controller that is gone
 * starves neither another domain nor local accounts, Kerberos, or our own sign-in to parents.
 *
 * Owner: the process. An accounts block keeps its lane, by its name, through all reloads. Threads: made on the main thread, used by all. */
#ifndef FAIRLEAD_PROXY_LANES_H
#define FAIRLEAD_PROXY_LANES_H

#include "net/offload.h"

enum lane {
	LANE_KERBEROS,  /* tickets of clients */
	LANE_PASSWORDS, /* slow hashes: no more threads than processors */
	LANE_TICKETS,   /* of our own, for parents */
	LANE_ACCOUNTS,  /* whether those who have signed in may still be served */
	LANE_SECRETS,   /* what the lock-out guard reads and writes */
	LANE_LIMIT
};

/* 0 or -errno. Main thread. */
MUST_CHECK int lanes_start(void);
void lanes_end(void);
struct offload_lane *lane_of(enum lane which);
/* The lane of an accounts block that may wait; the same for the same name. NULL without memory. Main thread. */
struct offload_lane *lane_of_accounts(const char *name);

#endif
