/* Sign-in, both ways: what a listener offers can be verified, what an upstream may use can be used. */
#include "config/sense.h"

#include "base/arena.h"

static const struct accounts_settings *accounts_named(const struct settings *s, const char *name)
{
	for (unsigned i = 0; i < s->accounts_count; i++)
		if (strcmp(s->accounts[i].name, name) == 0)
			return &s->accounts[i];
	return NULL;
}

static void check_accounts(struct settings *s, struct complaints *c)
{
	for (unsigned i = 0; i < s->accounts_count; i++) {
		struct accounts_settings *a = &s->accounts[i];
		if (!a->file == !a->windows_domain)
			ERROR_HERE(c, a->where, "accounts %s needs one of file and windows-domain", a->name);
		else if (a->windows_domain && strcmp(a->windows_domain, "winbind") != 0)
			ERROR_HERE(c, a->where, "accounts %s: windows-domain is winbind, not \"%s\"", a->name, a->windows_domain);
		if (strcmp(a->name, "kerberos") == 0)
			ERROR_HERE(c, a->where, "accounts cannot be named kerberos: that is the name of tickets; take another");
		a->kind = a->windows_domain ? ACCOUNTS_WINDOWS_DOMAIN : ACCOUNTS_FILE;
	}
}

/* Where clients sign in: a listener, or a directory of a site. */
struct door {
	const char *what; /* "listen *:8080", "directory /hr/ of site intranet.example" */
	struct written where;
	bool tls;
	bool open_to_others; /* whoever is on the way can read what is said there */
};

static void check_names(const struct settings *s, const struct sign_on_settings *k, const struct door *d,
                        struct complaints *c)
{
	for (unsigned i = 0; i < k->accounts.count; i++)
		if (!accounts_named(s, k->accounts.items[i]))
			ERROR_HERE(c, d->where, "%s: there is no accounts block \"%s\"; write accounts %s { file = \"...\" }",
			           d->what, k->accounts.items[i], k->accounts.items[i]);
}

/* Whether anything is left to offer once what cannot be used is taken out. */
static void check_offer(const struct settings *s, const struct sign_on_settings *k, const struct door *d,
                        struct complaints *c)
{
	bool ntlm = sign_on_lists(&k->schemes, SIGN_ON_NTLM), negotiate = sign_on_lists(&k->schemes, SIGN_ON_NEGOTIATE);
	bool basic = sign_on_lists(&k->schemes, SIGN_ON_BASIC), anonymous = sign_on_lists(&k->schemes, SIGN_ON_ANONYMOUS);
	bool hidden_basic = basic && !k->basic_without_tls && !d->tls;
	if ((ntlm || basic) && !k->accounts.count)
		ERROR_HERE(c, d->where, "%s offers %s, but nobody verifies it: add accounts = {\"...\"} and an accounts block",
		           d->what, ntlm ? "ntlm" : "basic");
	if (negotiate && !s->kerberos.on && !k->accounts.count)
		ERROR_HERE(c, d->where,
		           "%s offers negotiate, but there is neither kerberos { keytab = ... } nor accounts to verify it",
		           d->what);
	if (hidden_basic && !ntlm && !negotiate && !anonymous)
		ERROR_HERE(c, d->where,
		           "%s would offer nothing: Basic is offered over TLS only, unless basic-without-tls = true", d->what);
	else if (hidden_basic)
		WARN_HERE(c, d->where,
		          "%s: Basic is not offered on this plain address; basic-without-tls = true would, in clear text",
		          d->what);
	if (basic && k->basic_without_tls && d->open_to_others)
		WARN_HERE(c, d->where,
		          "%s: with basic-without-tls everybody on the way can read the passwords of users: add tls { }",
		          d->what);
}

static void check_listen(struct settings *s, struct listen_settings *l, struct complaints *c)
{
	struct door door = {arena_printf(s->memory, "listen %s", l->address), l->where, l->tls.on,
	                    !l->tls.on && !addr_is_loopback(&l->addr)};
	if (!door.what)
		return;
	check_names(s, &l->sign_on, &door, c);
	if (l->sign_on.schemes.count == 1 && l->sign_on.schemes.items[0] == SIGN_ON_ANONYMOUS)
		ERROR_HERE(c, l->where, "listen %s: sign-on = {anonymous} alone asks nobody: take it out, or add a scheme",
		           l->address);
	else if (l->sign_on.schemes.count > 0)
		check_offer(s, &l->sign_on, &door, c);
}

