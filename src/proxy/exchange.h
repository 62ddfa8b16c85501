/* One request and its response. The order of its steps is the table at the top of exchange.c: read that first.
 *
 * Owner: lives in the frame of exchange_run(), on the client's fiber. Threads: one worker. */
#ifndef FAIRLEAD_PROXY_EXCHANGE_H
#define FAIRLEAD_PROXY_EXCHANGE_H

#include "auth/challenge.h"
#include "base/arena.h"
#include "http/framing.h"
#include "http/uri.h"
#include "proxy/client.h"
#include "proxy/record.h"
#include "proxy/responder.h"
#include "proxy/upstream_conn.h"
#include "route/access.h"
#include "route/route.h"

enum exchange_next {
	NEXT_REST,     /* the client has nothing more to say for now */
	NEXT_EXCHANGE, /* perhaps it has */
	NEXT_END,      /* close its connection */
	NEXT_TUNNEL,   /* its connection has become a tunnel's */
};

/* X(identifier, function): the steps; each returns the next. */
#define STEPS(X)                                                                                           \
	X(READ_HEAD, read_head)       /* strict parse of the client's head */                                  \
	X(IDENTIFY, identify)         /* what is asked of us: to forward, to tunnel, or something of ours */   \
	X(AUTHENTICATE, authenticate) /* who asks: credentials in this request, or the connection's sign-in */ \
	X(AUTHORIZE, authorize)       /* may this client go there? */                                          \
	X(CHOOSE_ROUTE, choose_route) /* direct, or which parent; does a pin hold the way? */                  \
	X(CONNECT, connect_hop)       /* the pin's connection, one from the pool, or a new one */              \
	X(SEND, send_request)         /* head and as much body as there is; the rest goes beside the answer */ \
	X(RECEIVE, receive_head)      /* the answer's head; interim answers pass */                            \
	X(JUDGE, judge_answer)        /* what it means for the pin, for a tunnel, for a retry */               \
	X(DELIVER, deliver)           /* head and body to the client, at its pace */                           \
	X(OPEN_TUNNEL, open_tunnel)   /* CONNECT and Upgrade end here */                                       \
	X(ANSWER, answer_here)        /* a responder of ours */                                                \
	X(REFUSE, refuse)             /* the page of an end reason */                                          \
	X(FINISH, finish)             /* connection to its pool or pin, log, counters */

enum step {
#define X(id, function) STEP_##id,
	STEPS(X)
#undef X
		STEP_OVER
};

/* How the request reaches us through the connection-bound schemes. */
struct sign_in_leg {
	bool bound; /* the request carries a token of a connection-bound scheme */
	bool first; /* one that begins a sign-in */
	enum token_kind kind;
};

/* How the user is signed in to a parent whose upstream says on-behalf: see behalf_auth.h. */
enum behalf { BEHALF_NOT, BEHALF_BASIC, BEHALF_KERBEROS };

/* The client's own sign-in to a parent whose upstream says relay: see relay_auth.h. */
struct relayed {
	bool on;          /* what the client says to a proxy is for the parent */
	bool credentials; /* the request brings some, of whatever scheme */
	bool bound;       /* ... a token that signs in the connection to the parent */
	bool began;       /* ... some that count for this request alone, on a connection made for it */
};

struct exchange {
	struct client *client;
	struct lease *lease;
	const struct settings *settings;
	const struct listen_settings *listen;
	struct arena arena;
	struct record record;
	enum exchange_next next;

	/* the request */
	struct lent *in; /* the client's; the head stays at its front until the end */
	struct head request;
	struct framing request_framing;
	struct body_reader request_body;
	struct target target;
	struct span host_folded; /* in `host` */
	bool host_is_literal;
	struct addr literal;
	struct identity *who;                   /* counted; NULL: nobody signed in */
	const char *extra_fields;               /* whole lines for the page of an end reason: the challenges */
	const char *auth_info;                  /* a whole line for the answer: the last token of our sign-in */
	struct access_user user;                /* `who`, as access rules see it */
	const struct sign_on_settings *sign_on; /* how clients sign in here */
	const struct acceptor_policy *policy;   /* what of it this client is offered; NULL: nothing */
	struct place place;                     /* of a published site; its `site` is NULL where we are a proxy */
	bool credentials_pass;                  /* they are of a scheme that is the application\'s business */
	struct sign_in_leg leg;                 /* towards the site or, relayed, the parent */
	struct relayed relayed;
	enum behalf behalf;
	bool upgrade; /* the client asks to leave HTTP, and we pass that on */
	bool expects_continue;
	bool reset_client;              /* close without an answer */
	bool close_client;              /* after the answer */
	bool broken;                    /* the server connection cannot be used again */
	uint64_t in_before, out_before; /* the client stream's counts when this exchange began */

	/* the way */
	struct access_question question;
	struct route route;
	struct span origin_key; /* "host:port", in `origin` */
	struct span pin_key;    /* the same; a relayed sign-in is the parent's, whatever the site */
	struct pin *pin;
	struct upstream_conn *conn;
	bool conn_reused;
	bool retried;
	unsigned
		first_scheme;  /* of the parent's credentials, where a new connection goes on after one that was closed on us */
	bool dial_again;   /* the parent closed with its challenge: sign in on a new connection */
	bool parent_asked; /* a 407 came on a connection that was not signed in, because nobody had asked before */
	bool goes_unsigned;     /* the parent did not ask, and closed: the next connection is used without a sign-in */
	unsigned char probe;    /* which request of our own the parent takes: see upstream_auth.c */
	bool asked_first;       /* whether it wants a sign-in at all */
	bool parent_challenges; /* requests of our own: what it lets pass it has looked at */
	bool member_refused;    /* our sign-in, in this exchange: another is tried */
	const struct responder *responder;

	/* the body on its way to the server, beside the answer */
	struct upload *upload; /* NULL: nothing left to send */

	/* the answer */
	struct lent out; /* the server's */
	struct head response;
	struct framing response_framing;
	struct body_reader response_body;
	bool answer_begun;    /* the client has bytes of it */
	unsigned interim;     /* 1xx answers seen */
	bool challenged;      /* the answer offers a connection-bound scheme */
	bool token_challenge; /* ... with a token: the handshake goes on */
	bool proxy_support;   /* tell the client that its connection is kept */

	/* Room for text; the only members that do not begin as zeros. */
	char host[256];
	char origin[270];
};

/* Runs one exchange on the calling fiber. `in` may hold bytes already read; what belongs to the next request is left in it. */
enum exchange_next exchange_run(struct client *client, struct lent *in);

/* Ends with this reason: the step to go to. `error` is the -errno behind it, or 0. */
enum step end_with(struct exchange *x, enum end_reason reason, int error, const char *detail);
/* For what was already sent to the client, or cannot be: no page, the connection closes. */
enum step cut_with(struct exchange *x, enum end_reason reason, int error);

#define X(id, function) enum step function(struct exchange *x);
STEPS(X)
#undef X

static inline bool is_published(const struct exchange *x)
{
	return x->place.site != NULL;
}

#endif
