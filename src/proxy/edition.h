/* An edition: one generation of the settings with what was opened for it: logs, TLS, verifiers.
 *
 * Owner: counted; the process has one, and every worker that still serves by it. Threads: made on the main thread, immutable afterwards but for the
 * health of members, which is atomic. */
#ifndef FAIRLEAD_PROXY_EDITION_H
#define FAIRLEAD_PROXY_EDITION_H

#include "base/ref.h"
#include "config/settings.h"
#include "proxy/members.h"

struct sign_on;
struct tls_client;
struct tls_server;

/* One generation of settings with what was opened for it. Shared by all workers, counted. */
struct edition {
	struct ref ref;
	uint64_t number; /* never given out twice, as its address may be: a part of the pool's keys */
	struct settings *settings;
	struct log *access_log;         /* NULL: none */
	struct log **site_logs;         /* one a site; NULL: its lines go to the access log */
	struct tls_client **tls;        /* one a hop;       NULL where it is plain */
	struct tls_server **listen_tls; /* one a listener; NULL where it is plain */
	struct sign_on *sign_on;        /* who verifies clients */
	struct member_state **members;  /* [hop][member]: what one worker found out, all know */
};
/* Takes the settings over, also on failure; what was wrong has gone to the events log. 0 or -errno. Main thread. */
MUST_CHECK int edition_new(struct settings *s, struct edition **out);
/* The members of `old` that are down stay so. */
void edition_inherit(struct edition *e, const struct edition *old);
struct edition *edition_ref(struct edition *e);
void edition_unref(struct edition *e); /* NULL is fine */

#endif
