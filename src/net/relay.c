/* The relay: see relay.h. Both directions are pumped from the readiness callbacks of the two streams.
 *
 * A direction copies through a lent buffer, which it holds only while bytes are in hand. When reads keep filling the
 * buffer it splices through a pipe, which it holds only while bytes are inside; it stays with splicing until several
 * wake-ups in a row bring little. When one side can no longer be written to, what it has sent is still delivered. */
#include "net/relay.h"

#include <stdlib.h>

#include "net/pipe.h"
#include "net/stream_internal.h"
#include "net/worker_internal.h"

enum {
	FULL_READS = 4,        /* in a row: then splice */
	LITTLE = 8192,         /* below that, splicing costs more than copying */
	LITTLE_TURNS = 4,      /* in a row: then copy */
	NO_PIPE_READS = -1000, /* when there was no pipe to be had: so many more full reads before asking again */
};

struct direction {
	struct stream *from, *to;
	const struct direction *back;
	struct lent piece;
	struct pipe *pipe;
	uint64_t moved;
	int16_t full_reads;
	uint8_t little_turns;
	bool splices;
	bool done;
	bool failed_writing;
};

struct relay {
	struct stream client, server;
	struct direction up, down; /* to the server, to the client */
	struct timer idle;
	struct later more;
	struct link link;
	int64_t idle_ms;
	mono_ms started;
	enum relay_end end; /* what it will be when both directions are done */
	void (*on_end)(const struct relay_result *r, void *arg);
	void *arg;
};

/* ---- One direction */

/* The reading side has ended: so does the writing side. That one may be gone already: nothing was lost by it. When the
 * way back has ended too, both are closed at once, which says the same; TLS says its end in words. */
static ssize_t direction_end(struct direction *d)
{
	d->done = true;
	if (!d->back->done || d->to->tls)
		stream_end_write(d->to);
	return 0;
}

static ssize_t failed_to_write(struct direction *d, ssize_t error)
{
	if (error != -EAGAIN)
		d->failed_writing = true;
	return error;
}

static void note_read(struct direction *d, size_t room, size_t n)
{
	if (n < room)
		d->full_reads = d->full_reads < 0 ? d->full_reads : 0;
	else if (++d->full_reads >= FULL_READS && !d->from->tls && !d->to->tls)
		d->splices = true;
}

/* Bytes written, 0 at the end, -EAGAIN or -errno. */
static ssize_t copy_some(struct direction *d)
{
	if (lent_length(&d->piece) == 0) {
		int n = stream_read_now(d->from, &d->piece);
		if (n == 0)
			return direction_end(d);
		if (n < 0)
			return n;
		note_read(d, d->piece.size, (size_t)n);
	}
	ssize_t n = stream_write_now(d->to, span_make(d->piece.p + d->piece.start, lent_length(&d->piece)));
	if (n < 0)
		return failed_to_write(d, n);
	d->piece.start += (uint32_t)n;
	return n;
}

static ssize_t go_back_to_copying(struct direction *d, int full_reads)
{
	pipe_give_back(d->pipe);
	d->pipe = NULL;
	d->splices = false;
	d->little_turns = 0;
	d->full_reads = (int16_t)full_reads;
	return copy_some(d);
}

static ssize_t splice_some(struct direction *d)
{
	if (!d->pipe && !(d->pipe = pipe_take()))
		return go_back_to_copying(d, NO_PIPE_READS);
	if (d->pipe->held == 0) {
		ssize_t n = stream_fill_pipe(d->from, d->pipe, d->pipe->capacity);
		if (n == 0)
			return direction_end(d);
		if (n == -EINVAL)
			return go_back_to_copying(d, INT16_MIN);
		if (n < 0)
			return n;
	}
	ssize_t n = stream_drain_pipe(d->to, d->pipe);
	return n < 0 ? failed_to_write(d, n) : n;
}

static void let_go_of_the_empty(struct direction *d)
{
	if (d->piece.p && (lent_length(&d->piece) == 0 || d->done))
		lent_give_back(&d->piece);
	if (d->pipe && (d->pipe->held == 0 || d->done)) {
		pipe_give_back(d->pipe);
		d->pipe = NULL;
	}
}

static void judge_splicing(struct direction *d, size_t moved)
{
	if (!d->splices || moved == 0)
		return;
	d->little_turns = moved < LITTLE ? d->little_turns + 1 : 0;
	if (d->little_turns >= LITTLE_TURNS && (!d->pipe || d->pipe->held == 0)) {
		d->splices = false;
		d->little_turns = 0;
		d->full_reads = 0;
	}
}

