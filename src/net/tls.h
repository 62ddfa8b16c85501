/* TLS on a stream, towards servers and towards clients (OpenSSL). Never waits inside OpenSSL. */
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

/* ---- Towards clients. `certificate`: a PEM chain, `key` its key (NULL: in the same file); the two may hold several, for
 * different kinds of key. 0 or -errno; *why, on the heap or NULL, says what is wrong. */
struct tls_server;
MUST_CHECK int tls_server_new(const char *certificate, const char *key, struct tls_server **out, char **why);
void tls_server_free(struct tls_server *s);
/* Another certificate, or the same, for the names that match: "a.example", "*.example" (one label or more in place of the
 * asterisk) or "*"; case and a dot at the end do not matter. The name itself comes before any asterisk, the longest rest
 * first. -EEXIST: the name has another one. Whom no name matches gets the first certificate, whose tag is 0, or, if
 * strict, none: -EKEYREJECTED. To be called before the first tls_accept(). */
MUST_CHECK int tls_server_add(struct tls_server *s, const char *pattern, const char *certificate, const char *key,
                              unsigned tag, char **why);
void tls_server_be_strict(struct tls_server *s);

/* What an administrator should hear of a certificate for clients before they meet it: why it cannot be used at all; that
 * it is out of date, or will be soon; that it is for other names than `name` (as above; NULL: any). Each is on the heap,
 * or NULL. */
struct tls_findings {
	char *unusable, *date, *name;
};
void tls_server_judge(const char *certificate, const char *key, const char *name, struct tls_findings *out);

/* Of an accepted stream, for as long as it is open. The channel bindings of the certificate that its client was shown
 * (RFC 5929 section 4, "tls-server-end-point:" and the hash); empty if it is plain. */
enum { TLS_BINDINGS = 96 };
struct span tls_stream_bindings(const struct stream *s);
unsigned tls_stream_tag(const struct stream *s);            /* of that certificate */
struct span tls_stream_server_name(const struct stream *s); /* in lower case, no dot at the end; empty: none was sent */
/* The bindings of a stream made by tls_connect(), to the server's certificate, in `room`; empty if it is plain. */
struct span tls_stream_server_bindings(const struct stream *s, char room[TLS_BINDINGS]);

/* Shakes hands on an accepted stream. As tls_connect(). */
MUST_CHECK int tls_accept(struct stream *s, struct tls_server *server, mono_ms deadline, char *why, size_t n);

/* For stream.c and nobody else. An end without close_notify is -ECONNRESET, never 0: somebody may have cut it short. */
ssize_t tls_read(struct stream *s, void *p, size_t n); /* >0, 0 end, -EAGAIN, -errno */
/* One record. `more`: another one follows at once. >0, -EAGAIN (then the same again), -errno */
enum { TLS_RECORD = 16 * 1024 };
ssize_t tls_write(struct stream *s, const void *p, size_t n, bool more);
bool tls_has_pending(const struct stream *s);
void tls_end(struct stream *s);
void tls_free(struct tls *t);

#endif
