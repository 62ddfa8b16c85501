/* A chunked body, fed in pieces whose lengths come from the input: the payload is the same as in one piece. The first eight
 * bytes are the lengths. */
#include <stdlib.h>

#include "http/framing.h"

struct outcome {
	enum body_step last;
	uint8_t fault;
	uint64_t hash, consumed;
};

static void add(struct outcome *o, struct span data)
{
	for (size_t i = 0; i < data.n; i++)
		o->hash = (o->hash ^ (unsigned char)data.p[i]) * 0x100000001b3ull;
}

static struct outcome read_in_pieces(struct span in, const uint8_t *lengths)
{
	struct framing f = {.kind = BODY_CHUNKED};
	struct body_reader r;
	struct outcome o = {.hash = 1};
	size_t there = 0, piece = 0, start = 0;
	body_reader_init(&r, &f);
	for (;;) {
		size_t used;
		struct span data;
		/* A copy of just what is there, for AddressSanitizer. */
		char *copy = malloc(there - start + 1);
		ASSERT(copy);
		memcpy(copy, in.p + start, there - start);
		o.last = body_read(&r, span_make(copy, there - start), &used, &data);
		ASSERT(used <= there - start);
		start += used;
		if (o.last == BODY_DATA || o.last == BODY_END)
			add(&o, data);
		free(copy);
		if (o.last == BODY_MORE && there < in.n) {
			size_t more = lengths ? 1 + lengths[piece++ & 7] : in.n;
			there += more < in.n - there ? more : in.n - there;
		} else if (o.last != BODY_DATA) {
			break;
		}
	}
	o.fault = r.fault;
	o.consumed = start;
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n < 8)
		return 0;
	struct span in = span_make((const char *)bytes + 8, n - 8);
	struct outcome whole = read_in_pieces(in, NULL), pieces = read_in_pieces(in, bytes);
	ASSERT(whole.last == pieces.last && whole.fault == pieces.fault && whole.hash == pieces.hash);
	ASSERT(whole.fault || whole.consumed == pieces.consumed);
	return 0;
}
