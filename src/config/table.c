#include "config/table.h"

#include <stdio.h>

#include "config/settings.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define AT(holder, member) .at = offsetof(struct holder, member), .width = sizeof(((struct holder *)0)->member)
#define BLOCK_AT(holder, member) .type = SETTING_BLOCK, .at = offsetof(struct holder, member)
/* An array of `element`s at `member`, counted in `count`. */
#define BLOCKS_AT(holder, member, count, element)                                   \
	.type = SETTING_BLOCK, .repeated = true, .at = offsetof(struct holder, member), \
	.count_at = offsetof(struct holder, count), .width = sizeof(struct element)
#define LATER(it, why)                                     \
	{                                                      \
		.name = it, .type = SETTING_LATER, .sentence = why \
	}

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
#define DAY (24ll * HOUR)
enum { KB = 1024, MB = 1024 * KB };

const char settings_embedded[] = "listen \"127.0.0.1:3128\" { }\n"
								 "listen \"127.0.0.1:3129\" { role = console }\n";

static const struct setting listen_rows[] = {
	{.name = "role",
     .type = SETTING_CHOICE,
     AT(listen_settings, role),
     .words = "proxy|console",
     .fallback = "proxy",
     .sentence = "What answers at this address: the proxy, or the console with /health and /metrics."},
	{.name = "name",
     .type = SETTING_TEXT,
     AT(listen_settings, name),
     .sentence = "What clients call this proxy; without it the name of this machine."},
	{.name = "clients",
     .type = SETTING_NETWORKS,
     AT(listen_settings, clients),
     .fallback = "127.0.0.0/8, ::1",
     .sentence = "Networks whose hosts may use this address; all others get a 403 that names this setting."},
	{.name = "connect-ports",
     .type = SETTING_PORTS,
     AT(listen_settings, connect_ports),
     .fallback = "443, 563",
     .sentence = "Ports and ranges of ports to which CONNECT may go, or \"any\"."},
	{.name = "intermediaries",
     .type = SETTING_NETWORKS,
     AT(listen_settings, intermediaries),
     .sentence = "Proxies and balancers in front of this one that keep their users' connections apart; from any other "
                 "connection with Via or X-Forwarded-For a sign-in lasts for one request."},
	{.name = "proxy-protocol-from",
     .type = SETTING_NETWORKS,
     AT(listen_settings, proxy_protocol_from),
     .sentence = "Balancers that send a PROXY protocol header (version 1 or 2) first, which is believed."},
	LATER("sign-on", "Which schemes of sign-in are offered to clients."),
	LATER("accounts", "Who verifies a sign-in."),
	LATER("basic-realm", "The realm of Basic sign-in."),
	LATER("basic-without-tls", "Whether Basic is offered on plain connections."),
	LATER("tls", "A proxy spoken to over https."),
};
static const struct settings_block listen_block = {
	.name = "listen",
	.title_means = "ADDRESS",
	.title_at = offsetof(struct listen_settings, address),
	.where_at = offsetof(struct listen_settings, where),
	.on_at = NOWHERE,
	.rows = listen_rows,
	.row_count = LENGTH(listen_rows),
	.example = "listen \"*:8080\" {\n\tclients = {\"10.0.0.0/8\"}\n}\nlisten \"127.0.0.1:3129\" { role = console }",
};

static const struct setting member_rows[] = {
	{.name = "backup",
     .type = SETTING_BOOL,
     AT(member_settings, backup),
     .fallback = "false",
     .sentence = "Whether this member is asked only when those without it do not answer."},
};
static const struct settings_block member_block = {
	.name = "upstream member",
	.title_means = "HOST:PORT",
	.title_at = offsetof(struct member_settings, address),
	.where_at = offsetof(struct member_settings, where),
	.on_at = NOWHERE,
	.rows = member_rows,
	.row_count = LENGTH(member_rows),
};

