/* RESOLVE_BENEATH makes the kernel itself refuse every step out of the folder, however it is spelt: "..", an absolute
 * symbolic link, one that climbs too high, a folder moved away while the path is walked. RESOLVE_NO_MAGICLINKS keeps
 * /proc's links from being such a step. O_NONBLOCK: a FIFO without a writer, or a device, must not hold a thread; fstat()
 * then tells what was opened. */
#include "site/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel gives EAGAIN when somebody renamed folders while it walked through ".." of a symbolic link. */
enum { TRIES = 16 };

static int open_how(int at, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
	for (int tries = 0;; tries++) {
		long fd = syscall(SYS_openat2, at, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno == EINTR)
			continue;
		/* EINVAL: RESOLVE_CACHED came with Linux 5.12; whoever does not know it is asked on a thread that may wait. */
		if (resolve & RESOLVE_CACHED && (errno == EAGAIN || errno == EINVAL))
			return -EAGAIN;
		if (errno != EAGAIN)
			return -errno;
		if (tries == TRIES)
			return -EBUSY;
	}
}

static uint64_t resolve_of(unsigned how)
{
	return (how & BENEATH_IN_MEMORY ? RESOLVE_CACHED : 0) | (how & BENEATH_NO_SYMLINKS ? RESOLVE_NO_SYMLINKS : 0);
}

int beneath_probe(void)
{
	int fd = open_how(AT_FDCWD, ".", O_PATH | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int beneath_root(const char *folder, unsigned how)
{
	/* The folder's own name is the administrator's: symbolic links in it are meant. */
	int fd = open_how(AT_FDCWD, folder, O_PATH | O_DIRECTORY, resolve_of(how & BENEATH_IN_MEMORY));
	bool passes = fd == -EAGAIN || fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM;
	return fd >= 0 || passes ? fd : -EIO;
}

static int plain_error(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP:
	case -EXDEV:
	case -ENAMETOOLONG:
	case -ENXIO: /* a socket, a FIFO that only writers may open, a device that is not there */
	case -ENODEV:
	case -EINVAL:
	case -EILSEQ:
		return -ENOENT;
	case -EPERM:
		return -EACCES;
	default:
		return error;
	}
}

/* A folder that may be entered but not listed cannot be opened for reading, and is a folder all the same. */
static int open_unlisted(int root, const char *path, unsigned how)
{
	int fd = open_how(root, path, O_PATH | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve_of(how));
	return fd == -ENOTDIR ? -EACCES : fd;
}

int beneath_open(int root, const char *path, unsigned how, struct stat *st)
{
	int fd = open_how(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY,
	                  RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve_of(how));
	if (fd == -EACCES)
		fd = open_unlisted(root, path, how);
	if (fd < 0)
		return plain_error(fd);
	int error = fstat(fd, st) != 0 ? -errno : S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) ? 0 : -ENOENT;
	if (error == 0)
		return fd;
	close(fd);
	return error;
}
