#include "measure.h"

#include "loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct processes processes_parse(const char *text)
{
	struct processes p = {.count = 0};
	char *end;

	while (*text && p.count < MAX_PROCESSES) {
		p.ids[p.count++] = (int)strtol(text, &end, 10);
		text = *end == ',' ? end + 1 : end;
	}
	return p;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		fatal("a proxy ended while it was measured");
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t processes_cpu_ns(const struct processes *p)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < p->count; i++) {
		clockid_t clock;
		if ((errno = clock_getcpuclockid(p->ids[i], &clock)) != 0)
			fatal("a proxy ended while it was measured");
		sum += clock_ns(clock);
	}
	return sum;
}

uint64_t own_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static uint64_t memory_of(int id)
{
	char name[64], line[256];
	unsigned long kib, sum = 0;
	FILE *f;

	snprintf(name, sizeof name, "/proc/%d/smaps_rollup", id);
	if (!(f = fopen(name, "re")))
		fatal(name);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "Pss: %lu kB", &kib) == 1)
			sum += kib;
	fclose(f);
	return (uint64_t)sum << 10;
}

uint64_t processes_memory(const struct processes *p)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < p->count; i++)
		sum += memory_of(p->ids[i]);
	return sum;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

uint32_t percentile(uint32_t *values, unsigned count, unsigned hundredths)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof *values, by_value);
	return values[(uint64_t)(count - 1) * hundredths / 100];
}
