#include "config/reading.h"

#include <ctype.h>

void reading_advance(struct reading *r)
{
	scan_next(&r->scanner, &r->token);
}

struct written reading_place(const struct reading *r, const struct token *t)
{
	return (struct written){r->scanner.file, t->line};
}

bool token_is_sound(const struct reading *r, const struct token *t)
{
	if (t->problem)
		ERROR_AT(r, t, "%s", t->problem);
	return !t->problem;
}

bool token_is_value(const struct token *t)
{
	return t->kind == TOKEN_WORD || t->kind == TOKEN_STRING;
}

void skip_statement(struct reading *r, int line)
{
	int depth = 0;
	while (r->token.kind != TOKEN_END && (depth > 0 || r->token.line == line || r->token.kind == TOKEN_OPEN)) {
		if (r->token.kind == TOKEN_CLOSE && depth == 0)
			return;
		depth += r->token.kind == TOKEN_OPEN;
		depth -= r->token.kind == TOKEN_CLOSE;
		line = r->token.line;
		reading_advance(r);
	}
}

bool reading_at_name(const struct reading *r)
{
	struct scanner ahead = r->scanner;
	struct token then;
	if (r->token.kind != TOKEN_WORD)
		return false;
	ahead.complaints = NULL;
	scan_next(&ahead, &then);
	return then.kind == TOKEN_EQUALS;
}

/* libconfuse drops some characters of bare words without saying so. */
static bool is_plain(struct span word)
{
	for (size_t i = 0; i < word.n; i++)
		if (!isalnum((unsigned char)word.p[i]) && !strchr("-_.:/", word.p[i]))
			return false;
	return word.n > 0;
}

/* Hands a value or a title on as it was written; a word that is more than a plain one gets quotes. */
void add_value(struct buf *to, const struct token *t)
{
	const char *quote = t->kind == TOKEN_WORD && !is_plain(t->raw) ? "'" : "";
	buf_adds(to, quote);
	buf_add(to, t->raw);
	buf_adds(to, quote);
}

/* The value in hand: appended to the text, its line kept. */
static bool take_value(struct reading *r)
{
	bool sound = token_is_sound(r, &r->token);
	struct entry_value value = {r->token.line, r->token.value};
	buf_adds(&r->o->text, r->values.n ? ", " : "");
	add_value(&r->o->text, &r->token);
	buf_add(&r->values, span_make((const char *)&value, sizeof(value)));
	reading_advance(r);
	return sound;
}

/* "{" value "," value "}" with the brace in hand. False: the list was not understood, and has been complained of. */
static bool read_list(struct reading *r, const struct setting *row)
{
	struct token open = r->token;
	bool good = true;
	reading_advance(r);
	while (r->token.kind != TOKEN_CLOSE) {
		if (!token_is_value(&r->token) || reading_at_name(r)) {
			ERROR_AT(r, &open, "the list of %s that begins here has no closing }", row->name);
			return false;
		}
		good = take_value(r) && good;
		if (r->token.kind == TOKEN_COMMA) {
			reading_advance(r);
		} else if (token_is_value(&r->token) && !reading_at_name(r)) {
			ERROR_AT(r, &r->token, "a comma is missing in front of %.*s in the list of %s", SPAN_ARG(r->token.raw),
			         row->name);
			good = false;
		}
	}
	reading_advance(r);
	return good;
}

static bool read_values(struct reading *r, const struct entry *e)
{
	const struct setting *row = e->row;
	if (r->token.kind == TOKEN_OPEN && setting_is_list(row))
		return read_list(r, row);
	if (r->token.kind == TOKEN_OPEN) {
		ERROR_AT(r, &r->token, "%s takes one value, not a list", row->name);
		skip_statement(r, r->token.line);
		return false;
	}
	if (!token_is_value(&r->token) || reading_at_name(r)) {
		complain(r->o->complaints, COMPLAINT_ERROR, e->where, "%s has no value behind the =", row->name);
		return false;
	}
	return take_value(r);
}

static bool take_equals(struct reading *r, const struct entry *e)
{
	const struct setting *row = e->row;
	if (r->token.kind == TOKEN_EQUALS) {
		reading_advance(r);
		return true;
	}
	if (r->token.kind == TOKEN_ADD)
		complain(r->o->complaints, COMPLAINT_ERROR, e->where, "+= is not used here: write all values of %s in one list",
		         row->name);
	else
		complain(r->o->complaints, COMPLAINT_ERROR, e->where, "%s wants a = in front of its value: %s = %s", row->name,
		         row->name, setting_is_list(row) ? "{...}" : "...");
	skip_statement(r, e->where.line);
	return false;
}

/* Keeps the values that were read. */
static bool keep_values(struct reading *r, struct entry *e)
{
	if (buf_error(&r->values)) {
		complain(r->o->complaints, COMPLAINT_ERROR, e->where, "%s has more than %d values", e->row->name, VALUES_MOST);
		return false;
	}
	e->values = (const struct entry_value *)(const void *)arena_dup(r->o->memory, buf_span(&r->values)).p;
	e->value_count = (unsigned)(r->values.n / sizeof(struct entry_value));
	return e->values != NULL;
}

void read_setting(struct reading *r, struct entry *e)
{
	struct buf *text = &r->o->text;
	size_t from = text->n;
	bool good = take_equals(r, e);
	if (good) {
		buf_clear(&r->values);
		buf_addf(text, setting_is_list(e->row) ? "%s = {" : "%s = ", e->row->name);
		good = read_values(r, e) && keep_values(r, e);
		buf_adds(text, setting_is_list(e->row) ? "} " : " ");
	}
	if (good)
		return;
	text->n = from;
	e->row = NULL;
}
