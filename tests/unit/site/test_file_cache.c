#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <time.h>

#include "base/counters.h"
#include "site/beneath.h"
#include "site/file_cache.h"
#include "site/folder.h"

static const struct file_cache_limits limits = {.files = 4, .memory = 1 << 20, .content = 100, .valid_ms = 60000};

static struct file_cache *cache;
static struct file_place place;

static struct open_file *find(const char *path)
{
	struct open_file *f = NULL;
	int r = file_cache_find(cache, &place, span_of(path), &f);
	return r == 0 ? f : NULL;
}

static bool holds(const char *path, const char *text)
{
	struct open_file *f = find(path);
	bool same = f && span_eq(f->content, span_of(text));
	open_file_unref(f);
	return same;
}

static void use(const struct file_cache_limits *l)
{
	file_cache_free(cache);
	cache = file_cache_new(l);
	assert_non_null(cache);
}

static int64_t opens(void)
{
	return counter_read(COUNTER_file_opens_total);
}

static int64_t kept(void)
{
	return counter_read(COUNTER_files_kept);
}

static void small_files_are_kept_with_their_content(void **state)
{
	use(&limits);
	struct open_file *f = find("a.txt");
	assert_non_null(f);
	assert_int_equal(f->fd, -1);
	assert_true(span_eq(f->content, SPAN("alpha")));
	assert_true(span_starts_nocase(
		f->fields, SPAN("Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n")));
	assert_true(span_starts_nocase(
		f->validator_fields, SPAN("Accept-Ranges: bytes\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"")));
	assert_int_equal(f->validators.modified, 784111777);
	assert_true(f->validators.etag.n > 2);
	int64_t before = opens();
	struct open_file *again = find("a.txt");
	assert_ptr_equal(f, again);
	assert_int_equal(opens(), before);
	open_file_unref(again);
	open_file_unref(f);
}

static void large_ones_are_kept_open(void **state)
{
	char bytes[101];
	memset(bytes, 'x', sizeof(bytes));
	folder_write("big", bytes, sizeof(bytes));
	folder_age("big", 7);
	use(&limits);
	struct open_file *f = find("big"), *again = find("big");
	assert_true(f->fd >= 0 && !f->content.p && f->size == 101);
	assert_ptr_equal(f, again);
	open_file_unref(f);
	/* Written into: seen at once, although its name would be believed for a minute. */
	folder_write("big", bytes, 100);
	usleep(20000);
	f = find("big");
	assert_ptr_not_equal(f, again);
	assert_int_equal(f->size, 100);
	open_file_unref(f);
	open_file_unref(again);
}

static void what_is_replaced_is_seen_when_it_is_asked_again(void **state)
{
	struct file_cache_limits brief = limits;
	brief.valid_ms = 50;
	use(&brief);
	folder_file("news", "old");
	assert_true(holds("news", "old"));
	folder_file("next", "new!");
	folder_rename("next", "news");
	bool seen = false;
	for (int i = 0; i < 200 && !seen; i++) {
		usleep(5000);
		seen = holds("news", "new!");
	}
	assert_true(seen);
	assert_int_equal(unlink(folder_path("news")), 0);
	struct open_file *f = NULL;
	int r = 0;
	for (int i = 0; i < 200 && r == 0; i++) {
		usleep(5000);
		r = file_cache_find(cache, &place, SPAN("news"), &f);
		open_file_unref(TAKE(f));
	}
	assert_int_equal(r, -ENOENT);
	assert_int_equal(kept(), 0);
}

/* A folder named by a symbolic link, which is turned to the next release. */
static void a_folder_that_is_exchanged_is_seen(void **state)
{
	struct file_cache_limits none = limits;
	none.valid_ms = 0;
	use(&none);
	folder_folder("one");
	folder_folder("two");
	folder_file("one/v", "1");
	folder_file("two/v", "2");
	folder_link("current", "one");
	const char *before = place.folder;
	place.folder = folder_path("current");
	assert_true(holds("v", "1"));
	folder_link("turn", "two");
	folder_rename("turn", "current");
	assert_true(holds("v", "2"));
	place.folder = before;
}

static void what_stays_the_same_stays_the_same_block(void **state)
{
	struct file_cache_limits brief = limits;
	brief.valid_ms = 1;
	use(&brief);
	struct open_file *f = find("a.txt");
	int64_t before = opens();
	usleep(5000);
	struct open_file *again = find("a.txt");
	assert_int_equal(opens(), before + 1);
	assert_ptr_equal(f, again);
	open_file_unref(f);
	open_file_unref(again);
}

/* Two writes in one tick of the file system's clock look the same: neither tag nor content of such a file lasts. */
static void what_was_written_a_moment_ago_gets_no_tag(void **state)
{
	struct file_cache_limits brief = limits;
	brief.valid_ms = 1;
	use(&brief);
	folder_write("hot", "1", 1);
	struct timespec now[2];
	clock_gettime(CLOCK_REALTIME, &now[0]);
	now[0].tv_nsec = 0; /* as a file system writes it that keeps whole seconds */
	now[1] = now[0];
	assert_int_equal(utimensat(AT_FDCWD, folder_path("hot"), now, 0), 0);
	struct open_file *f = find("hot");
	assert_true(f->unsettled);
	assert_int_equal(f->validators.etag.n, 0);
	assert_int_equal(f->validators.modified, now[0].tv_sec);
	usleep(5000);
	struct open_file *again = find("hot");
	assert_ptr_not_equal(f, again);
	open_file_unref(f);
	open_file_unref(again);
}

static void nothing_is_modified_in_the_future(void **state)
{
	struct timespec later[2] = {{4102444800, 0}, {4102444800, 0}};
	use(&limits);
	folder_file("later", "x");
	assert_int_equal(utimensat(AT_FDCWD, folder_path("later"), later, 0), 0);
	struct open_file *f = find("later");
	assert_int_equal(f->validators.modified, -1);
	assert_true(f->validators.etag.n > 0);
	assert_null(memmem(f->fields.p, f->fields.n, "Last-Modified", 13));
	open_file_unref(f);
}

static void there_is_a_ceiling_on_their_number(void **state)
{
	use(&limits);
	char name[16];
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		folder_file(name, name);
		assert_true(holds(name, name));
		assert_true(holds("n0", "n0")); /* used most: stays */
	}
	assert_int_equal(kept(), 4);
	int64_t before = opens();
	assert_true(holds("n0", "n0"));
	assert_true(holds("n9", "n9"));
	assert_int_equal(opens(), before);
	assert_true(holds("n1", "n1"));
	assert_int_equal(opens(), before + 1);
}

static void there_is_a_ceiling_on_their_memory(void **state)
{
	struct file_cache_limits small = limits;
	small.files = 1000;
	small.memory = 4096;
	use(&small);
	char name[16];
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		folder_file(name, name);
		assert_true(holds(name, name));
	}
	assert_in_range(kept(), 1, 7);
	small.memory = 0;
	file_cache_limit(cache, &small);
	assert_int_equal(kept(), 0);
	assert_true(holds("m1", "m1"));
	assert_int_equal(kept(), 0);
}

static void what_nobody_asks_for_is_given_up(void **state)
{
	use(&limits);
	struct open_file *f = find("a.txt");
	assert_int_equal(kept(), 1);
	file_cache_sweep(cache, clock_mono(), 60000);
	assert_int_equal(kept(), 1);
	file_cache_sweep(cache, clock_mono() + 60001, 60000);
	assert_int_equal(kept(), 0);
	assert_true(span_eq(f->content, SPAN("alpha"))); /* whoever holds it may go on */
	open_file_unref(f);
}

static void folders_and_ways_of_asking_do_not_mix(void **state)
{
	struct open_file *f = NULL;
	use(&limits);
	folder_folder("d");
	folder_file("d/a.txt", "delta");
	folder_link("l", "a.txt");
	assert_true(holds("l", "alpha"));
	assert_int_equal(file_cache_find(cache, &place, SPAN("d"), &f), FILE_IS_FOLDER);
	struct file_place strict = place, deeper = {.folder = folder_path("d"), .wait_ms = 1000};
	strict.how = BENEATH_NO_SYMLINKS;
	assert_int_equal(file_cache_find(cache, &strict, SPAN("l"), &f), -ENOENT);
	assert_true(holds("a.txt", "alpha"));
	assert_int_equal(file_cache_find(cache, &deeper, SPAN("a.txt"), &f), 0);
	assert_true(span_eq(f->content, SPAN("delta")));
	open_file_unref(f);
}

static void a_folder_that_is_gone_is_not_a_missing_file(void **state)
{
	struct open_file *f = NULL;
	struct file_place nowhere = {.folder = folder_path("nowhere"), .wait_ms = 1000};
	char longest[5000];
	use(&limits);
	assert_int_equal(file_cache_find(cache, &nowhere, SPAN("a.txt"), &f), -EIO);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(file_cache_find(cache, &place, span_make(longest, sizeof(longest)), &f), -ENOENT);
}

/* What is kept open is given up when there are no descriptors left for what is asked for now. */
static void without_descriptors_the_kept_ones_go_first(void **state)
{
	char bytes[200], name[16];
	struct rlimit before, few;
	use(&limits);
	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		folder_write(name, bytes, sizeof(bytes));
	}
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		open_file_unref(find(name));
	}
	assert_int_equal(kept(), 4);
	int lowest = dup(0);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)lowest; /* all below are taken */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	struct open_file *f = find("e4"), *g = NULL;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_non_null(f);
	assert_int_equal(kept(), 1);
	few.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	int r = file_cache_find(cache, &place, SPAN("e0"), &g);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(r, -EMFILE);
	open_file_unref(f);
}

