/* Errors and warnings of a settings file, in the order of the file's lines. */
#include "config/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MOST = 4096, COMPLAINTS_MOST = 100 };

void complaints_init(struct complaints *c)
{
	*c = (struct complaints){.first = NULL};
	c->last = &c->first;
}

void complaints_fini(struct complaints *c)
{
	while (c->first) {
		struct complaint *next = c->first->next;
		free(c->first);
		c->first = next;
	}
	complaints_init(c);
}

/* One block of memory holds the complaint, its text and its file's name, since the snapshot they speak of may be gone. */
static struct complaint *complaint_new(enum complaint_kind kind, struct written where, struct span text)
{
	struct span file = span_of(where.file);
	struct complaint *it = malloc(sizeof(*it) + text.n + 1 + file.n + 1);
	if (!it)
		return NULL;
	char *room = (char *)(it + 1), *file_room = room + text.n + 1;
	memcpy(room, text.p, text.n);
	room[text.n] = '\0';
	if (file.n)
		memcpy(file_room, file.p, file.n);
	file_room[file.n] = '\0';
	*it = (struct complaint){.kind = kind, .where = {file_room, where.line}, .text = room};
	return it;
}

/* Texts quote the file, so control characters in it must not reach a terminal; an endless value is cut. */
static void PRINTF_LIKE(2, 0) format_text(char text[TEXT_MOST], const char *format, va_list ap)
{
	int n = vsnprintf(text, TEXT_MOST, format, ap);
	if (n >= TEXT_MOST)
		strcpy(text + TEXT_MOST - 4, "...");
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

/* By line among those of the same file: the parts of the reader find things in an order of their own. */
static void insert_in_order(struct complaints *c, struct complaint *it)
{
	struct complaint **at = c->last;
	for (struct complaint **p = &c->first; *p; p = &(*p)->next) {
		if (strcmp((*p)->where.file, it->where.file) != 0)
			continue;
		at = (*p)->where.line > it->where.line ? p : &(*p)->next;
		if ((*p)->where.line > it->where.line)
			break;
	}
	it->next = *at;
	*at = it;
	if (at == c->last)
		c->last = &it->next;
}

void complain(struct complaints *c, enum complaint_kind kind, struct written where, const char *format, ...)
{
	if (!c->last)
		complaints_init(c);
	unsigned *count = kind == COMPLAINT_ERROR ? &c->errors : &c->warnings;
	if ((*count)++ >= COMPLAINTS_MOST)
		return;
	char text[TEXT_MOST];
	va_list ap;
	va_start(ap, format);
	format_text(text, format, ap);
	va_end(ap);
	struct complaint *it = complaint_new(kind, where, span_of(text));
	if (!it)
		return;
	insert_in_order(c, it);
}

void complaints_print(const struct complaints *c, struct buf *to)
{
	for (const struct complaint *it = c->first; it; it = it->next) {
		if (it->where.file[0])
			buf_adds(to, it->where.file);
		if (it->where.file[0] && it->where.line)
			buf_addf(to, ":%d", it->where.line);
		if (it->where.file[0])
			buf_adds(to, ": ");
		buf_addf(to, "%s: %s\n", it->kind == COMPLAINT_ERROR ? "error" : "warning", it->text);
	}
	if (c->errors > COMPLAINTS_MOST)
		buf_addf(to, "and %u more errors\n", c->errors - COMPLAINTS_MOST);
}
