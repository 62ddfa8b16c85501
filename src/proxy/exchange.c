/* The way of an exchange. Each step below is a function that reads, waits, writes in the order in which it happens, and returns
 * the step that follows; every transition is a `return STEP_...` to search for. READ_HEAD to AUTHORIZE and FINISH stand in this file,
 * the others in files of their names: choose.c, connect.c, send.c, receive.c, judge.c, deliver.c, tunnel.c, and answer.c for ANSWER and REFUSE. */
#include "proxy/exchange.h"

#include "base/counters.h"
#include "http/hop.h"
#include "proxy/client_auth.h"
#include "proxy/forward.h"
#include "proxy/publish.h"
#include "proxy/sign_on.h"

static const struct {
	const char *name;
	enum step (*run)(struct exchange *x);
} steps[] = {
#define X(id, function) [STEP_##id] = {#id, function},
	STEPS(X)
#undef X
};

enum { ARENA_MOST = 1 << 20, TLS_HANDSHAKE_BYTE = 0x16, BODY_ROOM = 4096 };

static void begin(struct exchange *x, struct client *client, struct lent *in)
{
	memset(x, 0, offsetof(struct exchange, host));
	x->client = client;
	x->in = in;
	x->next = NEXT_EXCHANGE;
	x->lease = lease_take();
	x->settings = x->lease->settings;
	x->listen = service_listen_settings(x->lease, client->port);
	x->in_before = client->stream.bytes_in - lent_length(in);
	x->out_before = client->stream.bytes_out;
	arena_init(&x->arena, ARENA_MOST);
	lent_init(&x->out);
	x->record.client = client->from;
	if (x->settings->access_log.format == LOG_IIS)
		x->record.local = *client_local(client);
	x->record.client_connection = client->number;
}

enum exchange_next exchange_run(struct client *client, struct lent *in)
{
	struct exchange x;
	begin(&x, client, in);
	for (enum step step = STEP_READ_HEAD; step != STEP_OVER;)
		step = steps[step].run(&x);
	in->keep = 0;
	lent_give_back(&x.out);
	identity_unref(x.who);
	arena_fini(&x.arena);
	lease_drop(x.lease);
	return x.next;
}

enum step end_with(struct exchange *x, enum end_reason reason, int error, const char *detail)
{
	x->record.end = reason;
	x->record.error = error;
	if (detail)
		x->record.detail = detail;
	return x->answer_begun ? cut_with(x, reason, error) : STEP_REFUSE;
}

enum step cut_with(struct exchange *x, enum end_reason reason, int error)
{
	x->record.end = reason;
	x->record.error = error;
	x->reset_client = true;
	return STEP_FINISH;
}

/* ---- READ_HEAD */

struct head_limits limits_of(const struct settings *s)
{
	return (struct head_limits){.head = (uint32_t)s->limits.head,
	                            .field = (uint32_t)s->limits.field,
	                            .target = (uint32_t)s->limits.target,
	                            .fields = (uint16_t)s->limits.fields};
}

/* The client says nothing: not an exchange at all. */
static enum step nothing_came(struct exchange *x, enum exchange_next next)
{
	x->next = next;
	return STEP_OVER;
}

static enum step refuse_head(struct exchange *x, enum parse_fault fault)
{
	COUNT(requests_malformed_total);
	bool too_large = fault == PARSE_HEAD_TOO_LARGE || fault == PARSE_FIELD_TOO_LARGE || fault == PARSE_TOO_MANY_FIELDS;
	x->close_client = true;
	x->record.detail = arena_printf(&x->arena, "%s: %s", parse_fault_name(fault), parse_fault_text(fault));
	return end_with(x,
	                too_large                         ? END_REQUEST_HEAD_TOO_LARGE
	                : fault == PARSE_TARGET_TOO_LARGE ? END_TARGET_TOO_LARGE
	                                                  : END_REQUEST_MALFORMED,
	                0, NULL);
}

/* Makes the buffer's content begin at its front, and grows it when a head does not fit. */
static int make_room(struct exchange *x, const struct head_limits *limits)
{
	struct lent *in = x->in;
	if (in->p && in->start > 0) {
		memmove(in->p, in->p + in->start, lent_length(in));
		in->end -= in->start;
		in->start = 0;
	}
	if (!in->p || in->end < in->size)
		return 0;
	return lent_grow(in, limits->head + LENT_SIZE);
}

