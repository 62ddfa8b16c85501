/* The acceptor: verifies whoever speaks to us on one connection, by any of the schemes that are offered there.
 *
 * Owner: the client connection, for as long as it lives: a sign-in by NTLM is a property of the connection. */
#ifndef FAIRLEAD_AUTH_ACCEPTOR_H
#define FAIRLEAD_AUTH_ACCEPTOR_H

#include "auth/auth.h"

/* What is offered and who verifies. Immutable; outlives its acceptors. */
struct acceptor_policy {
	const enum auth_scheme *schemes; /* in the order in which they are offered: NEGOTIATE, NTLM, BASIC */
	unsigned scheme_count;
	const struct verifier *const *verifiers;
	unsigned verifier_count;
	const char *default_domain; /* of bare names; NULL: local accounts */
	const char *keytab;         /* for Kerberos; NULL: not offered inside Negotiate */
	bool ntlm_in_negotiate;     /* also NTLM inside Negotiate */
	bool keep_tickets;          /* of Kerberos, with the identity: some parent is signed in to on users' behalf */
	bool require_mic;
	bool require_channel_bindings;
	/* What our NTLM challenge says of us; the joined machine's when winbind verifies. */
	const char *netbios_computer, *netbios_domain, *dns_computer, *dns_domain;
};

struct acceptor;

/* `bindings`: the tls-server-end-point channel bindings of this connection ("tls-server-end-point:" and the hash),
 * or an empty span. NULL without memory. */
struct acceptor *acceptor_new(const struct acceptor_policy *policy, struct span bindings);
void acceptor_free(struct acceptor *a);

/* True if stepping with these credentials may wait for somebody else or compute for long. */
bool acceptor_will_block(const struct acceptor *a, const struct challenge *credentials);

struct acceptor_answer {
	enum auth_step step;
	enum auth_reason reason;
	struct identity *who;    /* with AUTH_STEP_DONE: a new reference */
	bool per_request;        /* Basic, or one-leg Kerberos: does not have to bind the connection */
	enum auth_scheme scheme; /* under which the token goes back */
	struct buf token;        /* token68 to send; may be empty. The caller ends it */
	/* One more sentence for the log (user as claimed, SPN asked for...), without secrets; inside the acceptor. */
	const char *detail;
};
/* Credentials as parsed from Authorization or Proxy-Authorization. Decides by the token's bytes, not by the scheme's
 * word. A type 1 always begins anew, also when somebody is signed in. */
void acceptor_step(struct acceptor *a, const struct challenge *credentials, struct acceptor_answer *out);
bool acceptor_in_handshake(const struct acceptor *a);

#endif
