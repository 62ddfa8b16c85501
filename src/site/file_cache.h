/* The files that a worker has lately served, by folder and path: small ones with their content, others open.
 *
 * What is remembered is believed for a moment (`valid_ms`) and then asked again: a file that was replaced is seen at most so
 * much later, what is written into an open one at once. What nobody asks for is given up within seconds, so that a
 * deleted file does not hold its disk.
 *
 * Owner: one worker's. Threads: that one; waiting for a disk is done on the lane's threads. */
#ifndef FAIRLEAD_SITE_FILE_CACHE_H
#define FAIRLEAD_SITE_FILE_CACHE_H

#include "site/open_file.h"

struct file_cache;
struct offload_lane;

struct file_cache_limits {
	unsigned files;
	size_t memory;  /* bytes of all of them */
	size_t content; /* bytes of one file that are kept in memory, at most */
	int64_t valid_ms;
};

struct file_place {
	const char *folder;
	unsigned how;              /* BENEATH_NO_SYMLINKS or 0 */
	struct offload_lane *lane; /* for what a disk must be asked; NULL: the calling thread waits itself */
	int64_t wait_ms;           /* the longest */
};

/* NULL without memory. */
struct file_cache *file_cache_new(const struct file_cache_limits *limits);
void file_cache_free(struct file_cache *c);
DEFINE_AUTO(file_cache, struct file_cache *, file_cache_free);
/* A reload's. */
void file_cache_limit(struct file_cache *c, const struct file_cache_limits *limits);

/* 0 and a reference, FILE_IS_FOLDER, or -errno: what open_file_new() says, -EBUSY and -ETIMEDOUT (the lane), -ECANCELED. May wait. */
MUST_CHECK int file_cache_find(struct file_cache *c, const struct file_place *place, struct span path,
                               struct open_file **out);

/* Forgets what nobody has asked for in the last `idle_ms`. A timer does it on a worker. */
void file_cache_sweep(struct file_cache *c, mono_ms now, int64_t idle_ms);

#endif
