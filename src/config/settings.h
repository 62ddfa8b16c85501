/* What the administrator wants: the settings file as one immutable, counted snapshot.
 *
 * Owner: counted; settings_unref() by whoever took it. Threads: read by all, written by none after settings_load(). The whole
 * snapshot lives in one arena and is freed at once. All times are in milliseconds, sizes in bytes. */
#ifndef FAIRLEAD_CONFIG_SETTINGS_H
#define FAIRLEAD_CONFIG_SETTINGS_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/ref.h"

/* Where in the file something was written, for messages: "fairlead.conf:12". */
struct written {
	const char *file;
	int line;
};

struct text_list {
	const char **items;
	unsigned count;
};

struct network_list {
	struct network *items;
	unsigned count;
};

struct port_range {
	uint16_t from, to;
};
struct port_list {
	struct port_range *items;
	unsigned count; /* 0: any */
};

/* What `sign-on`, and `scheme` of credentials, may list. */
enum sign_on_scheme {
	SIGN_ON_ANONYMOUS,
	SIGN_ON_BASIC,
	SIGN_ON_NTLM,
	SIGN_ON_NEGOTIATE,
	SIGN_ON_RELAY,
	SIGN_ON_BEHALF,
	SIGN_ON_LIMIT
};
struct sign_on_list {
	unsigned char *items; /* enum sign_on_scheme, in the order written */
	unsigned count;       /* 0: nobody is asked who he is */
};
bool sign_on_lists(const struct sign_on_list *l, enum sign_on_scheme which);
/* "negotiate, ntlm": as it is written in the file. */
void sign_on_write(const struct sign_on_list *l, struct buf *to);

enum accounts_kind { ACCOUNTS_FILE, ACCOUNTS_WINDOWS_DOMAIN };
struct accounts_settings {
	struct written where;
	const char *name;
	enum accounts_kind kind;
	const char *file;           /* of ACCOUNTS_FILE */
	const char *windows_domain; /* "winbind" */
	const char *domain;         /* NetBIOS name it answers for; NULL: what winbind says, or none for a file */
};

struct kerberos_settings {
	struct written where;
	bool on;
	const char *keytab;
};

/* How Fairlead signs in to the members of an upstream. */
struct credentials_settings {
	struct written where;
	bool on;
	struct sign_on_list scheme; /* BASIC, NTLM, NEGOTIATE; or RELAY or BEHALF alone */
	enum credentials_send { SEND_AS_FITS, SEND_WHEN_ASKED, SEND_ALWAYS } send;
	const char *account; /* CORP\alice, alice@corp.example, or alice */
	const char *password_file, *nt_hash_file, *keytab, *ccache, *systemd_credential;
	const char *secret; /* a password that stands in no file; never the snapshot's own: see settings_load_text() */
	const char *spn;
};

/* Whether a sign-in must belong to the TLS connection that it comes over (RFC 5929, tls-server-end-point). */
enum channel_binding { CHANNEL_BINDING_NONE, CHANNEL_BINDING_ALLOW, CHANNEL_BINDING_REQUIRE };

/* How clients sign in at a listener, or in a directory of a site. */
struct sign_on_settings {
	struct sign_on_list schemes;
	struct text_list accounts; /* names of accounts blocks: who may verify */
	const char *basic_realm;
	bool basic_without_tls;
	bool require_mic;
	bool per_request; /* a sign-in ends with its request */
	enum channel_binding channel_binding;
	struct sign_on_list
		through_broken_proxy; /* offered instead to clients behind a proxy that breaks the other schemes */
	unsigned index;           /* of all that there are in these settings: filled in */
};

/* For clients that speak TLS to us. */
struct listen_tls_settings {
	struct written where;
	bool on;
	const char *certificate, *key;
};

enum listen_role { ROLE_PROXY, ROLE_CONSOLE, ROLE_SITE };
const char *listen_role_name(enum listen_role role); /* "proxy", "console", "site" */

struct listen_settings {
	struct written where;
	unsigned index;      /* in settings.listens */
	const char *address; /* as written: "127.0.0.1:3128", "*:8080", "[::1]:3128" */
	struct addr addr;    /* "*" is [::] (both families) */
	enum listen_role role;
	const char *name;            /* what clients call us; NULL: the host name */
	struct network_list clients; /* who may speak to it; the default is filled in: loopback */
	bool same_user;              /* only processes of our own user, and root's */
	struct port_list connect_ports;
	struct network_list intermediaries;
	struct network_list proxy_protocol_from;
	struct listen_tls_settings tls; /* of ROLE_SITE: `on` alone, each site has its own certificate */
	struct sign_on_settings sign_on;
	struct site_settings **sites; /* of ROLE_SITE: those published at this address */
	unsigned site_count;
};

struct member_settings {
	struct written where;
	const char *address; /* "proxy1.example:8080" */
	const char *host;
	uint16_t port;
	bool backup;
};

enum { MEMBERS_MOST = 64 }; /* of one upstream */

struct upstream_tls_settings {
	struct written where;
	bool on;
	const char *ca, *name, *certificate, *key;
	bool verify;
};

