/* The pin: one client connection's hold on one server connection, for one origin, because a sign-in by NTLM or Negotiate is a
 * property of the connection and not of the request (RFC 4559 section 6; MS-NTHT; doc/architecture.md, "The pin").
 *
 * Owner: the client's pin_set; a pin owns its connection while it has one. Threads: the client's worker. The machine, pin_table,
 * is pure: pin_next() can be asked about every state and event without a connection. */
#ifndef FAIRLEAD_PROXY_PIN_H
#define FAIRLEAD_PROXY_PIN_H

#include "base/error.h"
#include "base/list.h"
#include "base/span.h"

struct upstream_conn;

/* X(identifier, name in logs, what it means) */
#define PIN_STATES(X)                                                                                    \
	X(NONE, "none", "no connection is held for this origin")                                             \
	X(HINTED, "hinted",                                                                                  \
	  "held because the server offered a connection-bound scheme; nobody is signed in; may be evicted")  \
	X(HANDSHAKE, "handshake", "a token has crossed, the sign-in is not over; never evicted")             \
	X(SIGNED_IN, "signed-in", "the server has accepted the sign-in: the connection is the user")         \
	X(RENEWING, "renewing", "signed in, and a new token has crossed")                                    \
	X(BROKEN, "broken", "the server closed in the middle of the handshake: its next leg can go nowhere") \
	X(LOST, "lost", "the server closed a signed-in connection: a request without a token would go anonymously")

enum pin_state {
#define X(id, name, meaning) PIN_##id,
	PIN_STATES(X)
#undef X
		PIN_STATE_LIMIT
};

/* What happens to a pin. The first three are requests of the client, told apart by the token they bring. */
#define PIN_EVENTS(X)                                                                               \
	X(REQUEST_PLAIN, "request without a token")                                                     \
	X(REQUEST_FIRST, "request with a token that begins a sign-in")                                  \
	X(REQUEST_NEXT, "request with a later token of a sign-in")                                      \
	X(CHALLENGED, "401 that offers a connection-bound scheme, to a request without a token")        \
	X(CONTINUED, "401 with a token of the server")                                                  \
	X(ACCEPTED, "any other final answer to a token")                                                \
	X(ACCEPTED_ONCE, "the same, saying Persistent-Auth: false, or on a connection shared by users") \
	X(REFUSED, "401 without a token, to a token")                                                   \
	X(ANSWERED, "any other final answer")                                                           \
	X(SERVER_CLOSED, "the server closed the connection, or said that it will")                      \
	X(EVICTED, "the client holds too many connections")

enum pin_event {
#define X(id, meaning) PIN_EVENT_##id,
	PIN_EVENTS(X)
#undef X
		PIN_EVENT_LIMIT
};

/* What to do about it. */
enum pin_act {
	PIN_GO_ON,     /* nothing */
	PIN_USE_POOL,  /* request: over any untainted connection */
	PIN_USE_OWN,   /* request: over the pin's connection */
	PIN_USE_FRESH, /* request: over a connection dialled for it, which the pin then holds */
	PIN_BIND,      /* hold the connection that was just used */
	PIN_LET_GO,    /* the connection ends, the pin is forgotten */
	PIN_REMEMBER,  /* the connection ends, the pin stays to remember why */
	PIN_CLOSE_CLIENT, /* do not send the request: close the client connection unanswered; the client, which knows how, starts again */
	PIN_IMPOSSIBLE /* the caller has a bug */
};

struct pin_transition {
	unsigned char next; /* enum pin_state */
	unsigned char act;  /* enum pin_act */
};

struct pin_transition pin_next(enum pin_state state, enum pin_event event);
const char *pin_state_name(enum pin_state s);
const char *pin_event_meaning(enum pin_event e);

struct pin_set;

struct pin {
	struct link link; /* in its set, the latest used last */
	struct pin_set *set;
	struct upstream_conn *conn; /* NULL in NONE, BROKEN and LOST */
	unsigned char state;
	unsigned short origin_n;
	char origin[]; /* "host:port", folded */
};

struct pin_set {
	struct link pins;
	unsigned count;
};

void pin_set_init(struct pin_set *set);
/* Ends every connection held. */
void pin_set_fini(struct pin_set *set);
struct pin *pin_find(struct pin_set *set, struct span origin);

/* The pin for this origin, made in state NONE if there was none. At `most` pins one that can be spared is evicted first.
 * NULL: all are in the middle of a handshake (errno EBUSY) or no memory (ENOMEM). */
struct pin *pin_obtain(struct pin_set *set, struct span origin, unsigned most);
/* The one function that changes a pin's state; counts, and ends the connection where the table says so. Gives the act; after PIN_LET_GO the
 * pin is gone. */
enum pin_act pin_tell(struct pin *pin, enum pin_event event);
/* Takes over the connection (one that has none). */
void pin_hold(struct pin *pin, struct upstream_conn *conn);
/* Hands the connection out for a tunnel; the pin is forgotten. */
struct upstream_conn *pin_give_up(struct pin *pin);
/* An exchange is over that left it none, if so: then it goes away, unless it has something to remember, as that its handshake
 * got nowhere because the server could not be reached. */
void pin_without_connection(struct pin *pin);
bool pin_set_in_handshake(const struct pin_set *set);
/* A token of the client has crossed one of them, or did and is remembered. */
bool pin_set_has_token(const struct pin_set *set);

#endif
