#include "http/range.h"

#include "http/lex.h"

/* Digits at the front of *text, taken off it. A number too large for 64 bits lies behind the end of any file, and is as
 * good as the largest. False: there is none. */
static bool take_number(struct span *text, uint64_t *out)
{
	size_t digits = lex_run(*text, LEX_DIGIT);
	if (digits == 0)
		return false;
	if (span_to_u64(span_make(text->p, digits), UINT64_MAX, out) != 0)
		*out = UINT64_MAX;
	*text = span_make(text->p + digits, text->n - digits);
	return true;
}

/* One of "0-99", "100-" and "-100". False: it is none of these. *inside says whether any of its bytes is in the file. */
static bool read_one(struct span text, uint64_t size, struct byte_range *r, bool *inside)
{
	uint64_t first, last = UINT64_MAX;
	bool from = take_number(&text, &first);
	if (text.n == 0 || text.p[0] != '-')
		return false;
	text = span_make(text.p + 1, text.n - 1);
	bool to = take_number(&text, &last);
	if (text.n != 0 || (!from && !to) || (from && last < first))
		return false;
	if (!from) {
		*inside = last > 0;
		*r = (struct byte_range){last < size ? size - last : 0, size - 1};
		return true;
	}
	*inside = first < size;
	*r = (struct byte_range){first, last < size ? last : size - 1};
	return true;
}

static bool shares_a_byte(const struct ranges *all, const struct byte_range *r)
{
	for (unsigned i = 0; i < all->count; i++)
		if (r->first <= all->at[i].last && all->at[i].first <= r->last)
			return true;
	return false;
}

/* An empty file has no range to give: clients that always ask for one get it whole, as if it had none. */
enum range_wish range_parse(struct span value, uint64_t size, struct ranges *out)
{
	struct span unit = SPAN("bytes="), item;
	unsigned seen = 0;
	out->count = 0;
	if (size == 0 || !span_starts_nocase(value, unit))
		return RANGE_WHOLE;
	struct span rest = span_make(value.p + unit.n, value.n - unit.n);
	while (span_next(&rest, ',', &item)) {
		struct byte_range r;
		bool inside;
		if (item.n == 0)
			continue;
		if (++seen > RANGES_MOST || !read_one(item, size, &r, &inside))
			return RANGE_WHOLE;
		if (!inside)
			continue;
		if (shares_a_byte(out, &r))
			return RANGE_WHOLE;
		out->at[out->count++] = r;
	}
	if (seen == 0)
		return RANGE_WHOLE;
	return out->count ? RANGE_PARTS : RANGE_NOWHERE;
}

enum range_wish range_of_request(const struct head *request, uint64_t size, struct ranges *out)
{
	struct span value;
	out->count = 0;
	if (request->method != METHOD_GET || !head_has(request, FIELD_RANGE) ||
	    !head_single_value(request, FIELD_RANGE, &value))
		return RANGE_WHOLE;
	return range_parse(value, size, out);
}

void range_add(struct buf *to, const struct byte_range *r, uint64_t size)
{
	if (r)
		buf_addf(to, "bytes %llu-%llu/%llu", (unsigned long long)r->first, (unsigned long long)r->last,
		         (unsigned long long)size);
	else
		buf_addf(to, "bytes */%llu", (unsigned long long)size);
}
