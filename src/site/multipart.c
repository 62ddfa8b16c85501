#include "site/multipart.h"

#include <sys/random.h>

#include "base/encode.h"

void multipart_init(struct multipart *m)
{
	unsigned char random[BOUNDARY / 2];
	struct buf b;
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		die("the kernel gives no random bytes");
	buf_over(&b, m->boundary, BOUNDARY);
	encode_hex(&b, random, sizeof(random));
	ASSERT(buf_error(&b) == 0 && b.n == BOUNDARY);
}

void multipart_add_field(const struct multipart *m, struct buf *to)
{
	buf_add(to, SPAN("Content-Type: multipart/byteranges; boundary="));
	buf_add(to, span_make(m->boundary, BOUNDARY));
	buf_add(to, SPAN("\r\n"));
}

void multipart_add_part(const struct multipart *m, struct span type, const struct byte_range *r, uint64_t size,
                        struct buf *to)
{
	buf_add(to, SPAN("\r\n--"));
	buf_add(to, span_make(m->boundary, BOUNDARY));
	buf_add(to, SPAN("\r\nContent-Type: "));
	buf_add(to, type);
	buf_add(to, SPAN("\r\nContent-Range: "));
	range_add(to, r, size);
	buf_add(to, SPAN("\r\n\r\n"));
}

void multipart_add_end(const struct multipart *m, struct buf *to)
{
	buf_add(to, SPAN("\r\n--"));
	buf_add(to, span_make(m->boundary, BOUNDARY));
	buf_add(to, SPAN("--\r\n"));
}
