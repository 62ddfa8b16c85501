/* What the readers of other programs' files share: lines, words, lists of our own spelling, and notes on what has no place here.
 *
 * Owner: buffers are the caller's. A note never shows what may be a secret. */
#ifndef FAIRLEAD_CLI_IMPORT_TEXT_H
#define FAIRLEAD_CLI_IMPORT_TEXT_H

#include "base/buf.h"

struct import_lines {
	const char *file;
	struct span rest;
	int number; /* of the line in hand */
};

bool import_next_line(struct import_lines *l, struct span *line);
/* The next word, blanks between; false at the end. */
bool import_next_word(struct span *rest, struct span *word);

/* Appends 'value' to a list with commas. False if it cannot stand between quotes: nothing is appended. */
MUST_CHECK bool import_add_value(struct buf *list, struct span value);
/* An address, 10/8, 10.0.0.0/255.0.0.0, all or *, as "10.0.0.0/8" or "*". False: it is none of these. */
MUST_CHECK bool import_add_network(struct buf *list, struct span value);
/* "# FILE:LINE: ..." */
void import_note(struct buf *notes, const struct import_lines *at, const char *format, ...) PRINTF_LIKE(3, 4);
/* Text of the file, fit for a comment. */
void import_show(struct buf *notes, struct span text);

void import_cntlm(const char *file, struct span text, struct buf *to);
void import_squid(const char *file, struct span text, struct buf *to);

#endif
