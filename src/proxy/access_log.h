/* The access log: one line an exchange, W3C Extended (UTC), JSON, or the line of Internet Information Services, made
 * from tables of fields (access_log.def; for reading: doc/logs.md).
 *
 * Never holds credentials: a user name or password in a request target is left out, and so is the query if the
 * settings say so. No value can end a line or a field. Threads: any; each remembers the text of the present second. */
#ifndef FAIRLEAD_PROXY_ACCESS_LOG_H
#define FAIRLEAD_PROXY_ACCESS_LOG_H

#include "base/buf.h"
#include "config/settings.h"
#include "proxy/record.h"

/* The `#Fields:` directives for log_open(); NULL for JSON. */
const char *access_log_header(const struct log_settings *s);

/* No line is longer: give a buffer with that much room, or one that may grow by it. Otherwise nothing is written and
 * the buffer has its error. */
enum { ACCESS_LINE = 20 * 1024 };

/* The line without its end. `duration_us`: from the first byte received to the last sent. */
void access_log_line(const struct log_settings *s, const struct record *r, int64_t duration_us, struct buf *to);

struct access_field {
	const char *name;     /* as in #Fields */
	const char *sentence; /* what it says */
};
/* All fields in order; for manuals. */
const struct access_field *access_log_fields(unsigned *count);
const struct access_field *access_log_iis_fields(unsigned *count); /* with format = iis */

#endif
