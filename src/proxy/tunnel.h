/* Tunnels (CONNECT, Upgrade): a relay and what its log line needs, no fiber.
 *
 * Owner: the worker's service lists them; a tunnel frees itself when its relay ends. Threads: one worker. */
#ifndef FAIRLEAD_PROXY_TUNNEL_H
#define FAIRLEAD_PROXY_TUNNEL_H

#include "net/relay.h"
#include "proxy/record.h"
#include "proxy/service.h"
#include "proxy/upstream_conn.h"

struct exchange;

/* Joins the exchange's client and `conn` for good: both are taken over, also on failure. `client_first` was read from the client behind its
 * request, `server_first` from the server behind its head. The log line is written when the tunnel ends. 0 or -errno. */
MUST_CHECK int tunnel_start(struct exchange *x, struct upstream_conn *conn, struct span client_first,
                            struct span server_first);
void tunnels_cut(struct link *tunnels);

#endif
