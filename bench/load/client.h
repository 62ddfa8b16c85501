/* Clients in a closed loop: each sends its next request when it has the last answer.
 *
 * Owner: the load; one at a time. Threads: the loop's. Errors: an answer other than the expected one, and a connection
 * that ends in the middle of an exchange, are counted; nothing is retried, the client connects again. */
#ifndef BENCH_LOAD_CLIENT_H
#define BENCH_LOAD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What clients do once connected, beginning with what comes first on a connection. */
struct behaviour {
	const char *name;
	bool tunnel;  /* CONNECT first */
	bool ntlm;    /* sign in to the origin first, with canned messages */
	bool sign_in; /* sign in to the proxy first, really */
	bool local;   /* the proxy is a site: origin-form, no origin behind is named */
	bool tls;
	bool reconnect;   /* a new connection for each exchange */
	bool upload;      /* requests with a body of BIG_BODY */
	bool unanswered;  /* the origin keeps the answer back */
	char tunnel_byte; /* in the tunnel: 'E' one byte there and back, 'F' and 'S' floods without end */
	const char *path; /* for a request; NULL: none is sent */
};
const struct behaviour *behaviour_find(const char *name);

struct load {
	const struct behaviour *behaviour;
	uint16_t port;        /* of the proxy, or of the origin */
	const char *origin;   /* "127.0.0.1:4711", its web or tunnel port */
	bool once;            /* one exchange, then the connection is left idle */
	bool stopping;        /* no new exchanges; answers under way are awaited */
	uint64_t done, bytes; /* exchanges, and bytes of bodies received */
	uint64_t errors, reconnects;
	unsigned settled;    /* clients that have had an answer, or wait for one that never comes */
	unsigned busy;       /* clients in the middle of an exchange */
	uint32_t *latencies; /* ns; NULL: not wanted */
	unsigned latency_count, latency_room;
	struct client *clients;
	unsigned client_count;
	char request[1024], connect[256], type_1[1536],
		type_3[1536]; /* type_3 of a real sign-in ends where its token begins */
	size_t request_length;
};

/* Makes room for so many clients; none is connected yet. */
void load_init(struct load *l, unsigned clients);
/* Connects client number `i` and lets it begin. */
void load_start(struct load *l, unsigned i);
void load_fini(struct load *l);

#endif
