/* The scripted origin: a web server that answers from memory, and a port for what runs inside tunnels.
 *
 * Web port: /1k, /64m (a body of 64 MiB), /sink (takes a body), /hold (never answers), /ntlm/... (401 until this connection
 * has shown a type 1 and a type 3 message, in this order), and CONNECT, answered 200 for proxies that only pass it on.
 * Parent port: a proxy that demands NTLM: 407 until this connection has shown a type 1 and a type 3 message, then as the web port.
 * Tunnel port: the first byte says what follows: 'E' echo, 'F' flood the client, 'S' swallow.
 *
 * Owner: itself. Threads: the loop's. */
#ifndef BENCH_LOAD_ORIGIN_H
#define BENCH_LOAD_ORIGIN_H

#include <stdint.h>

#define BIG_BODY (64ull << 20)

/* Listens on free ports of 127.0.0.1. */
void origin_listen(uint16_t *web, uint16_t *tunnel, uint16_t *parent);

/* Counts since the start. */
struct origin_counts {
	uint64_t swallowed; /* bytes of bodies and floods that clients sent */
	uint64_t held;      /* requests for /hold */
	uint64_t accepted;  /* connections */
	uint64_t strangers; /* requests for /ntlm/ on a connection that is not signed in */
};
const struct origin_counts *origin_counts(void);

#endif
