#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/requests.h"
#include "site/file.h"
#include "site/folder.h"

static struct file_cache *cache;
static struct file_place place;
static const char *index_names[] = {"index.html", "default.htm"};
static const struct text_list index_pages = {index_names, 2};

static struct file_answer a;

/* The answer's content as a client gets it; "" without one. */
static const char *ask(const char *method, const char *path, const char *fields)
{
	static char content[8192];
	size_t n = 0;
	file_answer_fini(&a);
	file_answer(cache, &place, &index_pages, span_of(path), request_with(method, fields), &a);
	for (unsigned i = 0; i < a.count; i++) {
		struct answer_piece *p = &a.pieces[i];
		if (p->text.p) {
			memcpy(content + n, p->text.p, p->text.n);
			n += p->text.n;
		} else {
			ssize_t got = pread(a.file->fd, content + n, p->length, (off_t)p->from);
			assert_int_equal(got, p->length);
			n += p->length;
		}
	}
	if (a.count)
		assert_int_equal(n, a.length);
	content[n] = '\0';
	return content;
}

static bool says(const char *line)
{
	return memmem(a.fields.p ? a.fields.p : "", a.fields.n, line, strlen(line)) != NULL;
}

static void a_file_is_given_whole(void **state)
{
	assert_string_equal(ask("GET", "a.txt", ""), "0123456789");
	assert_int_equal(a.outcome, FILE_WHOLE);
	assert_int_equal(file_outcome_status(a.outcome), 200);
	assert_true(a.has_length && a.length == 10);
	assert_true(says("Content-Type: text/plain; charset=utf-8\r\n") && says("X-Content-Type-Options: nosniff\r\n"));
	assert_true(says("Accept-Ranges: bytes\r\n") && says("ETag: \"") && says("Last-Modified: "));
	assert_string_equal(ask("HEAD", "a.txt", ""), "");
	assert_true(a.outcome == FILE_WHOLE && a.length == 10 && says("ETag: \""));
	assert_string_equal(ask("GET", "empty", ""), "");
	assert_true(a.outcome == FILE_WHOLE && a.has_length && a.length == 0);
	assert_int_equal(strlen(ask("GET", "big.bin", "")), 5000);
	assert_true(says("Content-Type: application/octet-stream\r\n"));
}

static void names_that_are_not_there_or_not_for_everybody(void **state)
{
	static const char *const missing[] = {"none", "a.txt/", "a.txt/x", "sub/none", "none/", "no/ne/"};
	static const char *const hidden[] = {".git/config", ".htpasswd",         "sub/.x",        ".",
	                                     "..",          "sub/.well-known/x", ".well-known/.x"};
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		ask("GET", missing[i], "");
		assert_int_equal(a.outcome, FILE_MISSING);
	}
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		ask("GET", hidden[i], "");
		assert_int_equal(a.outcome, FILE_HIDDEN);
		assert_int_equal(file_outcome_status(a.outcome) * 100 + file_outcome_substatus(a.outcome), 40408);
	}
	assert_string_equal(ask("GET", ".well-known/security.txt", ""), "contact");
}

static void folders_have_a_page_or_none(void **state)
{
	assert_string_equal(ask("GET", "", ""), "<p>top");
	assert_true(says("Content-Type: text/html; charset=utf-8\r\n"));
	assert_string_equal(ask("GET", "sub/", ""), "<p>default");
	ask("GET", "bare/", "");
	assert_int_equal(a.outcome, FILE_NO_INDEX);
	assert_int_equal(file_outcome_status(a.outcome) * 100 + file_outcome_substatus(a.outcome), 40314);
}

/* request_with() asks for /x; only its query is used. */
static void a_folder_without_its_slash_is_sent_to_it(void **state)
{
	ask("GET", "sub", "");
	assert_int_equal(a.outcome, FILE_ADD_SLASH);
	assert_true(says("Location: sub/\r\n"));
	ask("GET", "bare/a:b \"\r\nX: y", "");
	assert_int_equal(a.outcome, FILE_ADD_SLASH);
	assert_true(says("Location: a%3Ab%20%22%0D%0AX%3A%20y/\r\n"));
}

static void other_methods_are_told_which_there_are(void **state)
{
	static const char *const others[] = {"POST", "PUT", "DELETE", "PROPFIND", "get"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ask(others[i], "a.txt", "");
		assert_int_equal(a.outcome, FILE_OTHER_METHOD);
		assert_true(says("Allow: GET, HEAD, OPTIONS\r\n"));
	}
	ask("OPTIONS", "a.txt", "");
	assert_true(a.outcome == FILE_OPTIONS && a.has_length && a.length == 0 && says("Allow: GET, HEAD, OPTIONS\r\n"));
}

