/* A cntlm.conf: keywords and values, one a line, comments from # or ; on. Passwords and hashes are never printed: where there is one, the reader is
 * told how it comes into a file of its own. */
#include <stdio.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "cli/import_text.h"

enum { PIECE_MOST = 1 << 20 };

#define SECRET_FILE "/etc/fairlead/parent.secret"
#define NT_HASH_FILE "/etc/fairlead/parent.nthash"

struct cntlm {
	struct import_lines lines;
	struct span user, domain;
	bool password, nt_hash, ntlmv2_hash, kerberos, gateway, section;
	bool deny_all, deny_some, loopback;
	struct buf listens, members, direct, clients, access, notes;
};

static void take_user(struct cntlm *c, struct span value)
{
	c->user = value;
}

static void take_domain(struct cntlm *c, struct span value)
{
	c->domain = value;
}

static void take_password(struct cntlm *c, struct span value)
{
	c->password = true;
}

static void take_nt_hash(struct cntlm *c, struct span value)
{
	c->nt_hash = true;
}

static void take_ntlmv2_hash(struct cntlm *c, struct span value)
{
	c->ntlmv2_hash = true;
}

static void take_auth(struct cntlm *c, struct span value)
{
	c->kerberos = span_eq_nocase(value, SPAN("GSS"));
	if (!c->kerberos && !span_eq_nocase(value, SPAN("NTLMv2")))
		import_note(&c->notes, &c->lines,
		            "Auth: Fairlead sends NTLMv2 only; the older dialects can be broken by whoever listens");
}

static void take_gateway(struct cntlm *c, struct span value)
{
	c->gateway = span_eq_nocase(value, SPAN("yes")) || span_eq_nocase(value, SPAN("on")) || span_eq(value, SPAN("1"));
}

static void take_listen(struct cntlm *c, struct span value)
{
	if (!import_add_value(&c->listens, value))
		import_note(&c->notes, &c->lines, "Listen: no address");
}

static void take_proxy(struct cntlm *c, struct span value)
{
	struct span host = value;
	if (!memchr(value.p, ':', value.n)) {
		import_note(&c->notes, &c->lines, "Proxy: a parent needs its port, HOST:PORT");
		return;
	}
	size_t before = c->members.n;
	AUTO(buf) struct buf one;
	buf_init(&one, 1024);
	if (!import_add_value(&one, host)) {
		import_note(&c->notes, &c->lines, "Proxy: this cannot be the name of a host");
		return;
	}
	buf_addf(&c->members, "\tmember %s { %s}\n", buf_text(&one), before ? "backup = true " : "");
}

/* 10.* is 10.0.0.0/8. False: no address with stars at its end. */
static bool network_of_stars(struct span glob, char out[64])
{
	unsigned parts[4] = {0}, known = 0;
	struct span rest = glob, part;
	bool stars = false;
	for (unsigned i = 0; i < 4 && span_next(&rest, '.', &part); i++) {
		uint64_t number;
		if (span_eq(part, SPAN("*"))) {
			stars = true;
			continue;
		}
		if (stars || span_to_u64(part, 255, &number) != 0)
			return false;
		parts[known++] = (unsigned)number;
	}
	if (!stars || known == 0 || rest.n)
		return false;
	snprintf(out, 64, "%u.%u.%u.%u/%u", parts[0], parts[1], parts[2], parts[3], known * 8);
	return true;
}

static void take_direct_host(struct cntlm *c, struct span host)
{
	char network[64];
	struct addr a;
	bool stars = network_of_stars(host, network);
	if (stars)
		host = span_of(network);
	if (memchr(host.p, '?', host.n) || memchr(host.p, '[', host.n) || !import_add_value(&c->direct, host)) {
		import_note(&c->notes, &c->lines, "NoProxy: of wildcards there is only *, so this pattern is left out:");
		import_show(&c->notes, host);
		return;
	}
	bool literal = addr_parse(host, 0, &a) == 0;
	if (span_eq_nocase(host, SPAN("localhost")) || (literal && addr_is_loopback(&a)) ||
	    (stars && strncmp(network, "127.", 4) == 0))
		c->loopback = true;
}

static void take_no_proxy(struct cntlm *c, struct span value)
{
	struct span host;
	while (span_next(&value, ',', &host)) {
		struct span word;
		while (import_next_word(&host, &word))
			take_direct_host(c, word);
	}
}

