/* The access log: one line an exchange, W3C Extended (UTC) or JSON, made from one table of fields. */
#ifndef FAIRLEAD_PROXY_ACCESS_LOG_H
#define FAIRLEAD_PROXY_ACCESS_LOG_H

#include "base/buf.h"
#include "config/settings.h"
#include "proxy/record.h"

/* The `#Fields:` directives for log_open(); NULL for JSON. */
const char *access_log_header(const struct log_settings *s);
/* The line without its end. `duration_us`: from the first byte received to the last sent. */
void access_log_line(const struct log_settings *s, const struct record *r, int64_t duration_us, struct buf *to);

#endif
