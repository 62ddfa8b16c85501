/* The lock-out guard: one state a secret, process-wide, so that neither one hiccup of a parent's domain controller stops an office nor we
 * lock an account.
 *
 * A secret never yet accepted gets one attempt until it changes. One that has worked gets at most three refusals in thirty minutes, spaced; so that
 * they stay three when the password changes in the middle of a rush, three attempts are in flight at a time, and who has waited a second for his turn goes
 * too as long as the secret was accepted within that second. A reload clears nothing, and what matters is written down before an attempt
 * that could be a secret's last, so that a restart, or a crash in the middle of it, does not either (lockout_file.h).
 * Threads: any; one mutex, held for a few instructions. Where said, a call may wait for a disk: not on a worker. */
#ifndef FAIRLEAD_PROXY_LOCKOUT_H
#define FAIRLEAD_PROXY_LOCKOUT_H

#include "base/clock.h"
#include "base/error.h"
#include "base/span.h"

enum lockout_verdict {
	LOCKOUT_GO,      /* try, then lockout_tell() */
	LOCKOUT_WAIT,    /* somebody else is trying: look again in a moment */
	LOCKOUT_HELD,    /* not before *until */
	LOCKOUT_UNKNOWN, /* new to this process: lockout_recognize() first; you alone are told so */
};

enum lockout_outcome { LOCKOUT_ACCEPTED, LOCKOUT_REFUSED, LOCKOUT_UNDECIDED };

/* A secret's fingerprint: keyed, of this process. */
uint64_t lockout_fingerprint(struct span account, struct span secret);

struct lockout_answer {
	enum lockout_verdict verdict;
	mono_ms until;   /* of HELD; NEVER: until the secret changes */
	const char *why; /* of HELD: a sentence without its end */
	bool save;       /* of GO: lockout_save() before the attempt */
};
/* `since`: when the asker came. `elsewhere`: another member has refused it just now: of what the guard allows only the space between two attempts is
 * left out, for a secret that has worked before; never their number. */
struct lockout_answer lockout_ask(uint64_t secret, mono_ms since, bool elsewhere, mono_ms now);
/* How an attempt ended. True: lockout_save() now, before anybody is told. */
MUST_CHECK bool lockout_tell(uint64_t secret, enum lockout_outcome outcome, mono_ms now);

/* Finds out what an earlier process wrote down about this secret. Waits for a disk and computes. */
void lockout_recognize(uint64_t fingerprint, const char *directory, struct span account, struct span secret);
/* Nobody recognized it after all: the next who asks may. */
void lockout_unrecognized(uint64_t fingerprint);
/* Nothing can be locked by this secret (a ticket that somebody else obtained): it needs no recognizing, and counts as one that has worked. */
void lockout_take_for_ticket(uint64_t fingerprint);
/* Writes down what is known of it. Waits for a disk. */
void lockout_save(uint64_t fingerprint, const char *directory);

#endif