static bool has_plain_address(const struct settings *s, const struct site_settings *site, bool loopback_too)
{
	for (unsigned i = 0; i < s->listen_count; i++)
		for (unsigned k = 0; k < s->listens[i].site_count; k++)
			if (s->listens[i].sites[k] == site && !s->listens[i].tls.on &&
			    (loopback_too || !addr_is_loopback(&s->listens[i].addr)))
				return true;
	return false;
}

static void check_directory(struct settings *s, const struct directory_settings *d, struct complaints *c)
{
	bool plain = d->tls != DIRECTORY_TLS_REQUIRED && has_plain_address(s, d->site, true);
	struct door door = {arena_printf(s->memory, "directory %s of site %s", d->prefix, d->site->host), d->where, !plain,
	                    plain && has_plain_address(s, d->site, false)};
	bool named = d->users.count || d->groups.count;
	if (!door.what)
		return;
	check_names(s, &d->sign_on, &door, c);
	if (d->sign_on.schemes.count == 0) {
		ERROR_HERE(c, d->where,
		           "%s says nothing of sign-on: write sign-on = {anonymous}, or {negotiate, ntlm} with accounts",
		           door.what);
		return;
	}
	check_offer(s, &d->sign_on, &door, c);
	if (named && d->sign_on.schemes.count == 1 && d->sign_on.schemes.items[0] == SIGN_ON_ANONYMOUS)
		ERROR_HERE(c, d->where, "%s names users or groups, but nobody can sign in: add a scheme to sign-on", door.what);
	if (plain && d->sign_on.channel_binding == CHANNEL_BINDING_REQUIRE)
		WARN_HERE(
			c, d->where,
			"%s: channel-binding = require means nothing over plain http://, where everybody may sign in without: write "
			"require-tls = true",
			door.what);
}

static void check_through_broken_proxy(const struct settings *s, const struct site_settings *site, struct complaints *c)
{
	const struct sign_on_settings *k = &site->sign_on;
	const struct sign_on_list *l = &k->through_broken_proxy;
	if (sign_on_lists(l, SIGN_ON_ANONYMOUS))
		ERROR_HERE(
			c, site->where,
			"site %s: through-broken-proxy cannot be anonymous, which would let in whoever looks like coming that "
			"way: write {basic}",
			site->host);
	if (sign_on_lists(l, SIGN_ON_BASIC) && !k->basic_without_tls && !site->tls.on)
		WARN_HERE(
			c, site->where,
			"site %s: through-broken-proxy = {basic} helps over https:// only, and the site has no such address; over "
			"http:// it would take basic-without-tls = true, in clear text",
			site->host);
}

static bool somebody_signs_in(const struct settings *s)
{
	for (unsigned i = 0; i < s->listen_count; i++)
		if (s->listens[i].sign_on.schemes.count > 0)
			return true;
	return false;
}

static bool is_about(const struct access_settings *a, const struct listen_settings *l)
{
	for (unsigned i = 0; i < a->listen.count; i++)
		if (strcmp(a->listen.items[i], l->address) == 0)
			return true;
	return a->listen.count == 0;
}

/* Who asks nobody cannot know whom the rule is for. */
static void check_listeners_of_rule(const struct settings *s, const struct access_settings *a, struct complaints *c)
{
	for (unsigned i = 0; i < s->listen_count; i++) {
		const struct listen_settings *l = &s->listens[i];
		if (l->role == ROLE_PROXY && l->sign_on.schemes.count == 0 && is_about(a, l))
			WARN_HERE(
				c, a->where,
				"this rule names users or groups, but listen %s has no sign-on: what the rule is about is refused to everybody there; name the listeners it is for: listen = {\"...\"}",
				l->address);
	}
}

static bool names_domain_group(const struct access_settings *a)
{
	for (unsigned i = 0; i < a->groups.count; i++)
		if (strchr(a->groups.items[i], '\\'))
			return true;
	return false;
}

