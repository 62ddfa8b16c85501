/* HTTP dates (RFC 9110 section 5.6.7). */
#ifndef FAIRLEAD_HTTP_DATE_H
#define FAIRLEAD_HTTP_DATE_H

#include "base/span.h"

enum { HTTP_DATE = 30 };
/* "Sun, 06 Nov 1994 08:49:37 GMT" for seconds since 1970; remembers the last second per thread. */
struct span http_date(int64_t unix_seconds);
/* All three forms. 0 or -EINVAL. */
int http_date_parse(struct span text, int64_t now, int64_t *unix_seconds);

#endif
