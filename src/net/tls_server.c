/* TLS towards clients. The certificate is chosen by the name that the client sends (SNI, RFC 6066 section 3), before
 * OpenSSL looks at anything else of its hello: a session is then resumed with the certificate it was made with. */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/counters.h"
#include "base/map.h"
#include "base/ref.h"
#include "net/tls_parts.h"

enum { CERTIFICATES_MOST = 1024, NAMES_MOST = 8192 };

struct tls_server {
	struct ref ref; /* one for the owner, one for each stream */
	bool strict;
	unsigned count;
	struct tls_certificate **certificates; /* the first is for those whom no name matches */
	struct map names; /* "a.example", "*.example" and "*" to their certificates; keys on the heap */
};

static void free_names(struct map *names)
{
	struct span name;
	void *certificate;
	for (size_t at = 0; map_each(names, &at, &name, &certificate);)
		free((void *)(uintptr_t)name.p);
	map_fini(names);
}

void tls_server_unref(struct tls_server *s)
{
	if (!s || !ref_drop(&s->ref))
		return;
	free_names(&s->names);
	while (s->count > 0)
		tls_certificate_free(s->certificates[--s->count]);
	free(s->certificates);
	free(s);
}
DEFINE_AUTO(tls_server, struct tls_server *, tls_server_unref);

void tls_server_free(struct tls_server *s)
{
	tls_server_unref(s);
}

/* ---- Names */

/* Lower case, without the dot at the end; "" if it is no host name. `star`: one may begin with an asterisk. */
static struct span normal_name(struct span name, bool star, char out[TLS_HOST])
{
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n >= TLS_HOST)
		return SPAN_NONE;
	for (size_t i = 0; i < name.n; i++) {
		char c = out[i] = ascii_lower(name.p[i]);
		bool asterisk = star && i == 0 && c == '*' && (name.n == 1 || name.p[1] == '.');
		bool dot = c == '.' && i > 0 && i + 1 < name.n && name.p[i - 1] != '.';
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || dot || asterisk))
			return SPAN_NONE;
	}
	out[name.n] = '\0';
	return span_make(out, name.n);
}

/* The name itself, then with an asterisk for ever more of its labels. */
static struct tls_certificate *find_name(const struct map *names, struct span name)
{
	char pattern[TLS_HOST];
	struct tls_certificate *c = name.n > 0 ? map_get(names, name) : NULL;
	for (size_t i = 1; !c && i < name.n; i++) {
		if (name.p[i] != '.')
			continue;
		size_t rest = name.n - i;
		pattern[0] = '*';
		memcpy(pattern + 1, name.p + i, rest);
		c = map_get(names, span_make(pattern, rest + 1));
	}
	return c || name.n == 0 ? c : map_get(names, SPAN("*"));
}

/* The host name in a client's hello: a list with its length (2), of which we take the first: kind (1), length (2), name. */
static struct span name_in_hello(SSL *ssl)
{
	const unsigned char *p;
	size_t n;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1 || n < 5 ||
	    p[2] != TLSEXT_NAMETYPE_host_name)
		return SPAN_NONE;
	size_t length = (size_t)p[3] << 8 | p[4];
	return length <= n - 5 ? span_make((const char *)p + 5, length) : SPAN_NONE;
}

static int refuse_name(struct tls *t, int *alert)
{
	if (t->host[0])
		snprintf(t->why, TLS_WHY, "there is no certificate for the name %s", t->host);
	else
		snprintf(t->why, TLS_WHY, "the client sent no name that a certificate could be chosen by");
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_CLIENT_HELLO_ERROR;
}

