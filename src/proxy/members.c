#include "proxy/members.h"

#include "base/counters.h"
#include "base/log.h"

enum {
	REST_MS = 10000,                  /* of a member that nobody probes, or with which no sign-in could be made */
	REFUSED_REST_MS = 30 * 60 * 1000, /* the window of the lock-out guard */
};

static mono_ms down_until(const struct upstream_settings *u, mono_ms now)
{
	return u->probe ? NEVER : clock_after(now, REST_MS);
}

void member_failed(const struct upstream_settings *u, struct member_state *members, unsigned at, const char *why,
                   mono_ms now)
{
	struct member_state *s = &members[at];
	mono_ms before = atomic_exchange(&s->down_until, down_until(u, now));
	if (before > now) /* known already */
		return;
	if (before == 0)
		atomic_store(&s->since, now);
	COUNT(members_lost_total);
	if (u->probe)
		log_event(LOG_WARNING, "%s: member %s cannot be reached (%s): left out, and probed every %lld ms", u->name,
		          u->members[at].address, why, (long long)u->probe);
	else
		log_event(LOG_WARNING, "%s: member %s cannot be reached (%s): left out for %d s", u->name,
		          u->members[at].address, why, REST_MS / 1000);
}

void member_answered(const struct upstream_settings *u, struct member_state *members, unsigned at, mono_ms now)
{
	struct member_state *s = &members[at];
	if (s->down_until == 0 || atomic_exchange(&s->down_until, 0) == 0)
		return;
	mono_ms since = atomic_exchange(&s->since, now);
	COUNT(members_back_total);
	log_event(LOG_INFO, "%s: member %s answers again after %lld s", u->name, u->members[at].address,
	          (long long)(now - since) / 1000);
}

void member_refused(struct member_state *members, unsigned at, bool proof, mono_ms now)
{
	atomic_store(&members[at].refuses_until, clock_after(now, proof ? REFUSED_REST_MS : REST_MS));
}

static void inherit_one(const struct upstream_settings *u, struct member_state *s, const struct member_state *known,
                        mono_ms now)
{
	s->refuses_until = known->refuses_until;
	if (!member_is_down(known, now))
		return;
	s->down_until = down_until(u, now);
	s->since = known->since;
}

void members_inherit(const struct upstream_settings *u, struct member_state *members,
                     const struct upstream_settings *old, const struct member_state *known, mono_ms now)
{
	for (unsigned i = 0; i < u->member_count; i++)
		for (unsigned k = 0; k < old->member_count; k++)
			if (strcmp(u->members[i].address, old->members[k].address) == 0)
				inherit_one(u, &members[i], &known[k], now);
}
