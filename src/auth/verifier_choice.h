/* Which verifier is asked: exactly one, told by the domain that the client claims, and its refusal is final.
 *
 * Owner: what was chosen belongs to the policy. Errors: NULL: no verifier is responsible. */
#ifndef FAIRLEAD_AUTH_VERIFIER_CHOICE_H
#define FAIRLEAD_AUTH_VERIFIER_CHOICE_H

#include "auth/auth.h"

struct acceptor_policy;

/* UTF-8. `workstation` is the client's own name if it gave one. */
const struct verifier *verifier_choose(const struct acceptor_policy *policy, struct span user, struct span domain,
                                       struct span workstation);
/* "CORP\alice" into its parts; anything else is a user without a domain, a UPN too. */
void user_name_split(struct span typed, struct span *user, struct span *domain);

#endif
