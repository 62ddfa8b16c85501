/* JUDGE: what the answer means, for the pin of its origin, for a tunnel, and for whoever asked for sign-in; and at the end of an exchange, what
 * becomes of its server connection. */
#include "http/hop.h"
#include "proxy/forward.h"
#include "proxy/heads.h"
#include "proxy/publish.h"
#include "proxy/relay_auth.h"
#include "proxy/upstream_auth.h"

enum { INTERIM_MOST = 32 };

static enum step pass_interim(struct exchange *x)
{
	if (++x->interim > INTERIM_MOST)
		return end_with(x, END_RESPONSE_MALFORMED, 0, "the server sends interim answers without end");
	if (x->request.minor == 0) /* a 1.0 client does not know them */
		return STEP_RECEIVE;
	struct buf b;
	size_t room = heads_room(x, &x->response);
	char *memory = arena_alloc(&x->arena, room);
	if (!memory)
		return end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
	buf_over(&b, memory, room);
	heads_write_interim(x, &b);
	int error = stream_write_span(&x->client->stream, buf_span(&b),
	                              clock_after(worker_now(), x->settings->timeouts.write));
	if (error)
		return cut_with(x, END_CLIENT_CLOSED, error);
	return STEP_RECEIVE;
}

/* Reads the challenges of a 401, or of a 407 that is relayed. */
static void read_challenges(struct exchange *x)
{
	if (x->response.status != 401 && x->response.status != 407)
		return;
	enum field_id id = x->response.status == 401 ? FIELD_WWW_AUTHENTICATE : FIELD_PROXY_AUTHENTICATE;
	for (unsigned i = 0; i < x->response.count; i++) {
		struct field *f = &x->response.fields[i];
		struct span rest = field_value(f);
		struct challenge c;
		if (f->id != id)
			continue;
		while (challenge_next(&rest, &c)) {
			if (!scheme_is_connection_bound(&c))
				continue;
			x->challenged = true;
			x->token_challenge |= c.token.n > 0;
		}
	}
}

static enum pin_event event_of(const struct exchange *x)
{
	if (x->relayed.on)
		return relay_event_of_answer(x);
	if (!x->leg.bound)
		return x->challenged ? PIN_EVENT_CHALLENGED : PIN_EVENT_ANSWERED;
	if (x->response.status == 401)
		return x->token_challenge ? PIN_EVENT_CONTINUED : PIN_EVENT_REFUSED;
	bool once = span_eq_nocase(head_value(&x->response, FIELD_PERSISTENT_AUTH), SPAN("false"));
	return once || x->client->shared ? PIN_EVENT_ACCEPTED_ONCE : PIN_EVENT_ACCEPTED;
}

/* The answer's meaning for the pin of this origin; makes one when the server has just offered a connection-bound scheme. */
static void tell_pin(struct exchange *x)
{
	enum pin_event event = event_of(x);
	if (!x->pin && event == PIN_EVENT_CHALLENGED && x->response_framing.keep_alive && !x->conn->tainted) {
		x->pin = pin_obtain(&x->client->pins, x->pin_key, (unsigned)x->settings->limits.pins);
		if (!x->pin)
			return; /* only a hint is lost: the sign-in will begin on a new connection */
	}
	if (!x->pin)
		return;
	enum pin_act act = pin_tell(x->pin, event);
	if (act == PIN_BIND)
		pin_hold(x->pin, x->conn);
	x->record.pin = pin_state_name(x->pin->state);
	if (!x->client->shared || event != PIN_EVENT_ACCEPTED_ONCE)
		return;
	/* Users behind somebody else's proxy are not kept apart by this connection: the server's, which is now one of them, ends. */
	x->broken = true;
	x->record.detail = "the sign-in ended with this request, because the proxy in front is not named in intermediaries";
}

/* On a route without pins what cannot work is taken out of the challenge. False if nothing would be left. */
static bool withdraw_challenges(struct exchange *x)
{
	bool left = false, taken = false;
	for (unsigned i = 0; i < x->response.count; i++) {
		struct field *f = &x->response.fields[i];
		struct challenge c;
		struct span rest = field_value(f);
		if (f->id != FIELD_WWW_AUTHENTICATE)
			continue;
		bool bound = challenge_next(&rest, &c) && scheme_is_connection_bound(&c);
		f->dropped = bound;
		taken |= bound;
		left |= !bound;
	}
	return left || !taken;
}

