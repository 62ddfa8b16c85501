/* The credentials with which we sign in to a parent, as the settings name them: read from their files when they are used, so that a changed
 * secret counts at once.
 *
 * Owner: whoever asked; credentials_fini() wipes the secret. Threads: any. */
#ifndef FAIRLEAD_PROXY_CREDENTIALS_H
#define FAIRLEAD_PROXY_CREDENTIALS_H

#include "auth/initiator.h"
#include "config/settings.h"

struct credentials {
	struct initiator_credentials with; /* scheme is set by the user of it */
	uint64_t fingerprint;              /* of account and secret, for the lock-out guard and the pool */
	struct span account, secret; /* what that is of: as set; the password or hash as written, or the keytab's digest */
	bool is_ticket;              /* somebody else's: nothing that could be guessed wrong */
	struct identity *who;        /* counted: on whose behalf; NULL: our own */
	char *text;                  /* account and secret, one block */
	size_t text_n;
	unsigned char nt_hash[16];
};

/* 0, or -errno with a sentence in `why` (room for n bytes). `host`: of the member, for the SPN. */
MUST_CHECK int credentials_load(const struct credentials_settings *s, const char *host, struct credentials *out,
                                char *why, size_t n);
void credentials_fini(struct credentials *c);
/* Another number once the file of the secret has been replaced or written to; 0 for one that stands in no file of ours. One look at the file. */
uint64_t credentials_generation(const struct credentials_settings *s);

#endif
