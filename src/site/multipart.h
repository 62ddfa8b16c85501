/* multipart/byteranges: several parts of one file in one answer (RFC 9110 section 14.6). */
#ifndef FAIRLEAD_SITE_MULTIPART_H
#define FAIRLEAD_SITE_MULTIPART_H

#include "http/range.h"

enum { BOUNDARY = 24 };

struct multipart {
	char boundary[BOUNDARY]; /* cannot be foreseen, so that no file can be made to hold it */
};

void multipart_init(struct multipart *m);
/* The line of Content-Type. */
void multipart_add_field(const struct multipart *m, struct buf *to);
/* What goes before a part's bytes; `type` is the file's. */
void multipart_add_part(const struct multipart *m, struct span type, const struct byte_range *r, uint64_t size,
                        struct buf *to);
/* What goes behind the last. */
void multipart_add_end(const struct multipart *m, struct buf *to);

#endif
