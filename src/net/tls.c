/* One SSL_CTX per settings, shared by the workers; its sessions are kept by us, by host. OpenSSL reads ahead, so that a
 * record costs one recv() and not two; what it then holds is told to stream.c by tls_has_pending(), since the kernel will
 * not tell it again. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/ref.h"
#include "net/fiber.h"
#include "net/tls_parts.h"

struct tls_client {
	struct ref ref; /* one for the owner, one for each stream */
	SSL_CTX *context;
	struct tls_sessions *sessions;
	char *name; /* NULL: the host dialled */
	bool verify;
};

static void client_unref(struct tls_client *c)
{
	if (!c || !ref_drop(&c->ref))
		return;
	SSL_CTX_free(c->context);
	tls_sessions_free(c->sessions);
	free(c->name);
	free(c);
}
DEFINE_AUTO(tls_client, struct tls_client *, client_unref);

void tls_client_free(struct tls_client *c)
{
	client_unref(c);
}

/* ---- Settings. */

/* A session of ours may be resumed from now on. Takes the reference by saying 1. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	const struct tls *t = SSL_get_app_data(ssl);
	tls_sessions_put(t->resume, t->host, session);
	return 1;
}

/* Without this OpenSSL would ask on the terminal. */
int tls_no_passphrase(char *p, int n, int writing, void *arg)
{
	(void)p, (void)n, (void)writing, (void)arg;
	return 0;
}

static bool load_certificate(SSL_CTX *context, const char *certificate, const char *key, char **why)
{
	SSL_CTX_set_default_passwd_cb(context, tls_no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) {
		*why = tls_library_reason(certificate);
		return false;
	}
	key = key ? key : certificate;
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(context) != 1) {
		*why = tls_library_reason(key);
		return false;
	}
	return true;
}

static bool load_authorities(SSL_CTX *context, const char *ca, char **why)
{
	int ok = ca ? SSL_CTX_load_verify_file(context, ca) : SSL_CTX_set_default_verify_paths(context);
	if (ok != 1)
		*why = tls_library_reason(ca ? ca : "the system's certificates");
	return ok == 1;
}

static bool set_up(SSL_CTX *context, const struct tls_client_settings *s, char **why)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(context,
	                 SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, keep_session);
	SSL_CTX_set_verify(context, s->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, tls_check_certificate);
	if (SSL_CTX_set_alpn_protos(context, alpn, sizeof(alpn) - 1) != 0) {
		*why = tls_library_reason("ALPN");
		return false;
	}
	if (s->verify && !load_authorities(context, s->ca, why))
		return false;
	return !s->certificate || load_certificate(context, s->certificate, s->key, why);
}

int tls_client_new(const struct tls_client_settings *settings, struct tls_client **out, char **why)
{
	*why = NULL;
	ERR_clear_error();
	AUTO(tls_client) struct tls_client *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	ref_init(&c->ref);
	c->verify = settings->verify;
	c->context = SSL_CTX_new(TLS_client_method());
	if (!c->context || tls_sessions_new(&c->sessions) < 0)
		return -ENOMEM;
	if (settings->name && !(c->name = strdup(settings->name)))
		return -ENOMEM;
	if (!set_up(c->context, settings, why))
		return -EINVAL;
	*out = TAKE(c);
	return 0;
}

/* ---- The handshake. */

void tls_free(struct tls *t)
{
	if (!t)
		return;
	/* Else OpenSSL takes a connection closed without close_notify for an attack and forgets its session. */
	if (t->ssl && !t->broken)
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	client_unref(t->client);
	tls_server_unref(t->server);
	free(t);
}

/* Whom the certificate must name: an address by its address, all else by its DNS name, which is also sent (SNI). */
static bool expect_host(struct tls *t)
{
	struct addr literal;
	char text[ADDR_TEXT];
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (addr_parse(span_of(t->host), 0, &literal) < 0)
		return SSL_set_tlsext_host_name(t->ssl, t->host) == 1 &&
		       (!t->client->verify || SSL_set1_host(t->ssl, t->host) == 1);
	addr_format(&literal, false, text);
	return !t->client->verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), text) == 1;
}

static int tls_new(struct stream *s, struct tls_client *c, const char *host, struct tls **out)
{
	const char *expected = c->name ? c->name : host;
	if (strlen(expected) >= TLS_HOST)
		return -EINVAL;
	AUTO(tls) struct tls *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	ref_take(&c->ref);
	t->client = c;
	t->resume = c->sessions;
	t->watch = &s->watch;
	for (size_t i = 0; expected[i]; i++)
		t->host[i] = ascii_lower(expected[i]);
	t->ssl = SSL_new(c->context);
	BIO *bio = t->ssl ? tls_bio_new(t) : NULL;
	if (!bio)
		return -ENOMEM;
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	if (!expect_host(t))
		return -EINVAL;
	SSL_SESSION *session = tls_sessions_get(c->sessions, t->host);
	if (session) {
		SSL_set_session(t->ssl, session);
		SSL_SESSION_free(session);
	}
	SSL_set_connect_state(t->ssl);
	*out = TAKE(t);
	return 0;
}

