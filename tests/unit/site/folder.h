/* A folder for one test program, with files in it; it goes away with folder_remove(). */
#ifndef FAIRLEAD_TESTS_SITE_FOLDER_H
#define FAIRLEAD_TESTS_SITE_FOLDER_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static char folder_name[64];

static inline const char *folder_path(const char *name)
{
	static char path[4][512];
	static unsigned next;
	char *p = path[next++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", folder_name, name);
	return p;
}

static inline void folder_make(void)
{
	strcpy(folder_name, "/tmp/fairlead-unit-XXXXXX");
	char *made = mkdtemp(folder_name);
	ASSERT(made);
}

static inline void folder_remove(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", folder_name);
	int status = system(command);
	ASSERT(status == 0);
}

static inline void folder_write(const char *name, const char *bytes, size_t n)
{
	int fd = open(folder_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ASSERT(fd >= 0);
	ssize_t written = write(fd, bytes, n);
	ASSERT(written == (ssize_t)n);
	close(fd);
}

/* So long ago that it is settled: 1994-11-06 08:49:37 and a bit. */
static inline void folder_age(const char *name, long nanoseconds)
{
	struct timespec times[2] = {{784111777, nanoseconds}, {784111777, nanoseconds}};
	int error = utimensat(AT_FDCWD, folder_path(name), times, 0);
	ASSERT(error == 0);
}

static inline void folder_file(const char *name, const char *text)
{
	folder_write(name, text, strlen(text));
	folder_age(name, 5);
}

static inline void folder_folder(const char *name)
{
	int error = mkdir(folder_path(name), 0755);
	ASSERT(error == 0);
}

static inline void folder_link(const char *name, const char *to)
{
	int error = symlink(to, folder_path(name));
	ASSERT(error == 0);
}

static inline void folder_rename(const char *from, const char *to)
{
	int error = rename(folder_path(from), folder_path(to));
	ASSERT(error == 0);
}

#endif
