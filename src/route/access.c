/* Two looks at every request: by what is written in it (access_check), and, for a direct connection to a name, by every
 * address that the name turned out to have (access_address_allowed), so that no name leads where its address may not.
 *
 * Rules are walked in order each time. A protected address is special in one way only: an allow rule that matches by a
 * name or by "*" neither opens it nor ends the search; a written address or network opens it, a deny rule ends it. */
#include "route/access.h"

#include "http/uri.h"
#include "route/route.h"

bool access_client_allowed(const struct listen_settings *listen, const struct addr *client)
{
	for (unsigned i = 0; i < listen->clients.count; i++)
		if (network_has(&listen->clients.items[i], client))
			return true;
	return false;
}

bool access_is_intermediary(const struct listen_settings *listen, const struct addr *client)
{
	for (unsigned i = 0; i < listen->intermediaries.count; i++)
		if (network_has(&listen->intermediaries.items[i], client))
			return true;
	return false;
}

/* ---- what is protected ---- */

static bool is_own_address(const struct settings *s, const struct addr *a)
{
	for (unsigned i = 0; i < s->own_address_count; i++)
		if (addr_same_host(&s->own_addresses[i], a))
			return true;
	return false;
}

/* Compared by the port asked for: the candidate's own may not be set yet. */
static bool is_own_listener(const struct settings *s, const struct addr *a, uint16_t port)
{
	for (unsigned i = 0; i < s->listen_count; i++) {
		const struct addr *ours = &s->listens[i].addr;
		if (addr_port(ours) != port)
			continue;
		if (addr_is_unspecified(ours) ? is_own_address(s, a) : addr_same_host(ours, a))
			return true;
	}
	return false;
}

/* Amazon serves its metadata at this unique local address too. */
static bool is_metadata(const struct addr *a)
{
	static const unsigned char amazon[16] = {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};
	return a->sa.sa_family == AF_INET6 && memcmp(&a->v6.sin6_addr, amazon, sizeof(amazon)) == 0;
}

/* 0.0.0.0/8, "this host" (RFC 1122 3.2.1.3): Linux connects 0.0.0.0 to itself. */
static bool is_this_host(const struct addr *a)
{
	struct addr plain = *a;
	addr_unmap(&plain);
	if (plain.sa.sa_family == AF_INET)
		return ntohl(plain.v4.sin_addr.s_addr) >> 24 == 0;
	return addr_is_unspecified(&plain);
}

static bool is_protected(const struct settings *s, const struct addr *a, uint16_t port)
{
	return addr_is_loopback(a) || addr_is_link_local(a) || is_this_host(a) || is_metadata(a) ||
	       is_own_listener(s, a, port);
}

/* ---- rules ---- */

static bool text_in(const struct text_list *l, struct span text)
{
	for (unsigned i = 0; i < l->count; i++)
		if (span_eq(span_of(l->items[i]), text))
			return true;
	return l->count == 0;
}

bool access_has_address(const struct network_list *l, const struct addr *a)
{
	for (unsigned i = 0; i < l->count; i++)
		if (network_has(&l->items[i], a))
			return true;
	return l->count == 0;
}

static bool port_in(const struct port_list *l, uint16_t port)
{
	for (unsigned i = 0; i < l->count; i++)
		if (port >= l->items[i].from && port <= l->items[i].to)
			return true;
	return l->count == 0;
}

/* All that a rule says except where to. */
static bool applies(const struct access_settings *rule, const struct access_question *q)
{
	return text_in(&rule->listen, span_of(q->listen->address)) && access_has_address(&rule->from, q->client) &&
	       port_in(&rule->ports, q->port) && text_in(&rule->methods, q->method_text);
}

static bool covers_address(const struct access_settings *rule, const struct addr *a, uint16_t port)
{
	for (unsigned i = 0; i < rule->to.count; i++)
		if (rule->to.items[i].kind == PATTERN_NETWORK && pattern_matches(&rule->to.items[i], SPAN_NONE, true, a, port))
			return true;
	return false;
}

