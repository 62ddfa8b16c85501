/* A squid.conf while it is read: its acls and what has been made of its lines so far.
 *
 * Owner: import_squid(). */
#ifndef FAIRLEAD_CLI_IMPORT_SQUID_H
#define FAIRLEAD_CLI_IMPORT_SQUID_H

#include "cli/import_text.h"

enum { ACLS_MOST = 256, PORTS_MOST = 64 };

enum squid_acl_kind {
	ACL_ALL,
	ACL_FROM,
	ACL_TO,
	ACL_PORTS,
	ACL_METHODS,
	ACL_USERS,
	ACL_BUILT_IN, /* what Fairlead does, or leaves alone, by itself */
	ACL_FOREIGN,  /* nothing here means the same */
};

struct squid_acl {
	struct span name, type;
	enum squid_acl_kind kind;
	struct buf values; /* a list in our spelling; of ACL_USERS: empty for REQUIRED */
	struct {
		uint64_t from, to;
	} ports[PORTS_MOST];
	unsigned port_count;
};

struct squid {
	struct import_lines lines;
	struct squid_acl acls[ACLS_MOST];
	unsigned acl_count;
	struct buf ports, listen_tls, members, credentials, clients, connect_ports, routes, access, general, notes;
	struct buf sign_on, realm;
	bool signs_in, clients_open, never_direct, passes, peers_share, peer_tls, winbind, kerberos, basic_file;
	unsigned peers, untranslated, untranslated_denials;
};

/* The first pass: `acl` lines. */
void squid_acl_line(struct squid *s, struct span rest);
void squid_acls_init(struct squid *s);
void squid_acls_fini(struct squid *s);
struct squid_acl *squid_acl_named(struct squid *s, struct span name);
/* The second: http_access and always_direct, in order. */
void squid_access_line(struct squid *s, struct span rest);
void squid_direct_line(struct squid *s, struct span rest);

#endif
