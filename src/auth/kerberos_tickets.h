/* Tickets of our own accounts, obtained with a keytab or a password and kept for all connections until they have used three quarters of their life.
 *
 * Owner: a process-wide table, bounded; who holds a reference may use the tickets after they have been replaced. Threads: any. One request a secret
 * flies at a time; who waited for one that failed gets its failure and asks for nothing, so that a wrong password is tried once, not once a waiter.
 * Errors: enum auth_reason and a sentence. */
#ifndef FAIRLEAD_AUTH_KERBEROS_TICKETS_H
#define FAIRLEAD_AUTH_KERBEROS_TICKETS_H

#include "auth/auth.h"

struct initiator_credentials;
struct kerberos_tickets;

enum auth_reason kerberos_tickets_get(const struct initiator_credentials *c, struct kerberos_tickets **out,
                                      struct buf *says);
void kerberos_tickets_unref(struct kerberos_tickets *t);
/* "MEMORY:..." */
const char *kerberos_tickets_ccache(const struct kerberos_tickets *t);
int64_t kerberos_tickets_end(const struct kerberos_tickets *t);
/* The next kerberos_tickets_get() obtains new ones, if these are still the ones that are kept. */
void kerberos_tickets_drop(struct kerberos_tickets *t);

#endif
