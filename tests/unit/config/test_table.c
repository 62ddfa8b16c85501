/* The table of settings is whole, and the manual page says all of it. */
#include "config/settings_text.h"

#include "config/table.h"
#include "config/values.h"

typedef void visit(const struct settings_block *block, const struct setting *row);

static void each_row(const struct settings_block *block, visit *see)
{
	for (unsigned i = 0; i < block->row_count; i++) {
		see(block, &block->rows[i]);
		if (block->rows[i].block)
			each_row(block->rows[i].block, see);
	}
}

static bool is_number(const struct setting *row)
{
	return row->type == SETTING_COUNT || row->type == SETTING_SIZE || row->type == SETTING_TIME;
}

/* ---- the rows */

static void see_sentence(const struct settings_block *block, const struct setting *row)
{
	if (!row->sentence || strlen(row->sentence) < 15 || row->sentence[strlen(row->sentence) - 1] != '.')
		fail_msg("%s %s has no sentence", block->name, row->name);
}

static void every_row_has_a_sentence(void **state)
{
	each_row(&settings_table, see_sentence);
}

/* Text may have no default: the sentence says what holds without it. Networks then are none, rules all. */
static void see_default(const struct settings_block *block, const struct setting *row)
{
	bool free_text = row->type == SETTING_TEXT || row->type == SETTING_FILE || setting_is_list(row);
	if (row->type >= SETTING_BLOCK || row->required || row->fallback)
		return;
	if (!free_text)
		fail_msg("%s %s has no default", block->name, row->name);
}

static void every_row_has_a_default_or_must_be_given(void **state)
{
	each_row(&settings_table, see_default);
}

static void see_limits(const struct settings_block *block, const struct setting *row)
{
	struct arena memory;
	int64_t value;
	if (!is_number(row))
		return;
	arena_init(&memory, 65536);
	assert_true(row->least < row->most);
	assert_null(value_number(&memory, row, row->fallback, &value));
	assert_in_range(value, row->least, row->most);
	arena_fini(&memory);
}

static void every_number_has_limits_and_a_default_within(void **state)
{
	each_row(&settings_table, see_limits);
}

static void number_text(const struct setting *row, int64_t number, char out[32])
{
	if (row->type == SETTING_TIME)
		snprintf(out, 32, "%lldms", (long long)number);
	else if (row->type == SETTING_SIZE)
		value_size_text(number, out);
	else
		snprintf(out, 32, "%lld", (long long)number);
}

static void see_bounds_kept(const struct settings_block *block, const struct setting *row)
{
	struct arena memory;
	char text[32];
	int64_t value = -1;
	if (!is_number(row))
		return;
	arena_init(&memory, 65536);
	number_text(row, row->most, text);
	assert_null(value_number(&memory, row, text, &value));
	assert_int_equal(value, row->most);
	number_text(row, row->most + (row->type == SETTING_SIZE ? 1024 : 1), text);
	assert_non_null(strstr(value_number(&memory, row, text, &value), "is between"));
	if (row->least >= 1024 || (row->least > 0 && row->type != SETTING_SIZE)) {
		number_text(row, row->least - (row->type == SETTING_SIZE ? 1024 : 1), text);
		assert_non_null(strstr(value_number(&memory, row, text, &value), "is between"));
	}
	arena_fini(&memory);
}

static void every_number_is_kept_within_its_limits(void **state)
{
	each_row(&settings_table, see_bounds_kept);
}

static void see_place(const struct settings_block *block, const struct setting *row)
{
	if (row->type == SETTING_LATER)
		return;
	if (is_number(row))
		assert_true(row->width == 4 || row->width == 8);
	if (row->type == SETTING_CHOICE)
		assert_true(row->width == 1 || row->width == 4);
	if (row->type == SETTING_BLOCK)
		assert_non_null(row->block);
	if (row->repeated)
		assert_true(row->width > 0 && row->count_at != row->at);
}

static void every_row_says_where_it_is_stored(void **state)
{
	each_row(&settings_table, see_place);
}

/* ---- defaults: written out, they mean the same as left out */

static struct buf *written;

static void write_fallback(const struct setting *row)
{
	struct span rest = span_of(row->fallback), item;
	if (!setting_is_list(row)) {
		buf_addf(written, "%s = \"%s\"\n", row->name, row->fallback);
		return;
	}
	buf_addf(written, "%s = {", row->name);
	while (span_next(&rest, ',', &item))
		buf_addf(written, "\"%.*s\", ", SPAN_ARG(item));
	buf_adds(written, "}\n");
}

