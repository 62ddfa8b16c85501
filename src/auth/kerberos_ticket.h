/* What an AP-REQ (RFC 4120 5.5.1) says before anybody has a key for it, and what a keytab has for it.
 *
 * Owner: spans lie inside the token. Errors: false for what is no AP-REQ; reasons by name. */
#ifndef FAIRLEAD_AUTH_KERBEROS_TICKET_H
#define FAIRLEAD_AUTH_KERBEROS_TICKET_H

#include "auth/auth.h"

struct ap_req {
	struct span ticket;        /* DER */
	struct span authenticator; /* its ciphertext, of which there are no two alike */
	int32_t authenticator_enctype;
};

/* `token`: in GSSAPI's framing (RFC 2743 3.1, RFC 4121 4.1), or bare. */
bool ap_req_read(struct span token, struct ap_req *out);

/* Realm of the service that the ticket is for; "" if it cannot be read. */
void ap_req_realm(const struct ap_req *req, char *realm, size_t room);

/* No key of the keytab opened the ticket: which is it, WRONG_SPN, WRONG_KVNO or WRONG_ENCTYPE; UNAVAILABLE if the keytab cannot be read. Adds a
 * sentence to `says`. */
enum auth_reason ap_req_without_key(const struct ap_req *req, const char *keytab, struct buf *says);

/* Adds what both clocks say, if a key of the keytab opens the ticket. */
void ap_req_clocks(const struct ap_req *req, const char *keytab, struct buf *says);

#endif