/* A ticket brings SIDs of groups, or nothing at all: their names are winbind's to say. */
static void check_who_names_groups(const struct settings *s, const struct access_settings *a, struct complaints *c)
{
	bool winbind = false;
	for (unsigned i = 0; i < s->accounts_count; i++)
		winbind |= s->accounts[i].kind == ACCOUNTS_WINDOWS_DOMAIN;
	if (s->kerberos.on && !winbind && names_domain_group(a))
		WARN_HERE(c, a->where,
		          "this rule names groups of a domain, and no accounts block has windows-domain = winbind: without a "
		          "winbindd that knows them, users with Kerberos tickets are %s",
		          a->action == ACCESS_DENY ? "all refused by it" : "never allowed by it");
}

static void check_rules_with_names(const struct settings *s, struct complaints *c)
{
	for (unsigned i = 0; i < s->access_count; i++) {
		const struct access_settings *a = &s->access[i];
		bool named = a->users.count || a->groups.count;
		if (named && a->sign_on_none)
			ERROR_HERE(c, a->where,
			           "a rule with sign-on = none cannot name users or groups: it decides before anybody is asked");
		else if (named && !somebody_signs_in(s))
			ERROR_HERE(c, a->where,
			           "this rule names users or groups, but no listen has sign-on, so nobody can ever be them");
		else if (named)
			check_listeners_of_rule(s, a, c);
		if (named)
			check_who_names_groups(s, a, c);
	}
}

static bool is_literal(const char *host)
{
	struct addr a;
	return host && addr_parse(span_of(host), 0, &a) == 0;
}

static void check_members_for(const struct upstream_settings *u, struct complaints *c)
{
	for (unsigned i = 0; i < u->member_count; i++)
		if (!u->credentials.spn && is_literal(u->members[i].host))
			WARN_HERE(
				c, u->members[i].where,
				"negotiate needs a name for Kerberos, and the member %s is an address: give spn = \"HTTP/name\", or the member's name",
				u->members[i].address);
}

/* Whoever signs in to us says nothing that a parent could use: both would be said in the same field. */
static void check_relaying_listeners(const struct settings *s, const struct upstream_settings *u, struct complaints *c)
{
	unsigned signing = 0, relaying = 0;
	for (unsigned i = 0; i < s->listen_count; i++) {
		bool signs = s->listens[i].sign_on.schemes.count > 0;
		signing += s->listens[i].role == ROLE_PROXY && signs;
		relaying += s->listens[i].role == ROLE_PROXY && !signs;
	}
	if (signing && !relaying)
		ERROR_HERE(
			c, u->credentials.where,
			"upstream %s: relay hands on what clients say to a proxy, but here they say it to us: take sign-on out of the listen, or use on-behalf or an account",
			u->name);
	else if (signing)
		WARN_HERE(
			c, u->credentials.where,
			"upstream %s: relay serves only what comes by listeners without sign-on; on the others it ends in error 12201",
			u->name);
}

static void check_relay(const struct settings *s, const struct upstream_settings *u, struct complaints *c)
{
	const struct credentials_settings *k = &u->credentials;
	if (k->scheme.count > 1)
		ERROR_HERE(c, k->where, "upstream %s: relay stands alone: either the client signs in to the parent, or we do",
		           u->name);
	if (k->account || k->secret || k->password_file || k->nt_hash_file || k->systemd_credential || k->keytab ||
	    k->ccache)
		WARN_HERE(c, k->where, "upstream %s: relay uses the clients' credentials: take account and secret out",
		          u->name);
	if (u->or_direct)
		ERROR_HERE(
			c, u->where,
			"upstream %s: or-direct does not go with relay: what a client has signed in for at the parent would go out as nobody",
			u->name);
	for (unsigned i = 0; i < s->route_count; i++)
		if (s->routes[i].upstream == u && !s->routes[i].pin)
			ERROR_HERE(
				c, s->routes[i].where,
				"a route with pin = false cannot lead to upstream %s, whose sign-in by relay belongs to a connection",
				u->name);
	check_relaying_listeners(s, u, c);
}

