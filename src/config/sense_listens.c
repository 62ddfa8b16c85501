/* Listeners: addresses that exist once, clients that can use them, nothing open by accident. */
#include "config/sense.h"

#include "config/values.h"

static bool is_everything(const struct network_list *l)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->items[i].bits == 0)
			return true;
	return false;
}

static bool is_loopback_only(const struct network_list *l)
{
	for (unsigned i = 0; i < l->count; i++) {
		const struct network *n = &l->items[i];
		if (!addr_is_loopback(&n->base) || n->bits < (n->base.sa.sa_family == AF_INET ? 8u : 128u))
			return false;
	}
	return l->count > 0;
}

static void check_clients(const struct listen_settings *l, struct complaints *c)
{
	if (addr_is_loopback(&l->addr) || l->role == ROLE_SITE) /* a site is there to be asked */
		return;
	if (is_loopback_only(&l->clients))
		WARN_HERE(c, l->where,
		          "listen %s is open to other hosts, but its clients are this machine alone: all others get a 403; "
		          "write clients = {\"10.0.0.0/8\"}, or whatever your network is",
		          l->address);
	else if (is_everything(&l->clients) && l->role == ROLE_PROXY)
		WARN_HERE(c, l->where,
		          "listen %s is an open proxy: whoever reaches this address may use it; name your networks in clients",
		          l->address);
	else if (l->role == ROLE_CONSOLE)
		WARN_HERE(c, l->where, "the console at %s can be read by other hosts than this one", l->address);
}

static bool has_all_of(const struct network_list *l, const struct network *n)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->items[i].bits <= n->bits && network_has(&l->items[i], &n->base))
			return true;
	return false;
}

static void check_intermediaries(const struct listen_settings *l, struct complaints *c)
{
	for (unsigned i = 0; i < l->intermediaries.count; i++) {
		const struct network *n = &l->intermediaries.items[i];
		char text[ADDR_TEXT];
		addr_format(&n->base, false, text);
		if (!has_all_of(&l->clients, n))
			WARN_HERE(c, l->where, "the intermediary %s/%u is not among the clients of listen %s: it gets a 403", text,
			          n->bits, l->address);
	}
	if (is_everything(&l->intermediaries))
		WARN_HERE(
			c, l->where,
			"every client of listen %s counts as an intermediary that keeps its users apart: a proxy in front that "
			"does not would give users each other's identity; name the intermediaries one by one",
			l->address);
	if (is_everything(&l->proxy_protocol_from))
		WARN_HERE(c, l->where, "every client of listen %s may claim any address by a PROXY header", l->address);
}

static void check_connect_ports(const struct listen_settings *l, struct complaints *c)
{
	for (unsigned i = 0; i < l->connect_ports.count; i++)
		if (l->role == ROLE_PROXY && l->connect_ports.items[i].from <= 1 && l->connect_ports.items[i].to == UINT16_MAX)
			WARN_HERE(c, l->where, "clients of listen %s may CONNECT to any port, mail servers included", l->address);
}

static bool is_host_name(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] == '\0';
}

/* Two sockets for the same connections: equal, or one of them for all addresses. */
static void check_overlap(const struct listen_settings *a, const struct listen_settings *b, struct complaints *c)
{
	bool all_a = addr_is_unspecified(&a->addr), all_b = addr_is_unspecified(&b->addr);
	if (addr_port(&a->addr) != addr_port(&b->addr))
		return;
	if (addr_same_host(&a->addr, &b->addr) || (all_a && all_b))
		ERROR_HERE(c, b->where,
		           "listen %s has the address of the listen %s in %s:%d: give it another port, or take one out",
		           b->address, a->address, a->where.file, a->where.line);
	else if (all_a || all_b)
		WARN_HERE(c, b->where, "listen %s and the listen %s in %s:%d overlap: the narrower one takes its connections",
		          b->address, a->address, a->where.file, a->where.line);
}

static bool parse_address(struct settings *s, struct listen_settings *l, struct complaints *c)
{
	const char *problem = value_listen(s->memory, l->address, &l->addr);
	if (problem)
		ERROR_HERE(c, l->where, "listen %s", problem);
	if (l->name && !is_host_name(l->name))
		ERROR_HERE(c, l->where, "name is a host name, like \"proxy.example\", not \"%s\"", l->name);
	return !problem;
}

void settings_check_listens(struct settings *s, struct complaints *c)
{
	unsigned proxies = 0;
	for (unsigned i = 0; i < s->listen_count; i++) {
		struct listen_settings *l = &s->listens[i];
		proxies += l->role == ROLE_PROXY;
		if (!parse_address(s, l, c))
			continue;
		check_clients(l, c);
		check_intermediaries(l, c);
		check_connect_ports(l, c);
		for (unsigned j = 0; j < i; j++)
			if (s->listens[j].addr.sa.sa_family != AF_UNSPEC)
				check_overlap(&s->listens[j], l, c);
	}
	if (s->listen_count && !proxies && !s->site_count)
		WARN_HERE(c, s->listens[0].where, "no listen has role = proxy: nothing is proxied");
}
