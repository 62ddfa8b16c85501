/* The initiator: signs us in to a parent proxy, array member or origin with credentials of our own.
 *
 * Owner: the connection that is signed in. */
#ifndef FAIRLEAD_AUTH_INITIATOR_H
#define FAIRLEAD_AUTH_INITIATOR_H

#include "auth/auth.h"

/* With what. Immutable; outlives its initiators. Secrets are wiped when it is freed. */
struct initiator_credentials {
	enum auth_scheme scheme;      /* BASIC, NTLM or NEGOTIATE */
	const char *user, *domain;    /* "svc-fairlead", "CORP" */
	const char *password;         /* or NULL */
	const unsigned char *nt_hash; /* 16 bytes, or NULL */
	const char *keytab, *ccache;  /* Kerberos; NULL: the password, or the environment's own ticket */
	const char *principal;
	const char *spn;    /* "HTTP/proxy1.example" */
	struct span ticket; /* DER: signs in whoever came with it to `principal` (S4U2Proxy); empty: the principal itself */
};

struct initiator;
struct initiator *initiator_new(const struct initiator_credentials *c, struct span bindings);
void initiator_free(struct initiator *i);
bool initiator_will_block(const struct initiator *i);

struct initiator_answer {
	enum auth_step step; /* CONTINUE: more will come; DONE: nothing more to say after this token */
	enum auth_reason reason;
	struct buf token; /* token68; the caller ends it (it is a secret: buf_wipe) */
	const char *detail;
};
/* `token68`: from the other side's challenge; empty at the beginning. */
void initiator_step(struct initiator *i, struct span token68, struct initiator_answer *out);
/* True once a token was given that can sign us in (Basic, a Kerberos ticket, a type 3). An answer without a
 * challenge before that means that nobody asked who we are: NTLM's type 1, also inside Negotiate, proves nothing. */
bool initiator_has_proved(const struct initiator *i);

#endif
