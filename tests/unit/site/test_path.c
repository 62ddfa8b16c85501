/* Every trick of tests/wire/paths.txt has the normal form and meets the directory that it says, or is refused by
 * that name; and whatever is handed on, no application understands another directory. */
#include "site/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "applications.h"
#include "config/prefix.h"
#include "path_table.h"

struct trick {
	struct span text; /* as it stands in the table */
	struct buf raw;
	bool encoded_slashes;
	struct span expected[3];
};

enum { TRICKS_MOST = 1024 };

static struct trick tricks[TRICKS_MOST];
static unsigned trick_count;

static void read_table(struct span text)
{
	struct span line;
	bool slashes = false;
	while (span_next(&text, '\n', &line)) {
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (line.p[0] == '@') {
			slashes = span_eq(line, SPAN("@encoded-slashes"));
			continue;
		}
		struct trick *t = &tricks[trick_count++];
		ASSERT(trick_count < TRICKS_MOST && span_next(&line, '|', &t->text));
		buf_init(&t->raw, WIRE_BYTES_MOST);
		wire_unescape(t->text, false, &t->raw);
		t->encoded_slashes = slashes;
		for (int i = 0; i < 3 && span_next(&line, '|', &t->expected[i]);)
			i++;
	}
}

static struct span spelled(struct span expected, struct buf *room)
{
	buf_init(room, WIRE_BYTES_MOST);
	wire_unescape(expected, false, room);
	return buf_span(room);
}

static void assert_text(const struct trick *t, const char *what, const char *p, size_t n, struct span expected)
{
	struct buf b __attribute__((cleanup(auto_release_buf)));
	if (!span_eq(span_make(p, n), spelled(expected, &b)))
		fail_msg("%.*s: %s is %.*s, not %.*s", SPAN_ARG(t->text), what, (int)n, p, SPAN_ARG(expected));
}

/* The columns are: normal form, directory, what is handed on; a fault stands in place of the first or the second. */
static void every_trick_ends_as_the_table_says(void **state)
{
	static struct path_answer a;
	for (unsigned i = 0; i < trick_count; i++) {
		const struct trick *t = &tricks[i];
		path_answer(buf_span(&t->raw), t->encoded_slashes, path_directories, PATH_DIRECTORIES, &a);
		const char *fault = a.fault ? path_fault_row(a.fault)->name : "none";
		struct span last = t->expected[1].n ? t->expected[1] : t->expected[0];
		if (a.fault) {
			if (!span_eq(span_of(fault), last))
				fail_msg("%.*s: refused as %s, expected %.*s", SPAN_ARG(t->text), fault, SPAN_ARG(last));
			continue;
		}
		assert_text(t, "the normal form", a.normal, a.normal_n, t->expected[0]);
		assert_text(t, "the directory", path_directories[a.directory].p, path_directories[a.directory].n,
		            t->expected[1]);
		assert_text(t, "the path handed on", a.path, a.n, t->expected[2].n ? t->expected[2] : t->expected[0]);
	}
}

static void no_application_understands_another_directory(void **state)
{
	static struct path_answer a;
	for (unsigned i = 0; i < trick_count; i++) {
		path_answer(buf_span(&tricks[i].raw), tricks[i].encoded_slashes, path_directories, PATH_DIRECTORIES, &a);
		for (unsigned habits = 0; !a.fault && a.n < APPLICATION_PATH && habits < HABITS; habits++) {
			unsigned found = application_finds(span_make(a.path, a.n), habits, path_directories, PATH_DIRECTORIES);
			if (found != a.directory)
				fail_msg("%.*s: with habits %u the directory is number %u", SPAN_ARG(tricks[i].text), habits, found);
		}
	}
}

/* The tricks would work on a gateway that did nothing: or this table proves nothing. */
static void applications_do_understand_other_directories_of_raw_paths(void **state)
{
	unsigned fooled = 0;
	for (unsigned i = 0; i < trick_count; i++) {
		struct span raw = buf_span(&tricks[i].raw);
		if (raw.n >= APPLICATION_PATH)
			continue;
		unsigned first = application_finds(raw, 0, path_directories, PATH_DIRECTORIES), habits = 1;
		while (habits < HABITS && application_finds(raw, habits, path_directories, PATH_DIRECTORIES) == first)
			habits++;
		fooled += habits < HABITS;
	}
	assert_true(fooled >= 60);
}

