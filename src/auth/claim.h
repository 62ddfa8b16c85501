/* Whom credentials claim to be, before anybody has verified it.
 *
 * Threads: any. Errors: false where no name is in them: first legs, Kerberos (where a ticket names its owner only to who has its key), what is malformed. */
#ifndef FAIRLEAD_AUTH_CLAIM_H
#define FAIRLEAD_AUTH_CLAIM_H

#include "auth/acceptor.h"
#include "auth/name_fold.h"

/* The user's name without its domain, as folded for comparing. A domain that is claimed chooses the verifier, and does not always: several forms name
 * the same account. */
struct claim {
	unsigned n;
	char user[NAME_MOST];
};
/* *verifier: who of the policy is going to be asked; NULL: nobody is responsible. */
bool claim_read(const struct challenge *credentials, const struct acceptor_policy *policy, struct claim *out,
                const struct verifier **verifier);

#endif
