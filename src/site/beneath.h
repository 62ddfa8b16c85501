/* Opening what lies beneath a folder, and nothing else: openat2(2), Linux 5.6.
 *
 * Owner: descriptors are the caller's. Threads: any. Errors: -errno, few of them: -ENOENT (nothing that could be served:
 * also names that lead out of the folder, and whatever is neither a file nor a folder), -EACCES, -EAGAIN with
 * BENEATH_IN_MEMORY when the disk would have to be asked, and what is wrong with the machine. */
#ifndef FAIRLEAD_SITE_BENEATH_H
#define FAIRLEAD_SITE_BENEATH_H

#include <sys/stat.h>

#include "base/error.h"

enum {
	BENEATH_IN_MEMORY = 1,   /* do not wait for a disk */
	BENEATH_NO_SYMLINKS = 2, /* otherwise those that stay beneath are followed */
};

/* 0, or why the kernel cannot do it: -ENOSYS before Linux 5.6, -EPERM or -ENOSYS where a container forbids it. */
MUST_CHECK int beneath_probe(void);

/* The folder itself, for the next one. A descriptor, or -EIO if it is not there or may not be entered. */
MUST_CHECK int beneath_root(const char *folder, unsigned how);

/* A regular file or a folder, for reading; *st is its. `path` is relative; "." is the folder itself. A descriptor. */
MUST_CHECK int beneath_open(int root, const char *path, unsigned how, struct stat *st);

#endif
