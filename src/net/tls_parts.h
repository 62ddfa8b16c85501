/* What the files of TLS share; see tls.h.
 *
 * Owner: tls.c. Threads: a struct tls belongs to its stream's worker; a struct tls_client to all. */
#ifndef FAIRLEAD_NET_TLS_PARTS_H
#define FAIRLEAD_NET_TLS_PARTS_H

#include <openssl/ssl.h>

#include "base/cleanup.h"
#include "net/tls.h"

enum { TLS_WHY = 512, TLS_HOST = 254 };

struct tls_sessions;

struct tls {
	SSL *ssl;
	struct watch *watch;         /* of the stream that is calling, which may have moved since the last time */
	struct tls_client *client;   /* counted; NULL: we are the server */
	struct tls_server *server;   /* counted; NULL: we are the client */
	struct tls_sessions *resume; /* the client's */
	bool broken;                 /* failed for good: no more calls into OpenSSL, no close_notify */
	bool ended;                  /* the socket has given its last byte */
	bool starved;                /* what OpenSSL holds is not a whole record */
	int error;                   /* of the socket, errno */
	char *why;                   /* filled by the certificate's check, TLS_WHY bytes; NULL after the handshake */
	char host[TLS_HOST];         /* expected in the certificate */
};

/* tls.c */
DEFINE_AUTO(tls, struct tls *, tls_free);
bool tls_load_certificate(SSL_CTX *context, const char *certificate, const char *key, char **why);
int tls_shake_hands(struct tls *t, struct stream *s, mono_ms deadline, char *why, size_t n);

/* tls_server.c */
size_t tls_bindings_of(const X509 *certificate, char out[TLS_BINDINGS]); /* 0: cannot be made */
void tls_server_unref(struct tls_server *s);

/* tls_bio.c: a BIO on the stream's watch that keeps its ready bits, never waits and raises no SIGPIPE. */
BIO *tls_bio_new(struct tls *t);

/* tls_why.c: reasons that a person understands. */
int tls_check_certificate(int preverified, X509_STORE_CTX *store);
void tls_explain_handshake(const struct tls *t, int ssl_error, char *why, size_t n);
char *tls_library_reason(const char *what); /* on the heap; takes the newest error of OpenSSL's queue */

/* tls_sessions.c: the last session of each host, for resumption. Bounded; one mutex. */
MUST_CHECK int tls_sessions_new(struct tls_sessions **out);
void tls_sessions_free(struct tls_sessions *s);
void tls_sessions_put(struct tls_sessions *s, const char *host, SSL_SESSION *session); /* takes the reference */
SSL_SESSION *tls_sessions_get(struct tls_sessions *s, const char *host);               /* a reference, or NULL */

#endif
