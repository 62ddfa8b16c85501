/* A squid.conf: listeners, parents, sign-in and rules are taken over; the rest is named. Twice over the lines, since rules may stand before the last
 * values of their acls. */
#include "cli/import_squid.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

enum { PIECE_MOST = 1 << 20 };

/* name=value among the options of a line; empty if it is not there. */
static struct span option(struct span rest, const char *name)
{
	struct span word, wanted = span_of(name);
	while (import_next_word(&rest, &word))
		if (word.n > wanted.n && word.p[wanted.n] == '=' && memcmp(word.p, name, wanted.n) == 0)
			return span_make(word.p + wanted.n + 1, word.n - wanted.n - 1);
	return SPAN_NONE;
}

static bool flag(struct span rest, const char *name)
{
	struct span word;
	while (import_next_word(&rest, &word))
		if (span_eq(word, span_of(name)))
			return true;
	return false;
}

static void add_setting(struct buf *to, const char *name, struct span value)
{
	AUTO(buf) struct buf quoted;
	buf_init(&quoted, 4096);
	if (import_add_value(&quoted, value))
		buf_addf(to, "  %s = %s", name, buf_text(&quoted));
}

/* ---- listeners */

static void take_port(struct squid *s, struct span rest, bool https)
{
	struct span address, word;
	char *mode = NULL;
	if (!import_next_word(&rest, &address))
		return;
	for (struct span more = rest; import_next_word(&more, &word);)
		if (span_eq(word, SPAN("accel")) || span_eq(word, SPAN("intercept")) || span_eq(word, SPAN("tproxy")) ||
		    span_eq(word, SPAN("ssl-bump")))
			mode = span_dup(word);
	if (mode) {
		import_note(&s->notes, &s->lines, "a port with %s is left out: only a forward proxy is known here", mode);
		free(mode);
		return;
	}
	struct span certificate = option(rest, "tls-cert").n ? option(rest, "tls-cert") : option(rest, "cert");
	struct span key = option(rest, "tls-key").n ? option(rest, "tls-key") : option(rest, "key");
	const char *everywhere = memchr(address.p, ':', address.n) ? "" : "*:";
	buf_addf(&s->ports, "%s%.*s\n", everywhere, SPAN_ARG(address));
	if (https && certificate.n) {
		add_setting(&s->listen_tls, "certificate", certificate);
		add_setting(&s->listen_tls, "key", key.n ? key : certificate);
	}
	buf_addc(&s->listen_tls, '\n');
}

static void take_http_port(struct squid *s, struct span rest)
{
	take_port(s, rest, false);
}

static void take_https_port(struct squid *s, struct span rest)
{
	take_port(s, rest, true);
}

/* ---- parents */

static void take_login(struct squid *s, struct span login)
{
	struct buf *to = &s->credentials;
	const char *colon = login.n ? memchr(login.p, ':', login.n) : NULL;
	struct span name = span_make(login.p, colon ? (size_t)(colon - login.p) : login.n);
	if (to->n || s->passes || login.n == 0)
		return;
	if (span_eq(name, SPAN("PASS")) || span_eq(name, SPAN("PASSTHRU"))) {
		s->passes = true;
	} else if (span_eq(name, SPAN("NEGOTIATE"))) {
		buf_adds(to, "\tcredentials { scheme = {negotiate}  keytab = '/etc/krb5.keytab'");
		add_setting(to, "account", colon ? span_make(colon + 1, login.n - name.n - 1) : SPAN("HTTP/proxy.example"));
		buf_adds(to, " }\n");
		if (!colon)
			import_note(&s->notes, &s->lines,
			            "login=NEGOTIATE: replace HTTP/proxy.example by a principal of the keytab (klist -k)");
	} else {
		buf_adds(to, "\t# the password of login= goes alone into this file, readable by Fairlead alone (chmod 600)\n"
		             "\tcredentials { scheme = {basic}  send = always  password-file = '/etc/fairlead/parent.secret'");
		add_setting(to, "account", name);
		buf_adds(to, " }\n");
	}
}

static void take_peer_tls(struct squid *s, struct span rest)
{
	static const char *const pairs[][2] = {
		{"tls-cafile", "ca"}, {"sslcafile", "ca"}, {"tls-cert", "certificate"}, {"sslcert", "certificate"},
		{"tls-key", "key"},   {"sslkey", "key"},   {"tls-domain", "name"},      {"ssldomain", "name"}};
	if (s->peer_tls || (!flag(rest, "tls") && !flag(rest, "ssl")))
		return;
	s->peer_tls = true;
	buf_adds(&s->credentials, "\ttls {");
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		add_setting(&s->credentials, pairs[i][1], option(rest, pairs[i][0]));
	buf_adds(&s->credentials, " }\n");
}

