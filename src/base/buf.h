/* Bytes that grow up to a ceiling given at birth.
 *
 * Owner: the struct owns its heap block unless it was made over somebody else's (buf_over), which it never outgrows.
 * Errors: appending never reports; the first failure sticks, later appends do nothing, and whoever uses the result asks
 * buf_error() once. So a head is written as a straight list of appends. */
#ifndef FAIRLEAD_BASE_BUF_H
#define FAIRLEAD_BASE_BUF_H

#include <stdarg.h>

#include "base/error.h"
#include "base/span.h"

struct buf {
	char *p;
	size_t n;
	size_t capacity;
	size_t ceiling;
	int error; /* 0, -ENOBUFS (the ceiling) or -ENOMEM */
	bool borrowed;
};

void buf_init(struct buf *b, size_t ceiling);
/* Writes into memory of the caller, `capacity` bytes, never more. */
void buf_over(struct buf *b, void *memory, size_t capacity);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b);

/* Makes room for `more` bytes behind b->n. 0, -ENOBUFS, -ENOMEM (also kept as the sticky error). */
MUST_CHECK int buf_reserve(struct buf *b, size_t more);

/* What buf_add() does when there is no room yet. */
void buf_add_growing(struct buf *b, struct span s);

static inline void buf_add(struct buf *b, struct span s)
{
	if (UNLIKELY(s.n > b->capacity - b->n || b->error)) {
		buf_add_growing(b, s);
		return;
	}
	if (s.n)
		memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
}

void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *text);
void buf_addu(struct buf *b, uint64_t number);
void buf_addf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_addv(struct buf *b, const char *format, va_list ap) PRINTF_LIKE(2, 0);

static inline struct span buf_span(const struct buf *b)
{
	return span_make(b->p, b->n);
}

MUST_CHECK static inline int buf_error(const struct buf *b)
{
	return b->error;
}

/* A terminator behind the text, not counted in n. Valid until the next append; "" after an error. */
const char *buf_text(struct buf *b);

static inline void auto_release_buf(struct buf *b)
{
	buf_fini(b);
}

#endif
