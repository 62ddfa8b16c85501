/* ANSWER and REFUSE: what we say ourselves. */
#include "base/counters.h"
#include "http/date.h"
#include "http/status.h"
#include "net/fiber.h"
#include "net/stream_file.h"
#include "proxy/client_auth.h"
#include "proxy/error_page.h"
#include "proxy/forward.h"

enum { PAGE_MOST = 1 << 20, LINGER_MS = 2000, LINGER_BYTES = 1 << 18, JUST_SENT_MS = 1000, JUST_SENT_MOST = 1 << 20 };

/* A leg of a sign-in needs its connection. */
static bool is_leg(const struct exchange *x)
{
	return x->record.end == END_SIGN_IN_LEG || x->record.end == END_SITE_SIGN_IN_LEG;
}

/* Reads what is left of the request's body, up to a limit, so that the next request can be found behind it. False: it could not be had. There is no
 * limit for a leg of a sign-in: it is worth nothing without its connection, and clients send the body along with it. */
static bool drain_request(struct exchange *x)
{
	uint64_t limit = is_leg(x) ? UINT64_MAX : x->settings->limits.drain_body;
	if (x->place.directory && x->place.directory->body && x->place.directory->body < limit)
		limit = x->place.directory->body;
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
	if (!is_leg(x) || !x->expects_continue)
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
	x->close_client |= !body_is_read || (x->client->close_soon && !is_leg(x));
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

static void say_options(const struct exchange *x, struct responder_answer *answer)
{
	answer->status = 200;
	answer->content_type = NULL;
	buf_adds(&answer->fields, x->listen->role == ROLE_SITE
	                              ? "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n"
	                              : "Allow: GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH\r\n");
}

struct responder_request responder_request_of(struct exchange *x)
{
	return (struct responder_request){.settings = x->settings,
	                                  .listen = x->listen,
	                                  .head = &x->request,
	                                  .path = x->target.path,
	                                  .host = x->host_folded,
	                                  .place = &x->place,
	                                  .arena = &x->arena,
	                                  .edition = x->lease->edition->number,
	                                  .client = x->client->from,
	                                  .draining = service_self()->draining,
	                                  .members = x->lease->edition->members};
}

static void fill_answer(struct exchange *x, struct responder_answer *answer)
{
	if (x->responder) {
		struct responder_request request = responder_request_of(x);
		x->responder->answer(&request, answer);
	} else if (x->request.method == METHOD_TRACE) {
		echo_request(x, answer);
	} else {
		say_options(x, answer);
	}
}

static void release_answer(struct responder_answer *answer)
{
	if (answer->held)
		answer->release(answer->held);
	buf_fini(&answer->body);
	buf_fini(&answer->fields);
}

/* The responder says why it cannot. */
static enum step refuse_answer(struct exchange *x, const struct responder_answer *answer)
{
	struct span fields = arena_dup(&x->arena, buf_span(&answer->fields));
	if (fields.n)
		x->extra_fields = fields.p;
	x->record.detail_is_ours = answer->detail_is_ours;
	if (answer->end == END_SITE_ACCESS_DENIED)
		return challenge_client(x, answer->end);
	return end_with(x, answer->end, answer->error, answer->detail);
}

static void write_head(const struct exchange *x, const struct responder_answer *answer, struct buf *to)
{
	bool bodiless = answer->status == 304 || answer->status == 204;
	buf_add(to, SPAN("HTTP/1.1 "));
	buf_addu(to, answer->status);
	buf_addc(to, ' ');
	buf_adds(to, status_reason(answer->status));
	buf_add(to, SPAN("\r\nDate: "));
	buf_add(to, http_date(clock_civil_us() / 1000000));
	if (answer->content_type && !bodiless) {
		buf_add(to, SPAN("\r\nContent-Type: "));
		buf_adds(to, answer->content_type);
	}
	if (!bodiless) {
		buf_add(to, SPAN("\r\nContent-Length: "));
		buf_addu(to, answer->body.n + answer->length);
	}
	buf_add(to, SPAN("\r\n"));
	if (!answer->may_be_kept)
		buf_add(to, SPAN("Cache-Control: no-store\r\n"));
	buf_add(to, answer->held_fields);
	buf_add(to, buf_span(&answer->fields));
	if (x->auth_info)
		buf_adds(to, x->auth_info);
	if (x->close_client)
		buf_add(to, SPAN("Connection: close\r\n"));
	else if (x->request.minor == 0)
		buf_add(to, SPAN("Connection: keep-alive\r\n"));
	buf_add(to, SPAN("\r\n"));
}

static enum step send_text(struct exchange *x, struct responder_answer *answer, bool body_is_read)
{
	struct buf b;
	buf_init(&b, 5 * PAGE_MOST);
	write_head(x, answer, &b);
	if (x->request.method != METHOD_HEAD)
		buf_add(&b, buf_span(&answer->body));
	return send_own(x, &b, body_is_read);
}

static enum step pieces_failed(struct exchange *x, int error)
{
	if (error == -EIO)
		return cut_with(x, END_SITE_FILE_CHANGED, error);
	if (error == -ETIMEDOUT)
		return cut_with(x, END_RESPONSE_WRITE_TIMEOUT, error);
	return cut_with(x, error == -ECANCELED ? END_DRAINING : END_CLIENT_CLOSED, error);
}

/* What was sent a moment ago is still in memory, and need not be looked for there. */
static bool was_just_sent(const struct responder_answer *answer, uint64_t length)
{
	return answer->whole_sent && length <= JUST_SENT_MOST && worker_now() - *answer->whole_sent < JUST_SENT_MS;
}

/* `text` and a part of the file behind it. It may take long, so nothing is held for it but what is small. */
static int write_part(struct exchange *x, const struct responder_answer *answer, const struct answer_piece *p,
                      struct lent *l, struct buf *text)
{
	struct file_part part = {.fd = answer->file,
	                         .from = p->from,
	                         .length = p->length,
	                         .lane = was_just_sent(answer, p->length) ? NULL : service_self()->process->disk_lane,
	                         .idle_ms = x->settings->timeouts.write};
	struct span copy = arena_dup(&x->arena, buf_span(text));
	if (text->n && !copy.p)
		return -ENOMEM;
	lent_give_back(l);
	int error = stream_send_file(&x->client->stream, copy, &part);
	if (error)
		return error;
	if (answer->whole_sent && part.lane)
		*answer->whole_sent = worker_now();
	error = lent_take(l);
	buf_over(text, l->p, l->size);
	return error;
}

/* Head and pieces in as few writes as there can be: text gathers in the buffer and goes with what comes next. */
static int write_pieces(struct exchange *x, const struct responder_answer *answer, struct lent *l, struct buf *text)
{
	struct stream *to = &x->client->stream;
	int64_t idle = x->settings->timeouts.write;
	int error = 0;
	for (unsigned i = 0; i < answer->piece_count && error == 0; i++) {
		const struct answer_piece *p = &answer->pieces[i];
		if (!p->text.p) {
			error = write_part(x, answer, p, l, text);
		} else if (p->text.n <= text->capacity - text->n) {
			buf_add(text, p->text);
		} else {
			struct iovec both[] = {{text->p, text->n}, {(char *)p->text.p, p->text.n}};
			error = stream_write(to, both, 2, clock_after(worker_now(), idle));
			buf_clear(text);
		}
	}
	return error || text->n == 0 ? error : stream_write_span(to, buf_span(text), clock_after(worker_now(), idle));
}

static enum step send_pieces(struct exchange *x, struct responder_answer *answer, bool body_is_read)
{
	struct lent l;
	struct buf text;
	lent_init(&l);
	if (lent_take(&l) != 0)
		return end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
	buf_over(&text, l.p, l.size);
	write_head(x, answer, &text);
	int error = buf_error(&text);
	x->answer_begun = true;
	if (error == 0)
		error = write_pieces(x, answer, &l, &text);
	lent_give_back(&l);
	if (error)
		return pieces_failed(x, error);
	if (!body_is_read && x->close_client)
		linger(x);
	return STEP_FINISH;
}

enum step answer_here(struct exchange *x)
{
	struct responder_answer answer = {.status = 404, .content_type = "text/plain; charset=utf-8", .file = -1};
	enum step next;
	bool body_is_read = drain_request(x);
	x->close_client |= !body_is_read || x->client->close_soon;
	if (x->record.end == END_OK)
		x->record.end = is_published(x) ? END_OK : END_ANSWERED_HERE;
	buf_init(&answer.body, 4 * PAGE_MOST);
	buf_init(&answer.fields, LENT_SIZE);
	fill_answer(x, &answer);
	x->record.status = answer.status;
	if (answer.end != END_OK)
		next = refuse_answer(x, &answer);
	else if (answer.held)
		next = send_pieces(x, &answer, body_is_read);
	else
		next = send_text(x, &answer, body_is_read);
	release_answer(&answer);
	return next;
}