static void take_peer(struct squid *s, struct span rest)
{
	struct span host, type, port, icp;
	char address[512];
	AUTO(buf) struct buf quoted;
	buf_init(&quoted, 1024);
	if (!import_next_word(&rest, &host) || !import_next_word(&rest, &type) || !import_next_word(&rest, &port) ||
	    !import_next_word(&rest, &icp))
		return;
	if (!span_eq(type, SPAN("parent")) || flag(rest, "originserver")) {
		import_note(&s->notes, &s->lines, "cache_peer %.*s is left out: it is no parent proxy", SPAN_ARG(host));
		return;
	}
	snprintf(address, sizeof(address), "%.*s:%.*s", SPAN_ARG(host), SPAN_ARG(port));
	if (!import_add_value(&quoted, span_of(address)))
		return;
	bool share = flag(rest, "round-robin") || flag(rest, "carp") || flag(rest, "sourcehash") ||
	             flag(rest, "userhash") || flag(rest, "weighted-round-robin");
	bool backup = s->peers && (!share || flag(rest, "backup") || flag(rest, "default"));
	buf_addf(&s->members, "\tmember %s { %s}\n", buf_text(&quoted), backup ? "backup = true " : "");
	s->peers++;
	take_login(s, option(rest, "login"));
	take_peer_tls(s, rest);
}

static void take_never_direct(struct squid *s, struct span rest)
{
	s->never_direct |= span_starts_nocase(rest, SPAN("allow all"));
	if (!span_starts_nocase(rest, SPAN("allow all"))) {
		import_note(&s->notes, &s->lines, "never_direct is left out: say it by routes");
		import_show(&s->notes, rest);
	}
}

/* ---- sign-in of clients */

static void take_auth_param(struct squid *s, struct span rest)
{
	struct span scheme, what;
	if (!import_next_word(&rest, &scheme) || !import_next_word(&rest, &what))
		return;
	bool basic = span_eq(scheme, SPAN("basic"));
	if (basic && span_eq(what, SPAN("realm")))
		add_setting(&s->realm, "basic-realm", span_trim(rest));
	if (!span_eq(what, SPAN("program")))
		return;
	if (!basic && !span_eq(scheme, SPAN("ntlm")) && !span_eq(scheme, SPAN("negotiate"))) {
		import_note(&s->notes, &s->lines, "auth_param %.*s: there are negotiate, ntlm and basic", SPAN_ARG(scheme));
		return;
	}
	bool asks_winbind = rest.n && memmem(rest.p, rest.n, "ntlm_auth", 9);
	buf_addf(&s->sign_on, "%s%.*s", s->sign_on.n ? ", " : "", SPAN_ARG(scheme));
	s->winbind |= asks_winbind || span_eq(scheme, SPAN("ntlm"));
	s->kerberos |= span_eq(scheme, SPAN("negotiate")) && rest.n && memmem(rest.p, rest.n, "kerberos", 8);
	s->basic_file |= basic && !asks_winbind;
	if (basic && !asks_winbind)
		import_note(&s->notes, &s->lines, "auth_param basic: its users are made anew, by fairlead account add NAME");
}

/* ---- the rest */

static void take_contact(struct squid *s, struct span rest)
{
	add_setting(&s->general, "contact", rest);
	buf_addc(&s->general, '\n');
}

static void take_hosts_file(struct squid *s, struct span rest)
{
	buf_adds(&s->general, "resolver {");
	add_setting(&s->general, "hosts-file", rest);
	buf_adds(&s->general, " }\n");
}

static void take_nothing(struct squid *s, struct span rest)
{
}

