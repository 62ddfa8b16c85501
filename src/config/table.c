#include "config/table.h"

#include <stdio.h>

#include "config/settings.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define PLACE(holder, member) offsetof(struct holder, member)
#define AT(holder, member) .at = PLACE(holder, member), .width = sizeof(((struct holder *)0)->member)

/* Rows: name, type, where it is stored, limits, default, one sentence. */
/* clang-format off */
#define SETTING(it, kind, holder, member, otherwise, why) \
	{.name = it, .type = SETTING_##kind, AT(holder, member), .fallback = otherwise, .sentence = why}
#define REQUIRED(it, kind, holder, member, why) \
	{.name = it, .type = SETTING_##kind, AT(holder, member), .required = true, .sentence = why}
#define NUMBER(it, kind, holder, member, from, to, otherwise, why) \
	{.name = it, .type = SETTING_##kind, AT(holder, member), .least = from, .most = to, .fallback = otherwise, \
	 .sentence = why}
#define SCHEMES(it, holder, member, options, otherwise, why) \
	{.name = it, .type = SETTING_SCHEMES, AT(holder, member), .words = options, .fallback = otherwise, .sentence = why}
#define CHOICE(it, holder, member, options, otherwise, why) \
	{.name = it, .type = SETTING_CHOICE, AT(holder, member), .words = options, .fallback = otherwise, .sentence = why}
#define BLOCK(it, fixed_title, holder, member, table, why) \
	{.name = it, .title = fixed_title, .type = SETTING_BLOCK, .at = PLACE(holder, member), .block = &table, .sentence = why}
/* An array of `element`s at `member`, counted in `count`. */
#define BLOCKS(it, holder, member, count, element, table, must, why) \
	{.name = it, .type = SETTING_BLOCK, .repeated = true, .at = PLACE(holder, member), .count_at = PLACE(holder, count), \
	 .width = sizeof(struct element), .block = &table, .required = must, .sentence = why}
/* Names that settings files of later versions have. */
#define LATER(it, why) {.name = it, .type = SETTING_LATER, .sentence = why}
/* Blocks: name, what the title means, where title, place in the file and "it is there" are stored, rows, an example. */
#define TABLE(it, title, title_place, where_place, on_place, its_rows, sample) \
	{.name = it, .title_means = title, .title_at = title_place, .where_at = where_place, .on_at = on_place, \
	 .rows = its_rows, .row_count = LENGTH(its_rows), .example = sample}
/* clang-format on */

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
#define DAY (24ll * HOUR)
enum { KB = 1024, MB = 1024 * KB };

const char settings_embedded[] = "listen \"127.0.0.1:3128\" { }\n"
								 "listen \"127.0.0.1:3129\" { role = console }\n";

static const struct setting listen_tls_rows[] = {
	REQUIRED(
		"certificate", FILE, listen_tls_settings, certificate,
		"A PEM file with the certificate of this listener or site and those between it and an authority; there may be one "
		"for each kind of key, RSA and ECDSA. It is read again at a reload."),
	SETTING("key", FILE, listen_tls_settings, key, NULL,
            "A PEM file with its key; without it the key stands in the certificate's file."),
};
static const struct settings_block listen_tls_block = TABLE("listen tls", NULL, NOWHERE,
                                                            PLACE(listen_tls_settings, where),
                                                            PLACE(listen_tls_settings, on), listen_tls_rows, NULL);

static const struct setting listen_rows[] = {
	CHOICE("role", listen_settings, role, "proxy|console", "proxy",
           "What answers at this address: the proxy, or the console with /health and /metrics."),
	SETTING("name", TEXT, listen_settings, name, NULL,
            "What clients call this proxy; without it the name of this machine."),
	SETTING("clients", NETWORKS, listen_settings, clients, "127.0.0.0/8, ::1",
            "Networks whose hosts may use this address; all others get a 403 that names this setting."),
	SETTING(
		"same-user", BOOL, listen_settings, same_user, "false",
		"Whether only processes on this machine are served that belong to the user that Fairlead runs as, or to root; "
		"all others get a 403."),
	SETTING("connect-ports", PORTS, listen_settings, connect_ports, "443, 563",
            "Ports and ranges of ports to which CONNECT may go, or \"any\"."),
	SETTING("intermediaries", NETWORKS, listen_settings, intermediaries, NULL,
            "Proxies and balancers in front of this one that keep their users' connections apart; from any other "
            "connection with Via or X-Forwarded-For a sign-in lasts for one request."),
	SETTING("proxy-protocol-from", NETWORKS, listen_settings, proxy_protocol_from, NULL,
            "Balancers that send a PROXY protocol header (version 1 or 2) first, which is believed."),
	SCHEMES(
		"sign-on", listen_settings, sign_on.schemes, "anonymous|basic|ntlm|negotiate", NULL,
		"How clients sign in, in the order in which it is offered. With anonymous in it nobody is asked until a rule "
		"needs a name; without the setting nobody is asked at all."),
	SETTING("accounts", TEXTS, listen_settings, sign_on.accounts, NULL,
            "Names of the accounts blocks that may verify; exactly one does, chosen by the user's domain."),
	SETTING("basic-realm", TEXT, listen_settings, sign_on.basic_realm, "Fairlead",
            "What Basic sign-in shows to the user."),
	SETTING("basic-without-tls", BOOL, listen_settings, sign_on.basic_without_tls, "false",
            "Whether Basic is offered on plain connections too, where everybody on the way can read the password."),
	SETTING("require-mic", BOOL, listen_settings, sign_on.require_mic, "false",
            "Whether an NTLM sign-in without an integrity code is refused; curl and cntlm send none."),
	CHOICE(
		"channel-binding", listen_settings, sign_on.channel_binding, "none|allow|require", "allow",
		"Over TLS, whether a sign-in must belong to the very connection: allow verifies it of clients that say so, require "
		"refuses all others."),
	BLOCK("tls", NULL, listen_settings, tls, listen_tls_block,
          "For clients that speak TLS to this address: a proxy given as https://."),
};
static const struct settings_block listen_block = TABLE(
	"listen", "ADDRESS", PLACE(listen_settings, address), PLACE(listen_settings, where), NOWHERE, listen_rows,
	"listen \"*:8080\" {\n\tclients = {\"10.0.0.0/8\"}\n}\nlisten \"127.0.0.1:3129\" { role = console }");

static const struct setting member_rows[] = {
	SETTING("backup", BOOL, member_settings, backup, "false",
            "Whether this member is asked only when those without it do not answer."),
};
static const struct settings_block member_block = TABLE("upstream member", "HOST:PORT", PLACE(member_settings, address),
                                                        PLACE(member_settings, where), NOWHERE, member_rows, NULL);

static const struct setting upstream_tls_rows[] = {
	SETTING("ca", FILE, upstream_tls_settings, ca, NULL,
            "A PEM file with the authorities that may vouch for the parent; without it the system's."),
	SETTING("name", TEXT, upstream_tls_settings, name, NULL,
            "The name that the parent's certificate must bear; without it the member's host."),
	SETTING("certificate", FILE, upstream_tls_settings, certificate, NULL,
            "A PEM file with our own certificate, for a parent that asks for one."),
	SETTING("key", FILE, upstream_tls_settings, key, NULL, "A PEM file with the key of our own certificate."),
	SETTING("verify", BOOL, upstream_tls_settings, verify, "true",
            "Whether the parent's certificate is verified; false is for tests alone."),
};
static const struct settings_block upstream_tls_block = TABLE(
	"upstream tls", NULL, NOWHERE, PLACE(upstream_tls_settings, where), PLACE(upstream_tls_settings, on),
	upstream_tls_rows, NULL);

static const struct setting application_tls_rows[] = {
	SETTING("ca", FILE, upstream_tls_settings, ca, NULL,
            "A PEM file with the authorities that may vouch for the application; without it the system's."),
	SETTING("name", TEXT, upstream_tls_settings, name, NULL,
            "The name that the certificate must bear; without it the member's host."),
	SETTING("certificate", FILE, upstream_tls_settings, certificate, NULL,
            "A PEM file with our own certificate, for an application that asks for one."),
	SETTING("key", FILE, upstream_tls_settings, key, NULL, "A PEM file with the key of our own certificate."),
	SETTING("verify", BOOL, upstream_tls_settings, verify, "true",
            "Whether the certificate is verified; false is for tests alone."),
};
static const struct settings_block application_tls_block = TABLE(
	"application tls", NULL, NOWHERE, PLACE(upstream_tls_settings, where), NOWHERE, application_tls_rows, NULL);

static const struct settings_block application_member_block = TABLE(
	"application member", "URL", PLACE(member_settings, address), PLACE(member_settings, where), NOWHERE, member_rows,
	NULL);

static const struct setting credentials_rows[] = {
	SCHEMES(
		"scheme", credentials_settings, scheme, "anonymous|basic|ntlm|negotiate|relay|on-behalf", "negotiate, ntlm",
		"What may be used, the best first. relay alone: the client's own sign-in goes to the parent, and the parent's "
		"challenge to the client, on listeners without sign-on. on-behalf alone: whoever signed in to us by basic or "
		"Kerberos is signed in to the parent as himself, with his password or by constrained delegation."),
	CHOICE(
		"send", credentials_settings, send, "as-fits|when-asked|always", "as-fits",
		"always: also when the parent does not ask (what ends error 12201 where it allows anonymous as well). as-fits: "
		"always, but for basic only when asked."),
	SETTING("account", TEXT, credentials_settings, account, NULL,
            "Whom we sign in as: 'CORP\\alice' in single quotes, alice@corp.example, or alice."),
	SETTING("password-file", FILE, credentials_settings, password_file, NULL,
            "A file with the password in its first line, readable by us alone (0600)."),
	SETTING("nt-hash-file", FILE, credentials_settings, nt_hash_file, NULL,
            "A file with the NT hash of the password, 32 hexadecimal digits, instead of the password."),
	SETTING("systemd-credential", TEXT, credentials_settings, systemd_credential, NULL,
            "The name of a systemd credential that holds the password (LoadCredential=)."),
	SETTING("keytab", FILE, credentials_settings, keytab, NULL,
            "A keytab with the key of the account, for negotiate; for on-behalf without it the one of kerberos { }."),
	SETTING("ccache", TEXT, credentials_settings, ccache, NULL, "A Kerberos ticket cache to use, for negotiate."),
	SETTING("spn", TEXT, credentials_settings, spn, NULL,
            "The Kerberos name of the parent; without it HTTP/ and the host of the member."),
};
static const struct settings_block credentials_block = TABLE("upstream credentials", NULL, NOWHERE,
                                                             PLACE(credentials_settings, where),
                                                             PLACE(credentials_settings, on), credentials_rows, NULL);

static const struct setting upstream_rows[] = {
	BLOCKS("member", upstream_settings, members, member_count, member_settings, member_block, true,
           "One parent proxy; those without backup share the clients by their address, backups follow in order."),
	BLOCK("tls", NULL, upstream_settings, tls, upstream_tls_block, "For a parent that is spoken to over TLS."),
	SETTING("or-direct", BOOL, upstream_settings, or_direct, "false",
            "Whether requests go direct when no member answers."),
	NUMBER("connections", COUNT, upstream_settings, connections, 0, 1000000, "0",
           "At most so many connections to each member, yet one for each worker; 0 for no limit."),
	NUMBER(
		"probe", TIME, upstream_settings, probe, 0, HOUR, "5s",
		"A member that failed is left out and tried in the background so often, until it answers; 0s: it is left out "
		"for ten seconds, and then a request finds out."),
	NUMBER("probe-timeout", TIME, upstream_settings, probe_timeout, 10, MINUTE, "3s",
           "How long a member may take to answer such a probe."),
	SETTING(
		"next-when-refused", BOOL, upstream_settings, next_when_refused, "false",
		"Whether the next member is tried when one does not accept our sign-in; within what the lock-out guard allows: "
		"a secret that has never been accepted is tried once, at one member."),
	BLOCK("credentials", NULL, upstream_settings, credentials, credentials_block,
          "How Fairlead signs in to the members: the cure for error 12201."),
};
static const struct settings_block upstream_block = TABLE(
	"upstream", "NAME", PLACE(upstream_settings, name), PLACE(upstream_settings, where), NOWHERE, upstream_rows,
	"upstream head-office {\n\tmember \"proxy1.example:8080\" { }\n"
	"\tmember \"proxy2.example:8080\" { backup = true }\n}");

static const struct setting application_rows[] = {
	BLOCKS("member", upstream_settings, members, member_count, member_settings, application_member_block, true,
           "One server that runs the application; those without backup share the clients by their address."),
	SETTING("health", TEXT, upstream_settings, health, NULL,
            "A path that every member is asked for now and then; one that answers with an error gets no requests until "
            "it answers well. Without it a connection is enough."),
	NUMBER("connections", COUNT, upstream_settings, connections, 0, 1000000, "0",
           "At most so many connections to each member, yet one for each worker; 0 for no limit."),
	NUMBER("probe", TIME, upstream_settings, probe, 0, HOUR, "5s",
           "How often members are asked for health, and those that failed are tried in the background; 0s: never."),
	NUMBER("probe-timeout", TIME, upstream_settings, probe_timeout, 10, MINUTE, "3s",
           "How long a member may take to answer such a probe."),
	BLOCK("tls", NULL, upstream_settings, tls, application_tls_block, "For members spoken to over https."),
};
static const struct settings_block application_block = TABLE(
	"application", "NAME", PLACE(upstream_settings, name), PLACE(upstream_settings, where), NOWHERE, application_rows,
	"application hr {\n\tmember \"http://10.0.0.7:8080\" { }\n\thealth = \"/health\"\n}");

/* What a site says for all its directories, and a directory for itself: rows of a directory_settings inside `holder`. */
#define DIRECTORY_ROWS(holder, inside)                                                                               \
	SCHEMES("sign-on", holder, inside sign_on.schemes, "anonymous|basic|ntlm|negotiate", NULL,                       \
	        "How clients sign in, in the order in which it is offered; with anonymous in it whoever does not is "    \
	        "served too. anonymous alone lets an application sign its users in itself."),                            \
		SETTING("accounts", TEXTS, holder, inside sign_on.accounts, NULL,                                            \
	            "Names of the accounts blocks that may verify; exactly one does, chosen by the user's domain."),     \
		SETTING(                                                                                                     \
			"users", TEXTS, holder, inside users, NULL,                                                              \
			"Who may come in: 'CORP\\\\alice', alice@corp.example, or alice for a local account; without users and " \
			"groups whoever is signed in."),                                                                         \
		SETTING("groups", TEXTS, holder, inside groups, NULL, "Groups whose members may come in: 'CORP\\\\Staff'."), \
		SETTING("clients", NETWORKS, holder, inside clients, NULL,                                                   \
	            "Networks whose hosts are served; without it all. Others get a 403.6."),                             \
		SETTING("application", TEXT, holder, inside application_name, NULL,                                          \
	            "The application block that requests are forwarded to."),                                            \
		SETTING("files", FILE, holder, inside files, NULL,                                                           \
	            "The folder whose files are served, instead of an application."),                                    \
		SETTING("index", TEXTS, holder, inside index, NULL,                                                          \
	            "Names of the page that is served for a folder, the first that exists; without it index.html."),     \
		CHOICE("symlinks", holder, inside symlinks, "as-above|beneath|refused", "as-above",                          \
	           "Symbolic links among the files: beneath follows those that stay in the folder, refused none; those " \
	           "that lead out of it, and all that begin with a slash, are never followed."),                         \
		CHOICE("user-format", holder, inside user_format, "as-above|domain|upn|name", "as-above",                    \
	           "How the application is told the user's name: CORP\\\\alice, alice@corp.example, or alice."),         \
		CHOICE("require-tls", holder, inside tls, "as-above|false|true", "as-above",                                 \
	           "true: a request over plain HTTP gets a 403.4."),                                                     \
		NUMBER(                                                                                                      \
			"body", SIZE, holder, inside body, 0, 1ll << 50, "0KB",                                                  \
			"The largest body of a request; 0KB as above, and where nothing is said without limit. Larger ones get a 413.")

static const struct setting directory_rows[] = {DIRECTORY_ROWS(directory_settings, )};
static const struct settings_block directory_block = TABLE(
	"site directory", "PREFIX", PLACE(directory_settings, prefix), PLACE(directory_settings, where), NOWHERE,
	directory_rows, NULL);

static const struct setting site_log_rows[] = {
	SETTING("file", FILE, log_settings, file, "-", "Where it goes; \"-\" is standard output."),
	CHOICE("query", log_settings, query, "drop|keep", "keep",
           "Whether what stands behind the ? of an address is kept or dropped."),
};
static const struct settings_block site_log_block = TABLE("site log", NULL, NOWHERE, PLACE(log_settings, where),
                                                          PLACE(log_settings, on), site_log_rows, NULL);

static const struct setting site_rows[] = {
	REQUIRED(
		"listen", TEXTS, site_settings, listen,
		"Addresses at which it is published: \"http://0.0.0.0:80\", \"https://*:443\". Several sites may share one."),
	BLOCK("tls", NULL, site_settings, tls, listen_tls_block, "The certificate of this site, for its https addresses."),
	BLOCKS("directory", site_settings, directories, directory_count, directory_settings, directory_block, false,
           "A part of the site with settings of its own; what it leaves out it has from the next longer prefix above, "
           "and from the site."),
	DIRECTORY_ROWS(site_settings, top.),
	SETTING("basic-realm", TEXT, site_settings, sign_on.basic_realm, NULL,
            "What Basic sign-in shows to the user; without it the site's name."),
	SETTING("basic-without-tls", BOOL, site_settings, sign_on.basic_without_tls, "false",
            "Whether Basic is offered on plain connections too, where everybody on the way can read the password."),
	SETTING("require-mic", BOOL, site_settings, sign_on.require_mic, "false",
            "Whether an NTLM sign-in without an integrity code is refused; curl and cntlm send none."),
	CHOICE(
		"channel-binding", site_settings, sign_on.channel_binding, "none|allow|require", "allow",
		"Extended protection: over TLS, whether a sign-in by NTLM or Kerberos must belong to the very connection. allow "
		"verifies it of clients that say so, require refuses all others, and everything that comes through a proxy that "
		"ends TLS. Programs on Windows say so; on Debian 12 only Chromium does, and that by NTLM alone: not curl, not "
		"Firefox, and nobody by Kerberos."),
	CHOICE("persist", site_settings, sign_on.per_request, "connection|request", "connection",
           "Whether a sign-in by NTLM or Negotiate lasts as long as its connection, or for one request."),
	SCHEMES(
		"through-broken-proxy", site_settings, sign_on.through_broken_proxy, "anonymous|basic|ntlm|negotiate", NULL,
		"What is offered instead to clients behind a proxy that breaks NTLM: {basic}, say. Known is such a proxy by the end "
		"of its connection with each request, or once it has been seen to lose one in the middle of a sign-in; then for "
		"ten minutes, by the client's address and the Via field."),
	SETTING(
		"intermediaries", NETWORKS, site_settings, intermediaries, NULL,
		"Proxies and balancers in front of this site that keep their users' connections apart, and whose "
		"X-Forwarded-For, -Proto and -Port are believed; from any other connection with Via or X-Forwarded-For a sign-in lasts for one "
		"request."),
	SETTING("proxy-protocol-from", NETWORKS, site_settings, proxy_protocol_from, NULL,
            "Balancers that send a PROXY protocol header (version 1 or 2) first, which is believed."),
	SETTING("encoded-slashes", BOOL, site_settings, encoded_slashes, "false",
            "Whether %2F may stand in paths, for applications that need it; else it is refused."),
	BLOCK("log", NULL, site_settings, log, site_log_block,
          "The log of this site, in the format of Internet Information Services; without it the access log."),
};
static const struct settings_block site_block = TABLE(
	"site", "HOST", PLACE(site_settings, host), PLACE(site_settings, where), NOWHERE, site_rows,
	"site \"intranet.example\" {\n\tlisten = {\"http://0.0.0.0:80\"}\n\taccounts = {corp}\n"
	"\tdirectory \"/\" { sign-on = {negotiate, ntlm}  application = hr }\n"
	"\tdirectory \"/public/\" { sign-on = {anonymous}  files = \"/srv/public\" }\n}");

static const struct setting route_rows[] = {
	REQUIRED("to", PATTERNS, route_settings, to, "Which hosts the route is for; see PATTERNS."),
	REQUIRED("via", VIA, route_settings, upstream, "direct, or the name of an upstream."),
	SETTING("via-header", BOOL, route_settings, via_header, "true",
            "Whether the Via field is sent; false is for old web servers that end a sign-in when they see it, and "
            "gives up the detection of loops."),
	SETTING("resolve", BOOL, route_settings, resolve, "false",
            "Whether networks in to also match what a name resolves to; without it they match literal addresses only."),
	SETTING("pin", BOOL, route_settings, pin, "true",
            "Whether a sign-in that belongs to a connection (NTLM, Negotiate) may pass; false takes these schemes out "
            "of challenges."),
};
static const struct settings_block route_block = TABLE(
	"route", NULL, NOWHERE, PLACE(route_settings, where), NOWHERE, route_rows,
	"route { to = {\"*.corp.example\", \"10.0.0.0/8\", \"<local>\"}  via = direct }\n"
	"route { to = {\"*\"}  via = head-office }");

static const struct setting access_rows[] = {
	{.name = "action",
     .type = SETTING_CHOICE,
     AT(access_settings, action),
     .words = "allow|deny",
     .required = true,
     .sentence = "What happens to a request that matches all that the rule says."},
	SETTING("to", PATTERNS, access_settings, to, NULL,
            "Hosts asked for; without it all. See PATTERNS. Only a written address or network opens loopback, "
            "link-local addresses and our own listeners, never a name or \"*\"."),
	SETTING("from", NETWORKS, access_settings, from, NULL, "Networks of clients; without it all."),
	SETTING("ports", PORTS, access_settings, ports, NULL, "Ports and ranges of ports asked for; without it all."),
	SETTING("methods", TEXTS, access_settings, methods, NULL, "Methods of requests; without it all."),
	SETTING("listen", TEXTS, access_settings, listen, NULL,
            "Addresses of listeners, as written there, on which the request came; without it all."),
	CHOICE("sign-on", access_settings, sign_on_none, "as-needed|none", "as-needed",
           "none: the rule decides before any challenge, for what cannot sign in."),
	SETTING(
		"users", TEXTS, access_settings, users, NULL,
		"Signed-in users the rule is for: 'CORP\\alice', alice@corp.example, or alice for a local account. A client that "
		"is not signed in is asked to."),
	SETTING("groups", TEXTS, access_settings, groups, NULL,
            "Groups of signed-in users the rule is for: 'CORP\\Web Users'."),
};
static const struct settings_block access_block = TABLE(
	"access", NULL, NOWHERE, PLACE(access_settings, where), NOWHERE, access_rows,
	"access { action = deny  to = {\"*.example.test\"} }\n"
	"access { action = allow  to = {\"127.0.0.1:8080\"}  from = {\"127.0.0.1\"} }");

/* clang-format off */
static const struct setting timeout_rows[] = {
	NUMBER("connect", TIME, timeout_settings, connect, 10, 10 * MINUTE, "10s",
	       "To connect to a server or parent, all its addresses together."),
	NUMBER("head", TIME, timeout_settings, head, 10, HOUR, "30s",
	       "From the first byte of a request to the end of its head."),
	NUMBER("idle", TIME, timeout_settings, idle, 10, 7 * DAY, "2m",
	       "A client connection without a request is kept so long."),
	NUMBER("tunnel", TIME, timeout_settings, tunnel, 10, 30 * DAY, "1h",
	       "A tunnel without any traffic is kept so long."),
	NUMBER("tcp-keepalive", TIME, timeout_settings, tcp_keepalive, SECOND, 9 * HOUR, "60s",
	       "A silent connection is probed after so long."),
	NUMBER("request-body", TIME, timeout_settings, request_body, 10, DAY, "1m",
	       "Between two pieces of a request body."),
	NUMBER("response-head", TIME, timeout_settings, response_head, 10, 7 * DAY, "5m",
	       "From the end of a request to the head of its answer."),
	NUMBER("response-body", TIME, timeout_settings, response_body, 10, DAY, "5m",
	       "Between two pieces of a response body."),
	NUMBER("write", TIME, timeout_settings, write, 10, DAY, "1m",
	       "Without any progress in sending."),
	NUMBER("handshake", TIME, timeout_settings, handshake, 10, 10 * MINUTE, "10s",
	       "For the TLS handshake with a server."),
	NUMBER("sign-in-age", TIME, timeout_settings, sign_in_age, 1000, 30 * DAY, "10h",
	       "How long a sign-in of a client on one connection is believed before he is asked again."),
	NUMBER("sign-in", TIME, timeout_settings, sign_in, 100, 10 * MINUTE, "15s",
           "For verifying who a client is, the wait for a free thread included; then 503."),
	NUMBER("account-check", TIME, timeout_settings, account_check, 0, 7 * DAY, "5m",
	       "How often it is asked whether the account of a domain, signed in by whatever scheme, may still be used: one that was "
	       "disabled, has expired, is locked or was removed ends with its next request. Asked of the KDC with the keytab of the "
	       "kerberos block, which must hold the key of an account (not of a service name alone); without one winbind is asked, "
	       "which knows whether an account was removed, not whether it is disabled: then sign-in-age ends it. 0s for never."),
	NUMBER("parent-sign-in-age", TIME, timeout_settings, parent_sign_in_age, 1000, 30 * DAY, "1h",
	       "How long a connection that Fairlead signed in to a parent is used for further requests. A changed password or keytab "
	       "file ends it at once."),
	NUMBER("sign-in-leg", TIME, timeout_settings, sign_in_leg, 1000, 10 * MINUTE, "30s",
	       "Between a challenge of ours and the client's answer to it; then the connection is closed."),
	NUMBER("sign-in-failures", TIME, timeout_settings, sign_in_failures, 1000, 7 * DAY, "15m",
	       "How long failures to sign in are counted, from the first of them on; see sign-in-failures in limits."),
	NUMBER("resolve", TIME, timeout_settings, resolve, 10, 10 * MINUTE, "5s",
	       "For the look-up of a name."),
	NUMBER("pool-idle", TIME, timeout_settings, pool_idle, 10, DAY, "1m",
	       "An idle connection to a server is kept for the next request so long."),
	NUMBER("files-kept", TIME, timeout_settings, files_kept, 0, MINUTE, "1s",
	       "A file of a published folder that was served is believed unchanged so long; 0s: it is opened anew each time."),
	NUMBER("disk", TIME, timeout_settings, disk, 10, HOUR, "30s",
	       "To open a file of a published folder that is not in memory; then 503."),
};
static const struct settings_block timeouts_block =
	TABLE("timeouts", NULL, NOWHERE, NOWHERE, NOWHERE, timeout_rows, "timeouts { connect = 10s  idle = 2m }");

static const struct setting limit_rows[] = {
	NUMBER("head", SIZE, limit_settings, head, 4 * KB, MB, "128KB", "The head of a message, in all."),
	NUMBER("field", SIZE, limit_settings, field, KB, MB, "96KB", "One field of a head; a Kerberos ticket of 64 KB is 88 KB long in it."),
	NUMBER("target", SIZE, limit_settings, target, 256, MB, "32KB", "The address in a request line."),
	NUMBER("fields", COUNT, limit_settings, fields, 16, 256, "256", "Fields in one head."),
	NUMBER("connections", COUNT, limit_settings, connections, 1, 10000000, "100000", "Connections of clients, in all."),
	NUMBER("fibers", COUNT, limit_settings, fibers, 16, 1000000, "8192", "Exchanges in flight, for each worker."),
	NUMBER("pins", COUNT, limit_settings, pins, 1, 1024, "32", "Server connections bound to one client connection."),
	NUMBER("pool-idle", COUNT, limit_settings, pool_idle, 0, 1000000, "4096",
	       "Idle server connections kept, for each worker."),
	NUMBER("pool-idle-per-server", COUNT, limit_settings, pool_idle_per_server, 0, 1000000, "1024",
	       "Idle connections kept to one server, for each worker."),
	NUMBER("drain-body", SIZE, limit_settings, drain_body, 0, 1024ll * MB, "256KB",
	       "Of a request body that is read and dropped to keep a connection."),
	NUMBER("dns-entries", COUNT, limit_settings, dns_entries, 0, 10000000, "10000",
	       "Names remembered with their addresses."),
	NUMBER("sign-in-failures", COUNT, limit_settings, sign_in_failures, 0, 1000000, "8",
	       "Failures of one account to sign in from one address, by Basic or NTLM, within sign-in-failures in timeouts; "
	       "then it is refused there without asking, so that guessing is slow and locks no account of a domain. The account "
	       "counts without its domain. 0 for no limit."),
	NUMBER("sign-in-pairs", COUNT, limit_settings, sign_in_pairs, 1000, 100000000, "65536",
	       "Pairs of account and address whose failures are remembered; beyond it the oldest are forgotten."),
	NUMBER("pipelined", COUNT, limit_settings, pipelined, 1, 1000, "16",
	       "Requests taken from a client before the first is answered."),
	NUMBER("files-kept", COUNT, limit_settings, files_kept, 0, 1000000, "1024",
	       "Files of published folders kept open or in memory, for each worker."),
	NUMBER("files-memory", SIZE, limit_settings, files_memory, 0, 1024ll * MB, "16MB",
	       "Memory for files that are kept, for each worker."),
	NUMBER("file-in-memory", SIZE, limit_settings, file_in_memory, 0, MB, "16KB",
	       "Files up to this size are kept in memory with their content, larger ones open."),
};
static const struct settings_block limits_block =
	TABLE("limits", NULL, NOWHERE, NOWHERE, NOWHERE, limit_rows, "limits { head = 64KB  pins = 16 }");
/* clang-format on */

static const struct setting resolver_rows[] = {
	SETTING("servers", TEXT, resolver_settings, servers, NULL,
            "Addresses of DNS servers, with commas, each with its port if it is not 53; without it the system's."),
	SETTING("hosts-file", FILE, resolver_settings, hosts_file, NULL,
            "A file of addresses and names that is read instead of /etc/hosts."),
};
static const struct settings_block resolver_block = TABLE("resolver", NULL, NOWHERE, PLACE(resolver_settings, where),
                                                          NOWHERE, resolver_rows,
                                                          "resolver { servers = \"192.0.2.53,192.0.2.54:5353\" }");

static const struct setting access_log_rows[] = {
	SETTING("file", FILE, log_settings, file, "-",
            "Where it goes; \"-\" is standard output, and with \"none\" there is no access log at all."),
	CHOICE(
		"format", log_settings, format, "w3c|json|iis", "w3c",
		"W3C Extended format (in UTC); one JSON object a line; or the line of Internet Information Services, as readers of "
		"web servers' logs expect it."),
	CHOICE("query", log_settings, query, "drop|keep", "keep",
           "Whether what stands behind the ? of an address is kept or dropped."),
};
static const struct settings_block access_log_block = TABLE(
	"log access", NULL, NOWHERE, PLACE(log_settings, where), NOWHERE, access_log_rows,
	"log access { file = \"/var/log/fairlead/access.log\"  format = w3c }");

static const struct setting events_log_rows[] = {
	SETTING("file", FILE, log_settings, file, "-", "Where it goes; \"-\" is standard output."),
	CHOICE("level", log_settings, level, "error|warning|info|debug", "info",
           "The least important events that are written."),
};
static const struct settings_block events_log_block = TABLE("log events", NULL, NOWHERE, PLACE(log_settings, where),
                                                            NOWHERE, events_log_rows, "log events { level = info }");

/* In the order in which they are filled in: a route finds its upstream there already. */
static const struct setting accounts_rows[] = {
	SETTING("file", FILE, accounts_settings, file, NULL,
            "Local accounts, made by fairlead account; readable by us alone (0600)."),
	SETTING("windows-domain", TEXT, accounts_settings, windows_domain, NULL,
            "winbind: the domain that this machine has joined, asked through the winbindd of Samba."),
	SETTING("domain", TEXT, accounts_settings, domain, NULL,
            "The NetBIOS name of the domain that these accounts answer for; without it what winbind says, or none."),
};
static const struct settings_block accounts_block = TABLE(
	"accounts", "NAME", PLACE(accounts_settings, name), PLACE(accounts_settings, where), NOWHERE, accounts_rows,
	"accounts local { file = \"/var/lib/fairlead/accounts\" }\naccounts corp { windows-domain = winbind }");

static const struct setting kerberos_rows[] = {
	SETTING("keytab", FILE, kerberos_settings, keytab, "/etc/krb5.keytab",
            "The keys of HTTP/name for every name that clients call us; a replaced file counts at once."),
};
static const struct settings_block kerberos_block = TABLE("kerberos", NULL, NOWHERE, PLACE(kerberos_settings, where),
                                                          PLACE(kerberos_settings, on), kerberos_rows, NULL);

static const struct setting top_rows[] = {
	NUMBER("workers", COUNT, settings, workers, 0, 1024, "0", "Threads that serve connections; 0 for one a core."),
	SETTING("contact", TEXT, settings, contact, NULL, "Whom users may ask: shown on every error page."),
	SETTING("default-domain", TEXT, settings, default_domain, NULL, "The domain of users who type a bare name."),
	SETTING("pseudonym", TEXT, settings, pseudonym, NULL,
            "What this proxy calls itself in Via and Proxy-Status; without it the name of the first listener or of "
            "this machine, and a random part that keeps several apart."),
	SETTING("shared-listeners", BOOL, settings, shared_listeners, "false",
            "Whether all workers accept from one socket, instead of one each (SO_REUSEPORT)."),
	NUMBER("drain", TIME, settings, drain, 0, DAY, "30s", "How long a stop waits for what is under way."),
	SETTING(
		"state-directory", FILE, settings, state_directory, NULL,
		"What must outlive a restart: which of our credentials a parent has refused, so that no account is locked by "
		"trying them again. Without it $STATE_DIRECTORY (systemd), /var/lib/fairlead where that can be written, or "
		"~/.local/state/fairlead."),
	BLOCKS("listen", settings, listens, listen_count, listen_settings, listen_block, false,
           "An address at which clients are served: \"127.0.0.1:3128\", \"[::1]:3128\", or \"*:3128\" for all of this "
           "machine. A file without any has a proxy at 127.0.0.1:3128 and a console at 127.0.0.1:3129."),
	BLOCKS("upstream", settings, upstreams, upstream_count, upstream_settings, upstream_block, false,
           "A parent proxy, or several that stand for each other."),
	BLOCKS("application", settings, applications, application_count, upstream_settings, application_block, false,
           "An application behind a published site: the servers that run it."),
	BLOCKS("site", settings, sites, site_count, site_settings, site_block, false,
           "A published web site: addresses, certificate, and how clients sign in, directory by directory."),
	BLOCKS("route", settings, routes, route_count, route_settings, route_block, false,
           "Where requests go: the first route that matches; direct if none does."),
	BLOCKS("access", settings, access, access_count, access_settings, access_block, false,
           "Who may go where: the first rule that matches; allowed if none does."),
	BLOCK("timeouts", NULL, settings, timeouts, timeouts_block,
          "How long is waited for what; each has its own end in the log."),
	BLOCK("limits", NULL, settings, limits, limits_block, "How much there may be of what."),
	BLOCK("resolver", NULL, settings, resolver, resolver_block, "How names are looked up."),
	BLOCK("log", "access", settings, access_log, access_log_block, "One line for each request."),
	BLOCK("log", "events", settings, events_log, events_log_block, "What an administrator should read."),
	BLOCKS("accounts", settings, accounts, accounts_count, accounts_settings, accounts_block, false,
           "A source of accounts that verifies clients: a file of this proxy, or a Windows domain."),
	BLOCK("kerberos", NULL, settings, kerberos, kerberos_block, "How clients with Kerberos tickets are verified."),
	LATER("array", "Neighbours that share a cache."),
	LATER("pac", "A PAC file that is evaluated."),
	LATER("serve-pac", "The PAC file that is served."),
	LATER("cache", "Stored answers."),
};
const struct settings_block settings_table = TABLE("", NULL, NOWHERE, NOWHERE, NOWHERE, top_rows, NULL);

bool setting_is_list(const struct setting *row)
{
	return row->type >= SETTING_TEXTS && row->type <= SETTING_SCHEMES;
}

void setting_key(const struct setting *row, char out[64])
{
	snprintf(out, 64, "%s%s%s", row->name, row->title ? "-" : "", row->title ? row->title : "");
}
