/* Idle, untainted connections, by everything that makes two of them differ: next hop, TLS parameters, tunnelled origin.
 *
 * Owner: the worker's service. Threads: its worker. Nothing else decides about reuse. */
#ifndef FAIRLEAD_PROXY_UPSTREAM_POOL_H
#define FAIRLEAD_PROXY_UPSTREAM_POOL_H

#include "base/map.h"
#include "proxy/upstream_conn.h"

/* Whom connections lead to; lives as long as a connection to it or an exchange that asks for one. */
struct upstream_server {
	struct upstream_pool *pool;
	unsigned references;
	unsigned idle_count;
	unsigned open_count;
	struct link idle;       /* the latest used first */
	struct link waiting;    /* exchanges that wait for a connection, the first come first */
	struct link to_sign_in; /* exchanges that wait until fewer connections are being signed in, or one comes free */
	unsigned signing_in;    /* connections that are being made and signed in to it */
	struct span key;        /* in the same block */
	const char *name;       /* "host:port", terminated, for logs; in the same block */
};

struct upstream_pool {
	struct map servers;
	struct link by_age; /* the oldest first */
	unsigned idle_count;
	unsigned most_idle, most_idle_per_server;
	int64_t idle_ms;
	struct timer ageing;
};

void upstream_pool_init(struct upstream_pool *pool);
void upstream_pool_fini(struct upstream_pool *pool);
/* From the settings; takes effect on what comes back from now on. */
void upstream_pool_limits(struct upstream_pool *pool, unsigned most_idle, unsigned most_idle_per_server,
                          int64_t idle_ms);

/* The server with this key (see upstream_key), counted; NULL without memory. */
struct upstream_server *upstream_server_get(struct upstream_pool *pool, struct span key, struct span name);
void upstream_server_put(struct upstream_server *server);

/* A quiet idle connection, or NULL. */
struct upstream_conn *upstream_pool_take(struct upstream_server *server);
/* Waits until there is an idle connection (unless `fresh`, when one is closed to make room) or fewer than `most` are open. 0, -ETIMEDOUT, -ECANCELED. */
MUST_CHECK int upstream_server_wait(struct upstream_server *server, unsigned most, bool fresh, mono_ms deadline);
/* Where connections have to be signed in: waits until one is idle, or few enough are being made, so that a crowd of clients shares the connections of the
 * first instead of each signing in its own. For those who can share one. 0, -ETIMEDOUT, -ECANCELED. */
MUST_CHECK int upstream_server_wait_to_sign_in(struct upstream_server *server, mono_ms deadline);
void upstream_server_begin_sign_in(struct upstream_server *server);
void upstream_server_end_sign_in(struct upstream_server *server);
/* A connection of it has ended or come back: whoever waits longest may look again. */
void upstream_server_stir(struct upstream_server *server);
/* One more of its connections is open, and holds a reference; and is open no more. */
void upstream_server_enter(struct upstream_server *server);
void upstream_server_leave(struct upstream_server *server);
/* An untainted connection whose exchange is over in order. May close it, or an older one. */
void upstream_pool_give(struct upstream_conn *conn);
/* Closes all idle connections (a drain, or to free descriptors). */
void upstream_pool_empty(struct upstream_pool *pool);

#endif
