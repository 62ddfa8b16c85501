/* Logs that never make a worker wait: lines go into a buffer of the calling thread, one writer thread empties the
 * buffers in batches. A buffer that is full or a disk that is full loses lines, which are counted, never traffic.
 *
 * Owner: logs are opened once, reopened on SIGUSR1, and closed at the end. Threads: any thread may write. */
#ifndef FAIRLEAD_BASE_LOG_H
#define FAIRLEAD_BASE_LOG_H

#include "base/error.h"
#include "base/span.h"

struct log;

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Starts the writer thread. Call once, before log_open. 0 or -errno. */
MUST_CHECK int log_writer_start(void);
/* Writes out what is left and ends the writer thread; waits at most `wait_ms` for a log that does not take it. */
void log_writer_stop(int wait_ms);

/* `path`: a file (appended to, made 0640) or "-" for standard output. `header` is written at the start of every new
 * file and again at a reopen (the W3C directives); it may be NULL; "%s" in it stands for the UTC date and time.
 * 0 or -errno. */
MUST_CHECK int log_open(const char *path, const char *header, struct log **out);
/* Writes out what is left, then closes. NULL is fine. */
void log_close(struct log *log);
/* All open logs: the same paths anew (after a rotation). Asynchronous. */
void log_reopen_all(void);

/* One line; the end of line is added here. Never blocks; counts what it must drop. */
void log_line(struct log *log, struct span line);

/* The events log: what an administrator should read. Before log_events_to() it goes to standard error. */
void log_events_to(struct log *log, enum log_level level);
void log_event(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
int log_level_of(struct span name); /* "error", "warning", "info", "debug"; or -EINVAL */

#endif
