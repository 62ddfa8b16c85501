/* TLS of the load's clients: the handshake waits, what follows does not. Certificates are not looked at. */
#ifndef BENCH_LOAD_TLS_H
#define BENCH_LOAD_TLS_H

#include <stddef.h>
#include <sys/types.h>

struct ssl_st;

/* On a connected socket. NULL: the handshake failed. */
struct ssl_st *tls_open(int fd);
/* NULL is fine. The socket stays. */
void tls_close(struct ssl_st *ssl);
/* As send() and recv() that do not wait. */
ssize_t tls_send(struct ssl_st *ssl, const void *bytes, size_t n);
ssize_t tls_receive(struct ssl_st *ssl, void *room, size_t n);

#endif
