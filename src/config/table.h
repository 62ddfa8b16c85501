/* The one table of settings: name, type, limits, default, one sentence. The reader's options, the defaults, what `check`
 * says, and the manual page are made from it. */
#ifndef FAIRLEAD_CONFIG_TABLE_H
#define FAIRLEAD_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
	SETTING_TEXT,
	SETTING_FILE, /* the path of a file */
	SETTING_BOOL,
	SETTING_COUNT,  /* a plain number */
	SETTING_SIZE,   /* bytes, with a unit */
	SETTING_TIME,   /* milliseconds, with a unit */
	SETTING_CHOICE, /* one of a few words; stored as an enum in their order */
	SETTING_VIA,    /* where a route leads */
	SETTING_TEXTS,  /* the rest are lists */
	SETTING_NETWORKS,
	SETTING_PORTS,
	SETTING_PATTERNS,
	SETTING_SCHEMES, /* schemes of sign-in, out of `words` */
	SETTING_BLOCK,
	SETTING_LATER, /* a name that is kept for a later version: refused */
};

struct settings_block;

struct setting {
	const char *name;  /* as written in the file */
	const char *title; /* of a block: the one fixed title that it has ("log access"); NULL: any or none */
	enum setting_type type;
	size_t at;       /* where it is stored in the struct of its block */
	size_t width;    /* of what is stored there; of a repeated block: of one element */
	size_t count_at; /* of a repeated block: where its count is stored */
	bool repeated;   /* a block that may occur more than once */
	bool required;
	int64_t least, most;  /* of numbers, sizes and times */
	const char *fallback; /* the default, as written in the file; lists with commas; NULL: none */
	const char *words;    /* of a choice: "proxy|console" */
	const char *sentence;
	const struct settings_block *block;
};

enum { NOWHERE = -1 };

struct settings_block {
	const char *name;              /* the path in messages and in the manual: "listen", "upstream member" */
	const char *title_means;       /* "ADDRESS"; NULL: a block without a title */
	int title_at, where_at, on_at; /* where title, `struct written`, and "it is there" are stored; NOWHERE */
	const struct setting *rows;
	unsigned row_count;
	const char *example; /* a few lines for the manual */
};

/* The top level of the file. */
extern const struct settings_block settings_table;

/* What there is without a file, or in a file without any `listen`. */
extern const char settings_embedded[];

bool setting_is_list(const struct setting *row);
/* The name under which libconfuse knows it: "log-access". */
void setting_key(const struct setting *row, char out[64]);

#endif
