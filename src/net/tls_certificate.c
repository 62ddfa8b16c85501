/* A certificate that we show to clients, with its keys: one SSL_CTX. Its files may hold it for several kinds of key (RSA
 * and ECDSA); OpenSSL then shows the one that the client can use.
 *
 * A client that resumes a session is shown none, and takes the one of the first time for the channel bindings. So a
 * ticket says which it was, and opens only where the very same certificates are shown under the same name. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/tls_parts.h"
#include "net/tls_tickets.h"

enum { LEAVES = 4, CHAIN_MOST = 64, TICKETS = 1 };

/* The certificate for one kind of key. */
struct leaf {
	X509 *certificate; /* the context's */
	size_t bindings_n;
	char bindings[TLS_BINDINGS];
};

struct tls_certificate {
	SSL_CTX *context;
	unsigned tag;
	unsigned leaf_count;
	struct leaf leaves[LEAVES];
	char *files[2]; /* certificate, key */
};

void tls_certificate_free(struct tls_certificate *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->context);
	free(c->files[0]);
	free(c->files[1]);
	free(c);
}

SSL_CTX *tls_certificate_context(const struct tls_certificate *c)
{
	return c->context;
}

unsigned tls_certificate_tag(const struct tls_certificate *c)
{
	return c->tag;
}

bool tls_certificate_is(const struct tls_certificate *c, const char *certificate, const char *key, unsigned tag)
{
	return c->tag == tag && strcmp(c->files[0], certificate) == 0 && strcmp(c->files[1], key ? key : certificate) == 0;
}

/* ---- Channel bindings */

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
	const EVP_MD *digest = digest_for(certificate);
	unsigned n = 0;
	memcpy(out, prefix, sizeof(prefix) - 1);
	if (!digest || X509_digest(certificate, digest, (unsigned char *)out + sizeof(prefix) - 1, &n) != 1)
		return 0;
	return sizeof(prefix) - 1 + n;
}

/* Which of them was shown on this connection, or on the one that it resumes. */
static unsigned leaf_shown(const struct tls_certificate *c, SSL *ssl)
{
	void *said;
	size_t n = 0;
	if (SSL_session_reused(ssl)) {
		if (SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &said, &n) == 1 && n == 1)
			return *(const unsigned char *)said;
		return LEAVES;
	}
	const X509 *certificate = SSL_get_certificate(ssl);
	unsigned i = 0;
	while (i < c->leaf_count && c->leaves[i].certificate != certificate)
		i++;
	return i;
}

struct span tls_certificate_bindings(const struct tls_certificate *c, SSL *ssl)
{
	unsigned i = leaf_shown(c, ssl);
	return i < c->leaf_count ? span_make(c->leaves[i].bindings, c->leaves[i].bindings_n) : SPAN_NONE;
}

/* A ticket is about to be sealed. One for a resumed session keeps what it said. */
static int note_in_ticket(SSL *ssl, void *arg)
{
	const struct tls *t = SSL_get_app_data(ssl);
	unsigned char shown = (unsigned char)leaf_shown(t->certificate, ssl);
	(void)arg;
	return SSL_session_reused(ssl) || SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &shown, 1) == 1;
}

/* ---- Files */

struct pem {
	X509 *certificates[CHAIN_MOST];
	EVP_PKEY *keys[LEAVES];
	unsigned certificate_count, key_count;
};

static void pem_fini(struct pem *p)
{
	while (p->certificate_count > 0)
		X509_free(p->certificates[--p->certificate_count]);
	while (p->key_count > 0)
		EVP_PKEY_free(p->keys[--p->key_count]);
}

static bool read_certificates(struct pem *p, FILE *f, const char *file, char **why)
{
	X509 *c;
	while (p->certificate_count < CHAIN_MOST && (c = PEM_read_X509(f, NULL, tls_no_passphrase, NULL)))
		p->certificates[p->certificate_count++] = c;
	if (p->certificate_count == CHAIN_MOST)
		*why = tls_reason(file, "there are too many certificates in it");
	else if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		*why = tls_library_reason(file);
	else if (p->certificate_count == 0)
		*why = tls_reason(file, "there is no certificate in it");
	ERR_clear_error();
	return !*why;
}

/* Where the last one ends is not told apart from what cannot be read. */
static bool read_keys(struct pem *p, FILE *f, const char *file, char **why)
{
	EVP_PKEY *k;
	while (p->key_count < LEAVES && (k = PEM_read_PrivateKey(f, NULL, tls_no_passphrase, NULL)))
		p->keys[p->key_count++] = k;
	bool none = p->key_count == 0;
	if (none && ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_UNSUPPORTED)
		*why = tls_reason(file, "there is no private key in it that can be read");
	else if (none)
		*why = tls_library_reason(file);
	ERR_clear_error();
	return !none;
}

