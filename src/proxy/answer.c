/* ANSWER and REFUSE: what we say ourselves. */
#include "base/counters.h"
#include "http/date.h"
#include "http/status.h"
#include "net/fiber.h"
#include "proxy/error_page.h"
#include "proxy/forward.h"

enum { PAGE_MOST = 1 << 20, LINGER_MS = 2000, LINGER_BYTES = 1 << 18 };

/* Reads what is left of the request's body, up to a limit, so that the next request can be found behind it. False: it could not be had. There is no
 * limit for a leg of a sign-in: it is worth nothing without its connection, and clients send the body along with it. */
static bool drain_request(struct exchange *x)
{
	uint64_t limit = x->record.end == END_SIGN_IN_LEG ? UINT64_MAX : x->settings->limits.drain_body;
	const struct framing *f = &x->request_framing;
	if (f->kind == BODY_NONE || (f->kind == BODY_LENGTH && f->length == 0))
		return true;
	if (x->expects_continue || x->upload || x->broken)
		return false;
	if (f->kind == BODY_LENGTH && f->length > limit)
		return false;
	for (;;) {
		struct span data;
		size_t used;
		enum body_step step = body_read(&x->request_body, span_make(x->in->p + x->in->start, lent_length(x->in)), &used,
		                                &data);
		x->in->start += (uint32_t)used;
		if (step == BODY_END)
			return true;
		if (step == BODY_BAD || x->request_body.total > limit)
			return false;
		if (step == BODY_DATA)
			continue;
		if (stream_read(&x->client->stream, x->in, clock_after(worker_now(), x->settings->timeouts.request_body)) <= 0)
			return false;
	}
}

/* A client that waits before it sends its body is told to: whether the body will come would else be anybody's guess, and the connection, on which
 * its sign-in goes on, would have to end. */
static void ask_for_body(struct exchange *x)
{
	if (x->record.end != END_SIGN_IN_LEG || !x->expects_continue)
		return;
	if (stream_write_span(&x->client->stream, SPAN("HTTP/1.1 100 Continue\r\n\r\n"),
	                      clock_after(worker_now(), x->settings->timeouts.write)) == 0)
		x->expects_continue = false;
}

void linger(struct exchange *x)
{
	struct lent waste;
	size_t seen = 0;
	mono_ms deadline = clock_after(worker_now(), LINGER_MS);
	lent_init(&waste);
	if (stream_end_write(&x->client->stream) != 0)
		return;
	while (seen < LINGER_BYTES) {
		int n = stream_read(&x->client->stream, &waste, deadline);
		lent_give_back(&waste);
		if (n <= 0)
			return;
		seen += (size_t)n;
	}
}

static enum step send_own(struct exchange *x, struct buf *b, bool body_is_read)
{
	int error = b->error ? b->error
	                     : stream_write_span(&x->client->stream, buf_span(b),
	                                         clock_after(worker_now(), x->settings->timeouts.write));
	buf_fini(b);
	if (error) {
		x->reset_client = true;
		return STEP_FINISH;
	}
	x->answer_begun = true;
	if (!body_is_read && x->close_client)
		linger(x);
	return STEP_FINISH;
}

static bool head_was_read(const struct exchange *x)
{
	return x->request.raw.p != NULL;
}

enum step refuse(struct exchange *x)
{
	const struct end_row *row = &end_reason_table[x->record.end];
	struct buf b;
	upload_end(x);
	if (row->status == 0) {
		x->reset_client = true;
		return STEP_FINISH;
	}
	ask_for_body(x);
	bool body_is_read = head_was_read(x) && drain_request(x) && !sent_ahead(x);
	/* A leg of a sign-in needs its connection. */
	x->close_client |= !body_is_read || (x->client->close_soon && x->record.end != END_SIGN_IN_LEG);
	x->record.status = row->status;
	struct error_page page = {.record = &x->record,
	                          .settings = x->settings,
	                          .accept = head_was_read(x) ? head_value(&x->request, FIELD_ACCEPT) : SPAN_NONE,
	                          .head_only = x->request.method == METHOD_HEAD,
	                          .connect = x->request.method == METHOD_CONNECT,
	                          .close = x->close_client,
	                          .minor = x->request.minor,
	                          .extra_fields = x->extra_fields};
	buf_init(&b, PAGE_MOST);
	error_page_write(&page, &b);
	return send_own(x, &b, body_is_read);
}

/* The request as it reached us, for TRACE: without what would show secrets (RFC 9110 9.3.8). */
static void echo_request(struct exchange *x, struct responder_answer *answer)
{
	const struct head *h = &x->request;
	answer->status = 200;
	answer->content_type = "message/http";
	buf_add(&answer->body, h->method_text);
	buf_addc(&answer->body, ' ');
	buf_add(&answer->body, h->target);
	buf_addf(&answer->body, " HTTP/1.%u\r\n", h->minor);
	for (unsigned i = 0; i < h->count; i++) {
		const struct field *f = &h->fields[i];
		if (f->id != FIELD_AUTHORIZATION && f->id != FIELD_PROXY_AUTHORIZATION && f->id != FIELD_COOKIE)
			buf_add(&answer->body, span_make(f->line, f->line_n));
	}
	buf_add(&answer->body, SPAN("\r\n"));
}

static void say_options(struct responder_answer *answer)
{
	answer->status = 200;
	answer->content_type = NULL;
	buf_add(&answer->fields, SPAN("Allow: GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH\r\n"));
}

static void fill_answer(struct exchange *x, struct responder_answer *answer)
{
	if (x->responder) {
		struct responder_request request = {.settings = x->settings,
		                                    .head = &x->request,
		                                    .path = x->target.path,
		                                    .client = x->client->from,
		                                    .draining = service_self()->draining,
		                                    .members = x->lease->edition->members};
		x->responder->answer(&request, answer);
	} else if (x->request.method == METHOD_TRACE) {
		echo_request(x, answer);
	} else {
		say_options(answer);
	}
}

enum step answer_here(struct exchange *x)
{
	struct responder_answer answer = {.status = 404, .content_type = "text/plain; charset=utf-8"};
	struct buf b;
	bool body_is_read = drain_request(x);
	x->close_client |= !body_is_read || x->client->close_soon;
	if (x->record.end == END_OK)
		x->record.end = END_ANSWERED_HERE;
	buf_init(&answer.body, 4 * PAGE_MOST);
	buf_init(&answer.fields, LENT_SIZE);
	fill_answer(x, &answer);
	x->record.status = answer.status;
	buf_init(&b, 5 * PAGE_MOST);
	buf_addf(&b, "HTTP/1.1 %u %s\r\nDate: ", answer.status, status_reason(answer.status));
	buf_add(&b, http_date(clock_civil_us() / 1000000));
	if (answer.content_type && answer.body.n > 0)
		buf_addf(&b, "\r\nContent-Type: %s", answer.content_type);
	buf_addf(&b, "\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n", answer.body.n);
	buf_add(&b, buf_span(&answer.fields));
	if (x->close_client)
		buf_add(&b, SPAN("Connection: close\r\n"));
	else if (x->request.minor == 0)
		buf_add(&b, SPAN("Connection: keep-alive\r\n"));
	buf_add(&b, SPAN("\r\n"));
	if (x->request.method != METHOD_HEAD)
		buf_add(&b, buf_span(&answer.body));
	buf_fini(&answer.body);
	buf_fini(&answer.fields);
	return send_own(x, &b, body_is_read);
}
