/* What stands where in a settings file: names, titles and lines, checked against the table, before libconfuse reads the
 * values from a text that holds nothing else.
 *
 * libconfuse stops at its first error, has no line for a value, and takes things that are mistakes (settings are given
 * twice, blocks swallow what follows a missing brace). The outline finds all of these at once.
 *
 * Owner: all of it lives in the arena. Errors: complaints. */
#ifndef FAIRLEAD_CONFIG_OUTLINE_H
#define FAIRLEAD_CONFIG_OUTLINE_H

#include "base/arena.h"
#include "config/settings.h"
#include "config/table.h"

/* One value of a setting: where it stands, and what it means once quotes and variables are taken out. */
struct entry_value {
	int line;
	const char *text;
};

/* One setting or block that was written. */
struct entry {
	struct entry *next;
	const struct setting *row; /* NULL: the file as a whole */
	struct written where;
	const char *title;
	const struct entry_value *values;
	unsigned value_count;
	struct entry *children, **last_child;
	size_t from, to; /* in outline.text */
	int column;
};

struct outline {
	struct arena *memory;
	struct complaints *complaints;
	struct buf text; /* for libconfuse: known settings only, one top-level entry a line, values as they were written */
	struct entry root;
};

void outline_init(struct outline *o, struct arena *memory, struct complaints *c);
void outline_fini(struct outline *o);
/* Reads a file and what it includes. False if the file itself could not be read. */
MUST_CHECK bool outline_file(struct outline *o, const char *path);
/* The same for text that is not in a file; `name` stands for it in messages. */
void outline_text(struct outline *o, const char *name, struct span text);

/* A setting that was written: outline_find(root, "limits", "field"), or with `block` NULL one of the top level; NULL. */
const struct entry *outline_find(const struct entry *root, const char *block, const char *name);
/* Where that is; the file as a whole if it was not written. */
struct written outline_where(const struct entry *root, const char *block, const char *name);

/* The entries of one row among the children, in order: NULL when there are no more. */
const struct entry *outline_next(const struct entry *of, const struct setting *row, const struct entry *after);

#endif
