/* The pin's whole behaviour is one table: for every state and event, the next state and what the caller must do.
 *
 * Three rules explain all rows. A server connection that a client's token has crossed belongs to that client connection until it
 * closes (upstream_conn.tainted sees to the pool). A request that might be answered as nobody, though its client believes to be
 * signed in, is not sent. And a later token of a handshake is never sent anywhere but where the handshake began. */
#include "proxy/pin.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/counters.h"
#include "proxy/upstream_conn.h"

#define T(state, act)          \
	{                          \
		PIN_##state, PIN_##act \
	}
#define NEVER_HERE T(NONE, IMPOSSIBLE)

static const struct pin_transition pin_table[PIN_STATE_LIMIT][PIN_EVENT_LIMIT] =
	{
		[PIN_NONE] =
			{
				[PIN_EVENT_REQUEST_PLAIN] = T(NONE, USE_POOL),
				[PIN_EVENT_REQUEST_FIRST] = T(HANDSHAKE, USE_FRESH),
				/* Its beginning was seen on another connection, or never: the server will say so. */
				[PIN_EVENT_REQUEST_NEXT] = T(HANDSHAKE, USE_FRESH),
				[PIN_EVENT_CHALLENGED] = T(HINTED, BIND),
				[PIN_EVENT_CONTINUED] = NEVER_HERE,
				[PIN_EVENT_ACCEPTED] = NEVER_HERE,
				[PIN_EVENT_ACCEPTED_ONCE] = NEVER_HERE,
				[PIN_EVENT_REFUSED] = NEVER_HERE,
				[PIN_EVENT_ANSWERED] = T(NONE, GO_ON),
				[PIN_EVENT_SERVER_CLOSED] = T(NONE, LET_GO),
				[PIN_EVENT_EVICTED] = T(NONE, LET_GO),
			},
		[PIN_HINTED] =
			{
				[PIN_EVENT_REQUEST_PLAIN] = T(HINTED, USE_OWN),
				[PIN_EVENT_REQUEST_FIRST] = T(HANDSHAKE, USE_OWN),
				[PIN_EVENT_REQUEST_NEXT] = T(HANDSHAKE, USE_OWN),
				[PIN_EVENT_CHALLENGED] = T(HINTED, GO_ON),
				[PIN_EVENT_CONTINUED] = T(HINTED, GO_ON), /* a token nobody asked for */
				[PIN_EVENT_ACCEPTED] = NEVER_HERE,
				[PIN_EVENT_ACCEPTED_ONCE] = NEVER_HERE,
				[PIN_EVENT_REFUSED] = NEVER_HERE,
				[PIN_EVENT_ANSWERED] = T(HINTED, GO_ON),
				[PIN_EVENT_SERVER_CLOSED] = T(NONE, LET_GO),
				[PIN_EVENT_EVICTED] = T(NONE, LET_GO),
			},
		[PIN_HANDSHAKE] =
			{
				/* The client gave the handshake up. */
				[PIN_EVENT_REQUEST_PLAIN] = T(HINTED, USE_OWN),
				[PIN_EVENT_REQUEST_FIRST] = T(HANDSHAKE, USE_OWN),
				[PIN_EVENT_REQUEST_NEXT] = T(HANDSHAKE, USE_OWN),
				[PIN_EVENT_CHALLENGED] = NEVER_HERE,
				[PIN_EVENT_CONTINUED] = T(HANDSHAKE, GO_ON),
				[PIN_EVENT_ACCEPTED] = T(SIGNED_IN, GO_ON),
				[PIN_EVENT_ACCEPTED_ONCE] = T(HINTED, GO_ON),
				[PIN_EVENT_REFUSED] = T(HINTED, GO_ON),
				[PIN_EVENT_ANSWERED] = NEVER_HERE,
				[PIN_EVENT_SERVER_CLOSED] = T(BROKEN, REMEMBER),
				[PIN_EVENT_EVICTED] = NEVER_HERE,
			},
		[PIN_SIGNED_IN] =
			{
				[PIN_EVENT_REQUEST_PLAIN] = T(SIGNED_IN, USE_OWN),
				[PIN_EVENT_REQUEST_FIRST] = T(RENEWING, USE_OWN),
				[PIN_EVENT_REQUEST_NEXT] = T(RENEWING, USE_OWN),
				/* The user may not see this resource (401.3), or the server forgot: either way no anonymous request may follow. */
				[PIN_EVENT_CHALLENGED] = T(SIGNED_IN, GO_ON),
				[PIN_EVENT_CONTINUED] = T(SIGNED_IN, GO_ON),
				[PIN_EVENT_ACCEPTED] = NEVER_HERE,
				[PIN_EVENT_ACCEPTED_ONCE] = NEVER_HERE,
				[PIN_EVENT_REFUSED] = NEVER_HERE,
				[PIN_EVENT_ANSWERED] = T(SIGNED_IN, GO_ON),
				[PIN_EVENT_SERVER_CLOSED] = T(LOST, REMEMBER),
				[PIN_EVENT_EVICTED] = T(LOST, REMEMBER),
			},
		[PIN_RENEWING] =
			{
				[PIN_EVENT_REQUEST_PLAIN] = T(SIGNED_IN, USE_OWN),
				[PIN_EVENT_REQUEST_FIRST] = T(RENEWING, USE_OWN),
				[PIN_EVENT_REQUEST_NEXT] = T(RENEWING, USE_OWN),
				[PIN_EVENT_CHALLENGED] = NEVER_HERE,
				[PIN_EVENT_CONTINUED] = T(RENEWING, GO_ON),
				[PIN_EVENT_ACCEPTED] = T(SIGNED_IN, GO_ON),
				[PIN_EVENT_ACCEPTED_ONCE] = T(HINTED, GO_ON),
				[PIN_EVENT_REFUSED] = T(SIGNED_IN, GO_ON),
				[PIN_EVENT_ANSWERED] = NEVER_HERE,
				[PIN_EVENT_SERVER_CLOSED] = T(LOST, REMEMBER),
				[PIN_EVENT_EVICTED] = NEVER_HERE,
			},
		[PIN_BROKEN] =
			{
				[PIN_EVENT_REQUEST_PLAIN] = T(NONE, USE_POOL),
				[PIN_EVENT_REQUEST_FIRST] = T(HANDSHAKE, USE_FRESH),
				[PIN_EVENT_REQUEST_NEXT] = T(BROKEN, CLOSE_CLIENT),
				[PIN_EVENT_CHALLENGED] = NEVER_HERE,
				[PIN_EVENT_CONTINUED] = NEVER_HERE,
				[PIN_EVENT_ACCEPTED] = NEVER_HERE,
				[PIN_EVENT_ACCEPTED_ONCE] = NEVER_HERE,
				[PIN_EVENT_REFUSED] = NEVER_HERE,
				[PIN_EVENT_ANSWERED] = NEVER_HERE,
				[PIN_EVENT_SERVER_CLOSED] = T(BROKEN, GO_ON),
				[PIN_EVENT_EVICTED] = T(NONE, LET_GO),
			},
		[PIN_LOST] =
			{
				[PIN_EVENT_REQUEST_PLAIN] = T(LOST, CLOSE_CLIENT),
				[PIN_EVENT_REQUEST_FIRST] = T(HANDSHAKE, USE_FRESH),
				[PIN_EVENT_REQUEST_NEXT] = T(LOST, CLOSE_CLIENT),
				[PIN_EVENT_CHALLENGED] = NEVER_HERE,
				[PIN_EVENT_CONTINUED] = NEVER_HERE,
				[PIN_EVENT_ACCEPTED] = NEVER_HERE,
				[PIN_EVENT_ACCEPTED_ONCE] = NEVER_HERE,
				[PIN_EVENT_REFUSED] = NEVER_HERE,
				[PIN_EVENT_ANSWERED] = NEVER_HERE,
				[PIN_EVENT_SERVER_CLOSED] = T(LOST, GO_ON),
				[PIN_EVENT_EVICTED] = NEVER_HERE,
			},
};

