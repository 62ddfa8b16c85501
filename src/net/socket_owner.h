/* Which user a TCP connection from this very machine belongs to, as the kernel says (sock_diag(7), inet_diag).
 *
 * Threads: any; the kernel answers at once. */
#ifndef FAIRLEAD_NET_SOCKET_OWNER_H
#define FAIRLEAD_NET_SOCKET_OWNER_H

#include <sys/types.h>

#include "base/addr.h"

/* The owner of the other end of a connection: the socket at `theirs`, connected to `ours`. 0; -ENOENT: no such socket in this network namespace;
 * -ESTALE: its process has closed it, so that nobody owns it any more; another -errno: the kernel does not say. */
MUST_CHECK int socket_owner(const struct addr *theirs, const struct addr *ours, uid_t *out);
/* The same for a connection that was accepted here. */
MUST_CHECK int socket_owner_of_client(int fd, uid_t *out);

#endif