static void write_defaults(const struct settings_block *block)
{
	for (unsigned i = 0; i < block->row_count; i++) {
		const struct setting *row = &block->rows[i];
		if (row->type < SETTING_BLOCK && row->fallback)
			write_fallback(row);
		if (row->type != SETTING_BLOCK || row->repeated)
			continue;
		buf_addf(written, "%s %s {\n", row->name, row->title ? row->title : "");
		write_defaults(row->block);
		buf_adds(written, "}\n");
	}
}

static void defaults_written_out_mean_the_same_as_left_out(void **state)
{
	struct buf text;
	buf_init(&text, 1 << 20);
	written = &text;
	write_defaults(&settings_table);
	buf_adds(&text, settings_embedded);
	struct settings *left_out = settings_of(settings_embedded), *out = settings_of(buf_text(&text));
	assert_memory_equal(&left_out->timeouts, &out->timeouts, sizeof(out->timeouts));
	assert_memory_equal(&left_out->limits, &out->limits, sizeof(out->limits));
	assert_int_equal(left_out->workers, out->workers);
	assert_int_equal(left_out->drain, out->drain);
	assert_int_equal(left_out->shared_listeners, out->shared_listeners);
	assert_string_equal(left_out->access_log.file, out->access_log.file);
	assert_int_equal(left_out->access_log.format, out->access_log.format);
	assert_int_equal(left_out->access_log.query, out->access_log.query);
	assert_int_equal(left_out->events_log.level, out->events_log.level);
	settings_unref(left_out);
	settings_unref(out);
	buf_fini(&text);
}

/* ---- the manual page */

static struct buf page;

static void see_in_manual(const struct settings_block *block, const struct setting *row)
{
	char name[128], sentence[1024];
	size_t n = 0;
	for (const char *p = row->sentence; *p; p++) {
		if (strchr("\\*_`#", *p))
			sentence[n++] = '\\';
		sentence[n++] = *p;
	}
	sentence[n] = '\0';
	if (row->type == SETTING_LATER)
		return;
	snprintf(name, sizeof(name), row->type == SETTING_BLOCK ? "## %s" : "\n*%s* = ",
	         row->type == SETTING_BLOCK ? row->block->name : row->name);
	if (!strstr(buf_text(&page), name) || !strstr(buf_text(&page), sentence))
		fail_msg("%s %s is not in the manual", block->name, row->name);
}

static void the_manual_says_every_row(void **state)
{
	each_row(&settings_table, see_in_manual);
}

static void the_page_in_doc_is_the_one_that_the_table_makes(void **state)
{
	char path[4200];
	static char kept[1 << 20];
	snprintf(path, sizeof(path), "%s/doc/fairlead.conf.5.scd", settings_home);
	FILE *f = fopen(path, "r");
	if (!f)
		skip(); /* not run in the source tree */
	kept[fread(kept, 1, sizeof(kept) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(buf_text(&page), kept); /* else: fairlead check --manual > doc/fairlead.conf.5.scd */
}

static void scdoc_accepts_the_manual(void **state)
{
	if (system("scdoc -v > /dev/null 2>&1") != 0)
		skip();
	file_write("page.scd", page.p, page.n);
	assert_int_equal(system("scdoc < page.scd > page.5"), 0);
	struct stat about;
	assert_int_equal(stat("page.5", &about), 0);
	assert_true(about.st_size > 4000);
}

static int prepare(void **state)
{
	buf_init(&page, 1 << 20);
	settings_manual(&page);
	return buf_error(&page) ? -1 : folder_make(state);
}

static int finish(void **state)
{
	buf_fini(&page);
	return folder_remove(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_a_sentence),
		cmocka_unit_test(every_row_has_a_default_or_must_be_given),
		cmocka_unit_test(every_number_has_limits_and_a_default_within),
		cmocka_unit_test(every_number_is_kept_within_its_limits),
		cmocka_unit_test(every_row_says_where_it_is_stored),
		cmocka_unit_test(defaults_written_out_mean_the_same_as_left_out),
		cmocka_unit_test(the_manual_says_every_row),
		cmocka_unit_test(the_page_in_doc_is_the_one_that_the_table_makes),
		cmocka_unit_test(scdoc_accepts_the_manual),
	};
	return cmocka_run_group_tests_name("config: table", tests, prepare, finish);
}
