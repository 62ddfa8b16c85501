#include "base/counters.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

const struct counter_description counter_table[COUNTER_LIMIT] = {
#define X(name, kind, sentence) {#name, COUNTER_##kind, sentence},
	COUNTERS(X)
#undef X
};

struct row {
	_Atomic int64_t values[COUNTER_LIMIT];
	struct row *next;
};

static struct row shared_row; /* threads without a row, and the figures of threads that ended */
static struct row *rows;
static pthread_mutex_t rows_lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local struct row *mine;

void counters_attach(void)
{
	if (mine)
		return;
	struct row *row = calloc(1, sizeof(*row));
	if (!row)
		return;
	pthread_mutex_lock(&rows_lock);
	row->next = rows;
	rows = row;
	pthread_mutex_unlock(&rows_lock);
	mine = row;
}

void counters_detach(void)
{
	if (!mine)
		return;
	pthread_mutex_lock(&rows_lock);
	for (struct row **at = &rows; *at; at = &(*at)->next) {
		if (*at == mine) {
			*at = mine->next;
			break;
		}
	}
	for (int i = 0; i < COUNTER_LIMIT; i++)
		atomic_fetch_add(&shared_row.values[i], atomic_load(&mine->values[i]));
	pthread_mutex_unlock(&rows_lock);
	free(mine);
	mine = NULL;
}

void counter_add(enum counter which, int64_t amount)
{
	if (!mine) {
		atomic_fetch_add_explicit(&shared_row.values[which], amount, memory_order_relaxed);
		return;
	}
	int64_t now = atomic_load_explicit(&mine->values[which], memory_order_relaxed);
	atomic_store_explicit(&mine->values[which], now + amount, memory_order_relaxed);
}

int64_t counter_read(enum counter which)
{
	pthread_mutex_lock(&rows_lock);
	int64_t sum = atomic_load(&shared_row.values[which]);
	for (struct row *row = rows; row; row = row->next)
		sum += atomic_load_explicit(&row->values[which], memory_order_relaxed);
	pthread_mutex_unlock(&rows_lock);
	return sum;
}
