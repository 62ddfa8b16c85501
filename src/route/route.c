#include "route/route.h"

static bool list_has_network(const struct pattern_list *l, uint16_t port)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->items[i].kind == PATTERN_NETWORK && (!l->items[i].port || l->items[i].port == port))
			return true;
	return false;
}

static bool matches_as_written(const struct route_settings *rule, const struct route_question *q)
{
	return pattern_list_matches(&rule->to, q->host, q->host_is_literal, &q->literal, q->port);
}

/* A name's addresses against the networks of a rule with resolve = true; one that lies inside suffices. */
static bool matches_resolved(const struct route_settings *rule, const struct route_question *q)
{
	if (!rule->resolve || q->host_is_literal)
		return false;
	for (unsigned i = 0; i < rule->to.count; i++)
		for (unsigned j = 0; j < q->resolved_count; j++)
			if (rule->to.items[i].kind == PATTERN_NETWORK &&
			    pattern_matches(&rule->to.items[i], q->host, true, &q->resolved[j], q->port))
				return true;
	return false;
}

bool route_needs_addresses(const struct settings *s, const struct route_question *q)
{
	if (q->host_is_literal)
		return false;
	for (unsigned i = 0; i < s->route_count; i++) {
		const struct route_settings *rule = &s->routes[i];
		if (matches_as_written(rule, q))
			return false;
		if (rule->resolve && list_has_network(&rule->to, q->port))
			return true;
	}
	return false;
}

void route_decide(const struct settings *s, const struct route_question *q, struct route *out)
{
	*out = (struct route){.via = VIA_DIRECT, .via_header = true, .pin = true};
	for (unsigned i = 0; i < s->route_count; i++) {
		const struct route_settings *rule = &s->routes[i];
		if (!matches_as_written(rule, q) && !matches_resolved(rule, q))
			continue;
		*out = (struct route){.via = rule->via,
		                      .upstream = rule->upstream,
		                      .rule = rule,
		                      .via_header = rule->via_header,
		                      .pin = rule->pin};
		return;
	}
}

const char *route_explain(const struct route *r, struct arena *memory)
{
	const char *to = r->via == VIA_UPSTREAM ? "upstream " : "direct", *name = r->upstream ? r->upstream->name : "";
	if (!r->rule)
		return arena_printf(memory, "%s%s (no route matches)", to, name);
	return arena_printf(memory, "%s%s (rule at %s:%d)", to, name, r->rule->where.file, r->rule->where.line);
}
