/* How git, npm, pip, apt, docker, curl and all that read the environment are told of this proxy: lines to copy. */
#ifndef FAIRLEAD_CLI_PROXY_LINES_H
#define FAIRLEAD_CLI_PROXY_LINES_H

#include "base/addr.h"
#include "cli/serve_options.h"

struct proxy_lines {
	struct addr at;             /* where it listens */
	const struct words *direct; /* patterns that go direct */
	const char *user;           /* who alone is served; NULL: all clients that are named */
	const char *ticket;         /* whose Kerberos ticket signs in; NULL: none */
};

void proxy_lines_add(const struct proxy_lines *l, struct buf *to);
/* What `no_proxy` says of these patterns. Programs differ in what they understand: curl, Go and Python agree on plain names, which stand for all
 * beneath them too, and on single addresses. The rest goes through the proxy, which sends it direct itself; it is appended to `rest`. */
void proxy_lines_no_proxy(const struct words *direct, struct buf *to, struct buf *rest);

#endif