static void a_normal_form_is_its_own(void **state)
{
	static struct path_answer a, again;
	for (unsigned i = 0; i < trick_count; i++) {
		path_answer(buf_span(&tricks[i].raw), tricks[i].encoded_slashes, path_directories, PATH_DIRECTORIES, &a);
		if (a.fault)
			continue;
		path_answer(span_make(a.path, a.n), tricks[i].encoded_slashes, path_directories, PATH_DIRECTORIES, &again);
		assert_int_equal(again.fault, PATH_OK);
		assert_int_equal(again.directory, a.directory);
		assert_true(span_eq(span_make(again.normal, again.normal_n), span_make(a.path, a.n)));
		assert_true(span_eq(span_make(again.path, again.n), span_make(a.path, a.n)));
	}
}

static void the_table_is_large_and_names_every_fault(void **state)
{
	unsigned of_fault[PATH_FAULT_LIMIT] = {0}, refused = 0;
	for (unsigned i = 0; i < trick_count; i++) {
		struct span last = tricks[i].expected[1].n ? tricks[i].expected[1] : tricks[i].expected[0];
		for (unsigned f = 1; f < PATH_FAULT_LIMIT; f++)
			of_fault[f] += span_eq(last, span_of(path_fault_row(f)->name));
	}
	for (unsigned f = 1; f < PATH_FAULT_LIMIT; f++) {
		if (of_fault[f] == 0)
			fail_msg("no path is refused as %s", path_fault_row(f)->name);
		refused += of_fault[f];
	}
	assert_true(trick_count >= 300);
	assert_true(refused >= 120);
	assert_true(trick_count - refused >= 120);
}

static void what_does_not_fit_is_refused_and_nothing_is_written_behind_the_room(void **state)
{
	static const char *const paths[] = {"/a/../b//c/%7e", "/\xc3\xa4/%20x/x", "/a/", "/"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char whole[64], part[64];
		size_t n, unused;
		if (path_normalize(span_of(paths[i]), false, whole, sizeof(whole), &n) != PATH_OK)
			continue;
		for (size_t room = 0; room < n; room++) {
			memset(part, '#', sizeof(part));
			assert_int_equal(path_normalize(span_of(paths[i]), false, part, room, &unused), PATH_TOO_LONG);
			assert_int_equal(part[room], '#');
		}
	}
}

static void a_longer_spelling_needs_room(void **state)
{
	/* U+2C65 has three bytes, its capital U+023A two. */
	char path[16] = "/%C8%BA/y";
	size_t n = 9;
	enum path_fault fault;
	struct directory_settings directory = {.prefix = "/%E2%B1%A5/"};
	struct site_settings site = {.directories = &directory, .directory_count = 1};
	assert_null(directory_find(&site, path, &n, 11, &fault));
	assert_int_equal(fault, PATH_TOO_LONG);
	assert_memory_equal(path, "/%C8%BA/y", 9);
	assert_ptr_equal(directory_find(&site, path, &n, 12, &fault), &directory);
	assert_int_equal(n, 12);
	assert_memory_equal(path, "/%E2%B1%A5/y", 12);
}

static void a_path_beside_all_prefixes_has_no_directory(void **state)
{
	char path[16] = "/x/y";
	size_t n = 4;
	enum path_fault fault = PATH_FORM;
	struct directory_settings directory = {.prefix = "/secure/"};
	struct site_settings site = {.directories = &directory, .directory_count = 1};
	assert_null(directory_find(&site, path, &n, sizeof(path), &fault));
	assert_int_equal(fault, PATH_OK);
}

static void a_target_is_path_and_query(void **state)
{
	struct span query;
	bool has;
	assert_true(span_eq(path_of_target(SPAN("/a?b?c"), &query, &has), SPAN("/a")));
	assert_true(has && span_eq(query, SPAN("b?c")));
	assert_true(span_eq(path_of_target(SPAN("/a?"), &query, &has), SPAN("/a")));
	assert_true(has && query.n == 0);
	assert_true(span_eq(path_of_target(SPAN("/a"), &query, &has), SPAN("/a")));
	assert_false(has);
	assert_int_equal(path_of_target(SPAN("?x"), &query, &has).n, 0);
	assert_int_equal(path_of_target(SPAN_NONE, &query, &has).n, 0);
}

static void a_file_name_is_what_is_decoded(void **state)
{
	char name[32];
	size_t n;
	assert_int_equal(path_decode(SPAN("/a%20b/%C3%A4%25"), name, sizeof(name), &n), 0);
	assert_true(span_eq(span_make(name, n), SPAN("/a b/\xc3\xa4%")));
	assert_int_equal(path_decode(SPAN("/a%2Fb"), name, sizeof(name), &n), -EINVAL);
	assert_int_equal(path_decode(SPAN("/a%00b"), name, sizeof(name), &n), -EINVAL);
	assert_int_equal(path_decode(SPAN("/abc"), name, 3, &n), -ENAMETOOLONG);
	assert_int_equal(path_decode(SPAN("/abc"), name, 4, &n), 0);
}

