/* A stamp is as good as the file system's clock. Within one tick of it a file can be written twice, with one size, and keep
 * its stamp; so what was written a moment ago is `unsettled`: it gets no entity tag, and its content is not kept for longer
 * than the cache believes it unasked. A file system that keeps whole seconds (or two, FAT) has long moments. */
#include "site/open_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "http/date.h"
#include "site/beneath.h"
#include "site/media_type.h"

#define SECOND INT64_C(1000000000)
#define TICK (SECOND / 20)
#define COARSE_TICK (2 * SECOND)

/* A write while the content is read into memory: once more, up to so often. */
enum { READINGS = 3, FIELDS_ROOM = 320 };

static int64_t ns_of(struct timespec t)
{
	return t.tv_sec * SECOND + t.tv_nsec;
}

static struct file_stamp stamp_of(const struct stat *st)
{
	return (struct file_stamp){.device = st->st_dev,
	                           .inode = st->st_ino,
	                           .size = (uint64_t)st->st_size,
	                           .modified_ns = ns_of(st->st_mtim),
	                           .changed_ns = ns_of(st->st_ctim)};
}

bool file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->inode == b->inode && a->device == b->device && a->size == b->size && a->modified_ns == b->modified_ns &&
	       a->changed_ns == b->changed_ns;
}

bool open_file_is_same(const struct open_file *f)
{
	struct stat st;
	if (fstat(f->fd, &st) != 0)
		return false;
	struct file_stamp stamp = stamp_of(&st);
	return file_stamp_eq(&stamp, &f->stamp);
}

static bool is_unsettled(int64_t modified_ns, int64_t now_ns)
{
	int64_t moment = modified_ns % SECOND ? TICK : COARSE_TICK;
	return now_ns - modified_ns < moment && modified_ns - now_ns < moment;
}

/* Lasting field lines; `f` gets spans of them. */
static void write_fields(struct open_file *f, const char *path, struct buf *b)
{
	int64_t now_ns = clock_civil_us() * 1000;
	f->unsettled = is_unsettled(f->stamp.modified_ns, now_ns);
	f->validators.modified = -1;
	f->type = media_type_of(span_of(path));
	buf_add(b, SPAN("Content-Type: "));
	buf_add(b, f->type);
	buf_add(b, SPAN("\r\nX-Content-Type-Options: nosniff\r\n"));
	size_t validators = b->n;
	buf_add(b, SPAN("Accept-Ranges: bytes\r\n"));
	/* Nothing was modified later than it is sent (RFC 9110 8.8.2.1), nor before there were computers. */
	if (f->stamp.modified_ns >= 0 && f->stamp.modified_ns <= now_ns) {
		f->validators.modified = f->stamp.modified_ns / SECOND;
		buf_add(b, SPAN("Last-Modified: "));
		buf_add(b, http_date(f->validators.modified));
		buf_add(b, SPAN("\r\n"));
	}
	if (!f->unsettled) {
		size_t tag = b->n + SPAN("ETag: ").n;
		buf_addf(b, "ETag: \"%llx-%llx-%llx\"", (unsigned long long)f->stamp.inode,
		         (unsigned long long)f->stamp.modified_ns, (unsigned long long)f->stamp.size);
		f->validators.etag = span_make(b->p + tag, b->n - tag);
		buf_add(b, SPAN("\r\n"));
	}
	ASSERT(buf_error(b) == 0);
	f->fields = buf_span(b);
	f->validator_fields = span_make(b->p + validators, b->n - validators);
}

/* All of it, or -errno; -EAGAIN in memory alone, or when it has become shorter. */
static int read_content(int fd, char *to, size_t n, bool in_memory)
{
	for (size_t at = 0; at < n;) {
		struct iovec v = {to + at, n - at};
		ssize_t got = preadv2(fd, &v, 1, (off_t)at, in_memory ? RWF_NOWAIT : 0);
		if (got > 0)
			at += (size_t)got;
		else if (got == 0 || (in_memory && errno != EINTR))
			return -EAGAIN; /* some file systems do not know what is in memory: EOPNOTSUPP */
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* The block: the struct, its key, its field lines, its content. */
static struct open_file *block_new(const struct file_wish *wish, const struct stat *st, bool keep)
{
	size_t memory = sizeof(struct open_file) + wish->key.n + FIELDS_ROOM + (keep ? (size_t)st->st_size : 0);
	struct open_file *f = malloc(memory);
	if (!f)
		return NULL;
	*f = (struct open_file){.users = 1,
	                        .fd = -1,
	                        .whole_sent = INT64_MIN / 2,
	                        .size = (uint64_t)st->st_size,
	                        .stamp = stamp_of(st),
	                        .memory = memory};
	list_init(&f->link);
	char *at = (char *)(f + 1);
	f->key = span_make(at, wish->key.n);
	span_keep(&at, wish->key);
	struct buf b;
	buf_over(&b, at, FIELDS_ROOM);
	write_fields(f, wish->path, &b);
	if (keep)
		f->content = span_make(at + FIELDS_ROOM, (size_t)st->st_size);
	return f;
}

/* With its content, if that was the same before and after it was read. 0, or -errno; a positive number: somebody writes it now. */
static int take_content(const struct file_wish *wish, int fd, const struct stat *st, struct open_file **out)
{
	AUTO(open_file) struct open_file *f = block_new(wish, st, true);
	struct stat after;
	if (!f)
		return -ENOMEM;
	int error = read_content(fd, (char *)f->content.p, f->content.n, wish->how & BENEATH_IN_MEMORY);
	if (error)
		return error == -EAGAIN && !(wish->how & BENEATH_IN_MEMORY) ? 1 : error;
	if (fstat(fd, &after) != 0)
		return -errno;
	struct file_stamp stamp = stamp_of(&after);
	if (!file_stamp_eq(&stamp, &f->stamp))
		return 1;
	*out = TAKE(f);
	return 0;
}

static int take_file(const struct file_wish *wish, int *fd, struct stat *st, struct open_file **out)
{
	if ((uint64_t)st->st_size <= wish->keep) {
		for (int i = 0; i < READINGS; i++) {
			int r = take_content(wish, *fd, st, out);
			if (r <= 0)
				return r;
			if (fstat(*fd, st) != 0)
				return -errno;
			if ((uint64_t)st->st_size > wish->keep)
				break;
		}
	}
	*out = block_new(wish, st, false);
	if (!*out)
		return -ENOMEM;
	(*out)->fd = *fd;
	*fd = -1;
	return 0;
}

int open_file_new(const struct file_wish *wish, struct open_file **out)
{
	AUTO(fd) int own_root = -1, fd = -1;
	struct stat st;
	if (wish->root < 0) {
		own_root = beneath_root(wish->folder, wish->how);
		if (own_root < 0)
			return own_root;
	}
	fd = beneath_open(wish->root < 0 ? own_root : wish->root, wish->path, wish->how, &st);
	if (fd < 0)
		return fd;
	return S_ISDIR(st.st_mode) ? FILE_IS_FOLDER : take_file(wish, &fd, &st, out);
}

void open_file_unref(struct open_file *f)
{
	if (!f || --f->users > 0)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}
