/* An accounts file on disk: read only if nobody else can read or write it, replaced as a whole, changed by one program at a time.
 *
 * Errors: -errno, and a sentence that says what is wrong with the file and what to do. */
#ifndef FAIRLEAD_AUTH_ACCOUNTS_FILE_H
#define FAIRLEAD_AUTH_ACCOUNTS_FILE_H

#include <sys/stat.h>

#include "auth/accounts_text.h"

/* *seen is the state of the file that was read; also filled in where the file exists and was refused. */
MUST_CHECK int accounts_file_read(const char *path, struct accounts_text **out, struct stat *seen, struct buf *why);

struct account_change {
	enum { ACCOUNT_ADD, ACCOUNT_SET, ACCOUNT_REMOVE } what;
	const char *name;
	const unsigned char *nt_hash; /* this and the next together; NULL: as before */
	const char *password_hash;
	const char *groups; /* separated by commas; NULL: as before, or none */
	int disabled;       /* 1, 0, or -1: as before */
};

/* Reads, changes one account, writes a new file beside the old one and puts it in its place, all under a lock. A file that is not there is begun,
 * 0600, and belongs to whom its folder belongs if root makes it. -EEXIST, -ENOENT for the account. */
MUST_CHECK int accounts_file_change(const char *path, const struct account_change *change, struct buf *why);

#endif