/* A parent proxy, or an application behind a published site: members that stand for each other. */
struct upstream_settings {
	struct written where;
	const char *name;
	unsigned index; /* of all hops: the upstreams, then the applications; see settings_hop() */
	bool is_application;
	struct member_settings *members;
	unsigned member_count;
	struct upstream_tls_settings tls;
	bool or_direct;
	unsigned connections;         /* at most, per member and process; 0: no limit but the general one */
	int64_t probe, probe_timeout; /* of members that failed; 0: they are not probed */
	bool next_when_refused;       /* the next member is tried when one does not let us sign in */
	const char *health;           /* a path that members answer by 2xx or 3xx; NULL: none (parents have none) */
	struct credentials_settings credentials;
};

enum route_via { VIA_DIRECT, VIA_UPSTREAM, VIA_APPLICATION };

/* One entry of a `to` list, ready to be matched. */
enum pattern_kind { PATTERN_ANY, PATTERN_NAME, PATTERN_SUFFIX, PATTERN_GLOB, PATTERN_NETWORK, PATTERN_LOCAL };
struct pattern {
	enum pattern_kind kind;
	const char *text; /* as written */
	const char *name; /* folded: the name, the suffix with its dot, or the glob */
	struct network network;
	uint16_t port; /* 0: any */
};
struct pattern_list {
	struct pattern *items;
	unsigned count;
};

struct route_settings {
	struct written where;
	struct pattern_list to;
	bool resolve; /* networks also match what a name resolves to */
	enum route_via via;
	const struct upstream_settings *upstream;
	bool via_header; /* false: leave the Via field out */
	bool pin;        /* false: no connection-bound sign-in on this route; what cannot work is taken out of challenges */
};

enum access_action { ACCESS_ALLOW, ACCESS_DENY };

struct access_settings {
	struct written where;
	const char *text; /* the rule as one line, for messages */
	enum access_action action;
	bool sign_on_none; /* sign-on = none: before any challenge */
	struct pattern_list to;
	struct network_list from;
	struct port_list ports;
	struct text_list methods, users, groups, listen;
};

enum log_format { LOG_W3C, LOG_JSON, LOG_IIS };

struct log_settings {
	struct written where;
	bool on;          /* of a site: it is there */
	const char *file; /* "-": standard output; "none" for the access log: see settings_log_access() */
	enum log_format format;
	bool query; /* false: what stands behind '?' is left out */
	enum log_level level;
};

/* ---- published sites */

enum user_format { USER_AS_ABOVE, USER_DOMAIN, USER_UPN, USER_NAME };
/* Symbolic links among files; those that lead out of the folder are never followed. */
enum directory_symlinks { SYMLINKS_AS_ABOVE, SYMLINKS_BENEATH, SYMLINKS_REFUSED };
enum directory_tls { DIRECTORY_TLS_AS_ABOVE, DIRECTORY_TLS_OPTIONAL, DIRECTORY_TLS_REQUIRED };

/* A part of a site, from its prefix downward. What it does not say it has from the longest prefix above that does, and last from the site: after
 * settings_load() everything is filled in. */
struct directory_settings {
	struct written where;
	const char *prefix; /* in normal form, from '/' to '/' */
	const struct site_settings *site;
	struct sign_on_settings sign_on;
	struct text_list users, groups; /* who may come in; none named: whoever is signed in */
	struct network_list clients;
	const char *application_name;
	const struct upstream_settings *application; /* NULL: files */
	const char *files;                           /* a folder; it stands for `files_prefix` */
	const char *files_prefix;
	struct text_list index; /* names of index pages */
	enum directory_symlinks symlinks;
	enum user_format user_format;
	enum directory_tls tls;
	uint64_t body; /* at most, of a request; 0: no limit */
};

struct site_settings {
	struct written where;
	const char *host; /* "intranet.example", "*.example", or "*" */
	unsigned index;   /* in settings.sites */
	struct text_list listen;
	struct listen_tls_settings tls;
	struct sign_on_settings sign_on; /* what its directories begin with */
	struct network_list intermediaries, proxy_protocol_from;
	bool encoded_slashes;                   /* %2F is kept in paths instead of refused */
	struct log_settings log;                /* `on`, or else its lines go to the access log */
	struct directory_settings top;          /* what the block says outside its directories */
	struct directory_settings *directories; /* the longest prefix first; "/" is always there */
	unsigned directory_count;
};

struct timeout_settings {
	int64_t files_kept; /* a file that was served is believed unchanged so long */
	int64_t disk;       /* to open a file that is not in memory */
	int64_t connect, head, idle, tunnel, tcp_keepalive;
	int64_t request_body;  /* between two pieces of a request body */
	int64_t response_head; /* from the end of the request to the answer's head */
	int64_t response_body; /* between two pieces of a response body */
	int64_t write;         /* without progress while sending */
	int64_t handshake;     /* TLS towards servers */
	int64_t resolve;
	int64_t account_check;      /* between two questions about an account of a domain; 0: never */
	int64_t parent_sign_in_age; /* of a connection that we signed in to a parent */
	int64_t sign_in_leg;        /* between our challenge and its answer */
	int64_t sign_in_failures;   /* from the first failure of a pair of client and account to a new count */
	int64_t sign_in_age;        /* of a client; then he is asked again */
	int64_t sign_in;            /* for verifying a client, the queue included */
	int64_t pool_idle;          /* an idle connection is kept this long */
};

