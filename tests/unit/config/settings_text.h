/* Settings from a text, in a folder of the test's own, so that messages begin with "t.conf:". */
#ifndef FAIRLEAD_TESTS_SETTINGS_TEXT_H
#define FAIRLEAD_TESTS_SETTINGS_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/settings.h"

static char settings_folder[] = "/tmp/fairlead-settings-XXXXXX";
static char settings_home[4096];

static inline int folder_make(void **state)
{
	if (!getcwd(settings_home, sizeof(settings_home)) || !mkdtemp(settings_folder) || chdir(settings_folder) != 0)
		return -1;
	return 0;
}

static inline int folder_remove(void **state)
{
	char command[sizeof(settings_folder) + 16];
	snprintf(command, sizeof(command), "rm -r %s", settings_folder);
	return chdir(settings_home) == 0 ? system(command) : -1;
}

static inline void file_write(const char *path, const void *text, size_t n)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static inline void text_write(const char *path, const char *text)
{
	file_write(path, text, strlen(text));
}

/* What settings_load() says of a file, as it is printed. The snapshot goes to *out, or is given back. */
static inline int load_file(const char *path, struct settings **out, char said[], size_t room)
{
	struct complaints c;
	struct settings *s;
	struct buf text;
	complaints_init(&c);
	buf_init(&text, 1 << 20);
	int error = settings_load(path, &s, &c);
	complaints_print(&c, &text);
	snprintf(said, room, "%s", buf_text(&text));
	assert_true((error == 0) == (s != NULL));
	assert_true((error == 0) == (c.errors == 0));
	buf_fini(&text);
	complaints_fini(&c);
	if (out)
		*out = s;
	else
		settings_unref(s);
	return error;
}

static inline int load_text(const char *text, struct settings **out, char said[], size_t room)
{
	text_write("t.conf", text);
	return load_file("t.conf", out, said, room);
}

/* A snapshot of a text that must be right. */
static inline struct settings *settings_of(const char *text)
{
	char said[8192];
	struct settings *s;
	if (load_text(text, &s, said, sizeof(said)) != 0)
		fail_msg("%s: %s", text, said);
	return s;
}

#endif
