/* Certificates made on the spot, and a TLS server on a thread of the test's own. */
#ifndef FAIRLEAD_TESTS_TLS_SERVER_H
#define FAIRLEAD_TESTS_TLS_SERVER_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};

static inline void identity_free(struct identity *i)
{
	EVP_PKEY_free(i->key);
	X509_free(i->certificate);
}

static inline void add_extension(X509 *c, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	CHECK(e && X509_add_ext(c, e, -1) == 1);
	X509_EXTENSION_free(e);
}

/* `by` NULL: signs itself and is an authority. `names` as OpenSSL writes them: "DNS:a.example,IP:127.0.0.1", or NULL. */
static inline struct identity make_identity_for(EVP_PKEY *key, const char *name, const char *names,
                                                const struct identity *by, int from_days, int to_days)
{
	static atomic_int serial = 1;
	struct identity i = {.key = key, .certificate = X509_new()};
	X509 *c = i.certificate;
	CHECK(i.key && c && X509_set_version(c, X509_VERSION_3) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(c), atomic_fetch_add(&serial, 1));
	X509_time_adj_ex(X509_getm_notBefore(c), from_days, 0, NULL);
	X509_time_adj_ex(X509_getm_notAfter(c), to_days, 0, NULL);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	CHECK(X509_set_issuer_name(c, X509_get_subject_name(by ? by->certificate : c)) == 1);
	CHECK(X509_set_pubkey(c, i.key) == 1);
	add_extension(c, NID_basic_constraints, by ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (names)
		add_extension(c, NID_subject_alt_name, names);
	CHECK(X509_sign(c, by ? by->key : i.key, EVP_sha256()) > 0);
	return i;
}

static inline struct identity make_identity(const char *name, const char *names, const struct identity *by,
                                            int from_days, int to_days)
{
	return make_identity_for(EVP_EC_gen("P-256"), name, names, by, from_days, to_days);
}

static inline void write_identity(const struct identity *i, const char *certificate, const char *key)
{
	FILE *f = fopen(certificate, "w");
	CHECK(f && PEM_write_X509(f, i->certificate) == 1 && fclose(f) == 0);
	if (!key)
		return;
	f = fopen(key, "w");
	CHECK(f && PEM_write_PrivateKey(f, i->key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
}

enum tls_server_way {
	ECHO,   /* sends back what comes */
	PLAIN,  /* speaks no TLS */
	CLOSES, /* at once */
	SILENT, /* never answers */
	CUTS,   /* sends "half" and closes without close_notify */
	BURST,  /* five records in one segment, then close_notify */
	DRIP,   /* one record in three pieces, 60 ms apart */
};

struct tls_server {
	enum tls_server_way way;
	SSL_CTX *context;
	int fd;
	uint16_t port;
	atomic_bool over;
	atomic_int connections, resumed;
	char name[256];     /* SNI of the last one, "" without */
	char alpn[32];      /* chosen with the last one */
	char presented[64]; /* CN of the client's certificate */
	pthread_t thread;
};

static inline int choose_http(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in,
                              unsigned in_n, void *arg)
{
	static const unsigned char mine[] = "\x02h2\x08http/1.1";
	if (SSL_select_next_proto((unsigned char **)out, n, mine, sizeof(mine) - 1, in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static inline void note_client(struct tls_server *t, SSL *ssl)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const unsigned char *alpn;
	unsigned n;
	snprintf(t->name, sizeof(t->name), "%s", name ? name : "");
	SSL_get0_alpn_selected(ssl, &alpn, &n);
	snprintf(t->alpn, sizeof(t->alpn), "%.*s", (int)n, n ? (const char *)alpn : "");
	X509 *c = SSL_get0_peer_certificate(ssl);
	t->presented[0] = '\0';
	if (c)
		X509_NAME_get_text_by_NID(X509_get_subject_name(c), NID_commonName, t->presented, sizeof(t->presented));
	if (SSL_session_reused(ssl))
		atomic_fetch_add(&t->resumed, 1);
}

static inline void send_drip(SSL *ssl, int fd)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char text[5000], *bytes;
	memset(text, 'd', sizeof(text));
	SSL_set0_wbio(ssl, memory);
	CHECK(SSL_write(ssl, text, sizeof(text)) == sizeof(text));
	long n = BIO_get_mem_data(memory, &bytes);
	for (long at = 0, piece = 3; at < n; at += piece, piece = at < 100 ? 2000 : n - at) {
		CHECK(send(fd, bytes + at, (size_t)piece, MSG_NOSIGNAL) == piece);
		usleep(60000);
	}
}

static inline void serve_tls(struct tls_server *t, SSL *ssl, int fd)
{
	char buffer[16384];
	int n, on = 1, off = 0;
	switch (t->way) {
	case CUTS:
		SSL_write(ssl, "half", 4);
		return;
	case BURST:
		setsockopt(fd, IPPROTO_TCP, 3 /* TCP_CORK */, &on, sizeof(on));
		for (int i = 0; i < 5; i++)
			CHECK(SSL_write(ssl, "record", 6) == 6);
		setsockopt(fd, IPPROTO_TCP, 3, &off, sizeof(off));
		break;
	case DRIP:
		send_drip(ssl, fd);
		return;
	default:
		while ((n = SSL_read(ssl, buffer, sizeof(buffer))) > 0) {
			if (SSL_write(ssl, buffer, n) <= 0)
				return;
		}
	}
	SSL_shutdown(ssl);
}

static inline void serve_connection(struct tls_server *t, int fd)
{
	char buffer[1024];
	if (t->way == CLOSES)
		return;
	if (t->way == PLAIN) {
		static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
		CHECK(recv(fd, buffer, sizeof(buffer), 0) > 0);
		send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
		return;
	}
	while (t->way == SILENT && !atomic_load(&t->over))
		usleep(5000);
	if (t->way == SILENT)
		return;
	SSL *ssl = SSL_new(t->context);
	CHECK(ssl && SSL_set_fd(ssl, fd) == 1);
	ERR_clear_error();
	if (SSL_accept(ssl) == 1) {
		note_client(t, ssl);
		serve_tls(t, ssl, fd);
	}
	SSL_free(ssl);
}

static inline void *tls_server_main(void *arg)
{
	struct tls_server *t = arg;
	struct pollfd p = {.fd = t->fd, .events = POLLIN};
	while (!atomic_load(&t->over)) {
		if (poll(&p, 1, 5) != 1)
			continue;
		int fd = accept(t->fd, NULL, NULL);
		CHECK(fd >= 0);
		serve_connection(t, fd);
		atomic_fetch_add(&t->connections, 1);
		close(fd);
	}
	return NULL;
}

static inline void tls_server_open(struct tls_server *t, enum tls_server_way way, const struct identity *i)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	*t = (struct tls_server){.way = way, .context = SSL_CTX_new(TLS_server_method())};
	CHECK(SSL_CTX_use_certificate(t->context, i->certificate) == 1 && SSL_CTX_use_PrivateKey(t->context, i->key) == 1);
	SSL_CTX_set_alpn_select_cb(t->context, choose_http, NULL);
	SSL_CTX_set_session_id_context(t->context, (const unsigned char *)"test", 4);
	t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(bind(t->fd, (struct sockaddr *)&a, size) == 0 && listen(t->fd, 16) == 0);
	CHECK(getsockname(t->fd, (struct sockaddr *)&a, &size) == 0);
	t->port = ntohs(a.sin_port);
}

static inline void tls_server_run(struct tls_server *t)
{
	CHECK(pthread_create(&t->thread, NULL, tls_server_main, t) == 0);
}

static inline void tls_server_stop(struct tls_server *t)
{
	atomic_store(&t->over, true);
	pthread_join(t->thread, NULL);
	close(t->fd);
	SSL_CTX_free(t->context);
}

#endif
