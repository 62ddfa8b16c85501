/* Who may go where: the `access` rules, `clients`, `connect-ports`, and the built-in protection of local addresses.
 *
 * Pure decisions over a settings snapshot; no connection is touched. Strings in answers live as long as the arena given. */
#ifndef FAIRLEAD_ROUTE_ACCESS_H
#define FAIRLEAD_ROUTE_ACCESS_H

#include "base/arena.h"
#include "config/settings.h"
#include "http/head.h"

/* Who asks, as far as rules look at it. Names are compared without case. */
struct access_user {
	const char *shown; /* "CORP\alice", or "alice" for a local account */
	const char *upn;   /* or NULL */
	const char *const *groups;
	unsigned group_count;
	bool groups_unresolved;
};

struct access_question {
	const struct settings *settings;
	const struct listen_settings *listen;
	const struct addr *client;
	enum method method;
	struct span method_text;
	struct span host; /* folded, without brackets */
	bool host_is_literal;
	struct addr literal; /* if so */
	uint16_t port;
	bool connect;
	const struct access_user *user; /* NULL: nobody is signed in */
};

enum access_verdict {
	ACCESS_ALLOWED,
	ACCESS_DENIED_BY_RULE,    /* `rule` */
	ACCESS_DENIED_BY_DEFAULT, /* no rule matched, and an allow rule names users or groups */
	ACCESS_PORT_NOT_ALLOWED,  /* connect-ports */
	ACCESS_ADDRESS_PROTECTED, /* loopback, link-local, unspecified, or a listener of ours */
	ACCESS_NUMERIC_HOST,      /* "127.1", "0x7f000001": an address in disguise */
	ACCESS_NEEDS_SIGN_IN,     /* `rule` names users or groups, and nobody is signed in: ask who it is */
};

struct access_answer {
	enum access_verdict verdict;
	const struct access_settings *rule; /* that decided; NULL: none */
	const char *remedy; /* a line for the settings file that would allow it; NULL when allowed, and where none would */
};

/* Whether the lists name this user, or a group of his. A group of his that could not be resolved is never matched. */
bool access_names(const struct text_list *users, const struct text_list *groups, const struct access_user *user);
/* Whether the address lies in one of the networks; a list of none has every address. */
bool access_has_address(const struct network_list *l, const struct addr *a);

/* `from` of listen.clients: may this address speak to us at all? */
bool access_client_allowed(const struct listen_settings *listen, const struct addr *client);
bool access_is_intermediary(const struct listen_settings *listen, const struct addr *client);

/* Before routing: rules, ports, and literal hosts. */
void access_check(const struct access_question *q, struct arena *memory, struct access_answer *out);
/* For every candidate address of a direct connection, before connecting (so a name cannot be rebound to a protected address). Hops named in the
 * settings are not asked about. True: may connect. */
bool access_address_allowed(const struct access_question *q, const struct addr *candidate);
/* The answer to give when no candidate was allowed. */
void access_explain_address(const struct access_question *q, const struct addr *candidate, struct arena *memory,
                            struct access_answer *out);

#endif
