/* Questions to DNS servers: one c-ares channel of one worker, driven by the worker's loop and timers. Askers of one name
 * share one question; a question whose askers have all gone is still answered, for the cache.
 *
 * Owner: resolve.c. Threads: the worker that made it. */
#ifndef FAIRLEAD_NET_RESOLVE_DNS_H
#define FAIRLEAD_NET_RESOLVE_DNS_H

#include "net/resolve.h"

struct dns;

MUST_CHECK int dns_new(const struct resolve_settings *settings, struct dns **out);
/* No new questions: goes away by itself when the ones under way are answered. */
void dns_retire(struct dns *d);
/* All of this worker, at once; askers get -ECANCELED. */
void dns_end(void);
/* `name` in lower case. Puts the answer into the cache. 0 (ports 0) or as resolve() says. */
MUST_CHECK int dns_ask(struct dns *d, struct span name, mono_ms deadline, struct resolved *out);

#endif
