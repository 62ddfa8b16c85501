/* On behalf: whoever signed in to us is signed in to the parent as himself. By Basic with the name and password that
 * his request brings, and that are held no longer than it; by Kerberos with a ticket that the domain gives us in his
 * name (kerberos_delegate.h). NTLM cannot be passed on.
 *
 * A connection to the parent belongs to its user: the pool's key names him. Threads: the exchange's fiber. */
#ifndef FAIRLEAD_PROXY_BEHALF_AUTH_H
#define FAIRLEAD_PROXY_BEHALF_AUTH_H

#include "proxy/credentials.h"
#include "proxy/exchange.h"

bool upstream_on_behalf(const struct upstream_settings *u);

/* Once the route is known: how the user is passed on, in x->behalf, or the step that asks who he is or says why he
 * cannot be. */
enum step behalf_read_request(struct exchange *x);
/* The user, as a part of the pool's key. */
void behalf_write_key(const struct exchange *x, struct buf *key);
/* As credentials_load(), for this exchange's user. */
MUST_CHECK int behalf_credentials(const struct exchange *x, const char *host, struct credentials *out, char *why,
                                  size_t n);
/* Their generation as it is now; a password is in the pool's key already. */
uint64_t behalf_generation(const struct exchange *x);
/* The one scheme by which he is signed in. */
const struct sign_on_list *behalf_schemes(const struct exchange *x);
/* A head whose hop fields were dropped keeps the user's Basic, on a connection to a parent that takes it. */
void behalf_keep_credentials(struct exchange *x);

#endif
