/* The lock-out guard: one state a secret, process-wide, so that neither one hiccup of a parent's domain controller stops an office nor we
 * lock an account.
 *
 * Until a secret has been accepted once, and after any refusal, a single attempt is in flight at a time. A secret never yet accepted gets one attempt
 * until it changes; one that has worked gets at most three refusals in thirty minutes, spaced. A reload with the same secret clears nothing.
 * Threads: any; one mutex, held for a few instructions. */
#ifndef FAIRLEAD_PROXY_LOCKOUT_H
#define FAIRLEAD_PROXY_LOCKOUT_H

#include "base/clock.h"
#include "base/span.h"

enum lockout_verdict {
	LOCKOUT_GO,   /* try, then lockout_tell() */
	LOCKOUT_WAIT, /* somebody else is trying: look again in a moment */
	LOCKOUT_HELD, /* not before *until */
};

enum lockout_outcome { LOCKOUT_ACCEPTED, LOCKOUT_REFUSED, LOCKOUT_UNDECIDED };

/* A secret's fingerprint: keyed, of this process. */
uint64_t lockout_fingerprint(struct span account, struct span secret);

enum lockout_verdict lockout_ask(uint64_t secret, mono_ms now, mono_ms *until);
/* The same for another member straight after one has refused: of what the guard allows only the space between two attempts is left out, for a
 * secret that has worked before; never their number. */
enum lockout_verdict lockout_ask_elsewhere(uint64_t secret, mono_ms now, mono_ms *until);
void lockout_tell(uint64_t secret, enum lockout_outcome outcome, mono_ms now);

#endif
