/* Writing bytes for other readers: base64 (RFC 4648), hexadecimal, HTML, JSON, and the W3C log's field rules. */
#ifndef FAIRLEAD_BASE_ENCODE_H
#define FAIRLEAD_BASE_ENCODE_H

#include "base/buf.h"

void encode_base64(struct buf *to, const void *bytes, size_t n);
/* The standard alphabet with its padding, nothing else. Bytes written to `out` (at most text.n / 4 * 3), or -EINVAL. */
int decode_base64(struct span text, void *out, size_t room);
void encode_hex(struct buf *to, const void *bytes, size_t n);
/* For element content and quoted attribute values. */
void encode_html(struct buf *to, struct span s);
/* The inside of a JSON string; bytes that are not UTF-8 become U+FFFD. */
void encode_json(struct buf *to, struct span s);
/* Bytes of the well-formed UTF-8 sequence at the front of `n` > 0 bytes (RFC 3629), or 0. */
size_t utf8_length(const void *bytes, size_t n);
/* One field of a W3C Extended log: spaces and what cannot be printed become '+'; an empty one is '-'. */
void encode_w3c(struct buf *to, struct span s);

#endif
