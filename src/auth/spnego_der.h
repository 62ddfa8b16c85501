/* SPNEGO's messages (RFC 4178 4.2; MS-SPNG 2.2 for the hints) and the little DER that they need (X.690). Strict:
 * lengths end where they say, nothing follows, fields come in order.
 *
 * Owner: what was parsed points into the message. Threads: any. Errors: 0 or -EINVAL from parsing; writing sticks in
 * the buffer. */
#ifndef FAIRLEAD_AUTH_SPNEGO_DER_H
#define FAIRLEAD_AUTH_SPNEGO_DER_H

#include "base/buf.h"

enum spnego_mechanism { SPNEGO_OTHER, SPNEGO_KRB5, SPNEGO_NTLM };
enum spnego_state { SPNEGO_COMPLETED, SPNEGO_INCOMPLETE, SPNEGO_REJECT, SPNEGO_REQUEST_MIC, SPNEGO_STATE_ABSENT };

enum { SPNEGO_MESSAGE_MOST = 65536, SPNEGO_MECHANISMS_MOST = 32 };

/* NegTokenInit, in its RFC 2743 frame or bare. */
struct spnego_init {
	struct span mechanisms; /* the SEQUENCE OF as it stands: what a mechListMIC is over */
	struct span token;
	struct span mic;
};
MUST_CHECK int spnego_init_parse(struct span raw, struct spnego_init *out);
void spnego_init_write(struct buf *to, const struct spnego_init *init);

/* NegTokenResp. */
struct spnego_response {
	enum spnego_state state;
	struct span mechanism; /* an OID's content; empty: not said */
	struct span token;
	struct span mic;
};
MUST_CHECK int spnego_response_parse(struct span raw, struct spnego_response *out);
void spnego_response_write(struct buf *to, const struct spnego_response *response);

/* The OIDs one by one: *list as spnego_init has it at the beginning, then what is left of it. */
bool spnego_mechanism_next(struct span *list, struct span *oid);
enum spnego_mechanism spnego_mechanism_of(struct span oid);
struct span spnego_oid(enum spnego_mechanism mechanism);
void spnego_mechanisms_write(struct buf *to, const enum spnego_mechanism *mechanisms, unsigned count);

/* A bare AP-REQ in the frame that GSSAPI wants around it (RFC 4121 4.1). */
void kerberos_frame_write(struct buf *to, struct span ap_req);

#endif
