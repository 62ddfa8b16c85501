/* Published sites and the applications behind them: addresses that can be listened at, directories that have all they need, and every directory
 * filled in with what it has from above. */
#include "config/sense.h"

#include <stdlib.h>

#include "config/prefix.h"
#include "config/values.h"

enum { DIRECTORIES_MOST = 1000, ADDRESSES_MOST = 64, NAME_MOST = 200 };

/* "http://HOST:PORT" without its scheme; NULL: it is no such thing. */
static const char *without_scheme(const char *url, bool *tls)
{
	*tls = strncmp(url, "https://", 8) == 0;
	if (*tls)
		return url + 8;
	return strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
}

/* ---- applications */

enum { HEALTH_MOST = 1024 };

static void read_member(struct settings *s, struct upstream_settings *a, struct member_settings *m,
                        struct complaints *c)
{
	bool tls;
	const char *rest = without_scheme(m->address, &tls);
	if (!rest) {
		ERROR_HERE(c, m->where, "a member of an application is written like \"http://10.0.0.7:8080\", not \"%s\"",
		           m->address);
		return;
	}
	size_t n = strcspn(rest, "/");
	if (rest[n] == '/' && rest[n + 1])
		ERROR_HERE(c, m->where, "member %s: a path cannot be given, the path of each request goes on as it is",
		           m->address);
	const char *address = arena_dup(s->memory, span_make(rest, n)).p;
	bool has_port = address && strrchr(address, ':') && !strchr(strrchr(address, ':'), ']');
	if (address && !has_port)
		address = arena_printf(s->memory, "%s:%s", address, tls ? "443" : "80");
	if (!address)
		return;
	m->address = address;
	if (m > a->members && tls != a->tls.on)
		ERROR_HERE(c, m->where, "the members of application %s are either all http:// or all https://", a->name);
	a->tls.on = tls;
	const char *problem = value_host_port(s->memory, m->address, &m->host, &m->port);
	if (problem)
		ERROR_HERE(c, m->where, "member %s", problem);
}

static bool is_used(const struct settings *s, const struct upstream_settings *a)
{
	for (unsigned i = 0; i < s->site_count; i++)
		for (unsigned k = 0; k < s->sites[i].directory_count; k++)
			if (s->sites[i].directories[k].application == a)
				return true;
	return false;
}

/* As it can stand in a request line. */
static bool is_path(const char *text)
{
	for (const char *at = text; *at; at++)
		if (*at <= ' ' || *at >= 0x7f)
			return false;
	return text[0] == '/' && strlen(text) <= HEALTH_MOST;
}

static void read_applications(struct settings *s, struct complaints *c)
{
	for (unsigned i = 0; i < s->application_count; i++) {
		struct upstream_settings *a = &s->applications[i];
		a->index = s->upstream_count + i;
		a->is_application = true;
		if (strlen(a->name) > NAME_MOST)
			ERROR_HERE(c, a->where, "the name of an application has at most %d bytes", NAME_MOST);
		for (unsigned k = 0; k < a->member_count; k++)
			read_member(s, a, &a->members[k], c);
		if (!a->tls.certificate != !a->tls.key)
			ERROR_HERE(c, a->where, "application %s: certificate and key belong together; %s is missing", a->name,
			           a->tls.key ? "certificate" : "key");
		if (a->tls.on && !a->tls.verify)
			WARN_HERE(c, a->where, "application %s: verify = false lets anybody stand in for it", a->name);
		if (a->health && !is_path(a->health))
			ERROR_HERE(c, a->where, "health is a path, like \"/health\", not \"%s\"", a->health);
		if (a->member_count > MEMBERS_MOST)
			ERROR_HERE(c, a->where, "application %s has %u members: %d are the most; put a balancer in front of them",
			           a->name, a->member_count, MEMBERS_MOST);
	}
}

/* ---- addresses: the listeners of sites are made from what the sites say */

static struct listen_settings *listener_of(struct settings *s, const char *address)
{
	for (unsigned i = 0; i < s->listen_count; i++)
		if (s->listens[i].role == ROLE_SITE && strcmp(s->listens[i].address, address) == 0)
			return &s->listens[i];
	return NULL;
}

static void join_networks(struct settings *s, struct network_list *to, const struct network_list *more)
{
	struct network *all = arena_zalloc(s->memory, (to->count + more->count + 1) * sizeof(*all));
	if (!all || more->count == 0)
		return;
	if (to->count)
		memcpy(all, to->items, to->count * sizeof(*all));
	memcpy(all + to->count, more->items, more->count * sizeof(*all));
	*to = (struct network_list){all, to->count + more->count};
}

