#include "proxy/end_reason.h"

#include <stdatomic.h>
#include <stddef.h>

const struct end_row end_reason_table[END_LIMIT] = {
#define X(id, name, number, status, substatus, win32, error_type, user, administrator, remedy, place) \
	{name, number, status, substatus, win32, error_type, user, administrator, remedy, PLACE_##place},
	END_REASONS(X)
#undef X
};

/* Workers write to lines of their own, so that counting the commonest end does not move a cache line between cores. A
 * thread keeps its stripe for life; with more threads than stripes some share one, which is slower but as right. */
enum { STRIPES = 32, CACHE_LINE = 64 };

struct stripe {
	_Alignas(CACHE_LINE) atomic_llong counts[END_LIMIT];
};

static struct stripe stripes[STRIPES];
static atomic_uint threads;
static _Thread_local struct stripe *mine;

void end_reason_count(enum end_reason r)
{
	if (!mine)
		mine = &stripes[atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % STRIPES];
	atomic_fetch_add_explicit(&mine->counts[r], 1, memory_order_relaxed);
}

long long end_reason_counted(enum end_reason r)
{
	long long sum = 0;
	for (size_t i = 0; i < STRIPES; i++)
		sum += atomic_load_explicit(&stripes[i].counts[r], memory_order_relaxed);
	return sum;
}