static void take_rule(struct cntlm *c, struct span value, bool allow)
{
	AUTO(buf) struct buf network;
	buf_init(&network, 256);
	if (!import_add_network(&network, value)) {
		import_note(&c->notes, &c->lines, "%s: not a network", allow ? "Allow" : "Deny");
		return;
	}
	bool everybody = span_eq(buf_span(&network), SPAN("'*'"));
	if (c->deny_all)
		return; /* what follows is never reached */
	if (!allow && everybody) {
		c->deny_all = true;
		return;
	}
	if (allow)
		buf_addf(&c->clients, "%s%s", c->clients.n ? ", " : "", buf_text(&network));
	c->deny_some |= !allow;
	buf_addf(&c->access, "access { action = %s  from = {%s} }\n", allow ? "allow" : "deny", buf_text(&network));
}

static void take_allow(struct cntlm *c, struct span value)
{
	take_rule(c, value, true);
}

static void take_deny(struct cntlm *c, struct span value)
{
	take_rule(c, value, false);
}

/* ---- one line */

static const struct {
	const char *word;
	void (*take)(struct cntlm *c, struct span value);
	const char *why_not;
} words[] = {
	{"Username", take_user, NULL},
	{"Domain", take_domain, NULL},
	{"Password", take_password, NULL},
	{"PassNT", take_nt_hash, NULL},
	{"PassNTLMv2", take_ntlmv2_hash, NULL},
	{"PassLM", NULL, "an LM hash signs in nowhere with NTLMv2, the only dialect that Fairlead sends"},
	{"Auth", take_auth, NULL},
	{"Proxy", take_proxy, NULL},
	{"NoProxy", take_no_proxy, NULL},
	{"Listen", take_listen, NULL},
	{"Gateway", take_gateway, NULL},
	{"Allow", take_allow, NULL},
	{"Deny", take_deny, NULL},
	{"Tunnel", NULL,
     "fixed tunnels are not supported: let the program ask for one with CONNECT (ssh: ProxyCommand nc -X connect)"},
	{"SOCKS5Proxy", NULL, "SOCKS is not supported: use the HTTP proxy, with CONNECT"},
	{"SOCKS5User", NULL, "SOCKS is not supported"},
	{"NTLMToBasic", NULL,
     "not supported: clients sign in to Fairlead themselves (sign-on in listen), and Fairlead to the parent"},
	{"Workstation", NULL, "not needed: the parent does not ask for the name of the machine"},
	{"Flags", NULL, "not needed: the flags are settled with the parent"},
	{"Header", NULL, "fields of requests are not changed"},
	{"ISAScannerSize", NULL, "not supported: pages of a scanner come through as they are"},
	{"ISAScannerAgent", NULL, "not supported: pages of a scanner come through as they are"},
};

/* Without a comment and the quotes around a value. */
static struct span without_comment(struct span line)
{
	bool quoted = false;
	size_t n = 0;
	for (; n < line.n && (quoted || (line.p[n] != '#' && line.p[n] != ';')); n++)
		quoted ^= line.p[n] == '"';
	return span_trim(span_make(line.p, n));
}

static void take_line(struct cntlm *c, struct span line)
{
	struct span word, value = without_comment(line);
	if (!import_next_word(&value, &word))
		return;
	value = span_trim(value);
	if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
		value = span_make(value.p + 1, value.n - 2);
	if (word.p[0] == '[') {
		c->section = true;
		import_note(&c->notes, &c->lines, "sections are not known here: what follows in it is left out");
		return;
	}
	if (c->section || value.n == 0)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!span_eq_nocase(word, span_of(words[i].word)))
			continue;
		if (words[i].take)
			words[i].take(c, value);
		else
			import_note(&c->notes, &c->lines, "%s: %s", words[i].word, words[i].why_not);
		return;
	}
	import_note(&c->notes, &c->lines, "a keyword that is not known");
}

/* ---- the settings */

/* Networks that a gateway without rules is most likely meant for. */
#define PRIVATE_NETWORKS "'127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'"

static void add_clients(struct cntlm *c, struct buf *to)
{
	if (c->deny_all && c->clients.n) {
		buf_addf(to, "\tclients = {%s}\n", buf_text(&c->clients));
	} else if (c->deny_all) {
		buf_adds(to, "\t# Deny shut everybody out; this machine is let in\n");
	} else if (c->gateway) {
		buf_adds(to, "\t# cntlm let everybody in: name your networks\n\tclients = {" PRIVATE_NETWORKS "}\n");
	}
}

static void add_listen(struct cntlm *c, struct span address, struct buf *to)
{
	bool port_only = !memchr(address.p, ':', address.n);
	buf_addf(to, "listen '%s%.*s' {\n\tconnect-ports = {any}\n",
	         !port_only   ? ""
	         : c->gateway ? "*:"
	                      : "127.0.0.1:",
	         SPAN_ARG(address));
	add_clients(c, to);
	buf_adds(to, "}\n");
}