static bool read_file(struct pem *p, const char *file, char **why,
                      bool (*read)(struct pem *p, FILE *f, const char *file, char **why))
{
	FILE *f = fopen(file, "re");
	if (!f) {
		*why = tls_reason(file, strerror(errno));
		return false;
	}
	bool fine = read(p, f, file, why);
	fclose(f);
	return fine;
}

static EVP_PKEY *key_of(const struct pem *p, const X509 *certificate)
{
	for (unsigned i = 0; i < p->key_count; i++) {
		if (EVP_PKEY_eq(X509_get0_pubkey(certificate), p->keys[i]) == 1)
			return p->keys[i];
	}
	return NULL;
}

/* A certificate whose key we have, and behind it those that sign it. */
static bool use_leaf(struct tls_certificate *c, const struct pem *p, unsigned *at, char **why)
{
	X509 *certificate = p->certificates[*at];
	EVP_PKEY *key = key_of(p, certificate);
	if (!key || c->leaf_count == LEAVES) {
		*why = tls_reason(c->files[1], "the key is not the one of the first certificate");
		return false;
	}
	STACK_OF(X509) *chain = sk_X509_new_null();
	while (++*at < p->certificate_count && !key_of(p, p->certificates[*at]))
		sk_X509_push(chain, p->certificates[*at]);
	struct leaf *l = &c->leaves[c->leaf_count++];
	l->certificate = certificate;
	l->bindings_n = tls_bindings_of(certificate, l->bindings);
	bool used = l->bindings_n > 0 && SSL_CTX_use_cert_and_key(c->context, certificate, key, chain, 0) == 1;
	sk_X509_free(chain);
	if (!used)
		*why = tls_library_reason(c->files[0]);
	return used;
}

static bool load_files(struct tls_certificate *c, char **why)
{
	struct pem p = {.certificate_count = 0};
	unsigned at = 0;
	bool fine = read_file(&p, c->files[0], why, read_certificates) && read_file(&p, c->files[1], why, read_keys);
	while (fine && at < p.certificate_count)
		fine = use_leaf(c, &p, &at, why);
	pem_fini(&p);
	return fine;
}

/* ---- The context */

/* HTTP/1.1 or nothing: a sign-in that belongs to a connection cannot live in HTTP/2. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                           unsigned in_n, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	int r = SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n, ours, sizeof(ours) - 1, in, in_n);
	return r == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* RFC 6066 section 3: the client hears that its name was looked at. */
static int acknowledge_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls *t = SSL_get_app_data(ssl);
	(void)alert, (void)arg;
	return t->named ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static void set_up(SSL_CTX *c)
{
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_alpn_select_cb(c, choose_protocol, NULL);
	SSL_CTX_set_tlsext_servername_callback(c, acknowledge_name);
	/* Sessions live in tickets alone. */
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(c, TICKET_PERIOD_MS / 1000);
	SSL_CTX_set_num_tickets(c, TICKETS);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(c, tls_ticket_key);
	SSL_CTX_set_session_ticket_cb(c, note_in_ticket, NULL, NULL);
}

/* What a session must have in common with the connection that resumes it. */
static bool set_session_context(struct tls_certificate *c, const char *name)
{
	unsigned char id[EVP_MAX_MD_SIZE], digest[EVP_MAX_MD_SIZE];
	unsigned n = 0, digest_n;
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	bool fine = m && EVP_DigestInit_ex(m, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(m, name, strlen(name) + 1) == 1;
	for (unsigned i = 0; fine && i < c->leaf_count; i++)
		fine = X509_digest(c->leaves[i].certificate, EVP_sha256(), digest, &digest_n) == 1 &&
		       EVP_DigestUpdate(m, digest, digest_n) == 1;
	fine = fine && EVP_DigestFinal_ex(m, id, &n) == 1 && SSL_CTX_set_session_id_context(c->context, id, n) == 1;
	EVP_MD_CTX_free(m);
	return fine;
}

int tls_certificate_new(const char *name, const char *certificate, const char *key, unsigned tag,
                        struct tls_certificate **out, char **why)
{
	AUTO(tls_certificate) struct tls_certificate *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->tag = tag;
	c->files[0] = strdup(certificate);
	c->files[1] = strdup(key ? key : certificate);
	c->context = SSL_CTX_new(TLS_server_method());
	if (!c->files[0] || !c->files[1] || !c->context)
		return -ENOMEM;
	set_up(c->context);
	if (!load_files(c, why))
		return -EINVAL;
	if (!set_session_context(c, name))
		return -ENOMEM;
	*out = TAKE(c);
	return 0;
}
