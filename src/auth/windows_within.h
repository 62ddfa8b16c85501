/* A question to winbind that may not take long. The library's calls wait for a winbindd that hangs for minutes, and nothing calls them back; so each
 * runs on a thread of its own, which is left behind when the time is over. While one is overdue nobody else asks: a winbindd that hangs costs
 * whoever can do without its answer nothing.
 *
 * Threads: any that may wait for `ms`. Bounded: so many threads at a time, see windows_within.c. */
#ifndef FAIRLEAD_AUTH_WINDOWS_WITHIN_H
#define FAIRLEAD_AUTH_WINDOWS_WITHIN_H

#include <stdbool.h>

enum { WINDOWS_SOON_MS = 2000 };

/* True: ask(arg) has run and ended, and `arg` is the caller's again. False: it has not, or was not begun; release(arg) is called by whoever is done
 * with it, perhaps much later. */
bool windows_within(int ms, void (*ask)(void *arg), void *arg, void (*release)(void *arg));

#endif
