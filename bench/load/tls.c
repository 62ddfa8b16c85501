#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>

static SSL_CTX *context(void)
{
	static SSL_CTX *one;

	if (!one) {
		one = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_mode(one, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
		SSL_CTX_set_read_ahead(one, 1);
	}
	return one;
}

struct ssl_st *tls_open(int fd)
{
	SSL *ssl = SSL_new(context());

	SSL_set_fd(ssl, fd);
	SSL_set_tlsext_host_name(ssl, "site.example");
	if (SSL_connect(ssl) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return ssl;
}

void tls_close(struct ssl_st *ssl)
{
	SSL_free(ssl);
}

static ssize_t result(SSL *ssl, int n)
{
	if (n > 0)
		return n;
	int why = SSL_get_error(ssl, n);
	errno = EAGAIN;
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

ssize_t tls_send(struct ssl_st *ssl, const void *bytes, size_t n)
{
	return result(ssl, SSL_write(ssl, bytes, (int)n));
}

ssize_t tls_receive(struct ssl_st *ssl, void *room, size_t n)
{
	return result(ssl, SSL_read(ssl, room, (int)n));
}
