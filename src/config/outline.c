#include "config/outline.h"

#include "config/reading.h"
#include "config/source.h"
#include "config/suggest.h"

enum { INCLUDES_MOST = 8, TEXT_CEILING = 4 * SOURCE_MOST };

/* A block being read: its entry, its table, and what it stands in. */
struct open_block {
	struct entry *entry;
	const struct settings_block *table;
	const struct open_block *outer;
};

static void read_statements(struct reading *r, const struct open_block *in);
static void read_all_of(struct reading *r, const struct open_block *top);

void outline_init(struct outline *o, struct arena *memory, struct complaints *c)
{
	*o = (struct outline){.memory = memory, .complaints = c};
	buf_init(&o->text, TEXT_CEILING);
	o->root.last_child = &o->root.children;
}

void outline_fini(struct outline *o)
{
	buf_fini(&o->text);
}

static struct entry *entry_add(struct reading *r, struct entry *in, const struct setting *row, const struct token *name)
{
	struct entry *e = ARENA_NEW(r->o->memory, struct entry);
	if (!e)
		return NULL;
	*e = (struct entry){.row = row, .where = reading_place(r, name), .column = name->column};
	e->last_child = &e->children;
	*in->last_child = e;
	in->last_child = &e->next;
	return e;
}

const struct entry *outline_next(const struct entry *of, const struct setting *row, const struct entry *after)
{
	const struct entry *e = after ? after->next : of->children;
	while (e && e->row != row)
		e = e->next;
	return e;
}

static const struct entry *entry_named(const struct entry *of, const char *name)
{
	const struct entry *e = of->children;
	while (e && !(e->row && strcmp(e->row->name, name) == 0))
		e = e->next;
	return e;
}

const struct entry *outline_find(const struct entry *root, const char *block, const char *name)
{
	const struct entry *outer = block ? entry_named(root, block) : root;
	return outer ? entry_named(outer, name) : NULL;
}

struct written outline_where(const struct entry *root, const char *block, const char *name)
{
	const struct entry *e = outline_find(root, block, name);
	return e ? e->where : root->where;
}

/* ---- blocks ---- */

static bool has_row(const struct settings_block *table, const char *name)
{
	for (unsigned i = 0; i < table->row_count; i++)
		if (strcmp(table->rows[i].name, name) == 0)
			return true;
	return false;
}

/* The name in hand is one of the top level, it is not meant for this block, and it stands no further in than the block's own
 * name: the brace of this block was forgotten. `listen` is a setting of `access` too, and then has a '='. */
static bool brace_is_missing(const struct reading *r, const struct open_block *in, const struct token *name)
{
	if (!in->outer || name->column > in->entry->column || name->line == in->entry->where.line)
		return false;
	if (has_row(in->table, name->value) && reading_at_name(r))
		return false;
	return has_row(&settings_table, name->value);
}

static void complain_unclosed(struct reading *r, const struct open_block *in, const struct token *before)
{
	const char *title = in->entry->title ? in->entry->title : "";
	const char *blank = *title ? " " : "";
	if (before)
		complain(r->o->complaints, COMPLAINT_ERROR, in->entry->where,
		         "the block %s%s%s that begins here has no closing } before %s in line %d", in->table->name, blank,
		         title, before->value, before->line);
	else
		complain(r->o->complaints, COMPLAINT_ERROR, in->entry->where,
		         "the block %s%s%s that begins here has no closing }", in->table->name, blank, title);
}

static bool check_repeated(struct reading *r, const struct entry *in, const struct setting *row, const char *title,
                           const struct token *name)
{
	for (const struct entry *e = in->children; e; e = e->next) {
		if (e->row != row || (row->repeated && (!title || !e->title || strcmp(e->title, title) != 0)))
			continue;
		if (row->repeated)
			ERROR_AT(r, name,
			         "a second %s \"%s\": the first is in %s:%d; give it another %s, or make one block of both",
			         row->name, title, e->where.file, e->where.line, row->block->title_means);
		else
			ERROR_AT(r, name, "%s%s%s is given twice: the first is in %s:%d; take one out", row->name,
			         row->title ? " " : "", row->title ? row->title : "", e->where.file, e->where.line);
		return false;
	}
	return true;
}

