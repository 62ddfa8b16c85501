/* An inbound connection: who speaks to us, and what of sign-in hangs on this connection.
 *
 * Owner: the worker's service; an idle client holds neither fiber nor buffer. Threads: one worker. */
#ifndef FAIRLEAD_PROXY_CLIENT_H
#define FAIRLEAD_PROXY_CLIENT_H

#include "auth/acceptor.h"
#include "net/stream.h"
#include "proxy/pin.h"
#include "proxy/service.h"

/* How the client signs in to us: made with its first token, ends with the connection. */
struct client_auth {
	struct acceptor *acceptor;            /* NULL: none yet, or lent to a thread that did not come back in time */
	struct identity *who;                 /* signed in on this connection; NULL: nobody */
	struct identity *last;                /* who signed in last, be it for one request */
	struct edition *edition;              /* counted: the acceptor's policy lives in it */
	const struct acceptor_policy *policy; /* the acceptor's */
	mono_ms since;                        /* when he signed in */
	mono_ms checked;                      /* when his account was found fine last; 0: not yet */
	uint64_t through; /* who is between, where a handshake with a site is under way (broken_proxy_key); 0: none is */
	bool in_doubt;    /* another sign-in has begun since, or was refused: `who` does not count */
};

struct client {
	struct stream stream; /* first: its watch leads back here */
	struct link link;     /* in the service's list */
	struct timer timer;   /* idle, or waiting for a free fiber */
	struct port *port;
	struct fiber *fiber; /* that works for it; NULL: idle */
	struct pin_set pins;
	struct client_auth auth;
	uint64_t certificate; /* of a published site: hash of its file, if the client asked for it by name; else 0 */
	uint64_t number;
	uint64_t forwarded_for; /* hash of the forwarded client address last seen; 0: none */
	unsigned requests;
	struct addr from;
	struct addr local; /* see client_local(); AF_UNSPEC until somebody asked */
	bool intermediary; /* named in the settings: keeps its users apart */
	bool shared;       /* shows a Via of somebody who is not named: users may be mixed */
	bool close_soon;   /* drain: the next answer is the last */
	bool tls_wanted;   /* a TLS handshake must come before anything else */
	bool plain_on_tls; /* it should have begun with a TLS handshake: whatever it asks, it is told so */
	bool console;      /* speaks to the console: it may stay during a drain, to see it */
	bool cut;          /* told to end */
	bool
		same_user; /* the process at the other end is one of our user's, or root's; asked only where the listener wants to know */
	bool proxy_header; /* a PROXY protocol header must come first */
};

/* A connection was accepted on the port. */
void client_accepted(int fd, const struct addr *from, void *port);
/* For a stop: idle ones close now; the others after their answer. */
void client_drain(struct client *client);
/* Cuts it whatever it does. */
void client_cut(struct client *client);

/* Our address on the connection; asked for once. AF_UNSPEC if it has none any more. */
const struct addr *client_local(struct client *client);

#endif
