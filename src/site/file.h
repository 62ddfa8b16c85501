/* What answers a request for a file beneath a folder: the whole, parts, "not modified", a redirect, or a refusal by name
 * (RFC 9110 sections 8.8, 13, 14, 15).
 *
 * Owner: the caller, who ends it with file_answer_fini() when all has been sent. Threads: one worker. Errors: the outcome
 * says it; `error` is the -errno behind it, for the log. */
#ifndef FAIRLEAD_SITE_FILE_H
#define FAIRLEAD_SITE_FILE_H

#include "base/buf.h"
#include "config/settings.h"
#include "http/range.h"
#include "proxy/responder.h"
#include "site/file_cache.h"

/* X(identifier, status, substatus as IIS counts) */
#define FILE_OUTCOMES(X)                                                     \
	X(WHOLE, 200, 0)                                                         \
	X(PARTS, 206, 0)                                                         \
	X(NOT_MODIFIED, 304, 0)                                                  \
	X(OPTIONS, 200, 0)       /* Allow says what may be done */               \
	X(ADD_SLASH, 301, 0)     /* a folder; Location is relative */            \
	X(OTHER_METHOD, 405, 0)  /* neither GET, HEAD nor OPTIONS; with Allow */ \
	X(CONDITION, 412, 0)     /* If-Match or If-Unmodified-Since */           \
	X(NO_SUCH_RANGE, 416, 0) /* with Content-Range */                        \
	X(MISSING, 404, 0)                                                       \
	X(HIDDEN, 404, 8)    /* a name that begins with a dot */                 \
	X(NO_INDEX, 403, 14) /* a folder without an index page */                \
	X(DENIED, 401, 3)    /* the system does not let us read it */            \
	X(BUSY, 503, 2)      /* no descriptors, or the disk is too slow */       \
	X(BROKEN, 500, 0)    /* the folder or its disk cannot be read */

enum file_outcome {
#define X(id, status, substatus) FILE_##id,
	FILE_OUTCOMES(X)
#undef X
};

unsigned file_outcome_status(enum file_outcome outcome);
unsigned file_outcome_substatus(enum file_outcome outcome);

struct file_answer {
	enum file_outcome outcome;
	int error;
	struct span fields; /* whole field lines, without Content-Length */
	bool has_length;
	uint64_t length;        /* what Content-Length says, of HEAD too */
	struct open_file *file; /* counted: `fields` and `pieces` may point into it */
	struct buf room;        /* or into this */
	unsigned count;         /* of pieces, the content of FILE_WHOLE and FILE_PARTS; none for HEAD */
	struct answer_piece pieces[2 * RANGES_MOST + 1]; /* last, and not cleared */
};

/* `path` is the decoded path beneath the place, in normal form and without a slash in front; it ends in one, or is empty, where the
 * request's does. `index`: names tried for folders. May wait for a disk. */
void file_answer(struct file_cache *c, const struct file_place *place, const struct text_list *index, struct span path,
                 const struct head *request, struct file_answer *out);
/* The answer where the place itself, `name`, is asked for without its slash. */
void file_answer_slash(struct span name, const struct head *request, struct file_answer *out);
void file_answer_fini(struct file_answer *a);

#endif
