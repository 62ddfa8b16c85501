/* Which bytes of a file a request wants (RFC 9110 section 14): a Range field read against the file's size.
 *
 * Owner: no memory. Pure. Errors: what cannot be read, or is not worth it, asks for the whole. */
#ifndef FAIRLEAD_HTTP_RANGE_H
#define FAIRLEAD_HTTP_RANGE_H

#include "base/buf.h"
#include "http/head.h"

enum { RANGES_MOST = 16 };

struct byte_range {
	uint64_t first, last; /* both are part of it */
};

struct ranges {
	unsigned count;
	struct byte_range at[RANGES_MOST]; /* in the order asked for; no two share a byte */
};

enum range_wish {
	RANGE_WHOLE, /* no Range field, or one to be ignored */
	RANGE_PARTS,
	RANGE_NOWHERE, /* none of them lies in the file: 416 */
};

/* The value of one Range field for `size` bytes. More than RANGES_MOST ranges, or two that share a byte, ask for the
 * whole: nobody needs them, and they are a known way to multiply work (RFC 9110 14.2, 17.15). */
enum range_wish range_parse(struct span value, uint64_t size, struct ranges *out);
/* The same for a request: a method but GET, and a Range field that stands twice, ask for the whole. */
enum range_wish range_of_request(const struct head *request, uint64_t size, struct ranges *out);

static inline uint64_t range_length(const struct byte_range *r)
{
	return r->last - r->first + 1;
}

/* "bytes 0-99/1234", and "bytes *" "/1234" for RANGE_NOWHERE (r == NULL). */
void range_add(struct buf *to, const struct byte_range *r, uint64_t size);

#endif