static const struct setting upstream_tls_rows[] = {
	{.name = "ca",
     .type = SETTING_FILE,
     AT(upstream_tls_settings, ca),
     .sentence = "A PEM file with the authorities that may vouch for the parent; without it the system's."},
	{.name = "name",
     .type = SETTING_TEXT,
     AT(upstream_tls_settings, name),
     .sentence = "The name that the parent's certificate must bear; without it the member's host."},
	{.name = "certificate",
     .type = SETTING_FILE,
     AT(upstream_tls_settings, certificate),
     .sentence = "A PEM file with our own certificate, for a parent that asks for one."},
	{.name = "key",
     .type = SETTING_FILE,
     AT(upstream_tls_settings, key),
     .sentence = "A PEM file with the key of our own certificate."},
	{.name = "verify",
     .type = SETTING_BOOL,
     AT(upstream_tls_settings, verify),
     .fallback = "true",
     .sentence = "Whether the parent's certificate is verified; false is for tests alone."},
};
static const struct settings_block upstream_tls_block = {
	.name = "upstream tls",
	.title_at = NOWHERE,
	.where_at = offsetof(struct upstream_tls_settings, where),
	.on_at = offsetof(struct upstream_tls_settings, on),
	.rows = upstream_tls_rows,
	.row_count = LENGTH(upstream_tls_rows),
};

static const struct setting upstream_rows[] = {
	{.name = "member",
     BLOCKS_AT(upstream_settings, members, member_count, member_settings),
     .required = true,
     .block = &member_block,
     .sentence = "One parent proxy; those without backup share the clients by their address, backups follow in order."},
	{.name = "tls",
     BLOCK_AT(upstream_settings, tls),
     .block = &upstream_tls_block,
     .sentence = "For a parent that is spoken to over TLS."},
	{.name = "or-direct",
     .type = SETTING_BOOL,
     AT(upstream_settings, or_direct),
     .fallback = "false",
     .sentence = "Whether requests go direct when no member answers."},
	{.name = "connections",
     .type = SETTING_COUNT,
     AT(upstream_settings, connections),
     .most = 1000000,
     .fallback = "0",
     .sentence = "At most so many connections to each member; 0 for no limit."},
	LATER("credentials", "How Fairlead signs in to the parent."),
};
static const struct settings_block upstream_block = {
	.name = "upstream",
	.title_means = "NAME",
	.title_at = offsetof(struct upstream_settings, name),
	.where_at = offsetof(struct upstream_settings, where),
	.on_at = NOWHERE,
	.rows = upstream_rows,
	.row_count = LENGTH(upstream_rows),
	.example = "upstream head-office {\n\tmember \"proxy1.example:8080\" { }\n"
			   "\tmember \"proxy2.example:8080\" { backup = true }\n}",
};

static const struct setting route_rows[] = {
	{.name = "to",
     .type = SETTING_PATTERNS,
     AT(route_settings, to),
     .required = true,
     .sentence = "Which hosts the route is for; see PATTERNS."},
	{.name = "via",
     .type = SETTING_VIA,
     AT(route_settings, upstream),
     .required = true,
     .sentence = "direct, or the name of an upstream."},
	{.name = "via-header",
     .type = SETTING_BOOL,
     AT(route_settings, via_header),
     .fallback = "true",
     .sentence = "Whether the Via field is sent; false is for old web servers that end a sign-in when they see it, and "
                 "gives up the detection of loops."},
	{.name = "resolve",
     .type = SETTING_BOOL,
     AT(route_settings, resolve),
     .fallback = "false",
     .sentence =
         "Whether networks in to also match what a name resolves to; without it they match literal addresses only."},
	{.name = "pin",
     .type = SETTING_BOOL,
     AT(route_settings, pin),
     .fallback = "true",
     .sentence =
         "Whether a sign-in that belongs to a connection (NTLM, Negotiate) may pass; false takes these schemes out "
         "of challenges."},
};
static const struct settings_block route_block = {
	.name = "route",
	.title_at = NOWHERE,
	.where_at = offsetof(struct route_settings, where),
	.on_at = NOWHERE,
	.rows = route_rows,
	.row_count = LENGTH(route_rows),
	.example = "route { to = {\"*.corp.example\", \"10.0.0.0/8\", \"<local>\"}  via = direct }\n"
			   "route { to = {\"*\"}  via = head-office }",
};

