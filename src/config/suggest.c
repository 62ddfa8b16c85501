#include "config/suggest.h"

#include <ctype.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum { NAME_MOST = 40 };

/* The words of Squid, nginx, HAProxy, tinyproxy and cntlm for what we call otherwise. */
static const struct {
	const char *word, *advice;
} foreign[] = {
	{"http_port", "Squid's http_port is a block here: listen \"*:3128\" { }"},
	{"https_port", "Squid's https_port is a block here: listen \"*:3128\" { }"},
	{"cache_peer",
     "Squid's cache_peer is a block here: upstream NAME { member \"HOST:PORT\" { } }, and a route that leads there"},
	{"never_direct", "say it by routes: route { to = {\"*\"}  via = NAME }"},
	{"always_direct", "say it by a route: route { to = {\"HOST\"}  via = direct }"},
	{"cache_peer_access", "say it by routes: route { to = {\"HOST\"}  via = NAME }"},
	{"acl",
     "there are no named lists; write them in the rule: access { action = allow  to = {\"HOST\"}  from = {\"NETWORK\"} }"},
	{"http_access", "a rule is a block here: access { action = allow  from = {\"NETWORK\"} }"},
	{"visible_hostname", "write listen \"ADDRESS\" { name = \"...\" }"},
	{"cache_mgr", "write contact = \"...\""},
	{"dns_nameservers", "write resolver { servers = \"...\" }"},
	{"hosts_file", "write resolver { hosts-file = \"...\" }"},
	{"access_log", "write log access { file = \"...\" }"},
	{"cache_log", "write log events { file = \"...\" }"},
	{"logfile", "write log access { file = \"...\" }"},
	{"error_log", "write log events { file = \"...\" }"},
	{"loglevel", "write log events { level = info }"},
	{"connect_timeout", "write timeouts { connect = 10s }"},
	{"shutdown_lifetime", "write drain = 30s"},
	{"shutdown_timeout", "write drain = 30s"},
	{"via", "write via-header = false in a route to leave the Via field out; via itself stands in a route too"},
	{"auth_param",
     "sign-in of clients is said in the listen block: sign-on = {negotiate, ntlm}; fairlead import squid FILE reads the whole file"},
	{"proxy_pass", "nginx's proxy_pass is a route to an upstream here: route { to = {\"*\"}  via = NAME }; "
                   "for a published site it will be an application"},
	{"server",
     "for a proxy write listen \"ADDRESS\" { }; for a parent's member write upstream NAME { member \"HOST:PORT\" { } }"},
	{"server_name", "write listen \"ADDRESS\" { name = \"...\" }"},
	{"location", "published sites are not supported by this version yet"},
	{"root", "published sites are not supported by this version yet"},
	{"http", "settings stand at the top level: leave the http block out"},
	{"events", "write log events { ... } for the log, workers = N for the number of threads"},
	{"worker_processes", "write workers = N"},
	{"nbthread", "write workers = N"},
	{"max_clients", "write limits { connections = N }"},
	{"maxclients", "write limits { connections = N }"},
	{"worker_connections", "write limits { connections = N }"},
	{"maxconn", "write limits { connections = N }"},
	{"resolver_timeout", "write timeouts { resolve = 5s }"},
	{"keepalive_timeout", "write timeouts { idle = 2m }"},
	{"allow",
     "write listen \"ADDRESS\" { clients = {\"NETWORK\"} } for who may use the proxy, access { action = allow ... } for where to"},
	{"deny",
     "clients lists who may use a listener, all others may not; access { action = deny ... } says where to nobody may go"},
	{"frontend", "write listen \"ADDRESS\" { }"},
	{"bind", "write listen \"ADDRESS\" { }"},
	{"port", "write listen \"127.0.0.1:PORT\" { }"},
	{"backend", "write upstream NAME { member \"HOST:PORT\" { } }"},
	{"proxy", "cntlm's Proxy is a member of an upstream here: upstream parent { member \"HOST:PORT\" { } }"},
	{"noproxy", "cntlm's NoProxy is a route here: route { to = {\"HOST\", \"10.0.0.0/8\"}  via = direct }"},
	{"gateway",
     "cntlm's Gateway is said by the address and who may use it: listen \"*:3128\" { clients = {\"10.0.0.0/8\"} }"},
	{"username",
     "write credentials { account = 'CORP\\alice' ... } in the upstream; fairlead import cntlm FILE reads the whole file"},
	{"domain",
     "write credentials { account = 'CORP\\alice' ... } in the upstream, or default-domain = \"...\" for clients that sign in"},
	{"password", "secrets never stand in this file: write credentials { password-file = \"...\" } in the upstream"},
	{"passntlmv2",
     "secrets never stand in this file: write credentials { password-file = \"...\" } in the upstream; fairlead import cntlm FILE says more"},
	{"auth", "write credentials { scheme = {negotiate, ntlm} } in the upstream"},
	{"tunnel", "a fixed tunnel is not supported; clients ask for one with CONNECT"},
	{"connectport", "write listen \"ADDRESS\" { connect-ports = {\"443\"} }"},
	{"timeout", "write timeouts { idle = 2m }"},
	{"parent", "write upstream NAME { member \"HOST:PORT\" { } } and a route that leads there"},
	{"member", "a member stands in an upstream: upstream NAME { member \"HOST:PORT\" { } }"},
	{"disableviaheader", "write via-header = false in a route"},
	{"viaproxyname", "write pseudonym = \"...\""},
	{"user", "Fairlead does not change its user: start it as the right one"},
	{"group", "Fairlead does not change its user: start it as the right one"},
};

