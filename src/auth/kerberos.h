/* Kerberos by GSSAPI's krb5 mechanism (RFC 4121) alone, both ends: verifying clients against a keytab, and signing in to somebody else with a
 * keytab, a password or a ticket cache. No SPNEGO here: tokens are what stands inside it (RFC 2743 3.1 framing around an AP-REQ or AP-REP).
 *
 * Owner: a kerberos_context belongs to one acceptor or initiator and is stepped by one thread at a time.
 * Threads: every call but the free may wait for a KDC, winbind or a disk: only on a thread made for that. What is shared (replays seen, tickets of
 * our own accounts) is locked inside.
 * Errors: enum auth_reason; KDC, keytab and clock faults each by their own name. */
#ifndef FAIRLEAD_AUTH_KERBEROS_H
#define FAIRLEAD_AUTH_KERBEROS_H

#include "auth/auth.h"

struct initiator_credentials;
struct kerberos_context;

/* Verifies `token` with any key of the keytab file, which is read anew each time. `bindings`: "tls-server-end-point:" and the hash, or empty; a
 * client's that differ are refused (BINDINGS_WRONG), none of its own leave *channel_bound false. `reply`: what goes back to the client, raw, not
 * encoded; may be empty. *ctx starts as NULL and is made here, also when refused, for kerberos_detail().
 * With `keep_ticket` the identity holds the ticket, for kerberos_initiate() on its behalf. *who, a new reference, only with AUTH_STEP_DONE: named as the PAC says if there is one that the KDC signed, else as principal and realm. */
enum auth_step kerberos_accept(const char *keytab, bool keep_ticket, struct span token, struct span bindings,
                               struct buf *reply, struct identity **who, enum auth_reason *reason, bool *channel_bound,
                               struct kerberos_context **ctx);

/* The next token towards credentials->spn ("HTTP/host" or "HTTP/host@REALM"). `in` is empty at the beginning. CONTINUE: the other end is expected
 * to answer (mutual authentication); DONE: it has, or need not. Tickets are obtained and renewed here and kept for all connections. *detail, inside
 * *ctx, is the library's own sentence about a failure, without secrets. */
enum auth_step kerberos_initiate(const struct initiator_credentials *credentials, struct span bindings, struct span in,
                                 struct buf *out, struct kerberos_context **ctx, enum auth_reason *reason,
                                 const char **detail);

/* The other end refused a ticket of ours: the next kerberos_initiate() obtains new ones (the service's key may have changed). */
void kerberos_forget(const struct initiator_credentials *credentials);

/* For SPNEGO's mechListMIC, once a context stands (after DONE; an acceptor's from its first DONE on). 0 or -EBADMSG. */
MUST_CHECK int kerberos_get_mic(struct kerberos_context *ctx, struct span message, struct buf *mic);
MUST_CHECK int kerberos_verify_mic(struct kerberos_context *ctx, struct span message, struct span mic);

/* One more sentence for the log: what the ticket is for, what the library said. "" if nothing; inside the context. */
const char *kerberos_detail(const struct kerberos_context *ctx);
/* Seconds since 1970 when the client's ticket ends; 0 if unknown. */
int64_t kerberos_ends(const struct kerberos_context *ctx);
void kerberos_context_free(struct kerberos_context *ctx);

/* One line a key: principal, key version, encryption type. 0, or a negative errno with the library's sentence in `out`. */
MUST_CHECK int kerberos_keytab_list(const char *path, struct buf *out);
/* Whether the keytab has a key for HTTP/`host`, in any realm. 1, 0, or a negative errno. */
MUST_CHECK int kerberos_keytab_serves(const char *path, const char *host);

#endif