static const struct setting access_rows[] = {
	{.name = "action",
     .type = SETTING_CHOICE,
     AT(access_settings, action),
     .words = "allow|deny",
     .required = true,
     .sentence = "What happens to a request that matches all that the rule says."},
	{.name = "to",
     .type = SETTING_PATTERNS,
     AT(access_settings, to),
     .sentence = "Hosts asked for; without it all. See PATTERNS. Only a written address or network opens loopback, "
                 "link-local addresses and our own listeners, never a name or \"*\"."},
	{.name = "from",
     .type = SETTING_NETWORKS,
     AT(access_settings, from),
     .sentence = "Networks of clients; without it all."},
	{.name = "ports",
     .type = SETTING_PORTS,
     AT(access_settings, ports),
     .sentence = "Ports and ranges of ports asked for; without it all."},
	{.name = "methods",
     .type = SETTING_TEXTS,
     AT(access_settings, methods),
     .sentence = "Methods of requests; without it all."},
	{.name = "listen",
     .type = SETTING_TEXTS,
     AT(access_settings, listen),
     .sentence = "Addresses of listeners, as written there, on which the request came; without it all."},
	{.name = "sign-on",
     .type = SETTING_CHOICE,
     AT(access_settings, sign_on_none),
     .words = "as-needed|none",
     .fallback = "as-needed",
     .sentence = "none: the rule decides before any challenge, for what cannot sign in."},
	LATER("users", "Which signed-in users the rule is for."),
	LATER("groups", "Which groups of users the rule is for."),
};
static const struct settings_block access_block = {
	.name = "access",
	.title_at = NOWHERE,
	.where_at = offsetof(struct access_settings, where),
	.on_at = NOWHERE,
	.rows = access_rows,
	.row_count = LENGTH(access_rows),
	.example = "access { action = deny  to = {\"*.example.test\"} }\n"
			   "access { action = allow  to = {\"127.0.0.1:8080\"}  from = {\"127.0.0.1\"} }",
};

#define TIMEOUT(it, member, from, to, otherwise, why)                                              \
	{                                                                                              \
		.name = it, .type = SETTING_TIME, AT(timeout_settings, member), .least = from, .most = to, \
		.fallback = otherwise, .sentence = why                                                     \
	}
static const struct setting timeout_rows[] = {
	TIMEOUT("connect", connect, 10, 10 * MINUTE, "10s",
            "To connect to a server or parent, all its addresses together."),
	TIMEOUT("head", head, 10, HOUR, "30s", "From the first byte of a request to the end of its head."),
	TIMEOUT("idle", idle, 10, 7 * DAY, "2m", "A client connection without a request is kept so long."),
	TIMEOUT("tunnel", tunnel, 10, 30 * DAY, "1h", "A tunnel without any traffic is kept so long."),
	TIMEOUT("tcp-keepalive", tcp_keepalive, SECOND, 9 * HOUR, "60s", "A silent connection is probed after so long."),
	TIMEOUT("request-body", request_body, 10, DAY, "1m", "Between two pieces of a request body."),
	TIMEOUT("response-head", response_head, 10, 7 * DAY, "5m", "From the end of a request to the head of its answer."),
	TIMEOUT("response-body", response_body, 10, DAY, "5m", "Between two pieces of a response body."),
	TIMEOUT("write", write, 10, DAY, "1m", "Without any progress in sending."),
	TIMEOUT("handshake", handshake, 10, 10 * MINUTE, "10s", "For the TLS handshake with a server."),
	TIMEOUT("resolve", resolve, 10, 10 * MINUTE, "5s", "For the look-up of a name."),
	TIMEOUT("pool-idle", pool_idle, 10, DAY, "1m",
            "An idle connection to a server is kept for the next request so long."),
};
static const struct settings_block timeouts_block = {
	.name = "timeouts",
	.title_at = NOWHERE,
	.where_at = NOWHERE,
	.on_at = NOWHERE,
	.rows = timeout_rows,
	.row_count = LENGTH(timeout_rows),
	.example = "timeouts { connect = 10s  idle = 2m }",
};

#define LIMIT(it, kind, member, from, to, otherwise, why)                                                       \
	{                                                                                                           \
		.name = it, .type = kind, AT(limit_settings, member), .least = from, .most = to, .fallback = otherwise, \
		.sentence = why                                                                                         \
	}
