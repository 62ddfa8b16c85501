#include "proxy/forward.h"

#include "base/counters.h"
#include "base/log.h"
#include "http/hop.h"
#include "http/status.h"
#include "net/dial.h"
#include "net/fiber.h"
#include "proxy/heads.h"

enum { MEMBER_REST_MS = 10000, INTERIM_MOST = 32, MEMBERS_MOST = 64 };

/* ---- CHOOSE_ROUTE */

enum step refuse_access(struct exchange *x, enum end_reason reason, const struct access_answer *answer)
{
	COUNT(access_denied_total);
	if (answer->rule)
		x->record.rule = arena_printf(&x->arena, "%s:%d", answer->rule->where.file, answer->rule->where.line);
	x->record.remedy = answer->remedy;
	return end_with(x, reason, 0, NULL);
}

static void read_leg(struct exchange *x)
{
	struct challenge c;
	struct span value = head_value(&x->request, FIELD_AUTHORIZATION);
	if (!value.p || !credentials_parse(value, &c) || !scheme_is_connection_bound(&c))
		return;
	x->leg.kind = token_kind_of(c.token);
	x->leg.bound = x->leg.kind != TOKEN_NONE;
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

/* What the pin for this origin says of the request. */
static enum step ask_pin(struct exchange *x)
{
	struct client *client = x->client;
	bool plain = !x->leg.bound || !x->route.pin;
	x->pin = plain ? pin_find(&client->pins, x->origin_key)
	               : pin_obtain(&client->pins, x->origin_key, (unsigned)x->settings->limits.pins);
	if (!x->pin && plain)
		return STEP_CONNECT;
	if (!x->pin) {
		x->close_client = true; /* starting again empties the set */
		return errno == EBUSY ? end_with(x, END_PIN_LIMIT, 0, NULL) : end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
	}
	enum pin_event event = plain         ? PIN_EVENT_REQUEST_PLAIN
	                       : x->leg.first ? PIN_EVENT_REQUEST_FIRST
	                                      : PIN_EVENT_REQUEST_NEXT;
	enum pin_act act = pin_tell(x->pin, event);
	if (act == PIN_CLOSE_CLIENT)
		return cut_with(x, END_PIN_LOST, 0);
	if (act == PIN_USE_OWN) {
		x->conn = x->pin->conn;
		upstream_conn_wake(x->conn);
		x->conn_reused = true;
	}
	return STEP_CONNECT;
}

enum step choose_route(struct exchange *x)
{
	struct route_question q = {.host = x->host_folded,
	                           .host_is_literal = x->host_is_literal,
	                           .literal = x->literal,
	                           .port = x->target.port};
	struct resolved room;
	if (resolve_for_route(x, &q, &room) != 0)
		return cut_with(x, END_DRAINING, -ECANCELED);
	route_decide(x->settings, &q, &x->route);
	x->record.hop = x->route.via == VIA_UPSTREAM ? x->route.upstream->name : "direct";
	if (x->request.method == METHOD_CONNECT)
		return STEP_CONNECT;
	x->upgrade = wants_upgrade(x);
	read_leg(x);
	return ask_pin(x);
}

/* ---- CONNECT */

static bool candidate_allowed(const struct addr *candidate, void *arg)
{
	struct exchange *x = arg;
	return access_address_allowed(&x->question, candidate);
}

static enum end_reason reason_of_dial(const struct dial *d, int error)
{
	if (d->tried == 0) {
		switch (error) {
		case -ENOENT:
		case -EINVAL:
			return END_DNS_NOT_FOUND;
		case -ETIMEDOUT:
			return END_DNS_TIMEOUT;
		case -EHOSTUNREACH:
			return END_DNS_FAILED;
		}
	}
	switch (error) {
	case -ECONNREFUSED:
		return END_CONNECT_REFUSED;
	case -ETIMEDOUT:
		return END_CONNECT_TIMEOUT;
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		return END_CONNECT_UNREACHABLE;
	case -EMFILE:
	case -ENFILE:
		return END_OUT_OF_DESCRIPTORS;
	case -ENOMEM:
		return END_OUT_OF_MEMORY;
	case -ECANCELED:
		return END_DRAINING;
	}
	return END_CONNECT_FAILED;
}

/* The pool's key: everything that makes two connections to somewhere differ. Member and TLS settings of a parent stand for themselves
 * through its name and the edition they belong to. */
static struct upstream_server *server_for(struct exchange *x, const struct member_settings *member)
{
	char key[700], name[300];
	struct buf k, n;
	buf_over(&k, key, sizeof(key));
	buf_over(&n, name, sizeof(name) - 1);
	if (!member) {
		buf_add(&k, SPAN("direct|"));
		buf_add(&k, x->origin_key);
		buf_add(&n, x->origin_key);
	} else {
		buf_addf(&k, "parent|%s|%s|", x->route.upstream->name, member->address);
		if (x->route.upstream->tls.on)
			buf_addf(&k, "tls %p", (void *)x->lease->edition);
		buf_adds(&n, member->address);
	}
	if (k.error || n.error)
		return NULL;
	name[n.n] = '\0';
	return upstream_server_get(&service_self()->pool, buf_span(&k), buf_span(&n));
}

static int shake_hands(struct exchange *x, const struct member_settings *member, struct upstream_conn *conn)
{
	struct tls_client *tls = x->lease->edition->tls[x->route.upstream->index];
	char *why = arena_alloc(&x->arena, 256);
	if (!tls || !why)
		return -ENOMEM;
	int error = tls_connect(&conn->stream, tls, member->host, clock_after(worker_now(), x->settings->timeouts.handshake), why, 256);
	if (error)
		x->record.detail = why;
	return error;
}

/* Dials one place. STEP_SEND with x->conn, or the step that ends the exchange, told by *reason. */
static bool dial_one(struct exchange *x, const struct member_settings *member, struct upstream_server *server,
                     enum end_reason *reason, int *error)
{
	struct dial d = {.host = member ? span_of(member->host) : x->host_folded,
	                 .port = member ? member->port : x->target.port,
	                 .deadline = clock_after(worker_now(), x->settings->timeouts.connect),
	                 .allowed = member ? NULL : candidate_allowed,
	                 .allowed_arg = x,
	                 .keepalive_s = (unsigned)(x->settings->timeouts.tcp_keepalive / 1000)};
	struct upstream_conn *conn = upstream_conn_new(server);
	if (!conn) {
		*reason = END_OUT_OF_MEMORY;
		*error = -ENOMEM;
		return false;
	}
	*error = dial(&d, &conn->stream);
	x->record.server = conn->addr = d.connected;
	if (*error == 0 && member && x->route.upstream->tls.on) {
		*error = shake_hands(x, member, conn);
		if (*error) {
			*reason = *error == -ETIMEDOUT      ? END_CONNECT_TIMEOUT
			          : *error == -EKEYREJECTED ? END_TLS_CERTIFICATE
			                                    : END_TLS_FAILED;
			upstream_conn_end(conn);
			return false;
		}
	}
	if (*error) {
		*reason = d.refused_by_rule ? END_ADDRESS_PROTECTED : reason_of_dial(&d, *error);
		upstream_conn_end(conn);
		return false;
	}
	COUNT(server_connections_total);
	x->conn = conn;
	return true;
}

static void note_connection(struct exchange *x)
{
	struct record *r = &x->record;
	r->server = x->conn->addr;
	r->server_connection = x->conn->number;
	r->reused = x->conn_reused;
	r->next_hop = arena_dup(&x->arena, span_of(x->conn->server->name));
	x->conn->exchanges++;
}

/* Whether the request needs a connection of its own: a token that begins a sign-in never goes over one from the pool, nor does what
 * becomes a tunnel. */
static bool needs_fresh(const struct exchange *x)
{
	return x->leg.bound || x->upgrade || x->retried || x->request.method == METHOD_CONNECT;
}

/* This worker's share of the connections that a member may be given. 0: no limit. */
static unsigned quota(const struct exchange *x, const struct member_settings *member)
{
	unsigned most = member ? x->route.upstream->connections : 0;
	return most ? (most + x->settings->workers - 1) / x->settings->workers : 0;
}

/* A pooled connection, or room for a new one. False: *reason. */
static bool find_place(struct exchange *x, const struct member_settings *member, struct upstream_server *server,
                       enum end_reason *reason, int *error)
{
	unsigned most = quota(x, member);
	*error = most ? upstream_server_wait(server, most, needs_fresh(x), clock_after(worker_now(), x->settings->timeouts.connect)) : 0;
	if (*error) {
		*reason = *error == -ETIMEDOUT ? END_TOO_BUSY : END_DRAINING;
		return false;
	}
	x->conn = needs_fresh(x) ? NULL : upstream_pool_take(server);
	x->conn_reused = x->conn != NULL;
	if (x->conn)
		COUNT(server_connections_reused_total);
	return true;
}

/* Descriptors that idle connections hold are better used for a request. */
static bool dial_or_make_room(struct exchange *x, const struct member_settings *member, struct upstream_server *server,
                              enum end_reason *reason, int *error)
{
	if (dial_one(x, member, server, reason, error))
		return true;
	if (*reason != END_OUT_OF_DESCRIPTORS || service_self()->pool.idle_count == 0)
		return false;
	upstream_pool_empty(&service_self()->pool);
	return dial_one(x, member, server, reason, error);
}

static bool reach(struct exchange *x, const struct member_settings *member, enum end_reason *reason, int *error)
{
	struct upstream_server *server = server_for(x, member);
	*reason = END_OUT_OF_MEMORY;
	*error = -ENOMEM;
	if (!server)
		return false;
	bool ok = find_place(x, member, server, reason, error) && (x->conn || dial_or_make_room(x, member, server, reason, error));
	upstream_server_put(server);
	return ok;
}

static enum step refuse_protected(struct exchange *x)
{
	struct access_answer answer;
	access_explain_address(&x->question, &x->record.server, &x->arena, &answer);
	return refuse_access(x, END_ADDRESS_PROTECTED, &answer);
}

static enum step connect_direct(struct exchange *x)
{
	enum end_reason reason = END_INTERNAL;
	int error = 0;
	if (reach(x, NULL, &reason, &error))
		return STEP_SEND;
	if (reason == END_ADDRESS_PROTECTED)
		return refuse_protected(x);
	return end_with(x, reason, error, NULL);
}

/* The parent's members in their order until one can be reached; those that failed a moment ago come last. */
static enum step connect_parent(struct exchange *x)
{
	const struct upstream_settings *u = x->route.upstream;
	mono_ms *down_until = x->lease->member_down_until[u->index];
	unsigned order[MEMBERS_MOST], known = u->member_count < MEMBERS_MOST ? u->member_count : MEMBERS_MOST;
	bool down[MEMBERS_MOST];
	enum end_reason reason = END_NO_MEMBER;
	int error = 0;
	for (unsigned i = 0; i < known; i++)
		down[i] = down_until[i] > worker_now();
	unsigned count = upstream_order(u, &x->client->from, down, order);
	for (unsigned i = 0; i < count; i++) {
		const struct member_settings *member = &u->members[order[i]];
		if (reach(x, member, &reason, &error)) {
			down_until[order[i]] = 0;
			return STEP_SEND;
		}
		if (error == -ECANCELED || reason == END_OUT_OF_DESCRIPTORS || reason == END_OUT_OF_MEMORY)
			return end_with(x, reason, error, NULL);
		down_until[order[i]] = clock_after(worker_now(), MEMBER_REST_MS);
		COUNT(upstream_failovers_total);
		x->record.next_hop = span_of(member->address);
		log_event(LOG_WARNING, "parent %s: %s cannot be reached (%s)", u->name, member->address,
		          end_reason_table[reason].name);
	}
	if (!u->or_direct)
		return end_with(x, count > 1 ? END_NO_MEMBER : reason, error, NULL);
	x->route.via = VIA_DIRECT;
	x->record.hop = "direct";
	return connect_direct(x);
}

enum step connect_hop(struct exchange *x)
{
	if (x->conn) /* the pin's */
		return STEP_SEND;
	enum step next = x->route.via == VIA_UPSTREAM ? connect_parent(x) : connect_direct(x);
	if (next == STEP_SEND && x->request.method == METHOD_CONNECT && x->route.via == VIA_DIRECT) {
		note_connection(x);
		return STEP_OPEN_TUNNEL; /* there is nobody to ask */
	}
	return next;
}

/* ---- SEND */

struct upload {
	struct task task;
	struct transfer transfer;
	struct exchange *exchange;
	mono_ms ended;
};

/* Runs beside the answer. When the client's side fails there will be no complete request: the server side is cut, so that whoever waits for
 * the answer wakes up and finds out why. */
static int upload_run(void *arg)
{
	struct upload *u = arg;
	enum transfer_end end = transfer_run(&u->transfer);
	u->ended = worker_now();
	if (end != TRANSFER_DONE && end != TRANSFER_SINK_FAILED)
		shutdown(u->exchange->conn->stream.watch.fd, SHUT_RDWR);
	return end;
}

bool upload_finish(struct exchange *x)
{
	if (!x->upload)
		return true;
	enum transfer_end end = (enum transfer_end)task_join(&x->upload->task);
	x->upload = NULL;
	if (end != TRANSFER_DONE)
		x->close_client = x->broken = true;
	return end == TRANSFER_DONE;
}

void upload_end(struct exchange *x)
{
	if (x->upload && !task_done(&x->upload->task))
		task_cancel(&x->upload->task);
	upload_finish(x);
}

/* A token of the client is about to cross: from here on the connection is his alone. */
static void taint(struct exchange *x)
{
	if (!x->leg.bound)
		return;
	x->conn->tainted = true;
	if (x->pin && !x->pin->conn)
		pin_hold(x->pin, x->conn);
}

static enum step send_failed(struct exchange *x, const struct transfer *t)
{
	switch (t->end) {
	case TRANSFER_SOURCE_CLOSED:
	case TRANSFER_SOURCE_FAILED:
		return cut_with(x, END_CLIENT_CLOSED, t->error);
	case TRANSFER_SOURCE_SLOW:
		x->close_client = true;
		return end_with(x, END_REQUEST_BODY_TIMEOUT, t->error, NULL);
	case TRANSFER_MALFORMED:
		x->close_client = true;
		COUNT(requests_malformed_total);
		return end_with(x, END_REQUEST_BODY_MALFORMED, 0, parse_fault_text(x->request_body.fault));
	case TRANSFER_SINK_SLOW:
		return end_with(x, END_REQUEST_WRITE_TIMEOUT, t->error, NULL);
	case TRANSFER_TOLD:
		return cut_with(x, END_DRAINING, t->error);
	case TRANSFER_SINK_FAILED: /* the server may have answered before it closed */
	case TRANSFER_DONE:
		break;
	}
	return STEP_RECEIVE;
}

enum step send_request(struct exchange *x)
{
	struct lent head;
	struct buf b;
	note_connection(x);
	taint(x);
	lent_init(&head);
	size_t room = heads_room(x, &x->request);
	if ((room <= LENT_SIZE ? lent_take(&head) : lent_grow(&head, room)) != 0)
		return end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
	buf_over(&b, head.p, head.size);
	heads_write_request(x, &b);
	if (b.error) {
		lent_give_back(&head);
		return end_with(x, END_INTERNAL, b.error, NULL);
	}
	struct transfer t = {.from = &x->client->stream,
	                     .to = &x->conn->stream,
	                     .in = x->in,
	                     .reader = &x->request_body,
	                     .chunked = x->request_framing.kind == BODY_CHUNKED,
	                     .read_ms = x->settings->timeouts.request_body,
	                     .write_ms = x->settings->timeouts.write,
	                     .prefix = buf_span(&b)};
	bool over = transfer_begin(&t);
	lent_give_back(&head);
	if (over)
		return send_failed(x, &t);
	x->upload = ARENA_NEW(&x->arena, struct upload);
	if (!x->upload)
		return end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
	x->upload->transfer = t;
	x->upload->exchange = x;
	int error = task_start(&x->upload->task, upload_run, x->upload);
	if (error) {
		x->upload = NULL;
		return end_with(x, error == -EAGAIN ? END_TOO_BUSY : END_OUT_OF_MEMORY, error, NULL);
	}
	return STEP_RECEIVE;
}

/* ---- RECEIVE */

/* Waits for the answer. The clock for it starts when the whole request is out. */
static int wait_for_answer(struct exchange *x)
{
	int64_t patience = x->settings->timeouts.response_head;
	for (;;) {
		mono_ms deadline = clock_after(worker_now(), patience);
		int n = stream_read(&x->conn->stream, &x->out, deadline);
		if (n != -ETIMEDOUT || !x->upload)
			return n;
		if (task_done(&x->upload->task) && clock_after(x->upload->ended, patience) <= worker_now())
			return n;
	}
}

static bool may_repeat(const struct exchange *x)
{
	bool nothing_consumed = x->request_framing.kind == BODY_NONE ||
	                        (x->request_framing.kind == BODY_LENGTH && x->request_framing.length == 0);
	if (x->retried || !x->conn_reused || !nothing_consumed || lent_length(&x->out) > 0)
		return false;
	if (!x->leg.bound) /* a signed-in or once tainted connection is never retried */
		return !x->conn->tainted && method_is_idempotent(x->request.method);
	/* The first message of NTLM promises nothing and may be said again; an AP-REQ and a type 3 may not. */
	return x->leg.kind == TOKEN_NTLM_1 && x->pin && x->pin->state == PIN_HANDSHAKE;
}

/* Drops the connection that failed and goes once more over a new one. */
static enum step repeat(struct exchange *x)
{
	COUNT(retries_total);
	x->retried = true;
	lent_give_back(&x->out);
	struct upstream_conn *conn = TAKE(x->conn);
	if (!x->pin || !x->pin->conn) {
		upstream_conn_end(conn);
		return STEP_CONNECT;
	}
	if (pin_tell(x->pin, PIN_EVENT_SERVER_CLOSED) == PIN_LET_GO)
		x->pin = NULL;
	return ask_pin(x);
}

static enum step upload_broke(struct exchange *x)
{
	struct transfer t = x->upload->transfer;
	upload_end(x);
	return send_failed(x, &t);
}

static bool upload_is_to_blame(const struct exchange *x)
{
	return x->upload && task_done(&x->upload->task) && x->upload->transfer.end != TRANSFER_DONE &&
	       x->upload->transfer.end != TRANSFER_SINK_FAILED;
}

/* The connection ended or failed before a complete answer head. */
static enum step no_answer(struct exchange *x, int error)
{
	if (upload_is_to_blame(x))
		return upload_broke(x);
	if (error == -ECANCELED)
		return cut_with(x, END_DRAINING, error);
	if (error == -ETIMEDOUT)
		return end_with(x, END_RESPONSE_HEAD_TIMEOUT, error, NULL);
	if (may_repeat(x))
		return repeat(x);
	bool kept = x->pin && x->conn_reused && (x->pin->state == PIN_SIGNED_IN || x->pin->state == PIN_RENEWING ||
	                                         (x->pin->state == PIN_HANDSHAKE && !x->leg.first));
	if (kept && lent_length(&x->out) == 0) /* as if the client had been connected to the server itself */
		return cut_with(x, END_PIN_LOST, error);
	return end_with(x, END_SERVER_CLOSED_EARLY, error, NULL);
}

static enum step refuse_response(struct exchange *x, enum parse_fault fault)
{
	COUNT(responses_malformed_total);
	bool too_large = fault == PARSE_HEAD_TOO_LARGE || fault == PARSE_FIELD_TOO_LARGE || fault == PARSE_TOO_MANY_FIELDS;
	x->record.detail = arena_printf(&x->arena, "%s: %s", parse_fault_name(fault), parse_fault_text(fault));
	return end_with(x, too_large ? END_RESPONSE_HEAD_TOO_LARGE : END_RESPONSE_MALFORMED, 0, NULL);
}

static enum step parse_response(struct exchange *x, size_t n, const struct head_limits *limits)
{
	static _Thread_local struct field scratch[FIELDS_MOST];
	enum parse_fault fault = head_parse_response(&x->response, span_make(x->out.p + x->out.start, n), scratch, limits);
	if (fault != PARSE_OK)
		return refuse_response(x, fault);
	struct field *fields = arena_alloc(&x->arena, (x->response.count + 1) * sizeof(*fields));
	if (!fields)
		return end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
	memcpy(fields, scratch, x->response.count * sizeof(*fields));
	x->response.fields = fields;
	x->out.start += (uint32_t)n;
	return STEP_JUDGE;
}

enum step receive_head(struct exchange *x)
{
	struct head_limits limits = {.head = (uint32_t)x->settings->limits.head,
	                             .field = (uint32_t)x->settings->limits.field,
	                             .target = (uint32_t)x->settings->limits.target,
	                             .fields = (uint16_t)x->settings->limits.fields};
	size_t scanned = 0;
	for (;;) {
		if (lent_length(&x->out) > 0) {
			int n = head_find_end(span_make(x->out.p + x->out.start, lent_length(&x->out)), &scanned, &limits);
			if (n < 0)
				return refuse_response(x, (enum parse_fault)-n);
			if (n > 0)
				return parse_response(x, (size_t)n, &limits);
		}
		if (x->out.p && x->out.end == x->out.size && lent_grow(&x->out, x->out.size + limits.head + LENT_SIZE) != 0)
			return end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
		int got = wait_for_answer(x);
		if (got <= 0)
			return no_answer(x, got);
	}
}

/* ---- JUDGE */

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
	int error = stream_write_span(&x->client->stream, buf_span(&b), clock_after(worker_now(), x->settings->timeouts.write));
	if (error)
		return cut_with(x, END_CLIENT_CLOSED, error);
	return STEP_RECEIVE;
}

