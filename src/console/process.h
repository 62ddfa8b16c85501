/* What the kernel says of this process. */
#ifndef FAIRLEAD_CONSOLE_PROCESS_H
#define FAIRLEAD_CONSOLE_PROCESS_H

#include <stdint.h>

/* -1 where the system does not say. */
struct process_figures {
	int64_t started_s; /* since 1970 */
	int64_t up_s;
	int64_t cpu_ms;
	int64_t resident, virtual; /* bytes */
	int64_t descriptors, descriptors_most;
	int64_t threads;
};

void process_read(struct process_figures *p);

#endif
