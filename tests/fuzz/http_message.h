/* What both fuzz entries of messages do with one: its head used as the proxy uses it, its body read in one piece or two. */
#ifndef FAIRLEAD_TESTS_HTTP_MESSAGE_H
#define FAIRLEAD_TESTS_HTTP_MESSAGE_H

#include <stdlib.h>

#include "http/framing.h"
#include "http/hop.h"

struct outcome {
	int fault;
	uint64_t payload, consumed;
	bool over;
};

static inline void check_spans(const struct head *h)
{
	const char *start = h->raw.p, *end = h->raw.p + h->raw.n;
	for (unsigned i = 0; i < h->count; i++) {
		const struct field *f = &h->fields[i];
		struct span value = field_value(f);
		ASSERT(f->line > start && f->line + f->line_n <= end && value.p + value.n <= f->line + f->line_n);
		ASSERT(f->name_n > 0 && f->id == field_id_of(field_name(f)));
	}
}

/* What the proxy then does with it. */
static inline void use_head(struct head *h)
{
	static char out[256 * 1024];
	struct buf b;
	unsigned times;
	check_spans(h);
	if (h->is_request)
		hop_drop_request(h);
	else
		hop_drop_response(h);
	buf_over(&b, out, sizeof(out));
	head_copy_fields(h, &b);
	via_add(&b, h->minor, SPAN("proxy"));
	ASSERT(buf_error(&b) == 0);
	via_has(h, SPAN("proxy"), &times);
}

static inline void read_body(struct outcome *o, const struct framing *f, struct span in, size_t cut)
{
	struct body_reader r;
	size_t there = cut < in.n ? cut : in.n;
	body_reader_init(&r, f);
	for (;;) {
		size_t used;
		struct span data;
		enum body_step step = body_read(&r, span_make(in.p + o->consumed, there - o->consumed), &used, &data);
		o->consumed += used;
		o->payload += step == BODY_DATA ? data.n : 0;
		o->over = step == BODY_END;
		o->fault = step == BODY_BAD ? r.fault : PARSE_OK;
		if (step == BODY_MORE && there < in.n)
			there = in.n;
		else if (step != BODY_DATA)
			return;
	}
}

static inline void check_alike(const struct outcome *whole, const struct outcome *cut)
{
	ASSERT(whole->fault == cut->fault && whole->over == cut->over && whole->payload == cut->payload);
	ASSERT(whole->fault || whole->consumed == cut->consumed);
}

#endif