/* The title in front of the brace, as the table wants it. False: complained. */
static bool take_title(struct reading *r, const struct setting *row, const struct token *name, struct token *title)
{
	bool wanted = row->title || row->block->title_means;
	*title = (struct token){.kind = TOKEN_END};
	if (r->token.kind == TOKEN_EQUALS) {
		ERROR_AT(r, name, "%s is a block and has no =: write %s%s { ... }", row->name, row->name,
		         wanted ? " TITLE" : "");
		reading_advance(r);
		if (r->token.kind != TOKEN_OPEN) {
			skip_statement(r, name->line);
			return false;
		}
		return true;
	}
	if (token_is_value(&r->token)) {
		*title = r->token;
		reading_advance(r);
	}
	if (wanted == (title->kind != TOKEN_END))
		return true;
	if (wanted)
		ERROR_AT(r, name, "%s wants %s in front of its {: %s \"...\" { ... }", row->name,
		         row->title ? row->title : row->block->title_means, row->name);
	else
		ERROR_AT(r, name, "%s has no title: write %s { ... }", row->name, row->name);
	return true;
}

static void check_required(struct reading *r, const struct entry *e, const struct settings_block *table)
{
	for (unsigned i = 0; i < table->row_count; i++) {
		const struct setting *row = &table->rows[i];
		if (!row->required || outline_next(e, row, NULL))
			continue;
		const char *shape = row->type == SETTING_BLOCK ? " \"...\" { }" : setting_is_list(row) ? " = {...}" : " = ...";
		complain(r->o->complaints, COMPLAINT_ERROR, e->where, "this %s has no %s: write %s%s", table->name, row->name,
		         row->name, shape);
	}
}

/* A block with its '{' in hand. */
static void read_block(struct reading *r, struct entry *e, const struct open_block *outer)
{
	struct open_block in = {e, e->row->block, outer};
	unsigned errors = r->o->complaints->errors;
	reading_advance(r);
	read_statements(r, &in);
	if (errors == r->o->complaints->errors)
		check_required(r, e, in.table);
}

static void read_block_statement(struct reading *r, const struct open_block *in, const struct setting *row,
                                 const struct token *name)
{
	struct buf *text = &r->o->text;
	struct token title;
	if (!take_title(r, row, name, &title))
		return;
	const char *kept = title.kind == TOKEN_END ? NULL : title.value;
	bool wanted = row->title || row->block->title_means;
	bool good = token_is_sound(r, &title) && wanted == (kept != NULL) && check_repeated(r, in->entry, row, kept, name);
	if (r->token.kind != TOKEN_OPEN) {
		ERROR_AT(r, name, "%s is a block: write { } behind it", row->name);
		skip_statement(r, name->line);
		return;
	}
	struct entry *e = entry_add(r, in->entry, row, name);
	if (!e)
		return;
	e->title = kept;
	e->from = text->n;
	char key[64];
	setting_key(row, key);
	buf_addf(text, "%s ", key);
	if (kept && !row->title)
		add_value(text, &title);
	buf_adds(text, kept ? " { " : "{ ");
	read_block(r, e, in);
	buf_adds(text, "} ");
	e->to = text->n;
	if (good)
		return;
	text->n = e->from;
	e->row = NULL;
}

/* ---- statements ---- */

static const struct setting *row_named(const struct settings_block *table, const char *name, const struct token *title)
{
	for (unsigned i = 0; i < table->row_count; i++) {
		const struct setting *row = &table->rows[i];
		if (strcmp(row->name, name) == 0 &&
		    (!row->title || (token_is_value(title) && strcmp(row->title, title->value) == 0)))
			return row;
	}
	return NULL;
}

static void complain_unknown(struct reading *r, const struct open_block *in, const struct token *name)
{
	AUTO(buf) struct buf text;
	buf_init(&text, 2048);
	if (strcmp(name->value, "log") == 0 && !in->outer)
		buf_adds(&text, "log has two kinds: log access { ... } and log events { ... }");
	else
		buf_addf(&text, in->outer ? "%s has no setting named %.*s" : "%sthere is no setting named %.*s",
		         in->table->name, SPAN_ARG(name->raw));
	if (strcmp(name->value, "log") != 0)
		suggest_setting(in->table, name->value, &text);
	ERROR_AT(r, name, "%s", buf_text(&text));
}

static void include_file(struct reading *r, const struct token *name, const char *path)
{
	struct outline *o = r->o;
	if (r->depth >= INCLUDES_MOST) {
		ERROR_AT(r, name, "files include each other more than %d deep: does one include itself?", INCLUDES_MOST);
		return;
	}
	const char *slash = strrchr(r->scanner.file, '/');
	if (path[0] != '/' && slash)
		path = arena_printf(o->memory, "%.*s/%s", (int)(slash - r->scanner.file), r->scanner.file, path);
	struct span text;
	if (!path || !source_read(path, reading_place(r, name), o->memory, o->complaints, &text))
		return;
	struct reading included = {.o = o, .depth = r->depth + 1};
	scanner_init(&included.scanner, path, text, o->memory, o->complaints);
	struct open_block top = {&o->root, &settings_table, NULL};
	read_all_of(&included, &top);
}

