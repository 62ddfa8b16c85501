/* A request, head and body, in one piece and in two: no reading beyond what is there, and the same answer both times. The
 * first byte says where it is cut. */
#include "http/uri.h"
#include "http_message.h"

static struct outcome read_request(struct span in, size_t cut)
{
	static struct field fields[FIELDS_MOST];
	struct outcome o = {0};
	struct head h;
	struct target t;
	struct framing f;
	size_t scanned = 0;
	int n = head_find_end(span_make(in.p, cut < in.n ? cut : in.n), &scanned, &head_limits_default);
	if (n == 0)
		n = head_find_end(in, &scanned, &head_limits_default);
	o.fault = n < 0 ? -n : 0;
	ASSERT(n > 0 || head_take_request(&h, in, fields, &head_limits_default) == 0);
	if (n <= 0)
		return o;
	o.fault = head_parse_request(&h, span_make(in.p, (size_t)n), fields, &head_limits_default);
	ASSERT(head_take_request(&h, in, fields, &head_limits_default) == (o.fault ? 0 : n));
	if (o.fault)
		return o;
	use_head(&h);
	o.fault = target_parse(&h, &t);
	if (o.fault)
		return o;
	framing_of_request(&h, &f);
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
	struct outcome whole = read_request(in, in.n), cut = read_request(in, bytes[0]);
	check_alike(&whole, &cut);
	free(copy);
	return 0;
}
