/* Rows and columns, written as HTML, JSON or text while they are told. A view tells what is so; how it looks is settled here.
 *
 * Owner: the caller's struct; writes into the caller's buffer. Cells come in the order of the columns, all of them. */
#ifndef FAIRLEAD_CONSOLE_SHEET_H
#define FAIRLEAD_CONSOLE_SHEET_H

#include "base/buf.h"

enum sheet_form { SHEET_TEXT, SHEET_HTML, SHEET_JSON };

enum { COLUMNS_MOST = 8 };

struct sheet {
	struct buf *to;
	enum sheet_form form;
	const char *const *columns; /* ends with NULL; names as in JSON */
	unsigned count, column, row;
};

/* A page holds one sheet or several. */
void page_begin(struct buf *to, enum sheet_form form, const char *title, bool several);
void page_end(struct buf *to, enum sheet_form form, bool several);

/* `name` as in JSON and in the address; `title` for people; `first`: of the page's sheets; `alone`: its only one. */
void sheet_begin(struct sheet *s, struct buf *to, enum sheet_form form, const char *name, const char *title,
                 const char *const *columns, bool first, bool alone);
void sheet_text(struct sheet *s, struct span text);
void sheet_string(struct sheet *s, const char *text); /* NULL: nothing is known */
void sheet_number(struct sheet *s, int64_t n);
void sheet_yes_no(struct sheet *s, bool yes);
void sheet_end(struct sheet *s);

#endif