static void add_listens(struct cntlm *c, struct buf *to)
{
	struct span rest = buf_span(&c->listens), one;
	if (rest.n == 0)
		rest = SPAN("'3128'");
	while (span_next(&rest, ',', &one))
		add_listen(c, span_make(one.p + 1, one.n - 2), to);
}

static void add_secret(struct cntlm *c, struct buf *to)
{
	const char *file = c->lines.file;
	if (c->password) {
		buf_addf(to, "\t\t# the password of %s goes alone into this file, readable by Fairlead alone (chmod 600)\n",
		         file);
		buf_adds(to, "\t\tpassword-file = '" SECRET_FILE "'\n");
	} else if (c->nt_hash) {
		buf_addf(
			to,
			"\t\t# PassNT is the NT hash; it comes into the file by:\n"
			"\t\t#   (umask 077; sed -nE 's/^[[:space:]]*PassNT[[:space:]]+([0-9A-Fa-f]{32}).*/\\1/p' '%s' > " NT_HASH_FILE
			")\n",
			file);
		buf_adds(to, "\t\tnt-hash-file = '" NT_HASH_FILE "'\n");
	} else {
		if (c->ntlmv2_hash)
			buf_adds(
				to,
				"\t\t# PassNTLMv2 is made of the NT hash, the user and the domain, and does not lead back to it: put the\n"
				"\t\t# password into this file (chmod 600), or, with nt-hash-file, the PassNT that cntlm -H prints\n");
		else
			buf_adds(to,
			         "\t\t# there is no password in the file (cntlm asked for it): put it into this one (chmod 600)\n");
		buf_adds(to, "\t\tpassword-file = '" SECRET_FILE "'\n");
	}
}

static void add_credentials(struct cntlm *c, struct buf *to)
{
	AUTO(buf) struct buf account;
	AUTO(buf) struct buf quoted;
	buf_init(&account, 1024);
	buf_init(&quoted, 1024);
	if (c->domain.n)
		buf_addf(&account, "%.*s\\", SPAN_ARG(c->domain));
	buf_addf(&account, "%.*s", SPAN_ARG(c->user));
	if (c->kerberos) {
		buf_adds(to,
		         "\tcredentials {\n\t\tscheme = {negotiate}\n\t\t# the ticket cache of whoever runs Fairlead (klist)\n"
		         "\t\tccache = 'FILE:/tmp/krb5cc_0'\n\t}\n");
		return;
	}
	if (c->user.n == 0 || !import_add_value(&quoted, buf_span(&account))) {
		buf_addf(to, "\t# no Username in %s: write credentials { account = 'DOMAIN\\user'  password-file = '...' }\n",
		         c->lines.file);
		return;
	}
	buf_addf(to, "\tcredentials {\n\t\tscheme = {ntlm}\n\t\taccount = %s\n", buf_text(&quoted));
	add_secret(c, to);
	buf_adds(to, "\t}\n");
}

static void compose(struct cntlm *c, struct buf *to)
{
	buf_addf(to, "# Made of %s (cntlm) by fairlead import\n\n", c->lines.file);
	if (c->notes.n)
		buf_addf(to, "# What has no place here:\n%s\n", buf_text(&c->notes));
	add_listens(c, to);
	if (c->members.n) {
		buf_addf(to, "\nupstream parent {\n%s", buf_text(&c->members));
		add_credentials(c, to);
		buf_adds(to, "}\n\n");
	} else {
		buf_adds(to, "\n# There is no Proxy: all goes direct, and sites' NTLM is the client's own affair\n");
	}
	if (c->direct.n)
		buf_addf(to, "route { to = {%s}  via = direct }\n", buf_text(&c->direct));
	if (c->members.n)
		buf_adds(to, "route { to = {'*'}  via = parent }\n");
	if (c->deny_some)
		buf_addf(to, "\n%s", buf_text(&c->access));
	if (c->loopback)
		buf_adds(to, "\n# NoProxy named this machine itself, which a proxy keeps shut unless it is told otherwise\n"
		             "access { action = allow  to = {'127.0.0.0/8', '::1'}  from = {'127.0.0.0/8', '::1'} }\n");
}

void import_cntlm(const char *file, struct span text, struct buf *to)
{
	struct cntlm c = {.lines = {file, text, 0}};
	struct buf *const pieces[] = {&c.listens, &c.members, &c.direct, &c.clients, &c.access, &c.notes};
	struct span line;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		buf_init(pieces[i], PIECE_MOST);
	while (import_next_line(&c.lines, &line))
		take_line(&c, line);
	compose(&c, to);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		buf_fini(pieces[i]);
}
