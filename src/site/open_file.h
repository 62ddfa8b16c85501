/* A file that is served: its descriptor or its content, what it was when it was opened, and the field lines that say so.
 *
 * Owner: counted; the last reference closes it. Threads: made on any thread, then of one worker. Errors: -errno as
 * beneath.h says, and -EMFILE, -ENOMEM and the like. */
#ifndef FAIRLEAD_SITE_OPEN_FILE_H
#define FAIRLEAD_SITE_OPEN_FILE_H

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"
#include "http/conditional.h"

/* What tells one state of a file from another. */
struct file_stamp {
	uint64_t device, inode, size;
	int64_t modified_ns, changed_ns;
};

struct open_file {
	unsigned users;
	int fd; /* -1: the content is in memory */
	uint64_t size;
	struct span content;
	struct span fields;           /* Content-Type and its fence, then: */
	struct span validator_fields; /* the end of `fields`: Accept-Ranges, Last-Modified, ETag */
	struct span type;
	struct validators validators;
	struct file_stamp stamp;
	mono_ms whole_sent; /* when all of it was last sent; long ago: not yet */
	bool unsettled;     /* written a moment ago: it may change without its stamp's changing */

	/* The cache's: see file_cache.h. */
	struct span key;
	struct link link;
	size_t memory;         /* bytes of this block */
	mono_ms checked, used; /* looked for by its name; asked for */
	mono_ms seen;          /* the descriptor was asked whether it is the same */
};

struct file_wish {
	int root;           /* of beneath_root(); negative: to be opened by its name */
	const char *folder; /* the name of the root */
	const char *path;   /* beneath it */
	unsigned how;       /* BENEATH_... */
	size_t keep;        /* content up to so many bytes is read into memory */
	struct span key;    /* copied */
};

enum { FILE_IS_FOLDER = 1 };

/* 0, FILE_IS_FOLDER, or -errno. */
MUST_CHECK int open_file_new(const struct file_wish *wish, struct open_file **out);
/* Whether the open descriptor still is what it was. */
bool open_file_is_same(const struct open_file *f);
bool file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b);

static inline struct open_file *open_file_ref(struct open_file *f)
{
	f->users++;
	return f;
}
void open_file_unref(struct open_file *f);
DEFINE_AUTO(open_file, struct open_file *, open_file_unref);

#endif
