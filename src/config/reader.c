/* Reads a settings file into a snapshot: outline (what stands where), libconfuse (the values), the table (what they mean and
 * where they go), then what must hold between them (sense.c).
 *
 * libconfuse has one lexer for the whole process, so one file is read at a time. */
#include "config/settings.h"

#include <confuse.h>
#include <ifaddrs.h>
#include <pthread.h>
#include <stdio.h>

#include "config/outline.h"
#include "config/sense.h"
#include "config/table.h"
#include "config/values.h"

enum { SNAPSHOT_CEILING = 256 << 20 };

static pthread_mutex_t lexer_lock = PTHREAD_MUTEX_INITIALIZER;

struct reader {
	struct settings *settings;
	struct arena *memory;
	struct complaints *complaints;
	bool starved;
};

static void *reader_alloc(struct reader *r, size_t n)
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

/* ---- one value ---- */

static void store_number(void *at, size_t width, uint64_t number)
{
	uint8_t one = (uint8_t)number;
	uint32_t four = (uint32_t)number;
	if (width == sizeof(one))
		memcpy(at, &one, sizeof(one));
	else if (width == sizeof(four))
		memcpy(at, &four, sizeof(four));
	else
		memcpy(at, &number, sizeof(number));
}

static const struct upstream_settings *upstream_named(const struct settings *s, const char *name)
{
	for (unsigned i = 0; i < s->upstream_count; i++)
		if (strcmp(s->upstreams[i].name, name) == 0)
			return &s->upstreams[i];
	return NULL;
}

static const char *known_upstreams(struct reader *r)
{
	AUTO(buf) struct buf names;
	buf_init(&names, 4096);
	for (unsigned i = 0; i < r->settings->upstream_count && i < 20; i++)
		buf_addf(&names, ", %s", r->settings->upstreams[i].name);
	return arena_dup(r->memory, span_of(buf_text(&names))).p;
}

static const char *store_via(struct reader *r, const char *text, struct route_settings *into)
{
	into->via = VIA_DIRECT;
	if (strcmp(text, "direct") == 0)
		return NULL;
	if (strcmp(text, "pac") == 0)
		return "= pac is not supported by this version yet";
	into->via = VIA_UPSTREAM;
	into->upstream = upstream_named(r->settings, text);
	if (into->upstream)
		return NULL;
	return arena_printf(r->memory, "leads to %s, which is no upstream; there %s direct%s", text,
	                    r->settings->upstream_count ? "are" : "is only", known_upstreams(r));
}

static const char *store_text(struct reader *r, const struct setting *row, const char *text, void *at)
{
	const char *copy = arena_dup(r->memory, span_of(text)).p;
	memcpy(at, &copy, sizeof(copy));
	r->starved = r->starved || !copy;
	return text[0] ? NULL : arena_printf(r->memory, "is empty: give it a value, or take it out");
}

static const char *store_scalar(struct reader *r, const struct setting *row, const char *text, char *block)
{
	const char *problem;
	int64_t number = 0;
	unsigned choice = 0;
	void *at = block + row->at;
	switch (row->type) {
	case SETTING_BOOL:
		return value_bool(r->memory, text, at);
	case SETTING_COUNT:
	case SETTING_SIZE:
	case SETTING_TIME:
		problem = value_number(r->memory, row, text, &number);
		store_number(at, row->width, (uint64_t)number);
		return problem;
	case SETTING_CHOICE:
		problem = value_choice(r->memory, row, text, &choice);
		store_number(at, row->width, choice);
		return problem;
	case SETTING_VIA:
		return store_via(r, text, (struct route_settings *)(void *)block);
	default:
		return store_text(r, row, text, at);
	}
}

/* ---- lists: each is a pointer to items and a count ---- */

static size_t item_size(const struct setting *row)
{
	switch (row->type) {
	case SETTING_NETWORKS:
		return 2 * sizeof(struct network); /* "*" is two */
	case SETTING_PORTS:
		return sizeof(struct port_range);
	case SETTING_PATTERNS:
		return sizeof(struct pattern);
	default:
		return sizeof(const char *);
	}
}

static const char *store_item(struct reader *r, const struct setting *row, const char *text, void *list)
{
	struct network_list *networks = list;
	struct port_list *ports = list;
	struct pattern_list *patterns = list;
	struct text_list *texts = list;
	unsigned added = 1;
	const char *problem;
	switch (row->type) {
	case SETTING_NETWORKS:
		problem = value_networks(r->memory, text, networks->items + networks->count, &added);
		networks->count += problem ? 0 : added;
		return problem;
	case SETTING_PORTS:
		problem = value_ports(r->memory, text, ports->items + ports->count);
		ports->count += problem ? 0 : added;
		return problem;
	case SETTING_PATTERNS:
		problem = value_pattern(r->memory, text, patterns->items + patterns->count);
		patterns->count += problem ? 0 : added;
		return problem;
	default:
		return store_text(r, row, text, texts->items + texts->count++);
	}
}