static const struct {
	const char *word;
	void (*take)(struct squid *s, struct span rest);
	const char *why_not;
} words[] = {
	{"acl", take_nothing, NULL},
	{"http_port", take_http_port, NULL},
	{"https_port", take_https_port, NULL},
	{"cache_peer", take_peer, NULL},
	{"http_access", squid_access_line, NULL},
	{"always_direct", squid_direct_line, NULL},
	{"never_direct", take_never_direct, NULL},
	{"auth_param", take_auth_param, NULL},
	{"cache_mgr", take_contact, NULL},
	{"hosts_file", take_hosts_file, NULL},
	{"cache_peer_access", NULL, "write an upstream of its own for this peer, and a route that leads there"},
	{"cache_dir", NULL, "this version has no cache"},
	{"cache_mem", NULL, "this version has no cache"},
	{"refresh_pattern", NULL, "this version has no cache"},
	{"cache", NULL, "this version has no cache"},
	{"maximum_object_size", NULL, "this version has no cache"},
	{"coredump_dir", NULL, "not needed"},
	{"visible_hostname", NULL, "write listen \"...\" { name = \"...\" }"},
	{"dns_nameservers", NULL, "write resolver { servers = \"ADDRESS,ADDRESS\" }"},
	{"access_log", NULL, "write log access { file = \"...\" }"},
	{"via", NULL, "write via-header = false in a route"},
	{"forwarded_for", NULL, "Fairlead sends no X-Forwarded-For"},
	{"external_acl_type", NULL,
     "helpers are not supported: groups of a Windows domain are named in access { groups = {...} }"},
	{"url_rewrite_program", NULL, "helpers are not supported"},
	{"ssl_bump", NULL, "tunnels are not looked into"},
	{"http_reply_access", NULL, "rules decide on requests"},
	{"icp_access", NULL, "there is no ICP"},
	{"htcp_access", NULL, "there is no HTCP"},
	{"include", NULL, "read that file too, and put both together"},
};

static void take_line(struct squid *s, struct span line)
{
	struct span word, rest = line;
	if (!import_next_word(&rest, &word) || word.p[0] == '#')
		return;
	rest = span_trim(rest);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!span_eq(word, span_of(words[i].word)))
			continue;
		if (words[i].take)
			words[i].take(s, rest);
		else
			import_note(&s->notes, &s->lines, "%s: %s", words[i].word, words[i].why_not);
		return;
	}
	import_note(&s->notes, &s->lines, "%.*s: nothing here does the same, or it is not known", SPAN_ARG(word));
}

/* ---- the settings */

static void add_sign_on(struct squid *s, struct buf *to)
{
	bool plain_basic = s->sign_on.n && memmem(s->sign_on.p, s->sign_on.n, "basic", 5);
	if (!s->signs_in || !s->sign_on.n)
		return;
	buf_addf(to, "\tsign-on = {%s}\n", buf_text(&s->sign_on));
	if (s->winbind || s->basic_file)
		buf_addf(to, "\taccounts = {%s}\n",
		         s->winbind && s->basic_file ? "domain, local"
		         : s->winbind                ? "domain"
		                                     : "local");
	if (s->realm.n)
		buf_addf(to, "\t%s\n", buf_text(&s->realm) + 2);
	if (plain_basic)
		buf_adds(
			to,
			"\t# as Squid did: everybody on the way can read the passwords; tls { } ends that\n\tbasic-without-tls = true\n");
}

static void add_listen(struct squid *s, struct span address, struct span tls, struct buf *to)
{
	buf_addf(to, "listen '%.*s' {\n", SPAN_ARG(address));
	if (s->clients_open && !(s->signs_in && s->sign_on.n))
		buf_adds(to, "\tclients = {'*'}\n");
	else if (s->clients_open)
		buf_adds(to,
		         "\t# Squid let in whoever signs in: name your networks\n"
		         "\tclients = {'127.0.0.0/8', '::1', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'}\n");
	else if (s->clients.n)
		buf_addf(to, "\tclients = {%s}\n", buf_text(&s->clients));
	buf_addf(to, "\tconnect-ports = {%s}\n", s->connect_ports.n ? buf_text(&s->connect_ports) : "any");
	add_sign_on(s, to);
	if (tls.n)
		buf_addf(to, "\ttls {%.*s }\n", SPAN_ARG(tls));
	buf_adds(to, "}\n");
}

static void add_listens(struct squid *s, struct buf *to)
{
	struct import_lines ports = {.rest = buf_span(&s->ports)}, tls = {.rest = buf_span(&s->listen_tls)};
	struct span address, block = SPAN_NONE;
	if (ports.rest.n == 0)
		add_listen(s, SPAN("*:3128"), SPAN_NONE, to);
	while (import_next_line(&ports, &address)) {
		if (!import_next_line(&tls, &block))
			block = SPAN_NONE;
		add_listen(s, address, block, to);
	}
}

static void add_accounts(struct squid *s, struct buf *to)
{
	if (!s->signs_in || !s->sign_on.n)
		return;
	if (s->winbind)
		buf_adds(to, "accounts domain { windows-domain = winbind }\n");
	if (s->basic_file)
		buf_adds(to, "accounts local { file = '/var/lib/fairlead/accounts' }\n");
	if (s->kerberos)
		buf_adds(to, "kerberos { keytab = '/etc/krb5.keytab' }\n");
}

