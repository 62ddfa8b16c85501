/* SEND: the head and as much of the body as there is in one write; the rest goes beside the answer, on a second fiber. */
#include "base/counters.h"
#include "proxy/forward.h"
#include "proxy/heads.h"
#include "proxy/publish.h"

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
	if (!x->leg.bound && !x->relayed.credentials)
		return;
	x->conn->tainted = true;
	if (x->pin && !x->pin->conn)
		pin_hold(x->pin, x->conn);
}

enum step send_ended(struct exchange *x, const struct transfer *t)
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
	case TRANSFER_TOO_LARGE:
		x->close_client = true;
		return end_with(x, END_SITE_BODY_TOO_LARGE, 0, NULL);
	case TRANSFER_SINK_SLOW:
		return end_with(x, END_REQUEST_WRITE_TIMEOUT, t->error, NULL);
	case TRANSFER_TOLD:
		return cut_with(x, END_DRAINING, t->error);
	case TRANSFER_SINK_FAILED: /* the server may have answered before it closed */
		x->broken = true;
		x->close_client |= !body_may_end(&x->request_body); /* its rest must not be taken for a request */
		break;
	case TRANSFER_DONE:
		break;
	}
	return STEP_RECEIVE;
}

enum step send_request(struct exchange *x)
{
	struct lent head;
	struct buf b;
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
	if (is_published(x)) {
		t.most = x->place.directory->body;
		t.refuses_trailer = publish_is_forged;
	}
	bool over = transfer_begin(&t);
	lent_give_back(&head);
	if (over)
		return send_ended(x, &t);
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
