/* libconfuse reads the text that the outline made, with options made from the table; what it finds is put where the table
 * says. It has one lexer for the whole process, so one file is read at a time. */
#include "config/reader.h"

#include <confuse.h>
#include <pthread.h>
#include <stdio.h>

#include "config/table.h"

static pthread_mutex_t lexer_lock = PTHREAD_MUTEX_INITIALIZER;

void *reader_alloc(struct reader *r, size_t n)
{
	void *it = arena_zalloc(r->memory, n ? n : 1);
	r->starved = r->starved || !it;
	return it;
}

/* ---- libconfuse's options, from the table ---- */

static bool option_of(struct reader *r, const struct setting *row, cfg_opt_t *out);

static cfg_opt_t *options_of(struct reader *r, const struct settings_block *block)
{
	static const cfg_opt_t end = CFG_END();
	cfg_opt_t *options = reader_alloc(r, sizeof(*options) * (block->row_count + 1)), *next = options;
	if (!options)
		return NULL;
	for (unsigned i = 0; i < block->row_count; i++)
		next += option_of(r, &block->rows[i], next);
	*next = end;
	return options;
}

static bool option_of(struct reader *r, const struct setting *row, cfg_opt_t *out)
{
	char *key = reader_alloc(r, 64);
	if (!key || row->type == SETTING_LATER)
		return false;
	setting_key(row, key);
	cfg_opt_t text = CFG_STR(key, NULL, CFGF_NODEFAULT), list = CFG_STR_LIST(key, NULL, CFGF_NODEFAULT);
	if (row->type == SETTING_BLOCK) {
		cfg_opt_t *inner = options_of(r, row->block);
		cfg_opt_t block = CFG_SEC(key, inner, CFGF_MULTI | (row->block->title_means ? CFGF_TITLE : CFGF_NONE));
		*out = block;
		return inner != NULL;
	}
	*out = setting_is_list(row) ? list : text;
	return true;
}

/* ---- settings and blocks ---- */

static void refuse(struct reader *r, const struct entry *e, unsigned value, const char *problem)
{
	struct written where = {e->where.file, value < e->value_count ? e->values[value].line : e->where.line};
	if (problem)
		complain(r->complaints, COMPLAINT_ERROR, where, "%s %s", e->row->name, problem);
}

/* Two readers of one text: should they ever differ, the file is refused, not guessed at. */
static const char *value_of(struct reader *r, cfg_opt_t *option, const struct entry *e, unsigned i)
{
	const char *text = cfg_opt_getnstr(option, i);
	if (i >= e->value_count || strcmp(text, e->values[i].text) != 0)
		refuse(r, e, i, "is not understood: write its value in single quotes");
	return text;
}

static void read_list(struct reader *r, const struct setting *row, cfg_opt_t *option, const struct entry *e, void *list)
{
	unsigned values = cfg_opt_size(option);
	list_begin(r, row, list, values);
	for (unsigned i = 0; i < values && !r->starved; i++)
		refuse(r, e, i, store_item(r, row, value_of(r, option, e, i), list));
	if (values == 0)
		refuse(r, e, 0, "has an empty list: name at least one, or take it out");
}

/* A value that is refused leaves the default, so that what depends on it is not complained of as well. */
static void read_setting(struct reader *r, const struct setting *row, cfg_t *cfg, const struct entry *e, char *block)
{
	char key[64];
	setting_key(row, key);
	cfg_opt_t *option = e ? cfg_getopt(cfg, key) : NULL;
	if (!option) {
		store_fallback(r, row, block);
		return;
	}
	if (setting_is_list(row)) {
		read_list(r, row, option, e, block + row->at);
		return;
	}
	ASSERT(cfg_opt_size(option) == 1);
	const char *problem = store_scalar(r, row, value_of(r, option, e, 0), block);
	refuse(r, e, 0, problem);
	if (problem)
		store_fallback(r, row, block);
}