static void began(struct exchange *x)
{
	x->record.began_civil_us = clock_civil_us();
	x->record.began_mono_us = clock_mono_us();
	x->record.request_on_connection = ++x->client->requests;
	service_exchange_id(x->record.id, sizeof(x->record.id));
	COUNT_ADD(exchanges, 1);
}

static enum step head_failed(struct exchange *x, int error)
{
	if (x->record.began_mono_us == 0)
		return nothing_came(x, error == -EAGAIN ? NEXT_REST : NEXT_END);
	if (error == 0)
		return cut_with(x, END_CLIENT_CLOSED, 0);
	x->close_client = true;
	return error == -ETIMEDOUT ? end_with(x, END_REQUEST_HEAD_TIMEOUT, error, NULL)
	                           : cut_with(x, END_CLIENT_CLOSED, error);
}

static _Thread_local struct field scratch[FIELDS_MOST]; /* no wait while it is in use */

static enum step keep_head(struct exchange *x, size_t n)
{
	struct field *fields = arena_alloc(&x->arena, (x->request.count + 1) * sizeof(*fields));
	if (!fields)
		return end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
	memcpy(fields, scratch, x->request.count * sizeof(*fields));
	x->request.fields = fields;
	x->in->start = x->in->keep = (uint32_t)n; /* the head stays to the end of the exchange */
	framing_of_request(&x->request, &x->request_framing);
	body_reader_init(&x->request_body, &x->request_framing);
	return STEP_IDENTIFY;
}

static enum step parse_head(struct exchange *x, size_t n, const struct head_limits *limits)
{
	enum parse_fault fault = head_parse_request(&x->request, span_make(x->in->p, n), scratch, limits);
	return fault == PARSE_OK ? keep_head(x, n) : refuse_head(x, fault);
}

/* Mostly the head came as a whole, and its buffer has room for what follows. Its length, or 0: look closer. */
static size_t take_head(struct exchange *x, const struct head_limits *limits)
{
	if (x->in->size - x->in->end < BODY_ROOM)
		return 0;
	return (size_t)head_take_request(&x->request, span_make(x->in->p, x->in->end), scratch, limits);
}

enum step read_head(struct exchange *x)
{
	struct head_limits limits = limits_of(x->settings);
	size_t scanned = 0;
	mono_ms deadline = NEVER;
	for (;;) {
		if (make_room(x, &limits) != 0)
			return cut_with(x, END_OUT_OF_MEMORY, -ENOMEM);
		if (lent_length(x->in) > 0) {
			if (x->record.began_mono_us == 0)
				began(x);
			if ((unsigned char)x->in->p[0] == TLS_HANDSHAKE_BYTE) {
				x->close_client = true;
				return end_with(x, END_TLS_ON_PLAIN_PORT, 0, NULL);
			}
			size_t whole = scanned == 0 ? take_head(x, &limits) : 0;
			if (whole > 0)
				return keep_head(x, whole);
			int n = head_find_end(span_make(x->in->p, x->in->end), &scanned, &limits);
			if (n < 0)
				return refuse_head(x, (enum parse_fault) - n);
			if (n > 0 && x->in->size - (uint32_t)n < BODY_ROOM &&
			    lent_grow(x->in, (size_t)n + LENT_SIZE + lent_length(x->in)) != 0)
				return cut_with(x, END_OUT_OF_MEMORY, -ENOMEM);
			if (n > 0)
				return parse_head(x, (size_t)n, &limits);
		}
		if (deadline == NEVER)
			deadline = clock_after(worker_now(), x->settings->timeouts.head);
		int got = lent_length(x->in) == 0 ? stream_read_now(&x->client->stream, x->in)
		                                  : stream_read(&x->client->stream, x->in, deadline);
		if (got <= 0)
			return head_failed(x, got);
	}
}

/* ---- IDENTIFY */

static void record_request(struct exchange *x)
{
	struct record *r = &x->record;
	r->method = x->request.method_text;
	r->uri = x->request.target;
	r->host = head_value(&x->request, FIELD_HOST);
	r->user_agent = head_value(&x->request, FIELD_USER_AGENT);
	r->referer = head_value(&x->request, FIELD_REFERER);
	r->minor = x->request.minor;
	x->close_client = !x->request_framing.keep_alive;
	x->expects_continue = x->request.minor == 1 &&
	                      span_eq_nocase(head_value(&x->request, FIELD_EXPECT), SPAN("100-continue"));
}

