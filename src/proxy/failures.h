/* Failures of clients' sign-in, by the pair of client address and account claimed: after so many within a window further attempts of that pair are refused
 * unasked. Never by address alone, for a terminal server is one address; never by account alone, or anybody could lock a colleague out.
 *
 * As many attempts of a pair are verified at a time as may still fail, so that a burst is no way round the limit. Success clears.
 *
 * Owner: the process. Threads: any; one mutex, held for a few instructions. Bounded: at the ceiling the pair gives way whose last failure is the
 * oldest. */
#ifndef FAIRLEAD_PROXY_FAILURES_H
#define FAIRLEAD_PROXY_FAILURES_H

#include "auth/claim.h"
#include "base/addr.h"
#include "base/clock.h"
#include "base/error.h"

struct failures_limits {
	unsigned most;     /* within the window; 0: no limit */
	int64_t window_ms; /* from the first of them on */
	unsigned pairs;    /* remembered */
};

enum failures_verdict {
	FAILURES_GO,     /* verify, then failures_tell() */
	FAILURES_WAIT,   /* as many as may still fail are being verified: look again in a moment */
	FAILURES_REFUSE, /* unasked */
};
enum failures_outcome { FAILURES_RIGHT, FAILURES_WRONG, FAILURES_UNDECIDED };

/* One attempt: who, from where, and under which limits. May be copied; told about once. */
struct failures_attempt {
	struct failures_limits limits;
	struct addr from;
	struct claim claim;
	bool counts; /* false: nothing to limit, or told already */
};

enum failures_verdict failures_ask(struct failures_attempt *a, mono_ms now);
/* How it ended. Says in the events log when it was one too many. */
void failures_tell(struct failures_attempt *a, enum failures_outcome outcome, mono_ms now);
/* One that is refused now, for the console. */
struct failures_row {
	char user[NAME_MOST + 1], from[ADDR_TEXT];
	unsigned failures;
	int64_t left_ms;
};
/* The latest of them, `most` at most; how many were written. */
unsigned failures_refused(const struct failures_limits *limits, mono_ms now, struct failures_row *rows, unsigned most);
/* Pairs that are remembered now. */
unsigned failures_pairs(void);

#endif
