/* A response to a GET, HEAD or CONNECT, head and body, in one piece and in two: the same answer both times. The
 * first byte says where it is cut, its low bits also what was asked. */
#include <stdlib.h>

#include "http/framing.h"
#include "http/hop.h"

struct outcome {
	int fault;
	uint64_t payload, consumed;
	bool over;
};

static void check_spans(const struct head *h)
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
static void use_head(struct head *h)
{
	static char out[256 * 1024];
	struct buf b;
	unsigned times;
	check_spans(h);
	hop_drop_response(h);
	buf_over(&b, out, sizeof(out));
	head_copy_fields(h, &b);
	via_add(&b, h->minor, SPAN("proxy"));
	ASSERT(buf_error(&b) == 0);
	via_has(h, SPAN("proxy"), &times);
}

static void read_body(struct outcome *o, const struct framing *f, struct span in, size_t cut)
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

static struct outcome read_response(struct span in, size_t cut, enum method answers)
{
	static struct field fields[FIELDS_MOST];
	struct outcome o = {0};
	struct head h;
	struct framing f;
	size_t scanned = 0;
	int n = head_find_end(span_make(in.p, cut < in.n ? cut : in.n), &scanned, &head_limits_default);
	if (n == 0)
		n = head_find_end(in, &scanned, &head_limits_default);
	o.fault = n < 0 ? -n : 0;
	ASSERT(n > 0 || head_take_response(&h, in, fields, &head_limits_default) == 0);
	if (n <= 0)
		return o;
	o.fault = head_parse_response(&h, span_make(in.p, (size_t)n), fields, &head_limits_default);
	ASSERT(head_take_response(&h, in, fields, &head_limits_default) == (o.fault ? 0 : n));
	if (o.fault)
		return o;
	use_head(&h);
	framing_of_response(&h, answers, &f);
	read_body(&o, &f, span_make(in.p + n, in.n - (size_t)n), cut > (size_t)n ? cut - (size_t)n : 0);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return 0;
	char *copy = malloc(n);
	ASSERT(copy);
	memcpy(copy, bytes + 1, n - 1);
	struct span in = span_make(copy, n - 1);
	static const enum method asked[] = {METHOD_GET, METHOD_HEAD, METHOD_CONNECT, METHOD_POST};
	enum method answers = asked[bytes[0] & 3];
	struct outcome whole = read_response(in, in.n, answers), cut = read_response(in, bytes[0], answers);
	ASSERT(whole.fault == cut.fault && whole.over == cut.over && whole.payload == cut.payload);
	ASSERT(whole.fault || whole.consumed == cut.consumed);
	free(copy);
	return 0;
}
