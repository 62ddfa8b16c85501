/* What the two floors share: level-triggered epoll, sides of a connection pair, a pool of idle server connections.
 *
 * The floors show what the kernel takes for moving the bytes of a proxy. They trust both ends and expect whole heads: never
 * use them for anything but a measurement.
 *
 * Owner: the loop; side_close() frees at the end of the event batch. Threads: one. */
#ifndef BENCH_FLOOR_COMMON_H
#define BENCH_FLOOR_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct side {
	int fd; /* -1: closed */
	bool server;
	bool blocked;       /* not read, because `other` does not take what was read */
	struct side *other; /* NULL: a server connection in the pool, or a client without a server connection */
	struct side *next;  /* in the pool, or among the closed */
	char *rest;         /* read from `other` and not yet sent here */
	size_t rest_length;
	bool tunnel, head_seen; /* the forwarder's */
	uint64_t body_left;     /* the forwarder's: of the message read from this side */
};

/* Made by each floor. Bytes were read from `s`: n > 0; or it ended: n <= 0. */
void side_received(struct side *s, char *bytes, ssize_t n);

/* Sends to `to` what came from to->other; what does not fit waits, and to->other is not read meanwhile. */
void side_send(struct side *to, const char *bytes, size_t n);
void side_close(struct side *s);
void pair(struct side *client, struct side *server);
/* An idle server connection, or a new one. */
struct side *server_take(uint16_t port);
/* Takes the server connection from its client and keeps it. */
void server_release(struct side *server);
struct side *server_dial(uint16_t port);

void log_open(const char *file);
void log_line(const char *text, size_t n);

/* Serves 127.0.0.1:port for ever. */
_Noreturn void serve(uint16_t port);

#endif