/* The first member of every list struct. */
static void list_begin(struct reader *r, const struct setting *row, void *list, size_t values)
{
	void *items = reader_alloc(r, item_size(row) * values);
	memcpy(list, &items, sizeof(items));
}

/* ---- settings and blocks ---- */

static void store_fallback(struct reader *r, const struct setting *row, char *block)
{
	struct span rest = span_of(row->fallback), item;
	const char *problem = NULL;
	if (!row->fallback)
		return;
	if (setting_is_list(row)) {
		list_begin(r, row, block + row->at, 1 + rest.n / 2);
		while (!problem && !r->starved && span_next(&rest, ',', &item))
			problem = store_item(r, row, arena_dup(r->memory, item).p, block + row->at);
	} else {
		problem = store_scalar(r, row, row->fallback, block);
	}
	ASSERT(!problem);
}

static void refuse(struct reader *r, const struct entry *e, unsigned value, const char *problem)
{
	struct written where = {e->where.file, value < e->value_count ? e->lines[value] : e->where.line};
	if (problem)
		complain(r->complaints, COMPLAINT_ERROR, where, "%s %s", e->row->name, problem);
}

static void read_list(struct reader *r, const struct setting *row, cfg_opt_t *option, const struct entry *e, void *list)
{
	unsigned values = cfg_opt_size(option);
	list_begin(r, row, list, values);
	for (unsigned i = 0; i < values && !r->starved; i++)
		refuse(r, e, i, store_item(r, row, cfg_opt_getnstr(option, i), list));
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
	const char *problem = store_scalar(r, row, cfg_opt_getnstr(option, 0), block);
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

static bool read_values(struct reader *r, struct outline *o)
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

/* Files without any `listen` get the embedded ones. */
static bool has_listen(const struct outline *o)
{
	for (const struct entry *e = o->root.children; e; e = e->next)
		if (e->row && strcmp(e->row->name, "listen") == 0)
			return true;
	return false;
}

/* The text of each rule as one line, from the outline. */
static void keep_rule_texts(struct reader *r, struct outline *o)
{
	unsigned i = 0;
	for (const struct entry *e = o->root.children; e; e = e->next) {
		if (!e->row || strcmp(e->row->name, "access") != 0)
			continue;
		struct span text = span_trim(span_make(o->text.p + e->from, e->to - e->from));
		r->settings->access[i++].text = arena_dup(r->memory, text).p;
	}
}

static struct settings *settings_new(const char *source)
{
	struct settings *s = calloc(1, sizeof(*s));
	struct arena *memory = malloc(sizeof(*memory));
	if (!s || !memory) {
		free(s);
		free(memory);
		return NULL;
	}
	arena_init(memory, SNAPSHOT_CEILING);
	ref_init(&s->ref);
	s->memory = memory;
	s->source = source;
	return s;
}

static int read_into(struct settings *s, const char *file, struct complaints *c)
{
	struct reader r = {.settings = s, .memory = s->memory, .complaints = c};
	struct outline o;
	outline_init(&o, s->memory, c);
	bool good = !file || outline_file(&o, file);
	unsigned errors = c->errors;
	if (good && !has_listen(&o)) {
		if (file && !errors)
			complain(c, COMPLAINT_WARNING, (struct written){file, 0},
			         "no listen block: a proxy at 127.0.0.1:3128 and a console at "
			         "127.0.0.1:3129 will be opened; write listen \"ADDRESS\" { } for others");
		outline_text(&o, "embedded defaults", span_of(settings_embedded));
	}
	good = good && read_values(&r, &o);
	if (good) {
		keep_rule_texts(&r, &o);
		settings_make_sense(s, &o.root, c);
	}
	outline_fini(&o);
	if (r.starved)
		return -ENOMEM;
	return good && c->errors == 0 ? 0 : -EINVAL;
}

int settings_load(const char *file, struct settings **out, struct complaints *c)
{
	AUTO(settings) struct settings *s = settings_new("embedded defaults");
	*out = NULL;
	if (!s)
		return -ENOMEM;
	if (file)
		s->source = arena_dup(s->memory, span_of(file)).p;
	int error = s->source ? read_into(s, file ? s->source : NULL, c) : -ENOMEM;
	if (error)
		return error;
	*out = TAKE(s);
	return 0;
}

struct settings *settings_ref(struct settings *s)
{
	if (s)
		ref_take(&s->ref);
	return s;
}

void settings_unref(struct settings *s)
{
	if (!s || !ref_drop(&s->ref))
		return;
	arena_fini(s->memory);
	free(s->memory);
	free(s);
}