/* The first of the handshake's callbacks. */
static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
	const struct tls_server *s = arg;
	struct tls *t = SSL_get_app_data(ssl);
	struct span name = normal_name(name_in_hello(ssl), false, t->host);
	if (name.n == 0)
		t->host[0] = '\0';
	const struct tls_certificate *c = find_name(&s->names, name);
	t->named = c != NULL;
	if (!c && s->strict)
		return refuse_name(t, alert);
	t->certificate = c ? c : s->certificates[0];
	SSL_CTX *context = tls_certificate_context(t->certificate);
	if (context != SSL_get_SSL_CTX(ssl) && !SSL_set_SSL_CTX(ssl, context)) {
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* ---- Settings */

/* One with these files and this tag, old or new. */
static int certificate_for(struct tls_server *s, const char *name, const char *certificate, const char *key,
                           unsigned tag, struct tls_certificate **out, char **why)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (tls_certificate_is(s->certificates[i], certificate, key, tag)) {
			*out = s->certificates[i];
			return 0;
		}
	}
	if (s->count == CERTIFICATES_MOST)
		return -ENOSPC;
	struct tls_certificate **more = realloc(s->certificates, (s->count + 1) * sizeof(struct tls_certificate *));
	if (!more)
		return -ENOMEM;
	s->certificates = more;
	int r = tls_certificate_new(name, certificate, key, tag, out, why);
	if (r == 0)
		s->certificates[s->count++] = *out;
	return r;
}

int tls_server_new(const char *certificate, const char *key, struct tls_server **out, char **why)
{
	*why = NULL;
	ERR_clear_error();
	AUTO(tls_server) struct tls_server *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	ref_init(&s->ref);
	map_init(&s->names, NAMES_MOST);
	struct tls_certificate *first;
	int r = certificate_for(s, "", certificate, key, 0, &first, why);
	if (r != 0)
		return r;
	SSL_CTX_set_client_hello_cb(tls_certificate_context(first), choose_certificate, s);
	*out = TAKE(s);
	return 0;
}

int tls_server_add(struct tls_server *s, const char *pattern, const char *certificate, const char *key, unsigned tag,
                   char **why)
{
	char text[TLS_HOST];
	struct tls_certificate *c;
	*why = NULL;
	ERR_clear_error();
	struct span name = normal_name(span_of(pattern), true, text);
	if (name.n == 0) {
		*why = tls_reason(pattern, "not a host name, nor *. and one");
		return -EINVAL;
	}
	int r = certificate_for(s, text, certificate, key, tag, &c, why);
	if (r != 0)
		return r;
	const struct tls_certificate *there = map_get(&s->names, name);
	if (there) {
		if (there == c)
			return 0;
		*why = tls_reason(pattern, "another certificate has this name");
		return -EEXIST;
	}
	char *kept = strdup(text);
	r = kept ? map_put(&s->names, span_make(kept, name.n), c, NULL) : -ENOMEM;
	if (r != 0)
		free(kept);
	return r;
}

void tls_server_be_strict(struct tls_server *s)
{
	s->strict = true;
}

/* ---- Streams */

struct span tls_stream_bindings(const struct stream *s)
{
	const struct tls *t = s->tls;
	return t && t->certificate ? tls_certificate_bindings(t->certificate, t->ssl) : SPAN_NONE;
}

unsigned tls_stream_tag(const struct stream *s)
{
	return s->tls && s->tls->certificate ? tls_certificate_tag(s->tls->certificate) : 0;
}

struct span tls_stream_server_name(const struct stream *s)
{
	return s->tls && s->tls->server ? span_of(s->tls->host) : SPAN_NONE;
}

int tls_accept(struct stream *s, struct tls_server *server, mono_ms deadline, char *why, size_t n)
{
	if (n)
		why[0] = '\0';
	AUTO(tls) struct tls *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	ref_take(&server->ref);
	t->server = server;
	t->watch = &s->watch;
	t->ssl = SSL_new(tls_certificate_context(server->certificates[0]));
	BIO *bio = t->ssl ? tls_bio_new(t) : NULL;
	if (!bio)
		return -ENOMEM;
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	SSL_set_accept_state(t->ssl);
	int rc = tls_shake_hands(t, s, deadline, why, n);
	ERR_clear_error();
	if (rc != 0)
		return rc;
	if (SSL_session_reused(t->ssl))
		COUNT(client_tls_resumed_total);
	s->tls = TAKE(t);
	return 0;
}