static bool covers_host(const struct access_settings *rule, const struct access_question *q)
{
	return rule->to.count == 0 || pattern_list_matches(&rule->to, q->host, q->host_is_literal, &q->literal, q->port);
}

static bool names_users(const struct settings *s)
{
	for (unsigned i = 0; i < s->access_count; i++)
		if (s->access[i].action == ACCESS_ALLOW && (s->access[i].users.count || s->access[i].groups.count))
			return true;
	return false;
}

/* ---- who ---- */

static bool names_somebody(const struct access_settings *rule)
{
	return rule->users.count > 0 || rule->groups.count > 0;
}

static bool has_user(const struct text_list *users, const struct access_user *u)
{
	for (unsigned i = 0; i < users->count; i++) {
		struct span name = span_of(users->items[i]);
		if (span_eq_nocase(name, span_of(u->shown)) || (u->upn && span_eq_nocase(name, span_of(u->upn))))
			return true;
	}
	return false;
}

static bool has_group(const struct text_list *groups, const struct access_user *u)
{
	for (unsigned i = 0; i < groups->count; i++)
		for (unsigned k = 0; k < u->group_count; k++)
			if (span_eq_nocase(span_of(groups->items[i]), span_of(u->groups[k])))
				return true;
	return false;
}

bool access_names(const struct text_list *users, const struct text_list *groups, const struct access_user *user)
{
	return has_user(users, user) || has_group(groups, user);
}

/* Groups of local accounts are always known, and never anybody else's. */
static bool names_domain_group(const struct access_settings *rule)
{
	for (unsigned i = 0; i < rule->groups.count; i++)
		if (strchr(rule->groups.items[i], '\\'))
			return true;
	return false;
}

/* A group that could not be named might be the one that is denied, and is never the one that is allowed. */
static bool is_for(const struct access_settings *rule, const struct access_user *u)
{
	if (!names_somebody(rule) || access_names(&rule->users, &rule->groups, u))
		return true;
	return rule->action == ACCESS_DENY && u->groups_unresolved && names_domain_group(rule);
}

/* The rules' word on the host as asked for and, where `candidate` is given, on that address of it. */
static enum access_verdict judge(const struct access_question *q, const struct addr *candidate,
                                 const struct access_settings **decided)
{
	const struct settings *s = q->settings;
	bool shut = candidate && is_protected(s, candidate, q->port);
	*decided = NULL;
	for (unsigned i = 0; i < s->access_count; i++) {
		const struct access_settings *rule = &s->access[i];
		if (!applies(rule, q) || (q->user && !is_for(rule, q->user)))
			continue;
		bool by_address = candidate && covers_address(rule, candidate, q->port);
		if (!by_address && !covers_host(rule, q))
			continue;
		if (rule->action == ACCESS_ALLOW && shut && !by_address)
			continue;
		*decided = rule;
		if (names_somebody(rule) && !q->user)
			return ACCESS_NEEDS_SIGN_IN;
		return rule->action == ACCESS_ALLOW ? ACCESS_ALLOWED : ACCESS_DENIED_BY_RULE;
	}
	if (shut)
		return ACCESS_ADDRESS_PROTECTED;
	return names_users(s) ? ACCESS_DENIED_BY_DEFAULT : ACCESS_ALLOWED;
}

/* ---- hosts that stand for an address of this machine ---- */

static bool is_localhost(struct span host)
{
	return span_eq_nocase(host, SPAN("localhost")) || span_ends_nocase(host, SPAN(".localhost"));
}

