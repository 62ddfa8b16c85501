/* The verifier of local accounts: a file made by `fairlead account`, which signs in by NTLM (NT hash) and by password (yescrypt).
 *
 * An account that is not there costs as much as a wrong password does. A changed file counts from the next question on; a file with a mistake changes
 * nothing and is said in the events log, once. A file that is gone or open to others verifies nobody.
 *
 * Threads: any. verify_ntlm does not wait but for a file that has changed; verify_password computes for tens of milliseconds unless password_known. */
#ifndef FAIRLEAD_AUTH_ACCOUNTS_H
#define FAIRLEAD_AUTH_ACCOUNTS_H

#include "auth/auth.h"

/* `name`: of the accounts block. Does not fail for what is wrong with the file: NULL only without memory. */
struct verifier *accounts_verifier_new(const char *name, const char *path);
/* What is wrong with the file now, as a sentence without an end, for `fairlead check`; 0 if nothing. */
MUST_CHECK int accounts_check(const char *path, unsigned *count, struct buf *why);
/* "$y$...": yescrypt with a salt of its own. 0 or -errno. */
MUST_CHECK int accounts_hash_password(struct span password, char *out, size_t room);

#endif
