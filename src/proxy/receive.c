/* RECEIVE: the answer's head, or the end of the connection instead of it: then perhaps once more, over a new one. */
#include "base/counters.h"
#include "http/status.h"
#include "proxy/forward.h"

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

bool may_start_over(const struct exchange *x)
{
	bool nothing_consumed = x->request_framing.kind == BODY_NONE ||
	                        (x->request_framing.kind == BODY_LENGTH && x->request_framing.length == 0);
	if (x->retried || !nothing_consumed)
		return false;
	if (!x->leg.bound) /* a signed-in or once tainted connection is never retried */
		return !x->conn->tainted;
	/* The first message of NTLM promises nothing and may be said again; an AP-REQ and a type 3 may not. */
	return x->leg.kind == TOKEN_NTLM_1 && x->pin && x->pin->state == PIN_HANDSHAKE;
}

enum step start_over(struct exchange *x)
{
	COUNT(retries_total);
	x->retried = true;
	x->broken = false;
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

enum step upload_broke(struct exchange *x)
{
	struct transfer t = x->upload->transfer;
	upload_end(x);
	return send_ended(x, &t);
}

bool upload_is_to_blame(const struct exchange *x)
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
	bool idle_close = x->conn_reused && lent_length(&x->out) == 0 &&
	                  (x->leg.bound || method_is_idempotent(x->request.method));
	if (idle_close && may_start_over(x))
		return start_over(x);
	bool kept = x->pin && x->conn_reused &&
	            (x->relayed.on || x->pin->state == PIN_SIGNED_IN || x->pin->state == PIN_RENEWING ||
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

static _Thread_local struct field scratch[FIELDS_MOST]; /* no wait while it is in use */

static enum step keep_response(struct exchange *x, size_t n)
{
	struct field *fields = arena_alloc(&x->arena, (x->response.count + 1) * sizeof(*fields));
	if (!fields)
		return end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
	memcpy(fields, scratch, x->response.count * sizeof(*fields));
	x->response.fields = fields;
	x->out.start += (uint32_t)n;
	return STEP_JUDGE;
}

static enum step parse_response(struct exchange *x, struct span head, const struct head_limits *limits)
{
	enum parse_fault fault = head_parse_response(&x->response, head, scratch, limits);
	return fault == PARSE_OK ? keep_response(x, head.n) : refuse_response(x, fault);
}

enum step receive_head(struct exchange *x)
{
	struct head_limits limits = limits_of(x->settings);
	size_t scanned = 0;
	for (;;) {
		if (lent_length(&x->out) > 0) {
			struct span there = span_make(x->out.p + x->out.start, lent_length(&x->out));
			int n = scanned == 0 ? head_take_response(&x->response, there, scratch, &limits) : 0;
			if (n > 0)
				return keep_response(x, (size_t)n);
			n = head_find_end(there, &scanned, &limits);
			if (n < 0)
				return refuse_response(x, (enum parse_fault) - n);
			if (n > 0)
				return parse_response(x, span_make(there.p, (size_t)n), &limits);
		}
		if (x->out.p && x->out.end == x->out.size && lent_grow(&x->out, x->out.size + limits.head + LENT_SIZE) != 0)
			return end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
		int got = wait_for_answer(x);
		if (got <= 0)
			return no_answer(x, got);
	}
}