static struct addr loopback(bool v6)
{
	struct addr a = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	if (v6)
		a = (struct addr){.v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
	return a;
}

/* The addresses are known before they are looked up: refused at once if neither may be reached. */
static enum access_verdict judge_localhost(const struct access_question *q, const struct access_settings **decided)
{
	struct addr v4 = loopback(false), v6 = loopback(true);
	if (judge(q, &v6, decided) == ACCESS_ALLOWED)
		return ACCESS_ALLOWED;
	return judge(q, &v4, decided);
}

static enum access_verdict judge_host(const struct access_question *q, const struct access_settings **decided)
{
	if (q->host_is_literal)
		return judge(q, &q->literal, decided);
	if (is_localhost(q->host))
		return judge_localhost(q, decided);
	if (host_is_numeric(q->host))
		return ACCESS_NUMERIC_HOST;
	return judge(q, NULL, decided);
}

/* ---- what would help ---- */

static const char *host_text(const struct access_question *q, const struct addr *candidate, struct arena *memory)
{
	char text[ADDR_TEXT];
	struct addr a = candidate ? *candidate : q->literal;
	if (!candidate && !q->host_is_literal)
		return arena_printf(memory, "%.*s:%u", SPAN_ARG(q->host), q->port);
	addr_unmap(&a);
	addr_set_port(&a, q->port);
	addr_format(&a, true, text);
	return arena_printf(memory, "%s", text);
}

/* The listener's list as it is, and the port asked for. */
static const char *ports_remedy(const struct access_question *q, struct arena *memory)
{
	AUTO(buf) struct buf text;
	buf_init(&text, 65536);
	buf_adds(&text, "connect-ports = {");
	for (unsigned i = 0; i < q->listen->connect_ports.count; i++) {
		const struct port_range *range = &q->listen->connect_ports.items[i];
		buf_addf(&text, range->from == range->to ? "\"%u\", " : "\"%u-%u\", ", range->from, range->to);
	}
	buf_addf(&text, "\"%u\"}  # in listen \"%s\"", q->port, q->listen->address);
	return arena_dup(memory, buf_span(&text)).p;
}

static const char *rule_remedy(const struct access_question *q, const struct access_answer *out,
                               const struct addr *candidate, struct arena *memory)
{
	char client[ADDR_TEXT];
	struct addr from = *q->client;
	addr_unmap(&from);
	addr_format(&from, false, client);
	const char *before = out->rule
	                         ? arena_printf(memory, "  # before %s:%d", out->rule->where.file, out->rule->where.line)
	                         : "";
	return arena_printf(memory, "access { action = allow  to = {\"%s\"}  from = {\"%s\"} }%s",
	                    host_text(q, candidate, memory), client, before);
}

static void give_remedy(const struct access_question *q, const struct addr *candidate, struct arena *memory,
                        struct access_answer *out)
{
	struct addr local = loopback(false);
	switch (out->verdict) {
	case ACCESS_ALLOWED:
	case ACCESS_NUMERIC_HOST: /* no setting opens these */
	case ACCESS_NEEDS_SIGN_IN:
		break;
	case ACCESS_PORT_NOT_ALLOWED:
		out->remedy = ports_remedy(q, memory);
		break;
	case ACCESS_ADDRESS_PROTECTED:
		out->remedy = rule_remedy(q, out, candidate || q->host_is_literal ? candidate : &local, memory);
		break;
	case ACCESS_DENIED_BY_RULE:
	case ACCESS_DENIED_BY_DEFAULT:
		out->remedy = rule_remedy(q, out, candidate, memory);
		break;
	}
}

/* ---- the questions ---- */

void access_check(const struct access_question *q, struct arena *memory, struct access_answer *out)
{
	*out = (struct access_answer){.verdict = ACCESS_ALLOWED};
	out->verdict = judge_host(q, &out->rule);
	if (out->verdict == ACCESS_ALLOWED && q->connect && !port_in(&q->listen->connect_ports, q->port))
		*out = (struct access_answer){.verdict = ACCESS_PORT_NOT_ALLOWED};
	give_remedy(q, NULL, memory, out);
}

bool access_address_allowed(const struct access_question *q, const struct addr *candidate)
{
	const struct access_settings *unused;
	return judge(q, candidate, &unused) == ACCESS_ALLOWED;
}

void access_explain_address(const struct access_question *q, const struct addr *candidate, struct arena *memory,
                            struct access_answer *out)
{
	*out = (struct access_answer){.verdict = ACCESS_ALLOWED};
	out->verdict = judge(q, candidate, &out->rule);
	give_remedy(q, candidate, memory, out);
}