static void read_block(struct reader *r, const struct settings_block *block, cfg_t *cfg, const struct entry *e,
                       void *into);

static unsigned count_entries(const struct entry *of, const struct setting *row)
{
	unsigned n = 0;
	for (const struct entry *e = of ? outline_next(of, row, NULL) : NULL; e; e = outline_next(of, row, e))
		n++;
	return n;
}

/* A block that stands once, or not at all: then its defaults hold. */
static void read_single(struct reader *r, const struct setting *row, cfg_t *cfg, const struct entry *of, char *block)
{
	char key[64];
	setting_key(row, key);
	const struct entry *e = of ? outline_next(of, row, NULL) : NULL;
	cfg_t *inner = e ? cfg_getsec(cfg, key) : NULL;
	read_block(r, row->block, inner, inner ? e : NULL, block + row->at);
}

static void read_repeated(struct reader *r, const struct setting *row, cfg_t *cfg, const struct entry *of, char *block)
{
	char key[64];
	setting_key(row, key);
	unsigned n = count_entries(of, row);
	char *items = reader_alloc(r, row->width * n);
	memcpy(block + row->at, &items, sizeof(items));
	if (!items)
		return;
	store_number(block + row->count_at, sizeof(unsigned), n);
	const struct entry *e = NULL;
	for (unsigned i = 0; i < n; i++) {
		e = outline_next(of, row, e);
		cfg_t *inner = cfg_getnsec(cfg, key, i);
		ASSERT(e && inner);
		read_block(r, row->block, inner, e, items + i * row->width);
	}
}

static void read_block(struct reader *r, const struct settings_block *block, cfg_t *cfg, const struct entry *e,
                       void *into)
{
	char *at = into;
	bool there = true;
	if (e && block->where_at != NOWHERE)
		memcpy(at + block->where_at, &e->where, sizeof(e->where));
	if (e && block->title_at != NOWHERE) {
		const char *title = arena_dup(r->memory, span_of(cfg_title(cfg))).p;
		memcpy(at + block->title_at, &title, sizeof(title));
	}
	if (e && block->on_at != NOWHERE)
		memcpy(at + block->on_at, &there, sizeof(there));
	for (unsigned i = 0; i < block->row_count && !r->starved; i++) {
		const struct setting *row = &block->rows[i];
		if (row->type == SETTING_LATER)
			continue;
		if (row->type != SETTING_BLOCK)
			read_setting(r, row, cfg, e ? outline_next(e, row, NULL) : NULL, at);
		else if (row->repeated)
			read_repeated(r, row, cfg, e, at);
		else
			read_single(r, row, cfg, e, at);
	}
}

/* ---- the whole ---- */

/* The outline leaves libconfuse nothing to object to; should it object all the same, its words must not be lost. */
static _Thread_local struct reader *reading;

static void on_confuse_error(cfg_t *cfg, const char *format, va_list ap)
{
	char text[512];
	vsnprintf(text, sizeof(text), format, ap);
	complain(reading->complaints, COMPLAINT_ERROR, (struct written){reading->settings->source, 0}, "%s", text);
}

bool reader_read(struct reader *r, struct outline *o)
{
	cfg_opt_t *options = options_of(r, &settings_table);
	if (!options || buf_error(&o->text))
		return false;
	pthread_mutex_lock(&lexer_lock);
	reading = r;
	cfg_t *cfg = cfg_init(options, CFGF_NONE);
	if (cfg)
		cfg_set_error_function(cfg, on_confuse_error);
	bool good = cfg && cfg_parse_buf(cfg, buf_text(&o->text)) == CFG_SUCCESS;
	if (good)
		read_block(r, &settings_table, cfg, &o->root, r->settings);
	if (cfg)
		cfg_free(cfg);
	reading = NULL;
	pthread_mutex_unlock(&lexer_lock);
	return good && !r->starved;
}
