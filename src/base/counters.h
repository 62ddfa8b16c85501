/* What the program counts: one table. /metrics, the console and the manual are made from it.
 *
 * Threads: every thread that calls counters_attach() has its own row, which it alone writes; readers add the rows up.
 * A gauge goes up and down, possibly on different threads. */
#ifndef FAIRLEAD_BASE_COUNTERS_H
#define FAIRLEAD_BASE_COUNTERS_H

#include <stdint.h>

#include "base/counters.def"

enum counter {
#define X(name, kind, sentence) COUNTER_##name,
	COUNTERS(X)
#undef X
		COUNTER_LIMIT
};

enum counter_kind { COUNTER_SUM, COUNTER_GAUGE };

struct counter_description {
	const char *name;
	enum counter_kind kind;
	const char *sentence;
};

extern const struct counter_description counter_table[COUNTER_LIMIT];

/* Gives the calling thread its row. Threads that never do share one row with atomic adds. */
void counters_attach(void);
/* The calling thread ends: its figures stay in the sum. */
void counters_detach(void);

void counter_add(enum counter which, int64_t amount);
/* The sum over all threads, at about this moment. */
int64_t counter_read(enum counter which);

#define COUNT(name) counter_add(COUNTER_##name, 1)
#define COUNT_ADD(name, amount) counter_add(COUNTER_##name, (amount))

#endif
