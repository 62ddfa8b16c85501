/* The one thread of the load program: level-triggered epoll over clients, the origin's connections and standard input.
 *
 * Owner: whoever embeds a `struct watched`; loop_forget() before freeing it. Threads: one. Errors: a full machine ends
 * the program with a message, for a measurement on it would be worth nothing. */
#ifndef BENCH_LOAD_LOOP_H
#define BENCH_LOAD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct watched {
	int fd;
	void (*ready)(struct watched *w, uint32_t events);
};

void loop_watch(struct watched *w, int fd, uint32_t events, void (*ready)(struct watched *w, uint32_t events));
void loop_change(struct watched *w, uint32_t events);
/* Closes the descriptor too. Only from the connection's own callback or between two rounds of the loop. */
void loop_forget(struct watched *w);
/* Serves what is ready, waiting at most so many milliseconds for the first. */
void loop_once(int timeout_ms);

uint64_t now_ns(void);
_Noreturn void fatal(const char *what);

#endif