/* Moves what can be moved now, within one turn. 1: there is more; 0; or -errno. */
static int pump(struct direction *d)
{
	size_t moved = 0;
	ssize_t n = 0;
	while (!d->done && moved < TURN_BYTES) {
		n = d->splices && lent_length(&d->piece) == 0 ? splice_some(d) : copy_some(d);
		if (n < 0)
			break;
		moved += (size_t)n;
	}
	d->moved += moved;
	if (n == -EAGAIN)
		judge_splicing(d, moved);
	if (d->failed_writing)
		d->done = true;
	let_go_of_the_empty(d);
	if (n < 0)
		return n == -EAGAIN ? 0 : (int)n;
	return !d->done;
}

/* ---- Both */

static void relay_end_now(struct relay *r, enum relay_end end)
{
	struct relay_result result = {
		.end = end, .to_server = r->up.moved, .to_client = r->down.moved, .lasted_ms = worker_now() - r->started};
	void (*on_end)(const struct relay_result *, void *) = r->on_end;
	void *arg = r->arg;
	stream_close(&r->client);
	stream_close(&r->server);
	r->up.done = r->down.done = true;
	let_go_of_the_empty(&r->up);
	let_go_of_the_empty(&r->down);
	timer_stop(&r->idle);
	list_remove(&r->more.link);
	list_remove(&r->link);
	free(r);
	on_end(&result, arg);
}

/* True when the relay may go on. */
static bool go_on(struct relay *r, struct direction *d, int result)
{
	if (d->failed_writing) {
		r->end = d == &r->up ? RELAY_SERVER_FAILED : RELAY_CLIENT_FAILED;
	} else if (result < 0) {
		/* Nothing more will come from there, and what it has sent is delivered or lost. */
		bool known = r->end != RELAY_DONE;
		relay_end_now(r, known ? r->end : d == &r->up ? RELAY_CLIENT_FAILED : RELAY_SERVER_FAILED);
		return false;
	}
	return true;
}

static void relay_turn(struct relay *r)
{
	uint64_t before = r->up.moved + r->down.moved;
	int up = pump(&r->up);
	if (!go_on(r, &r->up, up))
		return;
	int down = pump(&r->down);
	if (!go_on(r, &r->down, down))
		return;
	if (r->up.done && r->down.done) {
		relay_end_now(r, r->end);
		return;
	}
	if (r->up.moved + r->down.moved != before)
		timer_set(&r->idle, clock_after(worker_now(), r->idle_ms));
	if (up > 0 || down > 0)
		worker_later(&r->more);
}

static void client_ready(struct watch *w)
{
	relay_turn(CONTAINER_OF(w, struct relay, client.watch));
}

static void server_ready(struct watch *w)
{
	relay_turn(CONTAINER_OF(w, struct relay, server.watch));
}

static void more(struct later *l)
{
	relay_turn(CONTAINER_OF(l, struct relay, more));
}

static void idle_too_long(struct timer *t)
{
	relay_end_now(CONTAINER_OF(t, struct relay, idle), RELAY_IDLE);
}

void relay_stop(struct relay *r)
{
	relay_end_now(r, RELAY_TOLD);
}

static void stop_all(void *arg)
{
	struct worker *w = arg;
	while (!list_empty(&w->relays))
		relay_stop(CONTAINER_OF(w->relays.next, struct relay, link));
}

/* ---- Starting */

static int hold(struct direction *d, struct span first)
{
	if (first.n == 0)
		return 0;
	int r = first.n <= LENT_SIZE ? lent_take(&d->piece) : lent_grow(&d->piece, first.n);
	if (r != 0)
		return r;
	memcpy(d->piece.p, first.p, first.n);
	d->piece.end = (uint32_t)first.n;
	return 0;
}

int relay_start(struct stream *client, struct span client_first, struct stream *server, struct span server_first,
                int64_t idle_ms, void (*on_end)(const struct relay_result *r, void *arg), void *arg, struct relay **out)
{
	struct worker *w = worker_self();
	struct relay *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->up = (struct direction){.from = &r->client, .to = &r->server, .back = &r->down};
	r->down = (struct direction){.from = &r->server, .to = &r->client, .back = &r->up};
	if (hold(&r->up, client_first) != 0 || hold(&r->down, server_first) != 0) {
		lent_give_back(&r->up.piece);
		lent_give_back(&r->down.piece);
		free(r);
		return -ENOMEM;
	}
	r->idle_ms = idle_ms > 0 ? idle_ms : NEVER;
	r->started = worker_now();
	r->end = RELAY_DONE;
	r->on_end = on_end;
	r->arg = arg;
	stream_move(client, &r->client);
	stream_move(server, &r->server);
	r->client.watch.on_ready = client_ready;
	r->server.watch.on_ready = server_ready;
	later_init(&r->more, more);
	timer_init(&r->idle, idle_too_long);
	timer_set(&r->idle, clock_after(r->started, r->idle_ms));
	if (!w->relays_told) {
		w->relays_told = true;
		worker_on_stop(stop_all, w);
	}
	list_push(&w->relays, &r->link);
	worker_later(&r->more);
	*out = r;
	return 0;
}
