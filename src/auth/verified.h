/* Passwords that were found right a moment ago, so that Basic, which sends the password with every request, does not cost a slow hash or a question
 * to a domain controller each time. What is kept is an HMAC-SHA-256 under a secret of this process, never a password.
 *
 * Owner: one verifier. Threads: any; locked inside. Errors: what cannot be kept is not kept. */
#ifndef FAIRLEAD_AUTH_VERIFIED_H
#define FAIRLEAD_AUTH_VERIFIED_H

#include "auth/auth.h"

struct verified;

/* Room for about `most` passwords, each believed for `lives_ms`. NULL without memory. */
struct verified *verified_new(unsigned most, int64_t lives_ms);
void verified_free(struct verified *v);

/* A new reference to who this is, if it was put under the same generation of the account; else NULL. `user` is compared as given. */
struct identity *verified_find(struct verified *v, struct span user, struct span password, uint64_t generation);
void verified_put(struct verified *v, struct span user, struct span password, uint64_t generation,
                  struct identity *who);

#endif
