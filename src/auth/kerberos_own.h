/* The ticket that the user who runs us has already (kinit, or a sign-in to the desktop).
 *
 * Threads: any; reads the user's ticket cache. */
#ifndef FAIRLEAD_AUTH_KERBEROS_OWN_H
#define FAIRLEAD_AUTH_KERBEROS_OWN_H

#include "base/buf.h"

/* Appends the name of the cache ("FILE:/tmp/krb5cc_1000") and whose ticket it holds. False: there is no ticket-granting ticket that is valid now. */
bool kerberos_own_ticket(struct buf *ccache, struct buf *principal);

#endif