/* Reads the challenges of a 401. */
static void read_challenges(struct exchange *x)
{
	if (x->response.status != 401)
		return;
	for (unsigned i = 0; i < x->response.count; i++) {
		struct field *f = &x->response.fields[i];
		struct span rest = field_value(f);
		struct challenge c;
		if (f->id != FIELD_WWW_AUTHENTICATE)
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
		x->pin = pin_obtain(&x->client->pins, x->origin_key, (unsigned)x->settings->limits.pins);
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
	return end_with(x, END_PARENT_WANTS_SIGN_IN, 0, NULL);
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
	if (h->status == 407)
		return judge_407(x);
	hop_drop_response(h);
	if (x->request.method == METHOD_CONNECT)
		return judge_connect(x);
	read_challenges(x);
	if (x->challenged && !x->route.pin && !withdraw_challenges(x))
		return end_with(x, END_SIGN_IN_NOT_POSSIBLE, 0, NULL);
	if (x->route.pin) {
		tell_pin(x);
		x->proxy_support = x->challenged;
	}
	return STEP_DELIVER;
}

/* ---- afterwards */

/* Whether the connection may carry another exchange. */
static bool is_clean(const struct exchange *x)
{
	return x->record.end == END_OK && !x->reset_client && !x->broken && x->response_framing.keep_alive && lent_length(&x->out) == 0 &&
	       x->response_framing.kind != BODY_UNTIL_CLOSE && !x->conn->stream.read_ended && x->answer_begun;
}

void release_connection(struct exchange *x)
{
	struct upstream_conn *conn = TAKE(x->conn);
	if (!conn) {
		if (x->pin)
			pin_forget_if_empty(x->pin);
		return;
	}
	x->conn = conn;
	bool clean = is_clean(x);
	x->conn = NULL;
	if (x->pin && x->pin->conn == conn) {
		if (!clean || !stream_is_quiet(&conn->stream))
			pin_tell(x->pin, PIN_EVENT_SERVER_CLOSED);
		else
			upstream_conn_rest(conn, x->pin);
		return;
	}
	if (x->pin)
		pin_forget_if_empty(x->pin);
	if (clean && !conn->tainted)
		upstream_pool_give(conn);
	else
		upstream_conn_end(conn);
}
