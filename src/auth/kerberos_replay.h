/* Kerberos authenticators that were accepted lately, so that none is accepted twice (RFC 4120 3.2.3). In memory alone: MIT's own is a file that is
 * locked at every accept. After a restart, what was accepted in the last minutes before it could be accepted once more.
 *
 * Threads: any; locked inside. */
#ifndef FAIRLEAD_AUTH_KERBEROS_REPLAY_H
#define FAIRLEAD_AUTH_KERBEROS_REPLAY_H

#include "base/clock.h"
#include "base/span.h"

/* True if this authenticator (its ciphertext) was there before; else it is now. */
bool kerberos_replayed(struct span authenticator, mono_ms now);

#endif
