/* Characters of Unicode: from UTF-8 and back, and their case, whatever the process's locale is (simple mappings, one
 * character to one).
 *
 * Threads: any. */
#ifndef FAIRLEAD_BASE_UNICODE_H
#define FAIRLEAD_BASE_UNICODE_H

#include <stddef.h>
#include <stdint.h>

uint32_t unicode_lower(uint32_t c);
uint32_t unicode_upper(uint32_t c);

/* Of a well-formed sequence of `n` bytes (utf8_length() says how many). */
uint32_t unicode_of_utf8(const void *bytes, size_t n);
/* Bytes written, at most 4. */
size_t unicode_to_utf8(uint32_t c, char *to);

#endif