/* A connection that shows another proxy in front may carry several users. Unless that proxy is named as one that keeps them apart, a sign-in
 * ends with its request; and when the client behind it changes, no sign-in of the one before is left to him. False: the connection ends. */
static bool note_intermediary(struct exchange *x)
{
	struct client *client = x->client;
	const struct head *h = &x->request;
	bool forwarded = head_has(h, FIELD_FORWARDED) || head_has(h, FIELD_X_FORWARDED_FOR);
	bool new_here = !client->shared && !client->intermediary && (forwarded || head_has(h, FIELD_VIA));
	client->shared |= new_here;
	uint64_t who = 0;
	for (unsigned i = 0; forwarded && i < h->count; i++) /* each proxy may have added a line of its own */
		if (h->fields[i].id == FIELD_FORWARDED || h->fields[i].id == FIELD_X_FORWARDED_FOR)
			who = who * 31 + hash_bytes(field_value(&h->fields[i]));
	bool changed = client->requests > 1 && (new_here || who != client->forwarded_for);
	client->forwarded_for = who;
	if (changed)
		client_auth_fini(&client->auth);
	return !changed || !pin_set_has_token(&client->pins);
}

static void adopt_id(struct exchange *x)
{
	struct span id = head_value(&x->request, FIELD_FAIRLEAD_EXCHANGE);
	if (!x->client->intermediary || id.n == 0 || id.n >= EXCHANGE_ID)
		return;
	for (size_t i = 0; i < id.n; i++)
		if (!((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'f') || id.p[i] == '-'))
			return;
	memcpy(x->record.id, id.p, id.n);
	x->record.id[id.n] = '\0';
}

static enum step refuse_target(struct exchange *x, enum parse_fault fault)
{
	x->record.detail = arena_printf(&x->arena, "%s: %s", parse_fault_name(fault), parse_fault_text(fault));
	COUNT(requests_malformed_total);
	x->close_client = true;
	return end_with(x, END_REQUEST_MALFORMED, 0, NULL);
}

static enum step identify_host(struct exchange *x)
{
	struct target *t = &x->target;
	size_t n = host_fold(t->host, x->host);
	if (n == 0)
		return refuse_target(x, PARSE_AUTHORITY);
	x->host_folded = span_make(x->host, n);
	x->host_is_literal = addr_parse(x->host_folded, t->port, &x->literal) == 0;
	struct buf key;
	buf_over(&key, x->origin, sizeof(x->origin));
	buf_add(&key, x->host_folded);
	buf_addc(&key, ':');
	buf_addu(&key, t->port);
	x->origin_key = buf_span(&key);
	unsigned times;
	if (via_has(&x->request, span_of(x->settings->pseudonym), &times))
		return end_with(x, END_LOOP, 0, NULL);
	return STEP_AUTHENTICATE;
}

enum step identify(struct exchange *x)
{
	record_request(x);
	if (!x->listen) { /* a reload took this address away */
		x->close_client = true;
		return end_with(x, END_DRAINING, 0, NULL);
	}
	if (x->client->plain_on_tls) {
		x->close_client = true;
		return end_with(x, END_PLAIN_ON_TLS_PORT, 0, NULL);
	}
	if (!access_client_allowed(x->listen, &x->client->from)) {
		x->close_client = true;
		return end_with(x, END_CLIENT_NOT_ALLOWED, 0, NULL);
	}
	if (x->listen->same_user && !x->client->same_user) {
		x->close_client = true;
		return end_with(x, END_CLIENT_OTHER_USER, 0, NULL);
	}
	if (!note_intermediary(x))
		return cut_with(x, END_SHARED_CONNECTION, 0);
	adopt_id(x);
	enum parse_fault fault = target_parse(&x->request, &x->target);
	if (fault != PARSE_OK)
		return refuse_target(x, fault);
	if (x->target.authority.n) /* it is what counts, whatever the Host field says (RFC 9112 3.2.2) */
		x->record.host = x->target.authority;
	if (x->listen->role != ROLE_PROXY) {
		x->responder = service_responder(x->listen->role);
		return x->listen->role == ROLE_SITE ? identify_place(x) : STEP_ANSWER;
	}
	x->sign_on = &x->listen->sign_on;
	x->policy = sign_on_policy(x->lease->edition->sign_on, x->sign_on, x->listen->tls.on, false);
	switch (x->target.form) {
	case TARGET_AUTHORITY:
		return identify_host(x);
	case TARGET_ASTERISK:
		return STEP_ANSWER;
	case TARGET_ORIGIN:
		return end_with(x, END_NOT_A_PROXY_REQUEST, 0, NULL);
	case TARGET_ABSOLUTE:
		break;
	}
	if (!span_eq_nocase(x->target.scheme, SPAN("http")))
		return end_with(x, END_SCHEME_NOT_SERVED, 0, NULL);
	return identify_host(x);
}