static const struct setting limit_rows[] = {
	LIMIT("head", SETTING_SIZE, head, 4 * KB, MB, "128KB", "The head of a message, in all."),
	LIMIT("field", SETTING_SIZE, field, KB, MB, "64KB", "One field of a head."),
	LIMIT("target", SETTING_SIZE, target, 256, MB, "32KB", "The address in a request line."),
	LIMIT("fields", SETTING_COUNT, fields, 16, 256, "256", "Fields in one head."),
	LIMIT("connections", SETTING_COUNT, connections, 1, 10000000, "100000", "Connections of clients, in all."),
	LIMIT("fibers", SETTING_COUNT, fibers, 16, 1000000, "8192", "Exchanges in flight, for each worker."),
	LIMIT("pins", SETTING_COUNT, pins, 1, 1024, "32", "Server connections bound to one client connection."),
	LIMIT("pool-idle", SETTING_COUNT, pool_idle, 0, 1000000, "4096", "Idle server connections kept, for each worker."),
	LIMIT("pool-idle-per-server", SETTING_COUNT, pool_idle_per_server, 0, 1000000, "1024",
          "Idle connections kept to one server, for each worker."),
	LIMIT("drain-body", SETTING_SIZE, drain_body, 0, 1024ll * MB, "256KB",
          "Of a request body that is read and dropped to keep a connection."),
	LIMIT("dns-entries", SETTING_COUNT, dns_entries, 0, 10000000, "10000", "Names remembered with their addresses."),
	LIMIT("pipelined", SETTING_COUNT, pipelined, 1, 1000, "16",
          "Requests taken from a client before the first is answered."),
};
static const struct settings_block limits_block = {
	.name = "limits",
	.title_at = NOWHERE,
	.where_at = NOWHERE,
	.on_at = NOWHERE,
	.rows = limit_rows,
	.row_count = LENGTH(limit_rows),
	.example = "limits { head = 64KB  pins = 16 }",
};

static const struct setting resolver_rows[] = {
	{.name = "servers",
     .type = SETTING_TEXT,
     AT(resolver_settings, servers),
     .sentence = "Addresses of DNS servers, with commas, each with its port if it is not 53; without it the system's."},
	{.name = "hosts-file",
     .type = SETTING_FILE,
     AT(resolver_settings, hosts_file),
     .sentence = "A file of addresses and names that is read instead of /etc/hosts."},
};
static const struct settings_block resolver_block = {
	.name = "resolver",
	.title_at = NOWHERE,
	.where_at = offsetof(struct resolver_settings, where),
	.on_at = NOWHERE,
	.rows = resolver_rows,
	.row_count = LENGTH(resolver_rows),
	.example = "resolver { servers = \"192.0.2.53,192.0.2.54:5353\" }",
};

#define LOG_FILE                                                                       \
	{                                                                                  \
		.name = "file", .type = SETTING_FILE, AT(log_settings, file), .fallback = "-", \
		.sentence = "Where it goes; \"-\" is standard output."                         \
	}
static const struct setting access_log_rows[] = {
	LOG_FILE,
	{.name = "format",
     .type = SETTING_CHOICE,
     AT(log_settings, format),
     .words = "w3c|json",
     .fallback = "w3c",
     .sentence = "W3C Extended format (in UTC), or one JSON object a line."},
	{.name = "query",
     .type = SETTING_CHOICE,
     AT(log_settings, query),
     .words = "drop|keep",
     .fallback = "keep",
     .sentence = "Whether what stands behind the ? of an address is kept or dropped."},
};
static const struct settings_block access_log_block = {
	.name = "log access",
	.title_at = NOWHERE,
	.where_at = offsetof(struct log_settings, where),
	.on_at = NOWHERE,
	.rows = access_log_rows,
	.row_count = LENGTH(access_log_rows),
	.example = "log access { file = \"/var/log/fairlead/access.log\"  format = w3c }",
};
static const struct setting events_log_rows[] = {
	LOG_FILE,
	{.name = "level",
     .type = SETTING_CHOICE,
     AT(log_settings, level),
     .words = "error|warning|info|debug",
     .fallback = "info",
     .sentence = "The least important events that are written."},
};
static const struct settings_block events_log_block = {
	.name = "log events",
	.title_at = NOWHERE,
	.where_at = offsetof(struct log_settings, where),
	.on_at = NOWHERE,
	.rows = events_log_rows,
	.row_count = LENGTH(events_log_rows),
	.example = "log events { level = info }",
};

