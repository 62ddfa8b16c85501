#include "config/values.h"

#include <ctype.h>
#include <stdio.h>

#include "config/suggest.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct unit {
	const char *name;
	int64_t worth;
};
/* From the largest: the first that divides a number evenly writes it shortest. */
static const struct unit time_units[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
static const struct unit size_units[] = {
	{"GB", 1 << 30},
	{"MB", 1 << 20},
	{"KB", 1 << 10},
};

const char *value_bool(struct arena *memory, const char *text, bool *out)
{
	static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};
	for (size_t i = 0; i < LENGTH(yes); i++) {
		if (span_eq_nocase(span_of(text), span_of(yes[i])) || span_eq_nocase(span_of(text), span_of(no[i]))) {
			*out = span_eq_nocase(span_of(text), span_of(yes[i]));
			return NULL;
		}
	}
	return arena_printf(memory, "is true or false, not \"%s\"", text);
}

static void unit_text(int64_t number, const struct unit *units, size_t count, char out[32])
{
	for (size_t i = 0; i < count; i++) {
		if (number % units[i].worth == 0 && (number || i + 1 == count)) {
			snprintf(out, 32, "%lld%s", (long long)(number / units[i].worth), units[i].name);
			return;
		}
	}
	snprintf(out, 32, "%lld", (long long)number);
}

void value_time_text(int64_t ms, char out[32])
{
	unit_text(ms, time_units, LENGTH(time_units), out);
}

void value_size_text(int64_t bytes, char out[32])
{
	unit_text(bytes, size_units, LENGTH(size_units), out);
}

static void number_text(const struct setting *row, int64_t number, char out[32])
{
	if (row->type == SETTING_TIME)
		value_time_text(number, out);
	else if (row->type == SETTING_SIZE)
		value_size_text(number, out);
	else
		snprintf(out, 32, "%lld", (long long)number);
}

static const char *limits_text(struct arena *memory, const struct setting *row, const char *written)
{
	char least[32], most[32];
	number_text(row, row->least, least);
	number_text(row, row->most, most);
	return arena_printf(memory, "is between %s and %s, not \"%s\"", least, most, written);
}

static const struct unit *unit_named(const struct setting *row, struct span name)
{
	const struct unit *units = row->type == SETTING_TIME ? time_units : size_units;
	size_t count = row->type == SETTING_TIME ? LENGTH(time_units) : LENGTH(size_units);
	for (size_t i = 0; i < count; i++)
		if (span_eq_nocase(name, span_of(units[i].name)))
			return &units[i];
	return NULL;
}

/* What was written without a unit, as it may have been meant: seconds, or bytes. */
static const char *bad_unit(struct arena *memory, const struct setting *row, uint64_t number, struct span unit)
{
	const char *known = row->type == SETTING_TIME ? "ms s m h d" : "KB MB GB";
	char like[32];
	if (unit.n)
		return arena_printf(memory, "has an unknown unit \"%.*s\": there are %s", SPAN_ARG(unit), known);
	if (row->type == SETTING_SIZE && number && number % 1024 == 0)
		value_size_text((int64_t)number, like);
	else
		snprintf(like, sizeof(like), "%llu%s", (unsigned long long)number, row->type == SETTING_TIME ? "s" : "KB");
	return arena_printf(memory, "needs a unit (%s): write %s", known, like);
}

const char *value_number(struct arena *memory, const struct setting *row, const char *text, int64_t *out)
{
	struct span digits = span_of(text), unit;
	for (digits.n = 0; isdigit((unsigned char)text[digits.n]);)
		digits.n++;
	unit = span_of(text + digits.n);
	uint64_t number = 0;
	if (digits.n == 0 || (row->type == SETTING_COUNT && unit.n)) {
		const char *like = row->type == SETTING_TIME   ? " with a unit, like 30s"
		                   : row->type == SETTING_SIZE ? " with a unit, like 64KB"
		                                               : "";
		return arena_printf(memory, "is a whole number%s, not \"%s\"", like, text);
	}
	const struct unit *scale = row->type == SETTING_COUNT ? NULL : unit_named(row, unit);
	int64_t worth = scale ? scale->worth : 1;
	if (span_to_u64(digits, (uint64_t)(INT64_MAX / worth), &number) != 0)
		return limits_text(memory, row, text);
	if (!scale && row->type != SETTING_COUNT)
		return bad_unit(memory, row, number, unit);
	*out = (int64_t)number * worth;
	if (*out < row->least || *out > row->most)
		return limits_text(memory, row, text);
	return NULL;
}

const char *value_choice(struct arena *memory, const struct setting *row, const char *text, unsigned *out)
{
	struct span rest = span_of(row->words), word;
	for (unsigned i = 0; span_next(&rest, '|', &word); i++) {
		if (span_eq(word, span_of(text))) {
			*out = i;
			return NULL;
		}
	}
	struct span near = suggest_word(row->words, text);
	if (near.n)
		return arena_printf(memory, "is one of %s, not \"%s\"; did you mean %.*s?", row->words, text, SPAN_ARG(near));
	return arena_printf(memory, "is one of %s, not \"%s\"", row->words, text);
}

/* An IPv4-mapped base is the IPv4 network that it carries, since addresses are unmapped before they are matched. */
static void unmap_network(struct network *n)
{
	struct addr plain = n->base;
	addr_unmap(&plain);
	if (n->base.sa.sa_family != AF_INET6 || plain.sa.sa_family != AF_INET || n->bits < 96)
		return;
	n->base = plain;
	n->bits -= 96;
}

const char *value_networks(struct arena *memory, const char *text, struct network out[2], unsigned *count)
{
	*count = 1;
	if (strcmp(text, "*") == 0) {
		*count = 2;
		if (network_parse(SPAN("0.0.0.0/0"), &out[0]) == 0 && network_parse(SPAN("::/0"), &out[1]) == 0)
			return NULL;
	}
	if (network_parse(span_of(text), &out[0]) == 0) {
		unmap_network(&out[0]);
		return NULL;
	}
	return arena_printf(memory, "takes networks and addresses, like \"10.0.0.0/8\" or \"192.0.2.1\"; \"%s\" is none",
	                    text);
}

const char *value_ports(struct arena *memory, const char *text, struct port_range *out)
{
	struct span rest = span_of(text), from = span_of(text), to;
	uint64_t low = 0, high = 0;
	if (strcmp(text, "any") == 0) {
		*out = (struct port_range){0, UINT16_MAX};
		return NULL;
	}
	bool range = span_next(&rest, '-', &from) && rest.p;
	to = range ? rest : from;
	if (span_to_u64(from, UINT16_MAX, &low) != 0 || span_to_u64(to, UINT16_MAX, &high) != 0 || low == 0)
		return arena_printf(memory,
		                    "takes ports from 1 to 65535, ranges like \"8000-8100\", or \"any\"; \"%s\" is none", text);
	if (low > high)
		return arena_printf(memory, "has a range that runs backwards: write \"%u-%u\"", (unsigned)high, (unsigned)low);
	*out = (struct port_range){(uint16_t)low, (uint16_t)high};
	return NULL;
}
