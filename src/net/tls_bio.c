#include <pthread.h>

#include "net/kernel.h"
#include "net/tls_parts.h"

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

/* Would wait: OpenSSL hands WANT_READ or WANT_WRITE up. */
static int again(BIO *b, struct watch *w, uint8_t bit)
{
	w->ready &= (uint8_t)~bit;
	if (bit == READY_IN)
		BIO_set_retry_read(b);
	else
		BIO_set_retry_write(b);
	return -1;
}

static int bio_read(BIO *b, char *p, int n)
{
	struct tls *t = BIO_get_data(b);
	struct watch *w = t->watch;
	BIO_clear_retry_flags(b);
	if (!(w->ready & READY_IN))
		return again(b, w, READY_IN);
	ssize_t got = kernel_recv(w->fd, p, (size_t)n);
	if (got < 0) {
		if (errno == EAGAIN)
			return again(b, w, READY_IN);
		t->error = errno;
		return -1;
	}
	t->starved = false;
	t->ended = got == 0;
	/* A short read empties the socket, unless a FIN shared its edge. */
	if (got > 0 && got < n && !(w->ready & READY_HUP))
		w->ready &= (uint8_t)~READY_IN;
	return (int)got;
}

static int bio_write(BIO *b, const char *p, int n)
{
	struct tls *t = BIO_get_data(b);
	BIO_clear_retry_flags(b);
	ssize_t sent = t->more ? kernel_send_more(t->watch->fd, p, (size_t)n) : kernel_send(t->watch->fd, p, (size_t)n);
	if (sent < 0) {
		if (errno == EAGAIN)
			return again(b, t->watch, READY_OUT);
		t->error = errno;
		return -1;
	}
	return (int)sent;
}

static long bio_ctrl(BIO *b, int command, long number, void *p)
{
	const struct tls *t = BIO_get_data(b);
	(void)number, (void)p;
	return command == BIO_CTRL_FLUSH || (command == BIO_CTRL_EOF && t->ended);
}

static int bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
	if (!method || !BIO_meth_set_read(method, bio_read) || !BIO_meth_set_write(method, bio_write) ||
	    !BIO_meth_set_ctrl(method, bio_ctrl) || !BIO_meth_set_create(method, bio_create))
		die("OpenSSL cannot be set up");
}

BIO *tls_bio_new(struct tls *t)
{
	pthread_once(&method_once, make_method);
	BIO *b = BIO_new(method);
	if (b)
		BIO_set_data(b, t);
	return b;
}
