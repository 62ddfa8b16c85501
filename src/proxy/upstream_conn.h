/* A connection to a server or to the next proxy.
 *
 * Owner: exactly one of an exchange, a pin, or the pool. Threads: one worker. Taint: a token of a client crossed it, so it is that client's
 * and nobody else's until it closes; nothing ever takes the taint away. */
#ifndef FAIRLEAD_PROXY_UPSTREAM_CONN_H
#define FAIRLEAD_PROXY_UPSTREAM_CONN_H

#include "base/list.h"
#include "net/stream.h"

struct upstream_server; /* whom it leads to: upstream_pool.h */
struct pin;

struct upstream_conn {
	struct stream stream; /* first: its watch leads back here */
	struct link link;     /* in the pool's list by server */
	struct link by_age;   /* in the pool's list of all idle ones */
	mono_ms idle_since;
	struct upstream_server *server;
	struct pin *pin;    /* that holds it, while it waits there */
	uint64_t number;    /* unique in the process */
	uint32_t exchanges; /* that it has carried */
	bool tainted;
	bool relays;         /* leads to a parent that clients sign in to with their own credentials */
	bool signed_in;      /* with credentials of ours, to the parent it leads to */
	uint64_t generation; /* of the secret that was used for that */
	mono_ms signed_in_at;
	unsigned char scheme; /* enum auth_scheme of that */
	uint64_t
		on_trial; /* the secret, if nothing but the first answer will say whether it was accepted; 0: it is known */
	char *authorization; /* a whole field line to send with every request: Basic; NULL: none. Wiped at the end */
	struct addr addr;    /* whom it is connected to */
};

/* A shell without a connection, for dial(). NULL without memory. Holds a reference on the server. */
struct upstream_conn *upstream_conn_new(struct upstream_server *server);
/* Closes and frees. NULL is fine. */
void upstream_conn_end(struct upstream_conn *conn);
/* It stands still in a pin: watch for the server's closing it. */
void upstream_conn_rest(struct upstream_conn *conn, struct pin *pin);
/* It goes to work again. */
void upstream_conn_wake(struct upstream_conn *conn);

#endif