static void publish_at(struct settings *s, struct site_settings *site, const char *url, struct complaints *c)
{
	bool tls;
	const char *address = without_scheme(url, &tls);
	if (!address) {
		ERROR_HERE(c, site->where,
		           "site %s: listen takes \"http://ADDRESS:PORT\" or \"https://ADDRESS:PORT\", not \"%s\"", site->host,
		           url);
		return;
	}
	if (tls && !site->tls.on)
		ERROR_HERE(c, site->where, "site %s: %s needs a certificate: tls { certificate = \"...\"  key = \"...\" }",
		           site->host, url);
	struct listen_settings *l = listener_of(s, address);
	if (l && l->tls.on != tls)
		ERROR_HERE(c, site->where, "site %s: %s is http:// for one site and https:// for another", site->host, address);
	if (!l) {
		l = &s->listens[s->listen_count++];
		*l = (struct listen_settings){.where = site->where, .address = address, .role = ROLE_SITE};
		l->tls.on = tls;
		l->sites = arena_zalloc(s->memory, s->site_count * sizeof(*l->sites));
	}
	for (unsigned i = 0; i < l->site_count; i++)
		if (strcmp(l->sites[i]->host, site->host) == 0) {
			ERROR_HERE(c, site->where, "site %s at %s is the one in %s:%d again: take one out", site->host, url,
			           l->sites[i]->where.file, l->sites[i]->where.line);
			return;
		}
	if (l->sites)
		l->sites[l->site_count++] = site;
	join_networks(s, &l->intermediaries, &site->intermediaries);
	join_networks(s, &l->proxy_protocol_from, &site->proxy_protocol_from);
}

/* Before listeners are checked. */
static void make_listeners(struct settings *s, struct complaints *c)
{
	static struct network everywhere[2];
	unsigned wanted = 0, unused;
	for (unsigned i = 0; i < s->site_count; i++)
		wanted += s->sites[i].listen.count;
	struct listen_settings *all = arena_zalloc(s->memory, (s->listen_count + wanted + 1) * sizeof(*all));
	struct network *anyone = arena_zalloc(s->memory, sizeof(everywhere));
	if (!all || !anyone || value_networks(s->memory, "*", anyone, &unused))
		return;
	if (s->listen_count)
		memcpy(all, s->listens, s->listen_count * sizeof(*all));
	s->listens = all;
	unsigned before = s->listen_count;
	for (unsigned i = 0; i < s->site_count; i++)
		for (unsigned k = 0; k < s->sites[i].listen.count; k++)
			publish_at(s, &s->sites[i], s->sites[i].listen.items[k], c);
	for (unsigned i = before; i < s->listen_count; i++)
		s->listens[i].clients = (struct network_list){anyone, 2};
}

/* ---- directories */

/* The longest first. */
static int by_length(const void *a, const void *b)
{
	const struct directory_settings *x = a, *y = b;
	size_t n = strlen(x->prefix), m = strlen(y->prefix);
	return n != m ? (n < m) - (n > m) : strcasecmp(x->prefix, y->prefix);
}

/* `below` has what it does not say itself from `above`. */
static void inherit(struct directory_settings *below, const struct directory_settings *above)
{
	bool places = below->application_name || below->files;
	if (below->sign_on.schemes.count == 0)
		below->sign_on.schemes = above->sign_on.schemes;
	if (below->sign_on.accounts.count == 0)
		below->sign_on.accounts = above->sign_on.accounts;
	if (below->users.count == 0 && below->groups.count == 0) {
		below->users = above->users;
		below->groups = above->groups;
	}
	if (below->clients.count == 0)
		below->clients = above->clients;
	if (!places) {
		below->application_name = above->application_name;
		below->files = above->files;
		below->files_prefix = above->files_prefix;
	}
	if (below->index.count == 0)
		below->index = above->index;
	if (below->symlinks == SYMLINKS_AS_ABOVE)
		below->symlinks = above->symlinks;
	if (below->user_format == USER_AS_ABOVE)
		below->user_format = above->user_format;
	if (below->tls == DIRECTORY_TLS_AS_ABOVE)
		below->tls = above->tls;
	if (below->body == 0)
		below->body = above->body;
}

/* Room for one more: "/" must be there. */
static bool add_top(struct settings *s, struct site_settings *site)
{
	for (unsigned i = 0; i < site->directory_count; i++)
		if (strcmp(site->directories[i].prefix, "/") == 0)
			return true;
	struct directory_settings *all = arena_zalloc(s->memory, (site->directory_count + 1) * sizeof(*all));
	if (!all)
		return false;
	if (site->directory_count)
		memcpy(all, site->directories, site->directory_count * sizeof(*all));
	all[site->directory_count++] = (struct directory_settings){.where = site->where, .prefix = "/"};
	site->directories = all;
	return true;
}

static void begin_top(struct settings *s, struct site_settings *site)
{
	static const char *page = "index.html";
	struct directory_settings *top = &site->top;
	top->files_prefix = "/";
	if (top->index.count == 0)
		top->index = (struct text_list){&page, 1};
	if (top->symlinks == SYMLINKS_AS_ABOVE)
		top->symlinks = SYMLINKS_BENEATH;
	if (top->user_format == USER_AS_ABOVE)
		top->user_format = USER_DOMAIN;
	if (top->tls == DIRECTORY_TLS_AS_ABOVE)
		top->tls = DIRECTORY_TLS_OPTIONAL;
	if (!site->sign_on.basic_realm)
		site->sign_on.basic_realm = strchr(site->host, '*') ? "this site" : site->host;
}

