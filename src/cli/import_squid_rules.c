/* Squid's acl, http_access and always_direct. A rule of Squid's is a list of acls that must all match; ours has one list for each question (from, to,
 * ports, methods, users). What does not fit is named, never guessed at. */
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/import_squid.h"

enum { LIST_MOST = 1 << 20 };

/* ---- acls */

static struct squid_acl *acl_new(struct squid *s, struct span name, struct span type, enum squid_acl_kind kind)
{
	if (s->acl_count == ACLS_MOST)
		return NULL;
	struct squid_acl *a = &s->acls[s->acl_count++];
	*a = (struct squid_acl){.name = name, .type = type, .kind = kind};
	buf_init(&a->values, LIST_MOST);
	return a;
}

void squid_acls_init(struct squid *s)
{
	acl_new(s, SPAN("all"), SPAN("src"), ACL_ALL);
	acl_new(s, SPAN("manager"), SPAN("built in"), ACL_BUILT_IN);
	acl_new(s, SPAN("to_localhost"), SPAN("built in"), ACL_BUILT_IN);
	acl_new(s, SPAN("to_linklocal"), SPAN("built in"), ACL_BUILT_IN);
	struct squid_acl *localhost = acl_new(s, SPAN("localhost"), SPAN("src"), ACL_FROM);
	buf_adds(&localhost->values, "'127.0.0.0/8', '::1'");
	struct squid_acl *connect = acl_new(s, SPAN("CONNECT"), SPAN("method"), ACL_METHODS);
	buf_adds(&connect->values, "'CONNECT'");
}

void squid_acls_fini(struct squid *s)
{
	for (unsigned i = 0; i < s->acl_count; i++)
		buf_fini(&s->acls[i].values);
}

struct squid_acl *squid_acl_named(struct squid *s, struct span name)
{
	for (unsigned i = 0; i < s->acl_count; i++)
		if (span_eq_nocase(s->acls[i].name, name))
			return &s->acls[i];
	return NULL;
}

static enum squid_acl_kind kind_of(struct span type)
{
	static const struct {
		const char *type;
		enum squid_acl_kind kind;
	} kinds[] = {{"src", ACL_FROM},   {"dst", ACL_TO},         {"dstdomain", ACL_TO},
	             {"port", ACL_PORTS}, {"method", ACL_METHODS}, {"proxy_auth", ACL_USERS}};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (span_eq(type, span_of(kinds[i].type)))
			return kinds[i].kind;
	return ACL_FOREIGN;
}

static bool add_ports(struct squid_acl *a, struct span value)
{
	uint64_t from, to;
	const char *dash = memchr(value.p, '-', value.n);
	struct span first = dash ? span_make(value.p, (size_t)(dash - value.p)) : value;
	struct span last = dash ? span_make(dash + 1, value.n - first.n - 1) : value;
	if (a->port_count == PORTS_MOST || span_to_u64(first, UINT16_MAX, &from) != 0 ||
	    span_to_u64(last, UINT16_MAX, &to) != 0)
		return false;
	a->ports[a->port_count].from = from;
	a->ports[a->port_count++].to = to;
	return import_add_value(&a->values, value);
}

/* ".example.com" is the name itself there, and all beneath it. */
static bool add_domain(struct squid_acl *a, struct span value)
{
	char beneath[512];
	if (value.p[0] != '.')
		return import_add_value(&a->values, value);
	snprintf(beneath, sizeof(beneath), "*%.*s", SPAN_ARG(value));
	return import_add_value(&a->values, span_make(value.p + 1, value.n - 1)) &&
	       import_add_value(&a->values, span_of(beneath));
}

static bool add_acl_value(struct squid_acl *a, struct span value)
{
	switch (a->kind) {
	case ACL_FROM:
		return import_add_network(&a->values, value);
	case ACL_TO:
		return span_eq(a->type, SPAN("dst")) ? import_add_network(&a->values, value) : add_domain(a, value);
	case ACL_PORTS:
		return add_ports(a, value);
	case ACL_METHODS:
		return import_add_value(&a->values, value);
	case ACL_USERS:
		return span_eq(value, SPAN("REQUIRED")) || import_add_value(&a->values, value);
	default:
		return false;
	}
}

/* The default file lets "this network" in, which has no hosts. */
static bool is_nobody(struct span value)
{
	return span_eq(value, SPAN("0.0.0.1-0.255.255.255"));
}

void squid_acl_line(struct squid *s, struct span rest)
{
	struct span name, type, value;
	if (!import_next_word(&rest, &name) || !import_next_word(&rest, &type))
		return;
	struct squid_acl *a = squid_acl_named(s, name);
	if (a && a->kind == ACL_BUILT_IN)
		return;
	if (!a)
		a = acl_new(s, name, type, kind_of(type));
	while (a && a->kind != ACL_FOREIGN && a->kind != ACL_ALL && import_next_word(&rest, &value)) {
		if (value.p[0] == '#')
			break;
		if (value.p[0] == '-' || is_nobody(value) || add_acl_value(a, value))
			continue;
		import_note(&s->notes, &s->lines,
		            "acl %.*s: a value that cannot be said here (a file, a range, a name of a host, a flag); so "
		            "no rule with it is taken over",
		            SPAN_ARG(name));
		import_show(&s->notes, value);
		a->kind = ACL_FOREIGN;
	}
	if (a && a->kind == ACL_FOREIGN)
		a->type = type;
}

/* ---- rules */

struct rule {
	bool allow;
	bool built_in, signs_in;
	const struct squid_acl *from, *to, *ports, *methods, *users;
	bool other_ports; /* all but these */
	const char *why_not;
	struct span which;
};