struct limit_settings {
	uint64_t head, field, target, fields; /* of a message head */
	uint64_t connections;                 /* of clients, whole process */
	uint64_t fibers;                      /* exchanges in flight, per worker */
	uint64_t pins;                        /* per client connection */
	uint64_t pool_idle;                   /* idle connections, per worker, all servers */
	uint64_t pool_idle_per_server;        /* per worker */
	uint64_t drain_body;                  /* of a request body that is read and dropped to keep a connection */
	uint64_t dns_entries;
	uint64_t sign_in_failures; /* of one account from one address, in timeouts.sign_in_failures; 0: no limit */
	uint64_t sign_in_pairs;    /* of account and address that are remembered */
	uint64_t pipelined;
	uint64_t files_kept, files_memory; /* of published folders, per worker: how many, and bytes of memory */
	uint64_t file_in_memory;           /* bytes; larger ones are kept open */
};

struct resolver_settings {
	struct written where;
	const char *servers;    /* comma separated; NULL: the system's */
	const char *hosts_file; /* NULL: /etc/hosts */
};

struct settings {
	struct ref ref;
	struct arena *memory;
	const char *source; /* the file read, or "embedded defaults" */
	unsigned workers;   /* filled in: never 0 */
	bool shared_listeners;
	const char *contact; /* NULL: none */
	const char *default_domain;
	const char *
		pseudonym; /* in Via and Proxy-Status; filled in: name of the first proxy listener or host name, plus a random part unless set */
	struct accounts_settings *accounts;
	unsigned accounts_count;
	struct kerberos_settings kerberos;
	struct listen_settings *listens;
	unsigned listen_count;
	struct upstream_settings *upstreams;
	unsigned upstream_count;
	struct upstream_settings *applications;
	unsigned application_count;
	struct site_settings *sites;
	unsigned site_count;
	unsigned sign_on_count; /* struct sign_on_settings there are, of listeners and directories */
	struct route_settings *routes;
	unsigned route_count;
	struct access_settings *access;
	unsigned access_count;
	struct timeout_settings timeouts;
	struct limit_settings limits;
	struct resolver_settings resolver;
	struct log_settings access_log, events_log;
	int64_t drain;
	const char *state_directory; /* filled in: what must outlive the process */
	const struct addr
		*own_addresses; /* of this machine, when the settings were read: what listeners at "*" answer at */
	unsigned own_address_count;
};

/* Errors and warnings, collected with file and line, each a sentence that says what to do. */
enum complaint_kind { COMPLAINT_ERROR, COMPLAINT_WARNING };
struct complaint {
	struct complaint *next;
	enum complaint_kind kind;
	struct written where;
	const char *text;
};
struct complaints {
	struct complaint *first, **last;
	unsigned errors, warnings;
};
void complaints_init(struct complaints *c);
void complaints_fini(struct complaints *c);
void complain(struct complaints *c, enum complaint_kind kind, struct written where, const char *format, ...)
	PRINTF_LIKE(4, 5);
#define ERROR_HERE(c, where, ...) complain((c), COMPLAINT_ERROR, (where), __VA_ARGS__)
#define WARN_HERE(c, where, ...) complain((c), COMPLAINT_WARNING, (where), __VA_ARGS__)
/* "fairlead.conf:12: error: …", one a line. */
void complaints_print(const struct complaints *c, struct buf *to);

/* Reads a file; NULL: the embedded defaults. 0, or -EINVAL with complaints (then *out is NULL), -ENOMEM. Warnings may come with success. */
MUST_CHECK int settings_load(const char *file, struct settings **out, struct complaints *c);
/* The same for a text that stands in no file; `name` stands for it in messages. `secret`: the password of credentials that name no other, or NULL;
 * it outlives the snapshot, which holds no copy. */
MUST_CHECK int settings_load_text(const char *name, struct span text, const char *secret, struct settings **out,
                                  struct complaints *c);
/* The file to read by the search order (-c given, $FAIRLEAD_CONFIG, ~/.config/… unless root, /etc/…), or NULL for none: the embedded defaults. */
const char *settings_find(const char *given, char *room, size_t n);
/* Files and folders named in the settings: can they be used by this process? Adds complaints. */
void settings_check_files(const struct settings *s, struct complaints *c);
/* Upstreams and applications, by their index; `i` below settings_hop_count(). */
const struct upstream_settings *settings_hop(const struct settings *s, unsigned i);
unsigned settings_hop_count(const struct settings *s);
/* Whether there is an access log at all. */
bool settings_log_access(const struct settings *s);
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s);
DEFINE_AUTO(settings, struct settings *, settings_unref);

/* The manual page fairlead.conf(5) as scdoc text, from the table. */
void settings_manual(struct buf *to);

#endif
