/* What a proxy costs: the CPU clocks of its processes (user and system time of all their threads, in nanoseconds, as
 * the scheduler counts them), and its private memory.
 *
 * Errors: a process that is gone ends the program with a message. */
#ifndef BENCH_LOAD_MEASURE_H
#define BENCH_LOAD_MEASURE_H

#include <stdint.h>

#define MAX_PROCESSES 64

struct processes {
	int ids[MAX_PROCESSES];
	unsigned count;
};

/* "12,13,14" */
struct processes processes_parse(const char *text);
uint64_t processes_cpu_ns(const struct processes *p);
/* Proportional set size, so that what processes share is counted once. */
uint64_t processes_memory(const struct processes *p);
uint64_t own_cpu_ns(void);
/* Sorts; the value below which so many hundredths lie. */
uint32_t percentile(uint32_t *values, unsigned count, unsigned hundredths);

#endif
