/* Values on their way into the structs of a snapshot: where and how wide is the table's business, what they mean that of
 * values.c. */
#include "config/reader.h"

#include "config/table.h"
#include "config/values.h"

/* ---- one value ---- */

void store_number(void *at, size_t width, uint64_t number)
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

const char *store_scalar(struct reader *r, const struct setting *row, const char *text, char *block)
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
	case SETTING_SCHEMES:
		return 1;
	default:
		return sizeof(const char *);
	}
}

const char *store_item(struct reader *r, const struct setting *row, const char *text, void *list)
{
	struct network_list *networks = list;
	struct port_list *ports = list;
	struct pattern_list *patterns = list;
	struct text_list *texts = list;
	struct sign_on_list *schemes = list;
	unsigned added = 1, choice = 0;
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
	case SETTING_SCHEMES:
		problem = value_choice(r->memory, row, text, &choice);
		schemes->items[schemes->count] = (unsigned char)choice;
		schemes->count += problem ? 0 : added;
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
void list_begin(struct reader *r, const struct setting *row, void *list, size_t values)
{
	void *items = reader_alloc(r, item_size(row) * values);
	memcpy(list, &items, sizeof(items));
}

/* ---- defaults ---- */

void store_fallback(struct reader *r, const struct setting *row, char *block)
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