static const char *const state_names[PIN_STATE_LIMIT] = {
#define X(id, name, meaning) name,
	PIN_STATES(X)
#undef X
};

static const char *const event_meanings[PIN_EVENT_LIMIT] = {
#define X(id, meaning) meaning,
	PIN_EVENTS(X)
#undef X
};

struct pin_transition pin_next(enum pin_state state, enum pin_event event)
{
	return pin_table[state][event];
}

const char *pin_state_name(enum pin_state s)
{
	return state_names[s];
}

const char *pin_event_meaning(enum pin_event e)
{
	return event_meanings[e];
}

void pin_set_init(struct pin_set *set)
{
	list_init(&set->pins);
	set->count = 0;
}

static void end_connection(struct pin *pin)
{
	if (!pin->conn)
		return;
	upstream_conn_end(TAKE(pin->conn));
	COUNT_ADD(pins, -1);
}

static void pin_free(struct pin *pin)
{
	end_connection(pin);
	list_remove(&pin->link);
	pin->set->count--;
	free(pin);
}

void pin_set_fini(struct pin_set *set)
{
	struct pin *pin;
	LIST_EACH(pin, &set->pins, struct pin, link)
		pin_free(pin);
}

struct pin *pin_find(struct pin_set *set, struct span origin)
{
	struct pin *pin;
	LIST_EACH(pin, &set->pins, struct pin, link)
		if (span_eq(span_make(pin->origin, pin->origin_n), origin))
			return pin;
	return NULL;
}