/* What holds for the whole site stands in every directory as well, so that sign-in looks at one place. */
static void take_from_site(struct directory_settings *d, const struct site_settings *site)
{
	struct sign_on_settings *own = &d->sign_on;
	struct sign_on_list schemes = own->schemes;
	struct text_list accounts = own->accounts;
	*own = site->sign_on;
	own->schemes = schemes;
	own->accounts = accounts;
	d->site = site;
}

static void merge_directories(struct site_settings *site)
{
	for (unsigned i = site->directory_count; i-- > 0;) { /* the shortest first: it is complete when others look */
		struct directory_settings *d = &site->directories[i];
		unsigned above = i + 1;
		d->files_prefix = d->prefix;
		while (above < site->directory_count && !prefix_begins(d->prefix, site->directories[above].prefix))
			above++;
		inherit(d, above < site->directory_count ? &site->directories[above] : &site->top);
		take_from_site(d, site);
	}
}

static void find_application(const struct settings *s, struct directory_settings *d, struct complaints *c)
{
	for (unsigned i = 0; i < s->application_count && d->application_name; i++)
		if (strcmp(s->applications[i].name, d->application_name) == 0)
			d->application = &s->applications[i];
	if (d->application_name && !d->application)
		ERROR_HERE(c, d->where,
		           "there is no application block \"%s\"; write application %s { member \"http://...\" { } }",
		           d->application_name, d->application_name);
	if (!d->application_name && !d->files)
		ERROR_HERE(c, d->where,
		           "directory %s of site %s serves nothing: give it application = ... or files = \"/folder\"",
		           d->prefix, d->site->host);
	if (d->files && d->files[0] != '/')
		ERROR_HERE(c, d->where, "files is a folder's whole path, like \"/srv/public\", not \"%s\"", d->files);
}

static bool check_directory(struct settings *s, struct site_settings *site, struct directory_settings *d,
                            struct complaints *c)
{
	const char *problem = value_prefix(s->memory, d->prefix, &d->prefix);
	if (problem) {
		ERROR_HERE(c, d->where, "%s", problem);
		return false;
	}
	if (d->application_name && d->files)
		ERROR_HERE(c, d->where, "directory %s: application and files exclude each other: take one out", d->prefix);
	for (const struct directory_settings *earlier = site->directories; earlier < d; earlier++)
		if (prefix_begins(earlier->prefix, d->prefix) && prefix_begins(d->prefix, earlier->prefix))
			ERROR_HERE(c, d->where, "directory %s is the one in %s:%d again (case does not tell them apart)", d->prefix,
			           earlier->where.file, earlier->where.line);
	return true;
}

static void read_directories(struct settings *s, struct site_settings *site, struct complaints *c)
{
	bool good = true;
	if (site->directory_count > DIRECTORIES_MOST) {
		ERROR_HERE(c, site->where, "site %s has more than %d directories", site->host, DIRECTORIES_MOST);
		return;
	}
	for (unsigned i = 0; i < site->directory_count; i++)
		good &= check_directory(s, site, &site->directories[i], c);
	if (site->top.application_name && site->top.files)
		ERROR_HERE(c, site->where, "site %s: application and files exclude each other: take one out", site->host);
	if (!good || !add_top(s, site))
		return;
	begin_top(s, site);
	qsort(site->directories, site->directory_count, sizeof(*site->directories), by_length);
	merge_directories(site);
	for (unsigned i = 0; i < site->directory_count; i++)
		find_application(s, &site->directories[i], c);
}

static bool is_site_name(const char *name)
{
	if (strcmp(name, "*") == 0)
		return true;
	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	return name[0] && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] == '\0';
}

void settings_read_sites(struct settings *s, struct complaints *c)
{
	read_applications(s, c);
	make_listeners(s, c);
	for (unsigned i = 0; i < s->site_count; i++) {
		struct site_settings *site = &s->sites[i];
		site->index = i;
		site->log.format = LOG_IIS;
		if (!is_site_name(site->host))
			ERROR_HERE(
				c, site->where,
				"a site is named like \"intranet.example\" in small letters, \"*.example\", or \"*\" for whatever "
				"is asked for; \"%s\" is none",
				site->host);
		if (site->listen.count > ADDRESSES_MOST)
			ERROR_HERE(c, site->where, "site %s has more than %d addresses", site->host, ADDRESSES_MOST);
		read_directories(s, site, c);
	}
	for (unsigned i = 0; i < s->application_count && c->errors == 0; i++)
		if (!is_used(s, &s->applications[i]))
			WARN_HERE(c, s->applications[i].where, "no directory of a site leads to application %s",
			          s->applications[i].name);
}
