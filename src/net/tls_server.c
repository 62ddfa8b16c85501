/* TLS towards clients: one SSL_CTX per listener and settings, shared by the workers. */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/ref.h"
#include "net/tls_parts.h"

struct tls_server {
	struct ref ref; /* one for the owner, one for each stream */
	SSL_CTX *context;
	size_t bindings_n;
	char bindings[TLS_BINDINGS];
};

void tls_server_unref(struct tls_server *s)
{
	if (!s || !ref_drop(&s->ref))
		return;
	SSL_CTX_free(s->context);
	free(s);
}
DEFINE_AUTO(tls_server, struct tls_server *, tls_server_unref);

void tls_server_free(struct tls_server *s)
{
	tls_server_unref(s);
}

struct span tls_server_bindings(const struct tls_server *s)
{
	return span_make(s->bindings, s->bindings_n);
}

struct span tls_stream_bindings(const struct stream *s)
{
	return s->tls && s->tls->server ? tls_server_bindings(s->tls->server) : SPAN_NONE;
}

/* RFC 5929 section 4.1: the digest of the certificate's signature, but SHA-256 in place of MD5 and SHA-1 and where there is none of its own. */
static const EVP_MD *digest_for(const X509 *certificate)
{
	int digest = NID_undef;
	X509_get_signature_info((X509 *)(uintptr_t)certificate, &digest, NULL, NULL, NULL);
	if (digest == NID_undef || digest == NID_md5 || digest == NID_sha1 || digest == NID_md5_sha1)
		return EVP_sha256();
	return EVP_get_digestbynid(digest);
}

size_t tls_bindings_of(const X509 *certificate, char out[TLS_BINDINGS])
{
	static const char prefix[] = "tls-server-end-point:";
	const EVP_MD *digest = certificate ? digest_for(certificate) : NULL;
	unsigned n = 0;
	memcpy(out, prefix, sizeof(prefix) - 1);
	if (!digest || X509_digest(certificate, digest, (unsigned char *)out + sizeof(prefix) - 1, &n) != 1)
		return 0;
	return sizeof(prefix) - 1 + n;
}

static bool make_bindings(struct tls_server *s)
{
	s->bindings_n = tls_bindings_of(SSL_CTX_get0_certificate(s->context), s->bindings);
	return s->bindings_n > 0;
}

/* HTTP/1.1 or nothing: a sign-in that belongs to a connection cannot live in HTTP/2. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                           unsigned in_n, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	int r = SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n, ours, sizeof(ours) - 1, in, in_n);
	return r == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static bool set_up(struct tls_server *s, const char *certificate, const char *key, char **why)
{
	static const unsigned char context_name[] = "fairlead";
	SSL_CTX *c = s->context;
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_session_id_context(c, context_name, sizeof(context_name) - 1);
	SSL_CTX_set_alpn_select_cb(c, choose_protocol, NULL);
	if (!tls_load_certificate(c, certificate, key, why))
		return false;
	if (make_bindings(s))
		return true;
	*why = tls_library_reason(certificate);
	return false;
}

int tls_server_new(const char *certificate, const char *key, struct tls_server **out, char **why)
{
	*why = NULL;
	ERR_clear_error();
	AUTO(tls_server) struct tls_server *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	ref_init(&s->ref);
	s->context = SSL_CTX_new(TLS_server_method());
	if (!s->context)
		return -ENOMEM;
	if (!set_up(s, certificate, key, why))
		return -EINVAL;
	*out = TAKE(s);
	return 0;
}

int tls_accept(struct stream *s, struct tls_server *server, mono_ms deadline, char *why, size_t n)
{
	AUTO(tls) struct tls *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	ref_take(&server->ref);
	t->server = server;
	t->watch = &s->watch;
	t->ssl = SSL_new(server->context);
	BIO *bio = t->ssl ? tls_bio_new(t) : NULL;
	if (!bio)
		return -ENOMEM;
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	SSL_set_accept_state(t->ssl);
	int rc = tls_shake_hands(t, s, deadline, why, n);
	ERR_clear_error();
	if (rc == 0)
		s->tls = TAKE(t);
	return rc;
}