static bool put(const struct squid_acl **place, const struct squid_acl *a, struct rule *r)
{
	if (*place)
		r->why_not = "two lists that answer one question must both match; ours is one list";
	*place = a;
	return !r->why_not;
}

static void take_acl(struct squid *s, struct rule *r, struct span word)
{
	bool inverse = word.p[0] == '!';
	struct span name = inverse ? span_make(word.p + 1, word.n - 1) : word;
	const struct squid_acl *a = squid_acl_named(s, name);
	r->which = word;
	if (!a)
		r->why_not = "there is no acl of this name";
	else if (a->kind == ACL_FOREIGN)
		r->why_not = "rules cannot ask for this (they know src, dst, dstdomain, port, method, proxy_auth)";
	else if (a->kind == ACL_BUILT_IN)
		r->built_in = true;
	else if (inverse && a->kind != ACL_PORTS)
		r->why_not = "there is no \"all but these\" for it: write the rule the other way round";
	else if (a->kind == ACL_FROM)
		put(&r->from, a, r);
	else if (a->kind == ACL_TO)
		put(&r->to, a, r);
	else if (a->kind == ACL_METHODS)
		put(&r->methods, a, r);
	else if (a->kind == ACL_USERS)
		r->signs_in = put(&r->users, a, r);
	else if (a->kind == ACL_PORTS && put(&r->ports, a, r))
		r->other_ports = inverse;
}

/* The ports that are in no range of the acl. */
static void add_other_ports(const struct squid_acl *a, struct buf *to)
{
	unsigned char in[65536] = {0};
	const char *comma = "";
	for (unsigned i = 0; i < a->port_count; i++)
		for (uint64_t p = a->ports[i].from; p <= a->ports[i].to; p++)
			in[p] = 1;
	for (unsigned from = 1; from < 65536; from++) {
		unsigned to_port = from;
		if (in[from])
			continue;
		while (to_port < 65535 && !in[to_port + 1])
			to_port++;
		buf_addf(to, from == to_port ? "%s'%u'" : "%s'%u-%u'", comma, from, to_port);
		comma = ", ";
		from = to_port;
	}
}

static void add_list(struct buf *to, const char *name, const struct squid_acl *a)
{
	if (a && a->values.n)
		buf_addf(to, "  %s = {%.*s}", name, SPAN_ARG(buf_span(&a->values)));
}

static void add_rule(struct squid *s, const struct rule *r)
{
	struct buf *to = &s->access;
	buf_addf(to, "access { action = %s%s", r->allow ? "allow" : "deny", s->signs_in ? "" : "  %sign-on-none%");
	add_list(to, "to", r->to);
	add_list(to, "from", r->from);
	if (r->ports && r->other_ports) {
		buf_adds(to, "  ports = {");
		add_other_ports(r->ports, to);
		buf_adds(to, "}");
	} else {
		add_list(to, "ports", r->ports);
	}
	add_list(to, "methods", r->methods);
	add_list(to, "users", r->users);
	buf_adds(to, " }\n");
}

static void note_clients(struct squid *s, const struct rule *r)
{
	if (!r->allow)
		return;
	if (r->from && r->from->values.n)
		buf_addf(&s->clients, "%s%.*s", s->clients.n ? ", " : "", SPAN_ARG(buf_span(&r->from->values)));
	else
		s->clients_open = true;
}

static bool is_connect_ports(const struct rule *r)
{
	return !r->allow && r->methods && r->ports && r->other_ports && !r->from && !r->to && !r->users &&
	       span_eq(buf_span(&r->methods->values), SPAN("'CONNECT'"));
}

static bool read_rule(struct squid *s, struct span rest, struct rule *r)
{
	struct span action, word;
	if (!import_next_word(&rest, &action))
		return false;
	*r = (struct rule){.allow = span_eq_nocase(action, SPAN("allow"))};
	while (!r->why_not && import_next_word(&rest, &word) && word.p[0] != '#')
		take_acl(s, r, word);
	return true;
}

static void refuse_rule(struct squid *s, const char *directive, struct span rest, const struct rule *r)
{
	import_note(&s->notes, &s->lines, "%s is left out, because of %.*s: %s", directive, SPAN_ARG(r->which), r->why_not);
	import_show(&s->notes, rest);
	s->untranslated++;
	s->untranslated_denials += !r->allow;
}

void squid_access_line(struct squid *s, struct span rest)
{
	struct rule r;
	if (!read_rule(s, rest, &r))
		return;
	if (r.why_not) {
		refuse_rule(s, "http_access", rest, &r);
	} else if (r.built_in) {
		return; /* loopback and link-local are shut anyway; there is no cache manager */
	} else if (is_connect_ports(&r) && s->connect_ports.n == 0) {
		buf_add(&s->connect_ports, buf_span(&r.ports->values));
	} else {
		s->signs_in |= r.signs_in;
		note_clients(s, &r);
		add_rule(s, &r);
	}
}

void squid_direct_line(struct squid *s, struct span rest)
{
	struct rule r;
	if (!read_rule(s, rest, &r))
		return;
	if (!r.why_not && (!r.allow || !r.to || r.from || r.ports || r.methods || r.users || r.built_in))
		r.why_not = "a route asks for hosts only (dst, dstdomain)";
	if (r.why_not) {
		r.allow = true;
		refuse_rule(s, "always_direct", rest, &r);
		return;
	}
	buf_addf(&s->routes, "route { to = {%.*s}  via = direct }\n", SPAN_ARG(buf_span(&r.to->values)));
}
