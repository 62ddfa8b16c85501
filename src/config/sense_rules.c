/* Routes and access rules: rules that can be reached, and what they refer to. */
#include "config/sense.h"

#include "base/arena.h"

enum { PATTERNS_COMPARED = 5000 };

static bool is_network_inside(const struct network *outer, const struct network *inner)
{
	return outer->bits <= inner->bits && outer->base.sa.sa_family == inner->base.sa.sa_family &&
	       network_has(outer, &inner->base);
}

/* Whether `a` matches all that `b` does; may say no where it does (globs). */
static bool pattern_covers(const struct pattern *a, const struct pattern *b)
{
	if (a->port && a->port != b->port)
		return false;
	if (a->kind == PATTERN_ANY)
		return true;
	if (a->kind == PATTERN_NETWORK && b->kind == PATTERN_NETWORK)
		return is_network_inside(&a->network, &b->network);
	if (a->kind == PATTERN_SUFFIX && (b->kind == PATTERN_NAME || b->kind == PATTERN_SUFFIX))
		return strlen(b->name) >= strlen(a->name) + (b->kind == PATTERN_NAME) &&
		       span_ends_nocase(span_of(b->name), span_of(a->name));
	return a->kind == b->kind && strcmp(a->name, b->name) == 0;
}

static const struct route_settings *route_covering(const struct settings *s, unsigned before, const struct pattern *p,
                                                   bool resolve)
{
	for (unsigned i = 0; i < before; i++)
		for (unsigned j = 0; j < s->routes[i].to.count; j++) {
			const struct pattern *earlier = &s->routes[i].to.items[j];
			/* A network that also catches names is covered by one that does too. */
			bool enough = !(resolve && p->kind == PATTERN_NETWORK) || earlier->kind == PATTERN_ANY ||
			              s->routes[i].resolve;
			if (enough && pattern_covers(earlier, p))
				return &s->routes[i];
		}
	return NULL;
}

static void check_reach_of_route(const struct settings *s, unsigned at, struct complaints *c)
{
	const struct route_settings *r = &s->routes[at], *cover = NULL;
	for (unsigned j = 0; j < r->to.count; j++) {
		cover = route_covering(s, at, &r->to.items[j], r->resolve);
		if (!cover)
			return;
	}
	if (cover)
		WARN_HERE(c, r->where, "this route is never reached: the one in %s:%d matches all of it", cover->where.file,
		          cover->where.line);
}

static void check_via_header(const struct route_settings *r, struct complaints *c)
{
	for (unsigned j = 0; j < r->to.count; j++)
		if (r->to.items[j].kind == PATTERN_ANY && !r->via_header)
			WARN_HERE(c, r->where,
			          "the Via field is left out for every host: loops are not detected any more; "
			          "name the old servers that need it in a route of their own");
}

static bool is_unconditional(const struct access_settings *r)
{
	return !r->from.count && !r->ports.count && !r->methods.count && !r->listen.count && !r->users.count &&
	       !r->groups.count;
}

static bool access_covers(const struct access_settings *a, const struct pattern *p)
{
	for (unsigned i = 0; i < a->to.count; i++)
		if (pattern_covers(&a->to.items[i], p))
			return true;
	return a->to.count == 0;
}

/* An allow rule that writes addresses opens what is protected, also behind a rule that allows all. */
static bool opens_protected(const struct access_settings *earlier, const struct access_settings *r)
{
	if (r->action != ACCESS_ALLOW || earlier->action != ACCESS_ALLOW)
		return false;
	for (unsigned i = 0; i < r->to.count; i++)
		if (r->to.items[i].kind == PATTERN_NETWORK)
			return true;
	return false;
}

static bool access_covers_rule(const struct access_settings *earlier, const struct access_settings *r)
{
	static const struct pattern any = {.kind = PATTERN_ANY};
	if (!is_unconditional(earlier) || opens_protected(earlier, r))
		return false;
	if (r->to.count == 0)
		return access_covers(earlier, &any);
	for (unsigned i = 0; i < r->to.count; i++)
		if (!access_covers(earlier, &r->to.items[i]))
			return false;
	return true;
}

static const char *known_listens(const struct settings *s)
{
	const char *text = "";
	for (unsigned i = 0; i < s->listen_count && text; i++)
		text = arena_printf(s->memory, "%s%s\"%s\"", text, i ? ", " : "", s->listens[i].address);
	return text ? text : "";
}

static void check_references(const struct settings *s, const struct access_settings *r, struct complaints *c)
{
	for (unsigned i = 0; i < r->listen.count; i++) {
		unsigned j = 0;
		while (j < s->listen_count && strcmp(s->listens[j].address, r->listen.items[i]) != 0)
			j++;
		if (j == s->listen_count)
			ERROR_HERE(c, r->where, "listen = {\"%s\"} in this rule is no listener; there are %s", r->listen.items[i],
			           known_listens(s));
	}
	for (unsigned i = 0; i < r->methods.count; i++)
		if (r->methods.items[i][strspn(r->methods.items[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")])
			ERROR_HERE(c, r->where, "methods are written in capitals, like \"GET\" or \"CONNECT\"; \"%s\" is none",
			           r->methods.items[i]);
}

/* Every pattern is compared with every one before it: not worth the time where there are very many. */
static bool are_few(const struct settings *s)
{
	unsigned patterns = 0;
	for (unsigned i = 0; i < s->route_count; i++)
		patterns += s->routes[i].to.count;
	for (unsigned i = 0; i < s->access_count; i++)
		patterns += s->access[i].to.count + 1;
	return patterns <= PATTERNS_COMPARED;
}

static void check_reach_of_rule(const struct settings *s, unsigned at, struct complaints *c)
{
	for (unsigned j = 0; j < at; j++) {
		if (!access_covers_rule(&s->access[j], &s->access[at]))
			continue;
		WARN_HERE(c, s->access[at].where, "this rule is never reached: the one in %s:%d matches all of it",
		          s->access[j].where.file, s->access[j].where.line);
		return;
	}
}

void settings_check_rules(struct settings *s, struct complaints *c)
{
	bool few = are_few(s);
	for (unsigned i = 0; i < s->route_count; i++) {
		check_via_header(&s->routes[i], c);
		if (few)
			check_reach_of_route(s, i, c);
	}
	for (unsigned i = 0; i < s->access_count; i++) {
		check_references(s, &s->access[i], c);
		if (few)
			check_reach_of_rule(s, i, c);
	}
}
