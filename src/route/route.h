/* Where a request goes: the first `route` that matches.
 *
 * Pure. A name routed to a parent is never resolved here. */
#ifndef FAIRLEAD_ROUTE_ROUTE_H
#define FAIRLEAD_ROUTE_ROUTE_H

#include "base/arena.h"
#include "config/settings.h"

struct route {
	enum route_via via;
	const struct upstream_settings *upstream;
	const struct route_settings *rule; /* NULL: none matched, so direct */
	bool via_header;
	bool pin;
};

struct route_question {
	struct span host; /* folded, without brackets */
	bool host_is_literal;
	struct addr literal;
	uint16_t port;
	const struct addr
		*resolved; /* addresses of the name, if they were looked up because route_needs_addresses() said so */
	unsigned resolved_count;
};

/* True if some rule that could decide has resolve = true, and its networks need the name's addresses. */
bool route_needs_addresses(const struct settings *s, const struct route_question *q);
void route_decide(const struct settings *s, const struct route_question *q, struct route *out);
/* One line for `fairlead route URL` and logs: "direct (rule at fairlead.conf:12)". */
const char *route_explain(const struct route *r, struct arena *memory);

bool pattern_matches(const struct pattern *p, struct span host, bool is_literal, const struct addr *literal,
                     uint16_t port);
bool pattern_list_matches(const struct pattern_list *l, struct span host, bool is_literal, const struct addr *literal,
                          uint16_t port);

/* The order in which members of an upstream are tried for a client: those without `backup` rotated by the client's address, then the backups
 * in order. Members known to be down (see upstream health) go last. Fills `order` (room for member_count indices), returns the count. */
unsigned upstream_order(const struct upstream_settings *u, const struct addr *client, const bool *down,
                        unsigned *order);

#endif