static void conditions_are_judged_by_its_validators(void **state)
{
	char line[200];
	ask("GET", "a.txt", "");
	struct span tag = a.file->validators.etag;
	snprintf(line, sizeof(line), "If-None-Match: \"x\", %.*s\r\n", SPAN_ARG(tag));
	assert_string_equal(ask("GET", "a.txt", line), "");
	assert_int_equal(a.outcome, FILE_NOT_MODIFIED);
	assert_true(says("ETag: ") && !says("Content-Type") && !a.has_length);
	ask("GET", "a.txt", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nRange: bytes=0-1\r\n");
	assert_int_equal(a.outcome, FILE_NOT_MODIFIED);
	ask("GET", "a.txt", "If-Match: \"x\"\r\n");
	assert_int_equal(a.outcome, FILE_CONDITION);
	ask("GET", "a.txt", "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n");
	assert_int_equal(a.outcome, FILE_WHOLE);
}

static void a_range_is_a_part(void **state)
{
	assert_string_equal(ask("GET", "a.txt", "Range: bytes=2-4\r\n"), "234");
	assert_int_equal(a.outcome, FILE_PARTS);
	assert_true(says("Content-Range: bytes 2-4/10\r\n") && says("Content-Type: text/plain"));
	assert_string_equal(ask("GET", "a.txt", "Range: bytes=-3\r\n"), "789");
	assert_string_equal(ask("GET", "big.bin", "Range: bytes=4990-\r\n"), "aaaaaaaaaa");
	assert_string_equal(ask("GET", "a.txt", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n"), "0123456789");
	assert_int_equal(a.outcome, FILE_WHOLE);
	assert_string_equal(ask("GET", "a.txt", "Range: bytes=2-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), "234");
	ask("HEAD", "a.txt", "Range: bytes=2-4\r\n");
	assert_true(a.outcome == FILE_WHOLE && a.length == 10);
	assert_string_equal(ask("GET", "a.txt", "Range: bytes=10-\r\n"), "");
	assert_int_equal(a.outcome, FILE_NO_SUCH_RANGE);
	assert_true(says("Content-Range: bytes */10\r\n") && !a.has_length);
}

/* "name" of `boundary=name`, as the field line has it. */
static void several_ranges_are_parts_of_one_answer(void **state)
{
	static const char *const names[] = {"a.txt", "digits.bin"};
	for (int i = 0; i < 2; i++) {
		char expected[600];
		const char *content = ask("GET", names[i], "Range: bytes=0-1,4-4\r\n");
		const char *type = i == 0 ? "text/plain; charset=utf-8" : "application/octet-stream";
		const char *boundary = memmem(a.fields.p, a.fields.n, "boundary=", 9);
		assert_non_null(boundary);
		boundary += 9;
		const char *end = memchr(boundary, '\r', (size_t)(a.fields.p + a.fields.n - boundary));
		assert_non_null(end);
		int n = (int)(end - boundary);
		snprintf(expected, sizeof(expected),
		         "\r\n--%.*s\r\nContent-Type: %s\r\nContent-Range: bytes 0-1/%llu\r\n\r\n01"
		         "\r\n--%.*s\r\nContent-Type: %s\r\nContent-Range: bytes 4-4/%llu\r\n\r\n4\r\n--%.*s--\r\n",
		         n, boundary, type, (unsigned long long)a.file->size, n, boundary, type,
		         (unsigned long long)a.file->size, n, boundary);
		assert_string_equal(content, expected);
		assert_int_equal(a.outcome, FILE_PARTS);
		assert_true(says("Content-Type: multipart/byteranges; boundary=") && says("ETag: ") && !says("Content-Range"));
	}
}

static void what_may_not_be_read_is_refused(void **state)
{
	if (geteuid() == 0 && seteuid(65534) != 0)
		skip();
	ask("GET", "closed.txt", "");
	assert_int_equal(a.outcome, FILE_DENIED);
	assert_int_equal(a.error, -EACCES);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	struct file_place nowhere = {.folder = folder_path("nowhere")};
	file_answer_fini(&a);
	file_answer(cache, &nowhere, &index_pages, SPAN("a.txt"), request_with("GET", ""), &a);
	assert_int_equal(a.outcome, FILE_BROKEN);
	assert_int_equal(file_outcome_status(a.outcome), 500);
}

static int make(void **state)
{
	static const struct file_cache_limits limits = {.files = 100, .memory = 1 << 20, .content = 1000, .valid_ms = 1000};
	char big[5000];
	folder_make();
	chmod(folder_name, 0755);
	memset(big, 'a', sizeof(big));
	folder_folder("sub");
	folder_folder("bare");
	folder_folder("bare/a:b \"\r\nX: y");
	folder_folder(".well-known");
	folder_folder(".git");
	folder_file("a.txt", "0123456789");
	folder_file("empty", "");
	folder_file("index.html", "<p>top");
	folder_file("sub/default.htm", "<p>default");
	folder_file(".well-known/security.txt", "contact");
	folder_file(".git/config", "x");
	folder_file(".htpasswd", "x");
	folder_file("closed.txt", "x");
	chmod(folder_path("closed.txt"), 0);
	folder_write("big.bin", big, sizeof(big));
	folder_age("big.bin", 3);
	memcpy(big, "0123456789", 10);
	folder_write("digits.bin", big, sizeof(big));
	folder_age("digits.bin", 3);
	place = (struct file_place){.folder = strdup(folder_name), .wait_ms = 1000};
	cache = file_cache_new(&limits);
	return cache ? 0 : -1;
}

static int clear(void **state)
{
	file_answer_fini(&a);
	file_cache_free(cache);
	folder_remove();
	free((char *)place.folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_given_whole),
		cmocka_unit_test(names_that_are_not_there_or_not_for_everybody),
		cmocka_unit_test(folders_have_a_page_or_none),
		cmocka_unit_test(a_folder_without_its_slash_is_sent_to_it),
		cmocka_unit_test(other_methods_are_told_which_there_are),
		cmocka_unit_test(conditions_are_judged_by_its_validators),
		cmocka_unit_test(a_range_is_a_part),
		cmocka_unit_test(several_ranges_are_parts_of_one_answer),
		cmocka_unit_test(what_may_not_be_read_is_refused),
	};
	return cmocka_run_group_tests(tests, make, clear);
}
