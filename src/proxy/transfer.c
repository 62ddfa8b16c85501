#include "proxy/transfer.h"

enum {
	PIECES = 8,              /* chunks gathered into one write */
	SPLICE_FROM = 64 * 1024, /* what is smaller is cheaper copied (measured: splice loses below some 8 KiB a wake-up) */
};

/* What one write will send. */
struct batch {
	struct iovec iov[PIECES * 3 + 3];
	int count;
	char lines[PIECES][CHUNK_LINE];
	int chunks;
	size_t bytes;
};

static void put(struct batch *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	b->iov[b->count++] = (struct iovec){.iov_base = (void *)(uintptr_t)p, .iov_len = n};
	b->bytes += n;
}

static void put_payload(struct transfer *t, struct batch *b, struct span data)
{
	if (!t->chunked) {
		put(b, data.p, data.n);
		return;
	}
	char *line = b->lines[b->chunks++];
	put(b, line, chunk_line(data.n, line));
	put(b, data.p, data.n);
	put(b, "\r\n", 2);
}

/* The fields of a trailer section that may be forwarded, moved together in place. */
static struct span trailers_kept(const struct transfer *t, struct span raw)
{
	char *to = (char *)(uintptr_t)raw.p;
	const char *at = raw.p, *end = raw.p + raw.n;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *colon = memchr(at, ':', (size_t)(end - at));
		if (!newline || !colon)
			break;
		size_t n = (size_t)(newline + 1 - at);
		struct span name = span_make(at, (size_t)(colon - at));
		if (trailer_field_allowed(name) && !(t->refuses_trailer && t->refuses_trailer(name))) {
			memmove(to, at, n);
			to += n;
		}
		at = newline + 1;
	}
	return span_make(raw.p, (size_t)(to - raw.p));
}

static void put_end(struct transfer *t, struct batch *b, struct span trailers)
{
	if (!t->chunked)
		return;
	put(b, "0\r\n", 3);
	trailers = trailers_kept(t, trailers);
	put(b, trailers.p, trailers.n);
	put(b, "\r\n", 2);
}

/* Takes from the buffer what one write can carry. */
static enum body_step gather(struct transfer *t, struct batch *b)
{
	enum body_step step = t->reader->kind == BODY_NONE ? BODY_END : BODY_MORE;
	if (t->reader->kind == BODY_NONE)
		return step;
	do {
		struct span data = SPAN_NONE;
		size_t used = 0;
		step = body_read(t->reader, span_make(t->in->p ? t->in->p + t->in->start : "", lent_length(t->in)), &used,
		                 &data);
		t->in->start += (uint32_t)used;
		if (step == BODY_DATA)
			put_payload(t, b, data);
		else if (step == BODY_END)
			put_end(t, b, data);
	} while (step == BODY_DATA && b->chunks < PIECES && b->count < PIECES * 3);
	return step;
}

static bool ended(struct transfer *t, enum transfer_end end, int error)
{
	t->end = end;
	t->error = error;
	return true;
}

static bool sink_failed(struct transfer *t, int error)
{
	return ended(t,
	             error == -ETIMEDOUT   ? TRANSFER_SINK_SLOW
	             : error == -ECANCELED ? TRANSFER_TOLD
	                                   : TRANSFER_SINK_FAILED,
	             error);
}

static bool source_failed(struct transfer *t, int error)
{
	return ended(t,
	             error == -ETIMEDOUT   ? TRANSFER_SOURCE_SLOW
	             : error == -ECANCELED ? TRANSFER_TOLD
	                                   : TRANSFER_SOURCE_FAILED,
	             error);
}

/* One write of what the buffer holds. True when the transfer is over. */
static bool step_write(struct transfer *t)
{
	struct batch b = {.count = 0};
	if (!t->prefix_sent)
		put(&b, t->prefix.p, t->prefix.n);
	enum body_step step = gather(t, &b);
	if (t->most && t->reader->total > t->most)
		return ended(t, TRANSFER_TOO_LARGE, 0);
	if (b.bytes > 0) {
		int error = stream_write(t->to, b.iov, b.count, clock_after(worker_now(), t->write_ms));
		if (error)
			return sink_failed(t, error);
	}
	t->prefix_sent = true;
	t->hungry = step == BODY_MORE;
	if (step == BODY_END)
		return ended(t, TRANSFER_DONE, 0);
	if (step == BODY_BAD)
		return ended(t, TRANSFER_MALFORMED, 0);
	return false;
}

/* Moves what has no framing in it past user space. True when the transfer is over. */
static bool step_splice(struct transfer *t, bool *can_splice)
{
	while (body_plain_left(t->reader) >= SPLICE_FROM) {
		bool sink;
		int64_t n = stream_splice(t->from, t->to, body_plain_left(t->reader), t->read_ms, t->write_ms, &sink);
		if (n == -EOPNOTSUPP) {
			*can_splice = false;
			return false;
		}
		if (n == 0)
			return ended(t, TRANSFER_SOURCE_CLOSED, 0);
		if (n < 0)
			return sink ? sink_failed(t, (int)n) : source_failed(t, (int)n);
		body_skip_plain(t->reader, (uint64_t)n);
	}
	return false;
}

/* True when the transfer is over. */
static bool step_read(struct transfer *t)
{
	if (lent_length(t->in) == 0 && t->in->keep == 0)
		lent_give_back(t->in); /* taken again when there is something to read */
	int n = stream_read(t->from, t->in, clock_after(worker_now(), t->read_ms));
	if (n == -ENOBUFS) /* a chunk line or trailer that does not fit beside a large head */
		return ended(t, TRANSFER_MALFORMED, n);
	if (n < 0)
		return source_failed(t, n);
	if (n > 0)
		return false;
	if (!body_may_end(t->reader))
		return ended(t, TRANSFER_SOURCE_CLOSED, 0);
	if (t->chunked) {
		int error = stream_write_span(t->to, SPAN("0\r\n\r\n"), clock_after(worker_now(), t->write_ms));
		if (error)
			return sink_failed(t, error);
	}
	return ended(t, TRANSFER_DONE, 0);
}

bool transfer_begin(struct transfer *t)
{
	return step_write(t);
}

static bool nothing_left_to_read(const struct transfer *t)
{
	return t->reader->kind == BODY_LENGTH && body_plain_left(t->reader) == 0;
}

enum transfer_end transfer_run(struct transfer *t)
{
	bool can_splice = !t->chunked;
	for (;;) {
		if (step_write(t))
			return t->end;
		if (!t->hungry)
			continue;
		if (can_splice && lent_length(t->in) == 0 && step_splice(t, &can_splice))
			return t->end;
		if (!nothing_left_to_read(t) && step_read(t))
			return t->end;
	}
}