/* Restricted Damerau-Levenshtein distance, letters folded, '_' like '-'; words longer than the room count as far. */
static unsigned distance(struct span a, struct span b)
{
	unsigned rows[3][NAME_MOST + 1];
	if (a.n > NAME_MOST || b.n > NAME_MOST)
		return NAME_MOST;
	for (unsigned j = 0; j <= b.n; j++)
		rows[0][j] = rows[1][j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned *now = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
		now[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			char x = a.p[i - 1] == '_' ? '-' : ascii_lower(a.p[i - 1]);
			char y = b.p[j - 1] == '_' ? '-' : ascii_lower(b.p[j - 1]);
			unsigned best = above[j - 1] + (x != y);
			best = above[j] + 1 < best ? above[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && ascii_lower(a.p[i - 2]) == y && x == ascii_lower(b.p[j - 2]))
				best = above2[j - 2] + 1 < best ? above2[j - 2] + 1 : best;
			now[j] = best;
		}
	}
	return rows[a.n % 3][b.n];
}

/* Near enough to be a slip: one in short words, a third of the letters in longer ones. */
static bool is_near(unsigned steps, struct span written)
{
	return steps <= (written.n < 6 ? 1 : written.n / 3);
}

struct span suggest_word(const char *words, const char *written)
{
	struct span rest = span_of(words), word, best = SPAN_NONE;
	unsigned least = NAME_MOST;
	while (span_next(&rest, '|', &word)) {
		if (strlen(written) >= 3 && span_starts_nocase(word, span_of(written)))
			return word;
		unsigned steps = distance(word, span_of(written));
		if (steps < least) {
			least = steps;
			best = word;
		}
	}
	return is_near(least, span_of(written)) ? best : SPAN_NONE;
}

static const struct setting *nearest(const struct settings_block *block, struct span written, unsigned *least)
{
	const struct setting *best = NULL;
	for (unsigned i = 0; i < block->row_count; i++) {
		unsigned steps = distance(span_of(block->rows[i].name), written);
		if (steps < *least) {
			*least = steps;
			best = &block->rows[i];
		}
	}
	return best;
}

/* The first block at or beneath `in` that has a setting of exactly this name. */
static const struct settings_block *home_of(const struct settings_block *in, const char *name)
{
	for (unsigned i = 0; i < in->row_count; i++)
		if (strcmp(in->rows[i].name, name) == 0)
			return in;
	for (unsigned i = 0; i < in->row_count; i++) {
		const struct settings_block *found = in->rows[i].block ? home_of(in->rows[i].block, name) : NULL;
		if (found)
			return found;
	}
	return NULL;
}

void suggest_setting(const struct settings_block *block, const char *name, struct buf *to)
{
	struct span written = span_of(name);
	unsigned steps = NAME_MOST;
	const struct setting *near = nearest(block, written, &steps);
	if (near && steps <= 1) {
		buf_addf(to, "; did you mean %s?", near->name);
		return;
	}
	for (size_t i = 0; i < LENGTH(foreign); i++) {
		if (!span_eq_nocase(written, span_of(foreign[i].word)))
			continue;
		buf_addf(to, "; %s", foreign[i].advice);
		return;
	}
	const struct settings_block *home = home_of(&settings_table, name);
	if (home == &settings_table)
		buf_adds(to, "; it stands outside of all blocks");
	else if (home)
		buf_addf(to, "; it stands in a block: %s { ... }", home->name);
	else if (near && is_near(steps, written))
		buf_addf(to, "; did you mean %s?", near->name);
}
