/* Constrained delegation (MS-SFU 3.2.5.2, S4U2Proxy): with a user's ticket to us as evidence, the domain gives us a
 * ticket to another service in his name, if it allows our account to.
 *
 * Owner: the ticket cache that is made is the caller's to end. Threads: any; asks a KDC, so it may wait. Errors: enum
 * auth_reason and a sentence. */
#ifndef FAIRLEAD_AUTH_KERBEROS_DELEGATE_H
#define FAIRLEAD_AUTH_KERBEROS_DELEGATE_H

#include "auth/auth.h"

enum { DELEGATED_NAME = 512 };

struct delegated {
	char ccache[64];              /* "MEMORY:...", with the one ticket; "" if there is none */
	char service[DELEGATED_NAME]; /* whom it is for, with its realm */
};

/* `ours`: a ticket cache with our account's own ticket. */
enum auth_reason kerberos_delegate(const char *ours, struct span evidence, const char *spn, struct delegated *out,
                                   struct buf *says);
void delegated_fini(struct delegated *d);

#endif
