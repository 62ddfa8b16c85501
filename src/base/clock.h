/* The two clocks: a monotonic one in milliseconds for deadlines, a civil one for logs and Date. */
#ifndef FAIRLEAD_BASE_CLOCK_H
#define FAIRLEAD_BASE_CLOCK_H

#include <stdint.h>

/* A point on the monotonic clock, in milliseconds. NEVER is later than all others. */
typedef int64_t mono_ms;
#define NEVER INT64_MAX

mono_ms clock_mono(void);
int64_t clock_mono_us(void);
/* Microseconds since 1970-01-01 UTC. */
int64_t clock_civil_us(void);

static inline mono_ms clock_after(mono_ms now, int64_t wait_ms)
{
	return wait_ms >= NEVER - now ? NEVER : now + wait_ms;
}

#endif