/* Rules that stand before the first that asks for a name decide before any challenge. */
static void add_access(struct squid *s, struct buf *to)
{
	static const char mark[] = "  %sign-on-none%";
	bool asks = s->signs_in && s->sign_on.n;
	struct span rest = buf_span(&s->access);
	for (;;) {
		const char *at = rest.n ? memmem(rest.p, rest.n, mark, sizeof(mark) - 1) : NULL;
		struct span before = span_make(rest.p, at ? (size_t)(at - rest.p) : rest.n);
		buf_add(to, before);
		if (!at)
			return;
		buf_adds(to, asks ? "  sign-on = none" : "");
		rest = span_make(at + sizeof(mark) - 1, rest.n - before.n - (sizeof(mark) - 1));
	}
}

/* login=PASS: what clients say to a proxy is for the parent; where they sign in here, the users are signed in there. */
static void add_passed_login(struct squid *s, struct buf *to)
{
	bool signs_in = s->signs_in && s->sign_on.n;
	if (s->passes)
		buf_addf(to, "\tcredentials { scheme = {%s} }\n", signs_in ? "on-behalf" : "relay");
}

/* A sign-in that is relayed has no way past the parent. */
static bool goes_direct_too(const struct squid *s)
{
	return !s->never_direct && (!s->passes || (s->signs_in && s->sign_on.n));
}

static void compose(struct squid *s, struct buf *to)
{
	buf_addf(to, "# Made of %s (Squid) by fairlead import\n\n", s->lines.file);
	if (s->untranslated_denials)
		buf_addf(
			to,
			"# TAKE CARE: %u rules that denied something are left out, so these settings are more open than the file was.\n\n",
			s->untranslated_denials);
	if (s->notes.n)
		buf_addf(to, "# What has no place here, or needs a hand:\n%s\n", buf_text(&s->notes));
	buf_addf(to, "%s", buf_text(&s->general));
	add_listens(s, to);
	add_accounts(s, to);
	if (s->peers) {
		buf_addf(to, "\nupstream parent {\n%s%s", buf_text(&s->members), buf_text(&s->credentials));
		add_passed_login(s, to);
		buf_addf(to, "%s}\n", goes_direct_too(s) ? "\tor-direct = true\n" : "");
	}
	buf_addf(to, "\n%s", buf_text(&s->routes));
	if (s->peers)
		buf_adds(to, "route { to = {'*'}  via = parent }\n");
	buf_adds(to, "\n");
	add_access(s, to);
}

/* A line that ends in a backslash goes on in the next. Lines keep their numbers: what was joined leaves empty lines behind. */
static struct span join_lines(struct span text, char *room)
{
	size_t n = 0, joined = 0;
	for (size_t i = 0; i < text.n; i++) {
		bool at_end = i + 1 < text.n && text.p[i] == '\\' && text.p[i + 1] == '\n';
		if (at_end) {
			room[n++] = ' ';
			joined++;
			i++;
			continue;
		}
		room[n++] = text.p[i];
		for (; text.p[i] == '\n' && joined > 0; joined--)
			room[n++] = '\n';
	}
	return span_make(room, n);
}

static void read_acls(struct squid *s, struct span text)
{
	struct span line, word;
	s->lines.rest = text;
	while (import_next_line(&s->lines, &line))
		if (import_next_word(&line, &word) && span_eq(word, SPAN("acl")))
			squid_acl_line(s, line);
	s->lines.rest = text;
	s->lines.number = 0;
}

void import_squid(const char *file, struct span text, struct buf *to)
{
	struct squid *s = calloc(1, sizeof(*s));
	struct span line;
	char *joined = malloc(text.n + 1);
	if (!s || !joined) {
		to->error = -ENOMEM;
		free(joined);
		free(s);
		return;
	}
	struct buf *const pieces[] = {&s->ports,   &s->listen_tls,    &s->members, &s->credentials,
	                              &s->clients, &s->connect_ports, &s->routes,  &s->access,
	                              &s->general, &s->notes,         &s->sign_on, &s->realm};
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		buf_init(pieces[i], PIECE_MOST);
	s->lines.file = file;
	squid_acls_init(s);
	read_acls(s, join_lines(text, joined));
	while (import_next_line(&s->lines, &line))
		take_line(s, line);
	compose(s, to);
	squid_acls_fini(s);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		buf_fini(pieces[i]);
	free(joined);
	free(s);
}
