/* Which members of an upstream are down: requests and the prober find it out, all workers know it at once.
 *
 * Owner: the edition, one array an upstream. Threads: any. A request on its way does one plain atomic read a member; only what changes is written. */
#ifndef FAIRLEAD_PROXY_MEMBERS_H
#define FAIRLEAD_PROXY_MEMBERS_H

#include "base/clock.h"
#include "config/settings.h"

struct member_state {
	_Atomic(mono_ms) down_until;    /* 0: up. NEVER: down until a probe reaches it */
	_Atomic(mono_ms) since;         /* when it went down or came back; 0: up from the beginning */
	_Atomic(mono_ms) refuses_until; /* it did not let us sign in: the others are asked first */
};

static inline bool member_is_down(const struct member_state *s, mono_ms now)
{
	return atomic_load_explicit(&s->down_until, memory_order_relaxed) > now;
}

static inline bool member_refuses(const struct member_state *s, mono_ms now)
{
	return atomic_load_explicit(&s->refuses_until, memory_order_relaxed) > now;
}

/* `members[at]` of `u` failed; `why` in a few words. Said in the log once, until it has answered again. Without probes it rests for a while. */
void member_failed(const struct upstream_settings *u, struct member_state *members, unsigned at, const char *why,
                   mono_ms now);
/* It answered, whoever asked. */
void member_answered(const struct upstream_settings *u, struct member_state *members, unsigned at, mono_ms now);
/* It did not take our sign-in. `proof`: it saw our credentials and said no, which is not to be repeated soon: accounts get locked. */
void member_refused(struct member_state *members, unsigned at, bool proof, mono_ms now);
/* After a reload: what was known of the members that stay. */
void members_inherit(const struct upstream_settings *u, struct member_state *members,
                     const struct upstream_settings *old, const struct member_state *known, mono_ms now);

#endif
