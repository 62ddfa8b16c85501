/* Buffers that held a secret: wiped before their memory goes back. */
#ifndef FAIRLEAD_AUTH_SECRET_H
#define FAIRLEAD_AUTH_SECRET_H

#include <openssl/crypto.h>

#include "base/buf.h"
#include "base/cleanup.h"

/* Reserve enough before filling such a buffer: what growing leaves behind is not wiped. */
static inline void secret_fini(struct buf *b)
{
	if (b->p)
		OPENSSL_cleanse(b->p, b->capacity);
	buf_fini(b);
}

static inline void auto_release_secret(struct buf *b)
{
	secret_fini(b);
}

#endif
