/* DELIVER: the server's answer to the client, at the client's pace, while the rest of the request may still be on its way. */
#include "base/counters.h"
#include "net/fiber.h"
#include "proxy/forward.h"
#include "proxy/heads.h"

/* Whether the client's connection may go on after this answer. */
static void decide_persistence(struct exchange *x)
{
	bool server_stays = x->response_framing.keep_alive;
	bool ends_by_closing = x->response_framing.kind == BODY_UNTIL_CLOSE || x->response_framing.kind == BODY_CHUNKED;
	if ((ends_by_closing && x->request.minor == 0) || sent_ahead(x))
		x->close_client = true;
	x->proxy_support &= server_stays || !x->token_challenge; /* a promise that could not be kept */
	if (server_stays) {
		if (x->client->close_soon && !x->token_challenge)
			x->close_client = true;
		return;
	}
	/* A handshake cannot go on where the server does not; and who is signed in on this connection alone had better be told. */
	bool signed_in_here = x->pin && x->pin->conn == x->conn && x->pin->state == PIN_SIGNED_IN &&
	                      x->client->pins.count == 1;
	if (x->token_challenge || signed_in_here || x->upload || x->client->close_soon)
		x->close_client = true;
}

static enum step deliver_ended(struct exchange *x, const struct transfer *t)
{
	switch (t->end) {
	case TRANSFER_DONE:
		return STEP_FINISH;
	case TRANSFER_SOURCE_CLOSED:
	case TRANSFER_SOURCE_FAILED:
		return cut_with(x, END_RESPONSE_BODY_INCOMPLETE, t->error);
	case TRANSFER_SOURCE_SLOW:
		return cut_with(x, END_RESPONSE_BODY_TIMEOUT, t->error);
	case TRANSFER_MALFORMED:
		COUNT(responses_malformed_total);
		return cut_with(x, END_RESPONSE_BODY_MALFORMED, 0);
	case TRANSFER_SINK_FAILED:
		return cut_with(x, END_CLIENT_CLOSED, t->error);
	case TRANSFER_SINK_SLOW:
		return cut_with(x, END_RESPONSE_WRITE_TIMEOUT, t->error);
	case TRANSFER_TOO_LARGE: /* nothing limits an answer */
	case TRANSFER_TOLD:
		break;
	}
	return cut_with(x, END_DRAINING, t->error);
}

/* The answer is out and the request is not all in yet. The client may go on sending it, or close. */
static void see_upload_out(struct exchange *x)
{
	if (x->upload && x->close_client)
		upload_end(x);
	else
		upload_finish(x); /* says close where it did not reach its end */
	if (x->close_client && (!body_may_end(&x->request_body) || sent_ahead(x)))
		linger(x);
}

enum step deliver(struct exchange *x)
{
	struct lent head;
	struct buf b;
	decide_persistence(x);
	lent_init(&head);
	size_t room = heads_room(x, &x->response);
	if ((room <= LENT_SIZE ? lent_take(&head) : lent_grow(&head, room)) != 0)
		return end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
	buf_over(&b, head.p, head.size);
	heads_write_response(x, &b);
	if (b.error) {
		lent_give_back(&head);
		return end_with(x, END_INTERNAL, b.error, NULL);
	}
	x->record.status = x->response.status;
	x->answer_begun = true;
	struct transfer t = {.from = &x->conn->stream,
	                     .to = &x->client->stream,
	                     .in = &x->out,
	                     .reader = &x->response_body,
	                     .chunked = x->request.minor == 1 && (x->response_framing.kind == BODY_CHUNKED ||
	                                                          x->response_framing.kind == BODY_UNTIL_CLOSE),
	                     .read_ms = x->settings->timeouts.response_body,
	                     .write_ms = x->settings->timeouts.write,
	                     .prefix = buf_span(&b)};
	bool over = transfer_begin(&t);
	lent_give_back(&head);
	if (!over)
		transfer_run(&t);
	if (t.end == TRANSFER_SOURCE_CLOSED && upload_is_to_blame(x))
		return upload_broke(x);
	if (t.end == TRANSFER_DONE)
		see_upload_out(x);
	return deliver_ended(x, &t);
}
