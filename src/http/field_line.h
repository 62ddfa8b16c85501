/* One field line (RFC 9112 section 5), for heads and trailer sections. Inside http/ only. */
#ifndef FAIRLEAD_HTTP_FIELD_LINE_H
#define FAIRLEAD_HTTP_FIELD_LINE_H

#include "http/head.h"

/* Parses the line that begins at p, CR LF included, into *f. `end` is the end of the section. */
MUST_CHECK enum parse_fault field_line_parse(const char *p, const char *end, uint32_t limit, struct field *f);

/* field_id_of() for what is known to be a token. */
enum field_id field_id_of_token(struct span token);

#endif
