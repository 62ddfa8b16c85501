/* What must hold between the fields of one head (RFC 9112 sections 3.2 and 6). Inside http/ only. */
#ifndef FAIRLEAD_HTTP_HEAD_RULES_H
#define FAIRLEAD_HTTP_HEAD_RULES_H

#include "http/head.h"

/* All fields are in h->fields and h->present; a second one of those that may stand only once was refused before. */
MUST_CHECK enum parse_fault head_rules_request(const struct head *h);
MUST_CHECK enum parse_fault head_rules_response(const struct head *h);

/* Content-Length: digits alone, at most 19 of them and at most 2^63-1. 0 or -EINVAL. */
MUST_CHECK int content_length_parse(struct span value, uint64_t *out);

#endif
