/* Paths: a normal form is its own; what is handed on stays beneath the root, and no application behind us finds another directory
 * than the one whose rule decided. */
#include <stdlib.h>

#include "base/encode.h"

#include "../unit/site/applications.h"
#include "../unit/site/path_table.h"

static const struct span directories[] = {
	SPAN("/%C3%96ffentlich/"), SPAN("/secret-place/"), SPAN("/s/open/"), SPAN("/My%20F/"),
	SPAN("/Kiosk/"),           SPAN("/a/b/"),          SPAN("/s/"),      SPAN("/"),
};
enum { DIRECTORIES = sizeof(directories) / sizeof(directories[0]) };

static bool has(struct span s, const char *what)
{
	return s.n && memmem(s.p, s.n, what, strlen(what));
}

static void check_normal(struct span path, bool encoded_slashes)
{
	static char decoded[PATH_ROOM];
	size_t n;
	ASSERT(path.n && path.p[0] == '/');
	ASSERT(!has(path, "//") && !has(path, "/../") && !has(path, "/./") && !has(path, "\\"));
	ASSERT(!span_ends_nocase(path, SPAN("/..")) && !span_ends_nocase(path, SPAN("/.")));
	for (size_t i = 0; i < path.n; i++)
		ASSERT(path.p[i] > ' ' && path.p[i] < 0x7f);
	int error = path_decode(path, decoded, sizeof(decoded), &n);
	ASSERT(error == 0 || (error == -EINVAL && encoded_slashes));
	if (error)
		return;
	struct span name = span_make(decoded, n);
	ASSERT(!memchr(decoded, '\0', n) && !has(name, "/../") && !has(name, "//") && !has(name, "\\"));
	ASSERT(!span_ends_nocase(name, SPAN("/..")));
	for (size_t i = 0, length; i < n; i += length) {
		length = utf8_length(decoded + i, n - i);
		ASSERT(length > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct path_answer a, again;
	if (n == 0 || n > 1000)
		return 0;
	bool encoded_slashes = bytes[0] & 1;
	char *copy = malloc(n);
	ASSERT(copy);
	memcpy(copy, bytes, n);
	path_answer(span_make(copy + 1, n - 1), encoded_slashes, directories, DIRECTORIES, &a);
	free(copy);
	if (a.fault)
		return 0;
	struct span path = span_make(a.path, a.n);
	check_normal(span_make(a.normal, a.normal_n), encoded_slashes);
	check_normal(path, encoded_slashes);
	path_answer(path, encoded_slashes, directories, DIRECTORIES, &again);
	ASSERT(!again.fault && again.directory == a.directory);
	ASSERT(span_eq(span_make(again.normal, again.normal_n), path) && span_eq(span_make(again.path, again.n), path));
	for (unsigned habits = 0; habits < HABITS; habits++)
		ASSERT(application_finds(path, habits, directories, DIRECTORIES) == a.directory);
	return 0;
}
