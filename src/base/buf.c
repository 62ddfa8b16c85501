#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b, size_t ceiling)
{
	*b = (struct buf){.ceiling = ceiling};
}

void buf_over(struct buf *b, void *memory, size_t capacity)
{
	*b = (struct buf){.p = memory, .capacity = capacity, .ceiling = capacity, .borrowed = true};
}

void buf_fini(struct buf *b)
{
	if (!b->borrowed)
		free(b->p);
	*b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->error = 0;
}

static int fail(struct buf *b, int error)
{
	b->error = error;
	return error;
}

int buf_reserve(struct buf *b, size_t more)
{
	if (b->error)
		return b->error;
	if (more <= b->capacity - b->n)
		return 0;
	if (more > b->ceiling - b->n)
		return fail(b, -ENOBUFS);
	if (b->borrowed)
		return fail(b, -ENOBUFS);
	size_t need = b->n + more;
	size_t capacity = b->capacity ? b->capacity : 64;
	while (capacity < need)
		capacity *= 2;
	if (capacity > b->ceiling)
		capacity = b->ceiling;
	char *p = realloc(b->p, capacity);
	if (!p)
		return fail(b, -ENOMEM);
	b->p = p;
	b->capacity = capacity;
	return 0;
}

void buf_add_growing(struct buf *b, struct span s)
{
	if (s.n == 0 || buf_reserve(b, s.n) != 0)
		return;
	memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, span_make(&c, 1));
}

void buf_adds(struct buf *b, const char *text)
{
	buf_add(b, span_of(text));
}

void buf_addu(struct buf *b, uint64_t number)
{
	char digits[20];
	size_t i = sizeof(digits);
	do {
		digits[--i] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	buf_add(b, span_make(digits + i, sizeof(digits) - i));
}

void buf_addv(struct buf *b, const char *format, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, format, ap);
	if (n > 0) {
		char small[256];
		char *text = (size_t)n < sizeof(small) ? small : malloc((size_t)n + 1);
		if (!text) {
			b->error = b->error ? b->error : -ENOMEM;
		} else {
			vsnprintf(text, (size_t)n + 1, format, again);
			buf_add(b, span_make(text, (size_t)n));
			if (text != small)
				free(text);
		}
	}
	va_end(again);
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	buf_addv(b, format, ap);
	va_end(ap);
}

const char *buf_text(struct buf *b)
{
	if (b->error)
		return "";
	if (b->n == b->capacity) {
		if (buf_reserve(b, 1) != 0)
			return "";
	}
	b->p[b->n] = '\0';
	return b->p;
}
