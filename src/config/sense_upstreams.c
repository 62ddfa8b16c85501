/* Upstreams: members that have a port, occur once, are used, and are not ourselves. */
#include "config/sense.h"

#include "config/values.h"

static bool is_own_address(const struct settings *s, const struct addr *a)
{
	for (unsigned i = 0; i < s->own_address_count; i++)
		if (addr_same_host(&s->own_addresses[i], a))
			return true;
	return addr_is_loopback(a);
}

/* The listener that a connection to the member would reach, as far as can be told without asking for names. */
static const struct listen_settings *listener_at(const struct settings *s, const struct member_settings *m)
{
	struct addr a;
	bool literal = addr_parse(span_of(m->host), m->port, &a) == 0;
	bool local_name = strcmp(m->host, "localhost") == 0;
	for (unsigned i = 0; i < s->listen_count; i++) {
		const struct listen_settings *l = &s->listens[i];
		if (addr_port(&l->addr) != m->port)
			continue;
		bool everywhere = addr_is_unspecified(&l->addr);
		if (literal && (everywhere ? is_own_address(s, &a) : addr_same_host(&l->addr, &a)))
			return l;
		if ((local_name && (everywhere || addr_is_loopback(&l->addr))) ||
		    (l->name && span_eq_nocase(span_of(l->name), span_of(m->host))))
			return l;
	}
	return NULL;
}

/* Whether a connection of ours would come from an address that `listen` takes for a proxy that keeps its users apart. */
static bool knows_us(const struct settings *s, const struct listen_settings *l)
{
	struct addr loopback[2];
	if (addr_parse(SPAN("127.0.0.1"), 0, &loopback[0]) != 0 || addr_parse(SPAN("::1"), 0, &loopback[1]) != 0)
		return true;
	for (unsigned i = 0; i < l->intermediaries.count; i++) {
		const struct network *n = &l->intermediaries.items[i];
		if (network_has(n, &loopback[0]) || network_has(n, &loopback[1]))
			return true;
		for (unsigned k = 0; k < s->own_address_count; k++)
			if (network_has(n, &s->own_addresses[k]))
				return true;
	}
	return false;
}

/* What makes error 12201 of a chain whose both ends stand in this file. */
static void check_chain(const struct settings *s, const struct upstream_settings *u, const struct member_settings *m,
                        const struct listen_settings *own, struct complaints *c)
{
	const struct credentials_settings *k = &u->credentials;
	if (k->on &&
	    (sign_on_lists(&k->scheme, SIGN_ON_RELAY) || sign_on_lists(&k->scheme, SIGN_ON_BEHALF))) /* the clients' own */
		return;
	bool anonymous = !own->sign_on.schemes.count || sign_on_lists(&own->sign_on.schemes, SIGN_ON_ANONYMOUS);
	bool by_connection = sign_on_lists(&own->sign_on.schemes, SIGN_ON_NTLM) ||
	                     sign_on_lists(&own->sign_on.schemes, SIGN_ON_NEGOTIATE);
	if (!k->on && !anonymous)
		WARN_HERE(c, m->where,
		          "the member %s asks for a sign-in (sign-on of listen %s), and upstream %s has no credentials: error "
		          "12201 parent-wants-sign-in",
		          m->address, own->address, u->name);
	if (k->on && anonymous && (!own->sign_on.schemes.count || k->send == SEND_WHEN_ASKED))
		WARN_HERE(c, m->where,
		          "upstream %s has credentials, but the member %s allows anonymous (sign-on of listen %s): it never "
		          "learns who we are, which is error 12201 parent-did-not-ask; demand a sign-in there, or take the "
		          "credentials out",
		          u->name, m->address, own->address);
	if (k->on && by_connection && !knows_us(s, own))
		WARN_HERE(
			c, m->where,
			"the member %s (listen %s) does not name this proxy in intermediaries: it asks for a sign-in with "
			"every request, which is error 12201 parent-sign-in-failed; add intermediaries = {\"127.0.0.1\"} there",
			m->address, own->address);
}

static void check_member(struct settings *s, struct upstream_settings *u, struct member_settings *m,
                         struct complaints *c)
{
	const char *problem = value_host_port(s->memory, m->address, &m->host, &m->port);
	if (problem) {
		ERROR_HERE(c, m->where, "member %s", problem);
		return;
	}
	const struct listen_settings *own = listener_at(s, m);
	if (own)
		WARN_HERE(
			c, m->where,
			"the member %s is the listen %s in %s:%d of this same Fairlead: requests would come back and end as a loop",
			m->address, own->address, own->where.file, own->where.line);
	if (own)
		check_chain(s, u, m, own, c);
	for (struct member_settings *earlier = u->members; earlier < m; earlier++)
		if (earlier->host && earlier->port == m->port && strcmp(earlier->host, m->host) == 0)
			WARN_HERE(c, m->where, "the member %s is the one in %s:%d again: take one out", m->address,
			          earlier->where.file, earlier->where.line);
}

static void check_tls(const struct upstream_settings *u, struct complaints *c)
{
	if (!u->tls.certificate != !u->tls.key)
		ERROR_HERE(c, u->where, "upstream %s: certificate and key belong together; %s is missing", u->name,
		           u->tls.key ? "certificate" : "key");
	if (u->tls.on && !u->tls.verify)
		WARN_HERE(c, u->where, "upstream %s: verify = false lets anybody stand in for the parent", u->name);
}

static bool is_used(const struct settings *s, const struct upstream_settings *u)
{
	for (unsigned i = 0; i < s->route_count; i++)
		if (s->routes[i].upstream == u)
			return true;
	return false;
}

static void check_upstream(struct settings *s, struct upstream_settings *u, struct complaints *c)
{
	unsigned primaries = 0;
	for (unsigned i = 0; i < u->member_count; i++) {
		check_member(s, u, &u->members[i], c);
		primaries += !u->members[i].backup;
	}
	check_tls(u, c);
	if (u->member_count > MEMBERS_MOST)
		ERROR_HERE(c, u->where, "upstream %s has %u members: %d are the most; put a balancer in front of them", u->name,
		           u->member_count, MEMBERS_MOST);
	if (u->member_count && !primaries)
		WARN_HERE(c, u->where, "all members of upstream %s are backups: they are tried in order, nothing is shared",
		          u->name);
	if (strcmp(u->name, "direct") == 0 || strcmp(u->name, "pac") == 0)
		ERROR_HERE(c, u->where, "an upstream cannot be named %s: via = %s means something else", u->name, u->name);
	else if (!is_used(s, u))
		WARN_HERE(c, u->where, "no route leads to upstream %s: write route { to = {\"*\"}  via = %s }", u->name,
		          u->name);
}

void settings_check_upstreams(struct settings *s, struct complaints *c)
{
	for (unsigned i = 0; i < s->upstream_count; i++) {
		s->upstreams[i].index = i;
		check_upstream(s, &s->upstreams[i], c);
	}
}