/* ---- AUTHORIZE */

static enum end_reason reason_of_verdict(enum access_verdict v)
{
	switch (v) {
	case ACCESS_ALLOWED:
		break;
	case ACCESS_DENIED_BY_RULE:
	case ACCESS_DENIED_BY_DEFAULT:
		return END_ACCESS_DENIED;
	case ACCESS_PORT_NOT_ALLOWED:
		return END_PORT_NOT_ALLOWED;
	case ACCESS_ADDRESS_PROTECTED:
	case ACCESS_NUMERIC_HOST:
		return END_ADDRESS_PROTECTED;
	case ACCESS_NEEDS_SIGN_IN:
		return END_SIGN_IN_WANTED;
	}
	return END_INTERNAL;
}

/* TRACE and OPTIONS with Max-Forwards: 0 are answered by whoever has them (RFC 9110 7.6.2). */
static bool forwards_are_used_up(const struct exchange *x)
{
	uint64_t left;
	if (x->request.method != METHOD_TRACE && x->request.method != METHOD_OPTIONS)
		return false;
	struct span value = head_value(&x->request, FIELD_MAX_FORWARDS);
	return value.p && span_to_u64(value, UINT32_MAX, &left) == 0 && left == 0;
}

static void name_user(struct exchange *x)
{
	if (!x->who)
		return;
	x->user = (struct access_user){.shown = x->who->shown,
	                               .upn = x->who->upn,
	                               .groups = x->who->groups,
	                               .group_count = x->who->group_count,
	                               .groups_unresolved = x->who->groups_unresolved};
	x->record.user = span_of(x->who->shown);
}

enum step authorize(struct exchange *x)
{
	struct access_answer answer;
	name_user(x);
	if (is_published(x))
		return authorize_place(x);
	x->question = (struct access_question){.settings = x->settings,
	                                       .listen = x->listen,
	                                       .client = &x->client->from,
	                                       .method = x->request.method,
	                                       .method_text = x->request.method_text,
	                                       .host = x->host_folded,
	                                       .host_is_literal = x->host_is_literal,
	                                       .literal = x->literal,
	                                       .port = x->target.port,
	                                       .connect = x->request.method == METHOD_CONNECT};
	x->question.user = x->who ? &x->user : NULL;
	access_check(&x->question, &x->arena, &answer);
	if (must_sign_in(x, &answer))
		return can_challenge(x) ? challenge_client(x, END_SIGN_IN_WANTED)
		                        : refuse_access(x, END_ACCESS_DENIED, &answer);
	if (answer.verdict != ACCESS_ALLOWED)
		return refuse_access(x, reason_of_verdict(answer.verdict), &answer);
	if (!forwards_are_used_up(x))
		return STEP_CHOOSE_ROUTE;
	x->record.end = END_MAX_FORWARDS;
	return STEP_ANSWER;
}

/* ---- FINISH */

enum step finish(struct exchange *x)
{
	struct record *r = &x->record;
	upload_end(x);
	release_connection(x);
	r->bytes_in = x->client->stream.bytes_in - x->in_before - lent_length(x->in);
	r->bytes_out = x->client->stream.bytes_out - x->out_before;
	COUNT(exchanges_total);
	COUNT_ADD(exchanges, -1);
	end_reason_count(r->end);
	service_log(x->lease, r);
	bool draining = x->client->close_soon && !pin_set_in_handshake(&x->client->pins) &&
	                !client_auth_in_handshake(&x->client->auth);
	if (x->reset_client || x->close_client || draining)
		x->next = NEXT_END;
	return STEP_OVER;
}
