/* A settings file while its outline is made: the token in hand, and the reading of one setting.
 *
 * Errors: complaints. */
#ifndef FAIRLEAD_CONFIG_READING_H
#define FAIRLEAD_CONFIG_READING_H

#include "config/outline.h"
#include "config/scan.h"

enum { VALUES_MOST = 65536 };

/* One file being read. */
struct reading {
	struct outline *o;
	struct scanner scanner;
	struct token token; /* the one in hand */
	unsigned depth;     /* of includes */
	struct buf values;  /* struct entry_value, of the setting in hand */
};

#define ERROR_AT(r, t, ...) complain((r)->o->complaints, COMPLAINT_ERROR, reading_place((r), (t)), __VA_ARGS__)

void reading_advance(struct reading *r);
struct written reading_place(const struct reading *r, const struct token *t);
bool token_is_value(const struct token *t);
/* Is the token in hand the name of a setting: is there a '=' behind it? */
bool reading_at_name(const struct reading *r);
/* False after a complaint: a token that is used and is not right. */
bool token_is_sound(const struct reading *r, const struct token *t);
/* Leaves out the rest of a statement that is not understood and whose name is in `line`: what follows on the same line, and
 * blocks begun there. */
void skip_statement(struct reading *r, int line);

/* Appends a value or a title to the text for libconfuse. */
void add_value(struct buf *to, const struct token *t);
/* What stands behind the name of a setting. Where that is not understood nothing is appended, and e->row becomes NULL. */
void read_setting(struct reading *r, struct entry *e);

#endif
