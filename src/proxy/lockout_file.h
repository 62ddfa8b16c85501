/* What the lock-out guard remembers beyond the end of the process: one small file in the state directory, a line a secret.
 *
 * A secret is known there by its mark: scrypt (RFC 7914) of account and secret under a salt of the file. The file must not help whoever gets hold of it,
 * from a backup say, to guess a password: a fast keyed hash whose key lies beside it would. The secret itself is marked, not its file (inode, time),
 * because a systemd credential is made anew with every start, and a file rewritten with the same wrong password is no new one: each would earn one more
 * attempt, and Restart=always would lock the account.
 *
 * Threads: any; several processes may share a directory (flock around each change). All calls may wait for a disk, and lockout_file_mark() computes for
 * a tenth of a second in 32 MiB: not on a worker. Errors: -errno, said in the events log once until it goes well again. */
#ifndef FAIRLEAD_PROXY_LOCKOUT_FILE_H
#define FAIRLEAD_PROXY_LOCKOUT_FILE_H

#include "base/error.h"
#include "base/span.h"

enum { LOCKOUT_MARK = 16, LOCKOUT_RECORDS_MOST = 256 };

/* Times in seconds since 1970, since the monotonic clock does not outlive the machine's start. */
struct lockout_record {
	unsigned char mark[LOCKOUT_MARK];
	bool proven; /* accepted at least once */
	bool flying; /* an attempt has begun and its end was not written down */
	unsigned refusals;
	int64_t window; /* when the first of them was */
	int64_t last;   /* attempt or refusal */
};

MUST_CHECK int lockout_file_mark(const char *directory, struct span account, struct span secret,
                                 unsigned char mark[LOCKOUT_MARK]);
/* 0, -ENOENT (never seen), or another -errno. */
MUST_CHECK int lockout_file_find(const char *directory, const unsigned char mark[LOCKOUT_MARK],
                                 struct lockout_record *out);
/* Adds or replaces; the one not touched for the longest time gives way. */
MUST_CHECK int lockout_file_store(const char *directory, const struct lockout_record *record);

#endif
