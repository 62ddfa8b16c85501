/* Patterns of hosts. Literal addresses are matched by "*" and by networks alone: a name never stands for an address. */
#include "route/route.h"

/* '*' stands for any run of characters. Backs up to the last star only, so the work is bounded by pattern times text. */
static bool glob_matches(struct span glob, struct span text)
{
	size_t g = 0, t = 0, star = SIZE_MAX, resume = 0;
	while (t < text.n) {
		if (g < glob.n && glob.p[g] == '*') {
			star = g++;
			resume = t;
		} else if (g < glob.n && glob.p[g] == text.p[t]) {
			g++;
			t++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (g < glob.n && glob.p[g] == '*')
		g++;
	return g == glob.n;
}

static bool name_matches(const struct pattern *p, struct span host)
{
	struct span name = span_of(p->name);
	switch (p->kind) {
	case PATTERN_NAME:
		return span_eq_nocase(host, name);
	case PATTERN_SUFFIX:
		return host.n > name.n && span_ends_nocase(host, name);
	case PATTERN_GLOB:
		return glob_matches(name, host);
	case PATTERN_LOCAL:
		return host.n > 0 && !memchr(host.p, '.', host.n);
	default:
		return false;
	}
}

bool pattern_matches(const struct pattern *p, struct span host, bool is_literal, const struct addr *literal,
                     uint16_t port)
{
	if (p->port && p->port != port)
		return false;
	if (p->kind == PATTERN_ANY)
		return true;
	if (!is_literal)
		return name_matches(p, host);
	struct addr plain = *literal;
	addr_unmap(&plain);
	return p->kind == PATTERN_NETWORK && network_has(&p->network, &plain);
}

bool pattern_list_matches(const struct pattern_list *l, struct span host, bool is_literal, const struct addr *literal,
                          uint16_t port)
{
	for (unsigned i = 0; i < l->count; i++)
		if (pattern_matches(&l->items[i], host, is_literal, literal, port))
			return true;
	return false;
}
