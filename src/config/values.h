/* From the text of one value to what it means, within its row's limits.
 *
 * Owner: results live in the arena. Errors: NULL is success; otherwise a sentence that says what is wrong and what to write. */
#ifndef FAIRLEAD_CONFIG_VALUES_H
#define FAIRLEAD_CONFIG_VALUES_H

#include "base/arena.h"
#include "config/settings.h"
#include "config/table.h"

MUST_CHECK const char *value_bool(struct arena *memory, const char *text, bool *out);
/* Numbers, sizes and times: by the row's type, between its `least` and `most`. */
MUST_CHECK const char *value_number(struct arena *memory, const struct setting *row, const char *text, int64_t *out);
/* The place of a word among the row's words. */
MUST_CHECK const char *value_choice(struct arena *memory, const struct setting *row, const char *text, unsigned *out);
/* "*" is two networks, so there is room for two; *count says how many came. */
MUST_CHECK const char *value_networks(struct arena *memory, const char *text, struct network out[2], unsigned *count);
/* "443", "8000-8100"; "any" is 0-65535. */
MUST_CHECK const char *value_ports(struct arena *memory, const char *text, struct port_range *out);
MUST_CHECK const char *value_pattern(struct arena *memory, const char *text, struct pattern *out);
/* "HOST:PORT"; the host without brackets. */
MUST_CHECK const char *value_host_port(struct arena *memory, const char *text, const char **host, uint16_t *port);
/* "ADDRESS:PORT", "*:PORT". */
MUST_CHECK const char *value_listen(struct arena *memory, const char *text, struct addr *out);

/* 1500 -> "1500ms", 60000 -> "1m": as one would write it. */
void value_time_text(int64_t ms, char out[32]);
void value_size_text(int64_t bytes, char out[32]);

#endif
