/* A response to a GET, HEAD or CONNECT, head and body, in one piece and in two: the same answer both times. The
 * first byte says where it is cut, its low bits also what was asked. */
#include "http_message.h"

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
	check_alike(&whole, &cut);
	free(copy);
	return 0;
}