/* In the order in which they are filled in: a route finds its upstream there already. */
static const struct setting top_rows[] = {
	{.name = "workers",
     .type = SETTING_COUNT,
     AT(settings, workers),
     .most = 1024,
     .fallback = "0",
     .sentence = "Threads that serve connections; 0 for one a core."},
	{.name = "contact",
     .type = SETTING_TEXT,
     AT(settings, contact),
     .sentence = "Whom users may ask: shown on every error page."},
	{.name = "default-domain",
     .type = SETTING_TEXT,
     AT(settings, default_domain),
     .sentence = "The domain of users who type a bare name."},
	{.name = "pseudonym",
     .type = SETTING_TEXT,
     AT(settings, pseudonym),
     .sentence =
         "What this proxy calls itself in Via and Proxy-Status; without it the name of the first listener or of "
         "this machine, and a random part that keeps several apart."},
	{.name = "shared-listeners",
     .type = SETTING_BOOL,
     AT(settings, shared_listeners),
     .fallback = "false",
     .sentence = "Whether all workers accept from one socket, instead of one each (SO_REUSEPORT)."},
	{.name = "drain",
     .type = SETTING_TIME,
     AT(settings, drain),
     .most = DAY,
     .fallback = "30s",
     .sentence = "How long a stop waits for what is under way."},
	{.name = "listen",
     BLOCKS_AT(settings, listens, listen_count, listen_settings),
     .block = &listen_block,
     .sentence =
         "An address at which clients are served: \"127.0.0.1:3128\", \"[::1]:3128\", or \"*:3128\" for all of this "
         "machine. A file without any has a proxy at 127.0.0.1:3128 and a console at 127.0.0.1:3129."},
	{.name = "upstream",
     BLOCKS_AT(settings, upstreams, upstream_count, upstream_settings),
     .block = &upstream_block,
     .sentence = "A parent proxy, or several that stand for each other."},
	{.name = "route",
     BLOCKS_AT(settings, routes, route_count, route_settings),
     .block = &route_block,
     .sentence = "Where requests go: the first route that matches; direct if none does."},
	{.name = "access",
     BLOCKS_AT(settings, access, access_count, access_settings),
     .block = &access_block,
     .sentence = "Who may go where: the first rule that matches; allowed if none does."},
	{.name = "timeouts",
     BLOCK_AT(settings, timeouts),
     .block = &timeouts_block,
     .sentence = "How long is waited for what; each has its own end in the log."},
	{.name = "limits",
     BLOCK_AT(settings, limits),
     .block = &limits_block,
     .sentence = "How much there may be of what."},
	{.name = "resolver",
     BLOCK_AT(settings, resolver),
     .block = &resolver_block,
     .sentence = "How names are looked up."},
	{.name = "log",
     .title = "access",
     BLOCK_AT(settings, access_log),
     .block = &access_log_block,
     .sentence = "One line for each request."},
	{.name = "log",
     .title = "events",
     BLOCK_AT(settings, events_log),
     .block = &events_log_block,
     .sentence = "What an administrator should read."},
	LATER("accounts", "Who verifies users."),
	LATER("kerberos", "The keytab of this proxy."),
	LATER("array", "Neighbours that share a cache."),
	LATER("pac", "A PAC file that is evaluated."),
	LATER("serve-pac", "The PAC file that is served."),
	LATER("cache", "Stored answers."),
	LATER("application", "What a published site forwards to."),
	LATER("site", "A published web site."),
};
const struct settings_block settings_table = {
	.name = "",
	.title_at = NOWHERE,
	.where_at = NOWHERE,
	.on_at = NOWHERE,
	.rows = top_rows,
	.row_count = LENGTH(top_rows),
};

bool setting_is_list(const struct setting *row)
{
	return row->type >= SETTING_TEXTS && row->type <= SETTING_PATTERNS;
}

void setting_key(const struct setting *row, char out[64])
{
	snprintf(out, 64, "%s%s%s", row->name, row->title ? "-" : "", row->title ? row->title : "");
}