/* include("file"), with its name in `name`. */
static void read_include(struct reading *r, const struct open_block *in, const struct token *name)
{
	struct token path = {.kind = TOKEN_END};
	bool parens = r->token.kind == TOKEN_LEFT;
	if (parens)
		reading_advance(r);
	if (token_is_value(&r->token)) {
		path = r->token;
		reading_advance(r);
	}
	if (!parens || path.kind == TOKEN_END || r->token.kind != TOKEN_RIGHT) {
		ERROR_AT(r, name, "write include(\"FILE\")");
		skip_statement(r, name->line);
		return;
	}
	reading_advance(r);
	if (in->outer)
		ERROR_AT(r, name, "include stands outside of all blocks");
	else if (token_is_sound(r, &path))
		include_file(r, name, path.value);
}

/* A statement whose name is in `name`, with the token behind it in hand. */
static void read_statement(struct reading *r, const struct open_block *in, const struct token *name)
{
	if (strcmp(name->value, "include") == 0) {
		read_include(r, in, name);
		return;
	}
	const struct setting *row = row_named(in->table, name->value, &r->token);
	if (!row || row->type == SETTING_LATER) {
		if (row)
			ERROR_AT(r, name, "%s%s%s is not supported by this version yet: take it out", in->table->name,
			         in->outer ? " " : "", row->name);
		else if (token_is_sound(r, name))
			complain_unknown(r, in, name);
		skip_statement(r, name->line);
		return;
	}
	if (row->type == SETTING_BLOCK) {
		read_block_statement(r, in, row, name);
		return;
	}
	bool good = check_repeated(r, in->entry, row, NULL, name);
	size_t from = r->o->text.n;
	struct entry *e = entry_add(r, in->entry, row, name);
	if (!e)
		return;
	read_setting(r, e);
	if (good)
		return;
	r->o->text.n = from;
	e->row = NULL;
}

/* Something that is no name where a name should stand. */
static void refuse_name(struct reading *r, const struct token *name)
{
	if (!token_is_sound(r, name))
		return;
	if (name->kind != TOKEN_STRING) {
		ERROR_AT(r, name, "the name of a setting should stand here, not %.*s", SPAN_ARG(name->raw));
		return;
	}
	ERROR_AT(r, name, "the name of a setting should stand here, without quotes, not %.*s", SPAN_ARG(name->raw));
	skip_statement(r, name->line);
}

/* Up to the block's closing brace, which is taken; or to the name that shows that it is missing, which is left. */
static void read_statements(struct reading *r, const struct open_block *in)
{
	while (r->token.kind != TOKEN_END) {
		struct token name = r->token;
		if (name.kind == TOKEN_CLOSE && in->outer) {
			reading_advance(r);
			return;
		}
		if (name.kind == TOKEN_WORD && brace_is_missing(r, in, &name)) {
			complain_unclosed(r, in, &name);
			return;
		}
		reading_advance(r);
		if (name.kind == TOKEN_WORD)
			read_statement(r, in, &name);
		else if (name.kind == TOKEN_CLOSE)
			ERROR_AT(r, &name, "a } that closes nothing");
		else
			refuse_name(r, &name);
		if (!in->outer)
			buf_addc(&r->o->text, '\n');
	}
	if (in->outer)
		complain_unclosed(r, in, NULL);
}

static void read_all_of(struct reading *r, const struct open_block *top)
{
	buf_init(&r->values, VALUES_MOST * sizeof(struct entry_value));
	reading_advance(r);
	read_statements(r, top);
	buf_fini(&r->values);
}

void outline_text(struct outline *o, const char *name, struct span text)
{
	struct reading r = {.o = o};
	struct open_block top = {&o->root, &settings_table, NULL};
	scanner_init(&r.scanner, name, text, o->memory, o->complaints);
	read_all_of(&r, &top);
}

bool outline_file(struct outline *o, const char *path)
{
	struct span text;
	o->root.where = (struct written){path, 0};
	if (!source_read(path, o->root.where, o->memory, o->complaints, &text))
		return false;
	outline_text(o, path, text);
	return true;
}
