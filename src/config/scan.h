/* Splits a settings file into the tokens that libconfuse will see, and finds what libconfuse lets pass: unknown escapes,
 * control characters, undefined variables, strings and comments without an end.
 *
 * Owner: tokens point into the text; decoded values live in the arena. Errors: a token carries what is wrong with it; whether
 * that is worth a complaint is known to whoever uses it. A comment without an end is complained of here. */
#ifndef FAIRLEAD_CONFIG_SCAN_H
#define FAIRLEAD_CONFIG_SCAN_H

#include "base/arena.h"
#include "config/settings.h"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,   /* unquoted */
	TOKEN_STRING, /* in quotes of either kind */
	TOKEN_EQUALS,
	TOKEN_ADD, /* += */
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_LEFT, /* ( */
	TOKEN_RIGHT,
};

struct token {
	enum token_kind kind;
	struct span raw;   /* as written, quotes included: fit to be handed on */
	const char *value; /* of words and strings: what it means */
	int line;
	int column;          /* in bytes, from 0 */
	const char *problem; /* a sentence, or NULL */
};

struct scanner {
	struct span text;
	size_t at, line_at;
	const char *file;
	int line;
	struct arena *memory;
	struct complaints *complaints; /* NULL: look ahead without a word */
};

void scanner_init(struct scanner *s, const char *file, struct span text, struct arena *memory, struct complaints *c);
void scan_next(struct scanner *s, struct token *out);

#endif
