/* A part of a file onto a stream, with what goes before it.
 *
 * Owner: the caller keeps the descriptor open until the call is over. Threads: one worker. Errors: as stream.h. */
#ifndef FAIRLEAD_NET_STREAM_FILE_H
#define FAIRLEAD_NET_STREAM_FILE_H

#include "base/span.h"
#include "net/stream.h"

struct offload_lane;

struct file_part {
	int fd; /* of a regular file */
	uint64_t from, length;
	struct offload_lane *lane; /* reads ahead what is not in memory; NULL: the worker itself waits for the disk */
	int64_t idle_ms;           /* the longest time without progress */
};

/* Sends `head` (a response's head; may be empty) and the part behind it, in as few segments or records as there can be.
 * 0 or -errno; -EIO also when the file has become shorter than that. After an error some of it may have been sent:
 * nothing else may follow on the stream. */
MUST_CHECK int stream_send_file(struct stream *s, struct span head, const struct file_part *part);

#endif
