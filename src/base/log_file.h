/* The file behind a log: opening, writing without waiting for long, opening anew.
 *
 * Owner: log.c alone. Threads: opened by any, written and reopened by the writer thread. */
#ifndef FAIRLEAD_BASE_LOG_FILE_H
#define FAIRLEAD_BASE_LOG_FILE_H

#include <sys/uio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"

enum {
	LOG_FILE_PIECES = 256,
	LOG_FILE_PATIENCE_MS = 50, /* with a pipe that nobody empties, at each write */
};

struct log {
	struct link link;
	char *path, *header;
	int fd;
	bool socket;
	bool torn; /* the last line did not get out whole */
};

MUST_CHECK int log_file_open(const char *path, const char *header, struct log **out);
/* On error the old file stays in use. */
MUST_CHECK int log_file_reopen(struct log *log);
void log_file_close(struct log *log);
/* Every piece is a line. Counts those that did not get out whole by `until`. */
void log_file_write(struct log *log, const struct iovec *lines, int count, mono_ms until);
/* "2026-11-22 01:25:32" in UTC; the number of characters. */
size_t log_file_time(char *out, int64_t civil_s);

#endif
