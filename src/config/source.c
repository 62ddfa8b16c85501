#include "config/source.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *advice_for(int error)
{
	switch (error) {
	case ENOENT:
		return "; is the path right?";
	case EACCES:
		return "; give the user that Fairlead runs as the right to read it";
	default:
		return "";
	}
}

/* Up to one byte more than the limit, so that a longer file shows. */
static ssize_t read_all(int fd, char *room, size_t n)
{
	size_t have = 0;
	while (have < n) {
		ssize_t got = read(fd, room + have, n - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

static bool is_text(const char *path, struct span text, struct complaints *c)
{
	const char *nul = text.n ? memchr(text.p, '\0', text.n) : NULL;
	if (!nul)
		return true;
	int line = 1;
	for (const char *p = text.p; p < nul; p++)
		line += *p == '\n';
	complain(c, COMPLAINT_ERROR, (struct written){path, line},
	         "a NUL byte: this is not a text file, or it is UTF-16; save it as UTF-8");
	return false;
}

static bool read_opened(int fd, const char *path, struct written from, struct arena *memory, struct complaints *c,
                        struct span *out)
{
	struct stat about;
	if (fstat(fd, &about) != 0) {
		complain(c, COMPLAINT_ERROR, from, "%s cannot be read: %s", path, strerror(errno));
		return false;
	}
	if (S_ISDIR(about.st_mode)) {
		complain(c, COMPLAINT_ERROR, from, "%s is a directory: name a file in it", path);
		return false;
	}
	/* A pipe tells no size: it gets the room of a large file. */
	size_t room = S_ISREG(about.st_mode) && about.st_size < SOURCE_MOST ? (size_t)about.st_size + 1 : SOURCE_MOST + 1;
	char *bytes = arena_alloc(memory, room);
	ssize_t n = bytes ? read_all(fd, bytes, room) : -ENOMEM;
	if (n < 0) {
		complain(c, COMPLAINT_ERROR, from, "%s cannot be read: %s", path, strerror((int)-n));
		return false;
	}
	if (n > SOURCE_MOST) {
		complain(c, COMPLAINT_ERROR, from, "%s is larger than 10 MB: this is not a settings file", path);
		return false;
	}
	*out = span_make(bytes, (size_t)n);
	if (out->n >= 3 && memcmp(out->p, "\xef\xbb\xbf", 3) == 0)
		*out = span_make(out->p + 3, out->n - 3);
	return is_text(path, *out, c);
}

bool source_read(const char *path, struct written from, struct arena *memory, struct complaints *c, struct span *out)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		complain(c, COMPLAINT_ERROR, from, "%s cannot be read: %s%s", path, strerror(errno), advice_for(errno));
		return false;
	}
	return read_opened(fd, path, from, memory, c, out);
}
