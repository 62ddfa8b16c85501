/* TLS on a stream, towards servers (OpenSSL). Never waits inside OpenSSL. */
#ifndef FAIRLEAD_NET_TLS_H
#define FAIRLEAD_NET_TLS_H

#include "net/stream.h"

struct tls_client_settings {
	const char *ca;          /* PEM file of trusted certificates; NULL: the system's */
	const char *name;        /* expected in the certificate, sent as SNI; NULL: the host dialled */
	const char *certificate; /* of ours, PEM chain; NULL: none */
	const char *key;
	bool verify; /* true unless an administrator turned it off */
};

struct tls_client; /* made once per settings; thread-safe; streams hold it as long as they need it */
/* 0, -ENOMEM, or -EINVAL with the reason on the heap in *why, to be freed. Encrypted keys are not asked for. */
MUST_CHECK int tls_client_new(const struct tls_client_settings *settings, struct tls_client **out, char **why);
void tls_client_free(struct tls_client *c);

/* Shakes hands on a connected stream; ALPN http/1.1. 0 or -errno (-EKEYREJECTED: the
 * certificate; -EPROTO: anything else of TLS; the reason is in `why`, room for `n` bytes). */
MUST_CHECK int tls_connect(struct stream *s, struct tls_client *c, const char *host, mono_ms deadline, char *why,
                           size_t n);

/* For stream.c and nobody else. An end without close_notify is -ECONNRESET, never 0: somebody may have cut it short. */
ssize_t tls_read(struct stream *s, void *p, size_t n); /* >0, 0 end, -EAGAIN, -errno */
ssize_t tls_write(struct stream *s, const void *p, size_t n);
bool tls_has_pending(const struct stream *s);
void tls_end(struct stream *s);
void tls_free(struct tls *t);

#endif