static void prefixes_of_directories_have_one_spelling(void **state)
{
	static const char *const good[] = {"/",      "/a/",          "/A-b_c.d~1/e/", "/My%20Files/", "/%C3%96ffentlich/",
	                                   "/a(b)/", "/.well-known/"};
	static const char *const bad[] = {"",        "a/",      "/a",           "//",       "/a//b/",  "/./",
	                                  "/a/../",  "/a./",    "/a%20/",       "/a;b/",    "/a%3Bb/", "/%61/",
	                                  "/a%2fb/", "/a%2Fb/", "/\xc3\x96/",   "/%c3%96/", "/a b/",   "/a\\b/",
	                                  "/.../",   "/%zz/",   "/a%EF%BC%8E/", "/O%CC%88/"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!path_prefix_is_normal(span_of(good[i])))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (path_prefix_is_normal(span_of(bad[i])))
			fail_msg("%s is allowed", bad[i]);
	char deep[2 * PATH_DEPTH + 4];
	for (size_t i = 0; i < sizeof(deep); i++)
		deep[i] = i % 2 ? 'a' : '/';
	assert_true(path_prefix_is_normal(span_make(deep, 2 * PATH_DEPTH + 1)));
	assert_false(path_prefix_is_normal(span_make(deep, 2 * PATH_DEPTH + 3)));
}

/* A directory that no path can match would be a rule that protects nothing. */
static void every_prefix_that_the_settings_take_is_normal(void **state)
{
	static const char *const pieces[] = {
		"/",   "/",      "a",        ".",      "~1",           "-",         " ",      "%20",      "%2e",          "%2F",
		"%3b", "%c3%96", "\xc3\xb6", "%CC%88", "\xef\xbc\x8e", "%E2%84%AA", "%C5%BF", "\xc4\xb1", "\xe7\x9b\xae", ";",
		"(s(", "\\",     "%25"};
	struct arena memory;
	uint64_t seed = 7;
	unsigned taken = 0;
	arena_init(&memory, 1 << 26);
	for (int round = 0; round < 100000; round++) {
		char text[128] = "/";
		for (unsigned i = 0, n = (unsigned)(seed >> 60) % 7; i < n; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			strcat(text, pieces[(seed >> 33) % (sizeof(pieces) / sizeof(pieces[0]))]);
		}
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		strcat(text, "/");
		const char *prefix;
		if (value_prefix(&memory, text, &prefix) != NULL)
			continue;
		taken++;
		if (!path_prefix_is_normal(span_of(prefix)))
			fail_msg("%s is taken for %s", text, prefix);
	}
	arena_fini(&memory);
	assert_true(taken > 1000);
}

static void the_directories_of_the_table_are_in_order(void **state)
{
	for (unsigned i = 0; i < PATH_DIRECTORIES; i++) {
		assert_true(path_prefix_is_normal(path_directories[i]));
		assert_true(i == 0 || path_directories[i - 1].n >= path_directories[i].n);
	}
}

int main(void)
{
	struct span text = wire_read_file("tests/wire/paths.txt");
	read_table(text);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_trick_ends_as_the_table_says),
		cmocka_unit_test(no_application_understands_another_directory),
		cmocka_unit_test(applications_do_understand_other_directories_of_raw_paths),
		cmocka_unit_test(a_normal_form_is_its_own),
		cmocka_unit_test(the_table_is_large_and_names_every_fault),
		cmocka_unit_test(what_does_not_fit_is_refused_and_nothing_is_written_behind_the_room),
		cmocka_unit_test(a_longer_spelling_needs_room),
		cmocka_unit_test(a_path_beside_all_prefixes_has_no_directory),
		cmocka_unit_test(a_target_is_path_and_query),
		cmocka_unit_test(a_file_name_is_what_is_decoded),
		cmocka_unit_test(prefixes_of_directories_have_one_spelling),
		cmocka_unit_test(every_prefix_that_the_settings_take_is_normal),
		cmocka_unit_test(the_directories_of_the_table_are_in_order),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (unsigned i = 0; i < trick_count; i++)
		auto_release_buf(&tricks[i].raw);
	free((char *)text.p);
	return failed;
}
