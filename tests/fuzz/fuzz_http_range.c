/* Range, and the fields of conditional requests. The first byte gives the size of the file, the second chooses the field. */
#include <stdlib.h>

#include "http/conditional.h"
#include "http/range.h"

static void try_ranges(struct span value, uint64_t size)
{
	struct ranges r;
	uint64_t all = 0;
	if (range_parse(value, size, &r) != RANGE_PARTS)
		return;
	ASSERT(r.count > 0 && r.count <= RANGES_MOST);
	for (unsigned i = 0; i < r.count; i++) {
		ASSERT(r.at[i].first <= r.at[i].last && r.at[i].last < size);
		all += range_length(&r.at[i]);
	}
	ASSERT(all <= size);
}

/* A value that stands in such a field of its own: with another tag and another date it says something else or nothing. */
static void try_condition(struct span value, enum field_id id)
{
	struct field f = {.line = value.p, .line_n = (uint32_t)value.n, .value_n = (uint32_t)value.n, .id = (uint8_t)id};
	struct head h = {.is_request = true, .method = METHOD_GET, .fields = &f, .count = 1, .present = 1ull << id};
	const struct validators v = {SPAN("\"a\""), 784111777}, without = {SPAN_NONE, -1};
	enum conditional c = conditional_judge(&h, &v, 1700000000);
	ASSERT(c != CONDITIONAL_FAILED || id == FIELD_IF_MATCH || id == FIELD_IF_UNMODIFIED_SINCE);
	ASSERT(c != CONDITIONAL_NOT_MODIFIED || id == FIELD_IF_NONE_MATCH || id == FIELD_IF_MODIFIED_SINCE);
	ASSERT(conditional_allows_range(&h, &v, 1700000000) || id == FIELD_IF_RANGE);
	ASSERT(id != FIELD_IF_RANGE || !conditional_allows_range(&h, &without, 1700000000));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const enum field_id ids[] = {FIELD_IF_MATCH, FIELD_IF_NONE_MATCH, FIELD_IF_MODIFIED_SINCE,
	                                    FIELD_IF_UNMODIFIED_SINCE, FIELD_IF_RANGE};
	if (n < 2)
		return 0;
	char *copy = malloc(n);
	ASSERT(copy);
	memcpy(copy, bytes + 2, n - 2);
	struct span value = span_make(copy, n - 2);
	try_ranges(value, (uint64_t)1 << bytes[0] % 64);
	try_condition(value, ids[bytes[1] % 5]);
	free(copy);
	return 0;
}