static int make(void **state)
{
	folder_make();
	folder_file("a.txt", "alpha");
	place = (struct file_place){.folder = strdup(folder_name), .wait_ms = 1000};
	return 0;
}

static int clear(void **state)
{
	file_cache_free(cache);
	folder_remove();
	free((char *)place.folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_files_are_kept_with_their_content),
		cmocka_unit_test(large_ones_are_kept_open),
		cmocka_unit_test(what_is_replaced_is_seen_when_it_is_asked_again),
		cmocka_unit_test(a_folder_that_is_exchanged_is_seen),
		cmocka_unit_test(what_stays_the_same_stays_the_same_block),
		cmocka_unit_test(what_was_written_a_moment_ago_gets_no_tag),
		cmocka_unit_test(nothing_is_modified_in_the_future),
		cmocka_unit_test(there_is_a_ceiling_on_their_number),
		cmocka_unit_test(there_is_a_ceiling_on_their_memory),
		cmocka_unit_test(what_nobody_asks_for_is_given_up),
		cmocka_unit_test(without_descriptors_the_kept_ones_go_first),
		cmocka_unit_test(folders_and_ways_of_asking_do_not_mix),
		cmocka_unit_test(a_folder_that_is_gone_is_not_a_missing_file),
	};
	return cmocka_run_group_tests(tests, make, clear);
}