/* What listeners offer that can be passed on to a parent. */
static void check_on_behalf(const struct settings *s, const struct upstream_settings *u, struct complaints *c)
{
	const struct credentials_settings *k = &u->credentials;
	bool basic = false, ntlm = false, negotiate = false;
	for (unsigned i = 0; i < s->listen_count; i++) {
		const struct sign_on_list *schemes = &s->listens[i].sign_on.schemes;
		basic |= sign_on_lists(schemes, SIGN_ON_BASIC);
		ntlm |= sign_on_lists(schemes, SIGN_ON_NTLM);
		negotiate |= sign_on_lists(schemes, SIGN_ON_NEGOTIATE);
	}
	bool kerberos = negotiate && s->kerberos.on;
	if (k->scheme.count > 1)
		ERROR_HERE(c, k->where,
		           "upstream %s: on-behalf stands alone: either the user is signed in to the parent, or we are",
		           u->name);
	if (!basic && !kerberos)
		ERROR_HERE(
			c, k->where,
			"upstream %s: on-behalf passes on who signs in by basic or by Kerberos, and no listen offers that: write sign-on = {negotiate} and kerberos { }",
			u->name);
	else if (ntlm || (negotiate && !kerberos))
		WARN_HERE(c, k->where,
		          "upstream %s: users who sign in to us by ntlm cannot be passed on: for them it ends in error 12201",
		          u->name);
	if (basic && !u->tls.on)
		WARN_HERE(
			c, k->where,
			"upstream %s: the passwords of users who sign in by basic can be read by everybody on the way to this parent: add tls { }",
			u->name);
	if (kerberos)
		check_members_for(u, c);
}

static void check_credentials(const struct settings *s, const struct upstream_settings *u, struct complaints *c)
{
	const struct credentials_settings *k = &u->credentials;
	bool basic = sign_on_lists(&k->scheme, SIGN_ON_BASIC);
	bool secret = k->secret || k->password_file || k->nt_hash_file || k->systemd_credential;
	if (!k->on)
		return;
	if (sign_on_lists(&k->scheme, SIGN_ON_RELAY)) {
		check_relay(s, u, c);
		return;
	}
	if (sign_on_lists(&k->scheme, SIGN_ON_BEHALF)) {
		check_on_behalf(s, u, c);
		return;
	}
	if (sign_on_lists(&k->scheme, SIGN_ON_ANONYMOUS))
		ERROR_HERE(c, k->where, "upstream %s: anonymous is no way to sign in: take the credentials block out", u->name);
	if (!k->account && !k->ccache)
		ERROR_HERE(c, k->where,
		           "upstream %s: credentials need an account, like account = 'CORP\\svc-fairlead' in single quotes",
		           u->name);
	if (!secret && !k->keytab && !k->ccache)
		ERROR_HERE(
			c, k->where,
			"upstream %s: credentials need a secret: password-file, nt-hash-file, systemd-credential, keytab or ccache",
			u->name);
	if ((basic || sign_on_lists(&k->scheme, SIGN_ON_NTLM)) && !secret)
		ERROR_HERE(c, k->where,
		           "upstream %s: ntlm and basic need a password; a keytab or ccache serves negotiate alone", u->name);
	if (basic && !u->tls.on)
		WARN_HERE(
			c, k->where,
			"upstream %s: Basic shows the password to everybody on the way to this parent: add tls { }, or use ntlm",
			u->name);
	if (sign_on_lists(&k->scheme, SIGN_ON_NEGOTIATE))
		check_members_for(u, c);
	if (k->send == SEND_AS_FITS && basic && k->scheme.count == 1)
		WARN_HERE(
			c, k->where,
			"upstream %s: Basic alone is sent when the parent asks; one that allows anonymous too never learns who "
			"we are (error 12201 where it has rules by user); send = always cures it",
			u->name);
	if (k->send == SEND_WHEN_ASKED)
		WARN_HERE(
			c, k->where,
			"upstream %s: with send = when-asked a parent that allows anonymous too never learns who we are (error 12201 where it has "
			"rules by user); send = always cures it",
			u->name);
}

void settings_check_sign_on(struct settings *s, struct complaints *c)
{
	check_accounts(s, c);
	for (unsigned i = 0; i < s->listen_count; i++) {
		s->listens[i].index = i;
		s->listens[i].sign_on.index = s->sign_on_count++;
		check_listen(s, &s->listens[i], c);
	}
	for (unsigned i = 0; i < s->site_count; i++) {
		check_through_broken_proxy(s, &s->sites[i], c);
		for (unsigned k = 0; k < s->sites[i].directory_count; k++) {
			s->sites[i].directories[k].sign_on.index = s->sign_on_count++;
			if (s->sites[i].directories[k].site) /* else it has been complained of already */
				check_directory(s, &s->sites[i].directories[k], c);
		}
	}
	check_rules_with_names(s, c);
	for (unsigned i = 0; i < s->upstream_count; i++)
		check_credentials(s, &s->upstreams[i], c);
}
