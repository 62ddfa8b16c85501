/* CHOOSE_ROUTE: direct or which parent, and whether a pin holds the way already. */
#include "base/counters.h"
#include "net/resolve.h"
#include "proxy/behalf_auth.h"
#include "proxy/forward.h"
#include "proxy/publish.h"
#include "proxy/relay_auth.h"

enum step refuse_access(struct exchange *x, enum end_reason reason, const struct access_answer *answer)
{
	COUNT(access_denied_total);
	if (answer->rule)
		x->record.rule = arena_printf(&x->arena, "%s:%d", answer->rule->where.file, answer->rule->where.line);
	x->record.remedy = answer->remedy;
	return end_with(x, reason, 0, NULL);
}

/* A token that signs in a connection is told by its bytes, whatever its scheme is called; under NTLM and Negotiate by their names too. */
bool token_signs_in_connection(const struct challenge *c, enum token_kind kind)
{
	if (scheme_is_connection_bound(c))
		return kind != TOKEN_NONE;
	return kind != TOKEN_NONE && kind != TOKEN_UNKNOWN && c->scheme == SCHEME_OTHER;
}

static void read_leg(struct exchange *x)
{
	struct challenge c;
	struct span value = head_value(&x->request, FIELD_AUTHORIZATION);
	if (!value.p || !credentials_parse(value, &c))
		return;
	x->leg.kind = token_kind_of(c.token);
	x->leg.bound = token_signs_in_connection(&c, x->leg.kind);
	x->leg.first = token_is_first(x->leg.kind);
	if (!x->leg.bound)
		return;
	x->record.leg = token_kind_name(x->leg.kind);
	COUNT(sign_in_legs_total);
}

/* An upgrade is passed on alone and without a body; h2c never, since a pin cannot live in it. */
static bool wants_upgrade(const struct exchange *x)
{
	struct span what = head_value(&x->request, FIELD_UPGRADE);
	return what.p && x->request.minor == 1 && head_has_token(&x->request, FIELD_CONNECTION, SPAN("upgrade")) &&
	       x->request_framing.kind == BODY_NONE && !head_has_token(&x->request, FIELD_UPGRADE, SPAN("h2c")) &&
	       x->request.method != METHOD_CONNECT;
}

static int resolve_for_route(struct exchange *x, struct route_question *q, struct resolved *room)
{
	if (!route_needs_addresses(x->settings, q))
		return 0;
	int error = resolve(x->host_folded, x->target.port, clock_after(worker_now(), x->settings->timeouts.resolve), room);
	q->resolved = room->addrs;
	q->resolved_count = error ? 0 : room->count;
	return error == -ECANCELED ? error : 0;
}

static enum pin_event event_of_request(struct exchange *x, bool plain)
{
	if (plain)
		return PIN_EVENT_REQUEST_PLAIN;
	if (x->relayed.on)
		return relay_event_of_request(x);
	return x->leg.first ? PIN_EVENT_REQUEST_FIRST : PIN_EVENT_REQUEST_NEXT;
}

enum step ask_pin(struct exchange *x)
{
	struct client *client = x->client;
	bool plain = !(x->leg.bound && x->route.pin) && !x->relayed.credentials;
	x->pin = plain ? pin_find(&client->pins, x->pin_key)
	               : pin_obtain(&client->pins, x->pin_key, (unsigned)x->settings->limits.pins);
	if (!x->pin && plain)
		return STEP_CONNECT;
	if (!x->pin) {
		x->close_client = true; /* starting again empties the set */
		return errno == EBUSY ? end_with(x, END_PIN_LIMIT, 0, NULL) : end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
	}
	enum pin_act act = pin_tell(x->pin, event_of_request(x, plain));
	if (act == PIN_CLOSE_CLIENT)
		return cut_with(x, END_PIN_LOST, 0);
	if (act == PIN_USE_OWN) {
		x->conn = x->pin->conn;
		upstream_conn_wake(x->conn);
		x->conn_reused = true;
	}
	return STEP_CONNECT;
}

/* Where we signed the client in, his credentials end here; where the application does, they bind its connection. */
static enum step choose_application(struct exchange *x)
{
	enum step next = choose_place(x);
	if (next != STEP_CONNECT)
		return next;
	x->upgrade = wants_upgrade(x);
	if (!application_signs_in(x))
		return STEP_CONNECT;
	read_leg(x);
	return ask_pin(x);
}

enum step choose_route(struct exchange *x)
{
	struct route_question q = {
		.host = x->host_folded, .host_is_literal = x->host_is_literal, .literal = x->literal, .port = x->target.port};
	struct resolved room;
	if (is_published(x))
		return choose_application(x);
	if (resolve_for_route(x, &q, &room) != 0)
		return cut_with(x, END_DRAINING, -ECANCELED);
	route_decide(x->settings, &q, &x->route);
	x->record.hop = x->route.via == VIA_UPSTREAM ? x->route.upstream->name : "direct";
	x->upgrade = wants_upgrade(x);
	if (x->request.method != METHOD_CONNECT)
		read_leg(x);
	relay_read_request(x);
	enum step next = behalf_read_request(x);
	if (next != STEP_CONNECT)
		return next;
	if (x->request.method == METHOD_CONNECT && !x->relayed.on)
		return STEP_CONNECT;
	return ask_pin(x);
}