static enum step judge_upgrade(struct exchange *x)
{
	if (x->upgrade)
		return STEP_OPEN_TUNNEL;
	return end_with(x, END_RESPONSE_MALFORMED, 0, "the server switched protocols although nobody asked for it");
}

static enum step judge_connect(struct exchange *x)
{
	if (x->response.status >= 200 && x->response.status < 300)
		return STEP_OPEN_TUNNEL;
	x->record.end = END_CONNECT_NOT_2XX;
	return STEP_DELIVER;
}

/* A 407 of whoever is not our parent is not for the client: it would hand its proxy password to a stranger. */
static enum step judge_407(struct exchange *x)
{
	if (x->route.via != VIA_UPSTREAM)
		return end_with(x, END_ORIGIN_407, 0, NULL);
	if (upstream_relays(x->route.upstream))
		return end_with(
			x, END_PARENT_WANTS_SIGN_IN, 0,
			"clients sign in to this listener, so that what they say to a proxy is not for the parent; relay is for "
			"listeners without sign-on");
	if (!upstream_signs_in(x->route.upstream))
		return end_with(x, END_PARENT_WANTS_SIGN_IN, 0, NULL);
	if (x->conn->on_trial) {
		upstream_end_trial(x, false);
		return end_with(x, END_PARENT_REFUSED_US, 0, NULL);
	}
	x->parent_asked = true;
	if (may_start_over(x))
		return start_over(x);
	return end_with(
		x, END_PARENT_SIGN_IN_FAILED, 0,
		"it asked in the middle of a connection, when the request was on its way already; a Fairlead does so with "
		"every request while its listener does not name this proxy in intermediaries");
}

enum step judge_answer(struct exchange *x)
{
	struct head *h = &x->response;
	x->record.received_status = h->status;
	if (h->status == 101)
		return judge_upgrade(x);
	if (h->status < 200)
		return pass_interim(x);
	framing_of_response(h, x->request.method, &x->response_framing);
	body_reader_init(&x->response_body, &x->response_framing);
	if (h->status == 407 && !x->relayed.on)
		return judge_407(x);
	if (x->conn->on_trial)
		upstream_end_trial(x, true);
	hop_drop_response(h);
	relay_keep_challenges(x);
	if (x->request.method == METHOD_CONNECT && !x->relayed.on)
		return judge_connect(x);
	read_challenges(x);
	if (is_published(x))
		note_answer_of_application(x);
	if (x->challenged && !x->route.pin && !withdraw_challenges(x))
		return end_with(x, END_SIGN_IN_NOT_POSSIBLE, 0, NULL);
	if (x->route.pin) {
		tell_pin(x);
		x->proxy_support = x->challenged && !is_published(x);
	}
	return x->request.method == METHOD_CONNECT && h->status != 407 ? judge_connect(x) : STEP_DELIVER;
}

/* ---- afterwards */

/* Whether the connection may carry another exchange. */
static bool is_clean(const struct exchange *x)
{
	bool in_order = x->record.end == END_OK || (x->record.end == END_CONNECT_NOT_2XX && x->relayed.on);
	return in_order && !x->reset_client && !x->broken && x->response_framing.keep_alive && lent_length(&x->out) == 0 &&
	       x->response_framing.kind != BODY_UNTIL_CLOSE && !x->conn->stream.read_ended && x->answer_begun;
}

void release_connection(struct exchange *x)
{
	bool clean = x->conn && is_clean(x);
	struct upstream_conn *conn = TAKE(x->conn);
	if (!conn) {
		if (x->pin)
			pin_without_connection(x->pin);
		return;
	}
	if (x->pin && x->pin->conn == conn) {
		if (!clean || !stream_has_settled(&conn->stream))
			pin_tell(x->pin, PIN_EVENT_SERVER_CLOSED);
		else
			upstream_conn_rest(conn, x->pin);
		return;
	}
	if (x->pin)
		pin_without_connection(x->pin);
	if (clean && !conn->tainted)
		upstream_pool_give(conn);
	else
		upstream_conn_end(conn);
}
