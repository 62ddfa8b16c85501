/* Whether an account of a domain may still be used, asked without its owner: what ends a sign-in that has gone on since before it was disabled.
 *
 * With a keytab the KDC says so: it gives our own account a ticket to itself in the user's name (MS-SFU 3.2.5.1, S4U2Self), which it refuses for an
 * account that is disabled, expired, locked or gone. Without one winbind says whether there is such an account at all; that one is disabled it cannot
 * tell. Threads: any that may wait for a domain controller. */
#ifndef FAIRLEAD_AUTH_ACCOUNT_NOW_H
#define FAIRLEAD_AUTH_ACCOUNT_NOW_H

#include "auth/auth.h"

/* AUTH_OK; AUTH_UNAVAILABLE: nobody can tell; else why it may not be used any more. `keytab` NULL: none. Adds a sentence to `says`. */
enum auth_reason account_now(const struct identity *who, const char *keytab, struct buf *says);
/* The two that it asks. */
enum auth_reason kerberos_account_now(const struct identity *who, const char *keytab, struct buf *says);
enum auth_reason windows_account_now(const struct identity *who);

#endif
