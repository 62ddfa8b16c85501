/* From an outline to values in a snapshot, by libconfuse and the table.
 *
 * Errors: complaints; `starved` once memory or the snapshot's ceiling ended. */
#ifndef FAIRLEAD_CONFIG_READER_H
#define FAIRLEAD_CONFIG_READER_H

#include "config/outline.h"
#include "config/settings.h"

struct reader {
	struct settings *settings;
	struct arena *memory; /* the snapshot's */
	struct complaints *complaints;
	bool starved;
};

/* Cleared memory of the snapshot, or NULL and starved. */
void *reader_alloc(struct reader *r, size_t n);
MUST_CHECK bool reader_read(struct reader *r, struct outline *o);

/* Puts the text of a value where its row says, `block` being the struct of the row's block. NULL, or what is wrong. */
MUST_CHECK const char *store_scalar(struct reader *r, const struct setting *row, const char *text, char *block);
/* The same for one item of a list, for which list_begin() has made room. */
MUST_CHECK const char *store_item(struct reader *r, const struct setting *row, const char *text, void *list);
void list_begin(struct reader *r, const struct setting *row, void *list, size_t values);
/* The row's default. */
void store_fallback(struct reader *r, const struct setting *row, char *block);
void store_number(void *at, size_t width, uint64_t number);

#endif
