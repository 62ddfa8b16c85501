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
	const struct tls_certificate *certificate; /* the server's, once it is chosen */
	bool named;                                /* by the name in `host` */
	bool broken;                               /* failed for good: no more calls into OpenSSL, no close_notify */
	bool more;                                 /* what is written is followed by more at once */
	bool ended;                                /* the socket has given its last byte */
	bool starved;                              /* what OpenSSL holds is not a whole record */
	int error;                                 /* of the socket, errno */
	char *why;           /* filled by the certificate's check, TLS_WHY bytes; NULL after the handshake */
	char host[TLS_HOST]; /* expected in the certificate; as a server: the name that was sent */
};

/* tls.c */
DEFINE_AUTO(tls, struct tls *, tls_free);
int tls_no_passphrase(char *p, int n, int writing, void *arg);
int tls_shake_hands(struct tls *t, struct stream *s, mono_ms deadline, char *why, size_t n);

/* tls_server.c */
void tls_server_unref(struct tls_server *s);

/* tls_certificate.c */
size_t tls_bindings_of(const X509 *certificate, char out[TLS_BINDINGS]); /* their length; 0: they cannot be made */
struct tls_certificate;
/* `name` tells it from others with the same certificate. 0, -ENOMEM, or -EINVAL and *why. */
MUST_CHECK int tls_certificate_new(const char *name, const char *certificate, const char *key, unsigned tag,
                                   struct tls_certificate **out, char **why);
void tls_certificate_free(struct tls_certificate *c);
DEFINE_AUTO(tls_certificate, struct tls_certificate *, tls_certificate_free);
SSL_CTX *tls_certificate_context(const struct tls_certificate *c);
unsigned tls_certificate_tag(const struct tls_certificate *c);
bool tls_certificate_is(const struct tls_certificate *c, const char *certificate, const char *key, unsigned tag);
struct span tls_certificate_bindings(const struct tls_certificate *c, SSL *ssl); /* after the handshake */

/* tls_bio.c: a BIO on the stream's watch that keeps its ready bits, never waits and raises no SIGPIPE. */
BIO *tls_bio_new(struct tls *t);

/* tls_why.c: reasons that a person understands. */
int tls_check_certificate(int preverified, X509_STORE_CTX *store);
void tls_explain_handshake(const struct tls *t, int ssl_error, char *why, size_t n);
char *tls_explain_date(X509 *certificate);                   /* NULL: it is valid, and for a while; else on the heap */
char *tls_explain_name(X509 *certificate, const char *name); /* NULL: it bears the name */
char *tls_reason(const char *what, const char *reason);      /* on the heap */
char *tls_library_reason(const char *what); /* on the heap; takes the newest error of OpenSSL's queue */

/* tls_sessions.c: the last session of each host, for resumption. Bounded; one mutex. */
MUST_CHECK int tls_sessions_new(struct tls_sessions **out);
void tls_sessions_free(struct tls_sessions *s);
void tls_sessions_put(struct tls_sessions *s, const char *host, SSL_SESSION *session); /* takes the reference */
SSL_SESSION *tls_sessions_get(struct tls_sessions *s, const char *host);               /* a reference, or NULL */

#endif