static bool can_be_spared(const struct pin *pin)
{
	struct pin_transition t = pin_next(pin->state, PIN_EVENT_EVICTED);
	return t.act == PIN_LET_GO || t.act == PIN_REMEMBER;
}

/* Makes room for one more: first whoever is not signed in, the least lately used first. A signed-in one leaves a lost pin behind,
 * so at most half of a set may be memories; a client that goes on beyond that is told so. */
static bool make_room(struct pin_set *set, unsigned most)
{
	struct pin *pin;
	LIST_EACH(pin, &set->pins, struct pin, link)
		if (can_be_spared(pin) && pin->state != PIN_SIGNED_IN) {
			COUNT(pins_evicted_total);
			pin_tell(pin, PIN_EVENT_EVICTED);
			return true;
		}
	if (set->count >= 2 * most)
		return false;
	LIST_EACH(pin, &set->pins, struct pin, link)
		if (can_be_spared(pin)) {
			COUNT(pins_evicted_total);
			pin_tell(pin, PIN_EVENT_EVICTED);
			return true;
		}
	return false;
}

static unsigned held(const struct pin_set *set)
{
	unsigned n = 0;
	for (const struct link *l = set->pins.next; l != &set->pins; l = l->next)
		n += CONTAINER_OF(l, struct pin, link)->conn != NULL;
	return n;
}

struct pin *pin_obtain(struct pin_set *set, struct span origin, unsigned most)
{
	struct pin *pin = pin_find(set, origin);
	if (pin)
		return pin;
	if (set->count >= most && (held(set) >= most || set->count >= 2 * most) && !make_room(set, most)) {
		errno = EBUSY;
		return NULL;
	}
	pin = calloc(1, sizeof(*pin) + origin.n);
	if (!pin) {
		errno = ENOMEM;
		return NULL;
	}
	pin->set = set;
	pin->origin_n = (unsigned short)origin.n;
	memcpy(pin->origin, origin.p, origin.n);
	list_push(&set->pins, &pin->link);
	set->count++;
	return pin;
}

static void count_event(enum pin_state before, enum pin_event event, enum pin_state after)
{
	if (event == PIN_EVENT_ACCEPTED || event == PIN_EVENT_ACCEPTED_ONCE)
		COUNT(pins_signed_in_total);
	else if (event == PIN_EVENT_REFUSED)
		COUNT(pins_refused_total);
	else if (after == PIN_LOST && before != PIN_LOST)
		COUNT(pins_lost_total);
}

enum pin_act pin_tell(struct pin *pin, enum pin_event event)
{
	struct pin_transition t = pin_next(pin->state, event);
	ASSERT(t.act != PIN_IMPOSSIBLE);
	count_event(pin->state, event, t.next);
	pin->state = t.next;
	if (t.act == PIN_LET_GO) {
		pin_free(pin);
	} else if (t.act == PIN_REMEMBER) {
		end_connection(pin);
	} else {
		list_remove(&pin->link);
		list_push(&pin->set->pins, &pin->link);
	}
	return t.act;
}

void pin_hold(struct pin *pin, struct upstream_conn *conn)
{
	ASSERT(!pin->conn);
	pin->conn = conn;
	COUNT(pins_total);
	COUNT_ADD(pins, 1);
}

struct upstream_conn *pin_give_up(struct pin *pin)
{
	struct upstream_conn *conn = TAKE(pin->conn);
	if (conn)
		COUNT_ADD(pins, -1);
	pin_free(pin);
	return conn;
}

void pin_without_connection(struct pin *pin)
{
	if (pin->conn)
		return;
	if (pin->state == PIN_NONE)
		pin_free(pin);
	else if (pin->state == PIN_HANDSHAKE)
		pin_tell(pin, PIN_EVENT_SERVER_CLOSED);
}

bool pin_set_in_handshake(const struct pin_set *set)
{
	for (const struct link *l = set->pins.next; l != &set->pins; l = l->next) {
		const struct pin *pin = CONTAINER_OF(l, struct pin, link);
		if (pin->state == PIN_HANDSHAKE || pin->state == PIN_RENEWING)
			return true;
	}
	return false;
}

bool pin_set_has_token(const struct pin_set *set)
{
	for (const struct link *l = set->pins.next; l != &set->pins; l = l->next) {
		const struct pin *pin = CONTAINER_OF(l, struct pin, link);
		if (pin->conn ? pin->conn->tainted : pin->state != PIN_NONE)
			return true;
	}
	return false;
}
