/* The keys of session tickets (RFC 5077, RFC 8446 section 4.6.1): one set for the process, so that a client comes back to
 * any worker, any listener and after any reload, and nothing is kept of it here meanwhile.
 *
 * Threads: tls_ticket_key() from all; a struct ticket_keys has none of its own. */
#ifndef FAIRLEAD_NET_TLS_TICKETS_H
#define FAIRLEAD_NET_TLS_TICKETS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"

/* A key seals for one period and opens for another. */
enum { TICKET_PERIOD_MS = 12 * 3600 * 1000, TICKET_NAME = 16 };

struct ticket_key {
	unsigned char name[TICKET_NAME], cipher[32], mac[32];
};

struct ticket_keys {
	struct ticket_key current, previous;
	mono_ms since; /* of `current`; 0: there is none yet */
	bool has_previous;
};

/* Brings the keys to what they must be now. 0, or -EIO: no random numbers. */
MUST_CHECK int ticket_keys_turn(struct ticket_keys *k, mono_ms now);
/* The key of that name, or NULL; *old: another one seals by now. */
const struct ticket_key *ticket_keys_find(const struct ticket_keys *k, const unsigned char *name, bool *old);

/* For SSL_CTX_set_tlsext_ticket_key_evp_cb(). */
int tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                   int seals);

#endif
