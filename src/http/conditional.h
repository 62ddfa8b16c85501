/* Conditional requests (RFC 9110 section 13): what If-Match and its relatives make of a request for something that has
 * these validators.
 *
 * Owner: no memory. Pure: the time comes from outside. Errors: fields that cannot be read are as if they were not there;
 * a list of entity tags ends where it cannot be read. */
#ifndef FAIRLEAD_HTTP_CONDITIONAL_H
#define FAIRLEAD_HTTP_CONDITIONAL_H

#include "http/head.h"

struct validators {
	struct span etag; /* as in ETag, with its quotes and perhaps W/; empty: none */
	int64_t modified; /* seconds since 1970; negative: not known */
};

enum conditional {
	CONDITIONAL_PROCEED,
	CONDITIONAL_NOT_MODIFIED, /* 304 */
	CONDITIONAL_FAILED,       /* 412 */
};

/* In the order of RFC 9110 13.2.2, for something that exists. `now`: seconds since 1970, for dates of two digits. */
enum conditional conditional_judge(const struct head *request, const struct validators *v, int64_t now);

/* What If-Range decides: may a range be given, or is what the client has a part of no longer this? True without the field. */
bool conditional_allows_range(const struct head *request, const struct validators *v, int64_t now);

#endif
