/* Reads tests/wire/paths.txt (its format is described at its top), and the site that its tricks are played on. */
#ifndef FAIRLEAD_TESTS_PATH_TABLE_H
#define FAIRLEAD_TESTS_PATH_TABLE_H

#include "site/directory.h"
#include "wire_text.h"

/* The longest first, as the settings have them. */
static const struct span path_directories[] = {
	SPAN("/long-directory-name/"),
	SPAN("/%C3%96ffentlich/"),
	SPAN("/secure/open/"),
	SPAN("/Mixed-Case/"),
	SPAN("/My%20Files/"),
	SPAN("/app.v2.1/"),
	SPAN("/public/"),
	SPAN("/secure/"),
	SPAN("/a/b/c/"),
	SPAN("/kiosk/"),
	SPAN("/"),
};
enum { PATH_DIRECTORIES = sizeof(path_directories) / sizeof(path_directories[0]), PATH_ROOM = 16384 };

struct path_answer {
	enum path_fault fault;
	char normal[PATH_ROOM], path[PATH_ROOM]; /* before and after the directory's own spelling */
	size_t normal_n, n;
	unsigned directory;
};

/* Everything that is done with a path before a rule is asked. */
static void path_answer(struct span raw, bool encoded_slashes, const struct span *prefixes, unsigned count,
                        struct path_answer *out)
{
	struct directory_settings directories[16] = {0};
	struct site_settings site = {.directories = directories, .directory_count = count};
	ASSERT(count <= 16);
	for (unsigned i = 0; i < count; i++)
		directories[i].prefix = prefixes[i].p;
	out->fault = path_normalize(raw, encoded_slashes, out->normal, PATH_ROOM, &out->normal_n);
	if (out->fault)
		return;
	out->n = out->normal_n;
	memcpy(out->path, out->normal, out->n);
	const struct directory_settings *found = directory_find(&site, out->path, &out->n, PATH_ROOM, &out->fault);
	ASSERT(!found == !!out->fault); /* there is "/" */
	out->directory = found ? (unsigned)(found - directories) : count;
}

#endif
