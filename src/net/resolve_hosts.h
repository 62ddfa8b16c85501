/* The hosts file (hosts(5)): read when it changed, looked at no more than once a second.
 *
 * Owner: the process; one file. Threads: any. */
#ifndef FAIRLEAD_NET_RESOLVE_HOSTS_H
#define FAIRLEAD_NET_RESOLVE_HOSTS_H

#include "net/resolve.h"

/* The file to use from now on; copied. 0 or -ENAMETOOLONG. */
MUST_CHECK int resolve_hosts_file(const char *path);
/* `name` in lower case. False when the file does not have it (or cannot be read). All lines with the name count. */
bool resolve_hosts_find(struct span name, struct resolved *out);

#endif
