/* What the engine asks of the kernel while it serves: events, bytes, connections; and the order of what is ready.
 *
 * Two variants of the whole, chosen by the build (FAIRLEAD_BACKEND). `epoll` is nothing but the system calls. `late`, for
 * tests, does all that a kernel or a scheduler could do at its worst: see kernel_late.h. Threads: a worker's own. */
#ifndef FAIRLEAD_NET_KERNEL_H
#define FAIRLEAD_NET_KERNEL_H

#ifdef FAIRLEAD_BACKEND_LATE
#include "net/kernel_late.h"
#else
#include "net/kernel_epoll.h"
#endif

#endif
