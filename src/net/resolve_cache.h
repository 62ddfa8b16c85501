/* Answers of the resolver, kept for their time to live and shared by all workers.
 *
 * Owner: the process. Threads: any; one mutex, held for a look-up and a copy. */
#ifndef FAIRLEAD_NET_RESOLVE_CACHE_H
#define FAIRLEAD_NET_RESOLVE_CACHE_H

#include "net/resolve.h"

/* How many names are kept; 0 keeps none. The least recently used one makes room. */
void resolve_cache_limit(unsigned entries);
/* `name` in lower case. True when an answer is known: *status is 0 (*out has the addresses, port 0) or a -errno. */
bool resolve_cache_get(struct span name, mono_ms now, struct resolved *out, int *status);
/* Keeps an answer until `until`; without memory it is simply not kept. */
void resolve_cache_put(struct span name, int status, const struct resolved *found, mono_ms until);
/* How many names are kept now, expired ones included. */
unsigned resolve_cache_count(void);

#endif