static int wait_for(struct watch *w, uint8_t bit, mono_ms deadline)
{
	struct fiber **who = bit == READY_IN ? &w->reader : &w->writer;
	int rc = 0;
	*who = fiber_self();
	while (rc == 0 && !(w->ready & bit))
		rc = fiber_wait(deadline);
	*who = NULL;
	return rc;
}

int tls_shake_hands(struct tls *t, struct stream *s, mono_ms deadline, char *why, size_t n)
{
	char reason[TLS_WHY] = "";
	t->why = reason;
	int rc = 0;
	for (;;) {
		ERR_clear_error();
		t->error = 0;
		int done = SSL_do_handshake(t->ssl);
		if (done == 1)
			break;
		int error = SSL_get_error(t->ssl, done);
		if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
			rc = wait_for(&s->watch, error == SSL_ERROR_WANT_READ ? READY_IN : READY_OUT, deadline);
			if (rc == 0)
				continue;
			snprintf(why, n, "the other side did not finish the TLS handshake in time");
			break;
		}
		tls_explain_handshake(t, error, why, n);
		rc = reason[0] ? -EKEYREJECTED : -EPROTO;
		break;
	}
	t->why = NULL;
	return rc;
}

struct span tls_stream_server_bindings(const struct stream *s, char room[TLS_BINDINGS])
{
	const X509 *certificate = s->tls && s->tls->client ? SSL_get0_peer_certificate(s->tls->ssl) : NULL;
	return certificate ? span_make(room, tls_bindings_of(certificate, room)) : SPAN_NONE;
}

int tls_connect(struct stream *s, struct tls_client *c, const char *host, mono_ms deadline, char *why, size_t n)
{
	AUTO(tls) struct tls *t = NULL;
	if (n)
		why[0] = '\0';
	ERR_clear_error();
	int rc = tls_new(s, c, host, &t);
	if (rc < 0) {
		snprintf(why, n, "TLS cannot be set up for %s", host);
		return rc;
	}
	rc = tls_shake_hands(t, s, deadline, why, n);
	ERR_clear_error();
	if (rc == 0)
		s->tls = TAKE(t);
	return rc;
}

/* ---- For stream.c. */

/* -EAGAIN where OpenSSL would wait for the socket, else the end of this TLS connection. */
static ssize_t failed(struct tls *t, int rc)
{
	int error = SSL_get_error(t->ssl, rc);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	t->broken = true;
	unsigned long reason = ERR_peek_error();
	ERR_clear_error();
	if (t->error)
		return -t->error;
	/* The end of the connection without close_notify: perhaps somebody cut it short. */
	return ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? -ECONNRESET : -EPROTO;
}

ssize_t tls_read(struct stream *s, void *p, size_t n)
{
	struct tls *t = s->tls;
	if (t->broken)
		return -ECONNRESET;
	size_t got;
	t->watch = &s->watch;
	t->error = 0;
	ERR_clear_error();
	int rc = SSL_read_ex(t->ssl, p, n, &got);
	if (rc == 1)
		return (ssize_t)got;
	ssize_t result = failed(t, rc);
	if (result == -EAGAIN)
		t->starved = true;
	return result;
}

ssize_t tls_write(struct stream *s, const void *p, size_t n, bool more)
{
	struct tls *t = s->tls;
	if (t->broken)
		return -EPIPE;
	size_t sent;
	t->watch = &s->watch;
	t->error = 0;
	t->more = more;
	ERR_clear_error();
	int rc = SSL_write_ex(t->ssl, p, n, &sent);
	t->more = false;
	if (rc == 1)
		return (ssize_t)sent;
	ssize_t result = failed(t, rc);
	return result ? result : -EPIPE;
}

bool tls_has_pending(const struct stream *s)
{
	const struct tls *t = s->tls;
	return !t->broken && (SSL_pending(t->ssl) > 0 || (!t->starved && SSL_has_pending(t->ssl)));
}

void tls_end(struct stream *s)
{
	struct tls *t = s->tls;
	if (t->broken)
		return;
	t->watch = &s->watch;
	ERR_clear_error();
	SSL_shutdown(t->ssl); /* sends close_notify; theirs is met by tls_read() */
	ERR_clear_error();
}
