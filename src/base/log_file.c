#include "base/log_file.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/counters.h"

enum { HEADER_MOST = 8192 };

size_t log_file_time(char *out, int64_t civil_s)
{
	time_t t = (time_t)civil_s;
	struct tm tm;
	gmtime_r(&t, &tm);
	return strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
}

/* Standard output may be shared with others who want it to block: a pipe or terminal gets a description of our own; a
 * socket (the journal's) is asked not to wait at each send. */
static int open_stdout(bool *is_socket)
{
	struct stat st;
	*is_socket = fstat(STDOUT_FILENO, &st) == 0 && S_ISSOCK(st.st_mode);
	int fd = *is_socket ? -1 : open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}

static int open_path(const char *path, bool *is_socket)
{
	*is_socket = false;
	if (strcmp(path, "-") == 0)
		return open_stdout(is_socket);
	int flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, flags | O_WRONLY, 0640);
	/* A named pipe without a reader yet. */
	if (fd < 0 && errno == ENXIO)
		fd = open(path, flags | O_RDWR, 0640);
	return fd < 0 ? -errno : fd;
}

static void write_header(struct log *log)
{
	if (!log->header)
		return;
	char now[32];
	struct buf text;
	log_file_time(now, clock_civil_us() / 1000000);
	buf_init(&text, HEADER_MOST);
	const char *at = log->header, *hole;
	while ((hole = strstr(at, "%s"))) {
		buf_add(&text, span_make(at, (size_t)(hole - at)));
		buf_adds(&text, now);
		at = hole + 2;
	}
	buf_adds(&text, at);
	if (buf_error(&text) == 0 && text.n > 0 && text.p[text.n - 1] != '\n')
		buf_addc(&text, '\n');
	if (buf_error(&text) == 0 && text.n > 0) {
		struct iovec line = {text.p, text.n};
		log_file_write(log, &line, 1, clock_mono() + LOG_FILE_PATIENCE_MS);
	}
	buf_fini(&text);
}

void log_file_close(struct log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	free(log->header);
	free(log);
}

DEFINE_AUTO(log_file, struct log *, log_file_close);

int log_file_open(const char *path, const char *header, struct log **out)
{
	AUTO(log_file) struct log *log = calloc(1, sizeof(*log));
	if (!log)
		return -ENOMEM;
	log->fd = -1;
	list_init(&log->link);
	log->path = strdup(path);
	log->header = header ? strdup(header) : NULL;
	if (!log->path || (header && !log->header))
		return -ENOMEM;
	int fd = open_path(path, &log->socket);
	if (fd < 0)
		return fd;
	log->fd = fd;
	write_header(log);
	*out = TAKE(log);
	return 0;
}

int log_file_reopen(struct log *log)
{
	bool is_socket;
	int fd = open_path(log->path, &is_socket);
	if (fd < 0)
		return fd;
	close(log->fd);
	log->fd = fd;
	log->socket = is_socket;
	log->torn = false;
	write_header(log);
	return 0;
}

/* ---- Writing */

static ssize_t attempt(struct log *log, struct iovec *pieces, int count)
{
	if (!log->socket)
		return writev(log->fd, pieces, count);
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
	return sendmsg(log->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool wait_for_room(struct log *log, mono_ms until)
{
	mono_ms left = until - clock_mono();
	struct pollfd p = {.fd = log->fd, .events = POLLOUT};
	return left > 0 && poll(&p, 1, (int)left) > 0;
}

/* The pieces are used up from the front. How many are left, of which the first may be in part out (*torn). */
static int write_pieces(struct log *log, struct iovec *pieces, int count, mono_ms until, bool *torn)
{
	*torn = false;
	while (count > 0) {
		ssize_t n = attempt(log, pieces, count);
		if (n < 0) {
			if (errno == EINTR || (errno == EAGAIN && wait_for_room(log, until)))
				continue;
			break;
		}
		size_t out = (size_t)n;
		for (; count > 0 && out >= pieces->iov_len; pieces++, count--) {
			out -= pieces->iov_len;
			*torn = false;
		}
		if (out > 0) {
			pieces->iov_base = (char *)pieces->iov_base + out;
			pieces->iov_len -= out;
			*torn = true;
		}
	}
	return count;
}

void log_file_write(struct log *log, const struct iovec *lines, int count, mono_ms until)
{
	struct iovec pieces[LOG_FILE_PIECES + 1];
	int n = 0;
	/* Ends the line that was cut off, so that the next one begins on its own. */
	bool mends = log->torn;
	if (mends)
		pieces[n++] = (struct iovec){(char *)"\n", 1};
	memcpy(pieces + n, lines, (size_t)count * sizeof(*lines));
	n += count;
	int left = write_pieces(log, pieces, n, until, &log->torn);
	if (mends && left == n)
		log->torn = true;
	if (left > 0)
		COUNT_ADD(log_lines_lost_total, left > count ? count : left);
}
