/* Writing log values fast: no printf, no locale, no room checks inside (the caller has made room for the most that each
 * may take). Every function writes at `at` and returns the end. */
#ifndef FAIRLEAD_PROXY_LOG_TEXT_H
#define FAIRLEAD_PROXY_LOG_TEXT_H

#include "base/addr.h"
#include "base/span.h"

enum log_text { LOG_TEXT_W3C, LOG_TEXT_JSON };

static inline char *add_span(char *at, struct span s)
{
	if (s.n)
		memcpy(at, s.p, s.n);
	return at + s.n;
}

char *add_number(char *at, uint64_t n);                         /* at most 20 bytes */
char *add_addr(char *at, const struct addr *a, bool with_port); /* at most ADDR_TEXT; IPv4-mapped as IPv4 */

/* So that nothing in `s` can end a field or a line, or be obeyed by a terminal: in W3C text blanks and control bytes become
 * '+', in JSON strings they are escaped; bytes that are not UTF-8 become '?' or U+FFFD. Writes at most `most` bytes; what
 * is cut ends in "...". */
char *add_escaped(char *at, struct span s, enum log_text format, size_t most);

/* "2026-11-22 01:35:02" (UTC), remembered per thread for as long as the second lasts. */
const char *civil_text(int64_t second);

#endif
