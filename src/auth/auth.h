/* Signing in: the words that all of auth/ shares (GSSAPI's: RFC 2743). An acceptor verifies who speaks to us, an initiator signs us in to
 * somebody else; both take a token and give a token, and know neither sockets nor HTTP nor the clock on the wall.
 *
 * Owner: as said at each type. Threads: an acceptor or initiator belongs to one connection and is stepped by one thread at a time, which need
 * not be the same one: what blocks (winbind, Kerberos, a slow password hash) is stepped on a thread made for that. Errors: an enum auth_reason names
 * every refusal; whoever speaks to the client decides how much of it to tell. */
#ifndef FAIRLEAD_AUTH_AUTH_H
#define FAIRLEAD_AUTH_AUTH_H

#include "auth/challenge.h"
#include "base/buf.h"
#include "base/ref.h"

/* Who somebody is, once verified. Counted, immutable. */
struct identity {
	struct ref ref;
	const char *shown;    /* one form for logs, rules and applications: "CORP\alice", or "alice" for a local account */
	const char *name;     /* "alice" */
	const char *domain;   /* the verifier's, never the client's claim: "CORP"; "" for local accounts */
	const char *upn;      /* "alice@corp.example" if known, else NULL */
	const char *verifier; /* the name of the accounts block that verified, "local", "corp", "kerberos" */
	const char *scheme;   /* "basic", "ntlm", "negotiate-ntlm", "kerberos" */
	const char **groups;  /* "CORP\Web Users" or local group names */
	unsigned group_count;
	bool groups_unresolved; /* some group could not be named: allow never matches by it, deny fails closed */
	uint64_t generation;    /* of the account or secret, see verifier_generation() */
	struct span ticket;     /* DER: by which he signed in, where it is kept for signing in elsewhere on his behalf */
};
struct identity *identity_ref(struct identity *i);
void identity_unref(struct identity *i);
/* Copies everything; NULL without memory. */
struct identity *identity_new(const struct identity *like);

/* X(identifier, name in logs, sc-win32-status, sentence for the administrator) */
#define AUTH_REASONS(X)                                                                                               \
	X(OK, "ok", 0, "signed in")                                                                                       \
	X(MALFORMED, "malformed-token", 2148074248u, "the token is not one of its scheme, or came out of turn")           \
	X(NOT_OFFERED, "scheme-not-offered", 5, "the client used a scheme that is not offered here")                      \
	X(WRONG_PASSWORD, "wrong-password", 1326, "the user name or the password is wrong")                               \
	X(NO_SUCH_USER, "no-such-user", 1326,                                                                             \
	  "there is no such account; the client is told the same as for a wrong password")                                \
	X(DISABLED, "account-disabled", 1331, "the account is disabled")                                                  \
	X(EXPIRED, "password-expired", 1330, "the password has expired")                                                  \
	X(MUST_CHANGE, "password-must-change", 1907, "the password must be changed before the first logon")               \
	X(LOCKED, "account-locked", 1909, "the account is locked out")                                                    \
	X(LOGON_HOURS, "logon-hours", 1328, "the account may not log on at this time")                                    \
	X(ACCOUNT_EXPIRED, "account-expired", 1793, "the account has expired")                                            \
	X(RESTRICTED, "logon-restricted", 1327, "the account may not log on from here, or not in this way")               \
	X(LM_OR_NTLMV1, "lm-or-ntlmv1", 1326,                                                                             \
	  "the client answered with LM or NTLMv1, which is refused: it must send NTLMv2")                                 \
	X(ANONYMOUS_NTLM, "ntlm-anonymous", 1326, "the client sent an anonymous NTLM message")                            \
	X(DATAGRAM_NTLM, "ntlm-datagram", 2148074248u, "the client asked for NTLM's datagram mode")                       \
	X(MIC_MISSING, "mic-missing", 2148074248u, "the NTLM message has no integrity code, and the settings demand one") \
	X(MIC_WRONG, "mic-wrong", 2148074255u,                                                                            \
	  "the NTLM messages were altered on their way: their integrity code is wrong")                                   \
	X(BINDINGS_MISSING, "channel-bindings-missing", 2148074310u, "no channel bindings, and the settings demand them") \
	X(BINDINGS_WRONG, "channel-bindings-wrong", 2148074310u, "the channel bindings are of another TLS connection")    \
	X(CLOCK_SKEW, "clock-skew", 2148074276u, "the client's clock and ours are too far apart for Kerberos")            \
	X(WRONG_SPN, "wrong-spn", 2148074274u, "the ticket is for a name that is not in the keytab")                      \
	X(WRONG_KVNO, "wrong-kvno", 2148074274u,                                                                          \
	  "the ticket was made with another version of the key: export the keytab again")                                 \
	X(WRONG_ENCTYPE, "wrong-enctype", 2148074274u, "the keytab lacks the ticket's encryption type")                   \
	X(TICKET_EXPIRED, "ticket-expired", 2148074252u, "the ticket has expired")                                        \
	X(TICKET_REFUSED, "ticket-refused", 2148074252u, "the other end refused our Kerberos ticket without saying why")  \
	X(NOT_DELEGATED, "not-delegated", 2148074309u,                                                                    \
	  "the domain gives us no ticket on the user's behalf: our account may not delegate to this service, or the "     \
	  "user's ticket may not be forwarded")                                                                           \
	X(REPLAY, "replay", 2148074252u, "the same Kerberos token came twice")                                            \
	X(UNAVAILABLE, "verifier-unavailable", 1311,                                                                      \
	  "the verifier could not be asked: no domain controller, no winbind, no keytab")                                 \
	X(PIPE_UNREADABLE, "winbind-pipe-unreadable", 5,                                                                  \
	  "winbind's privileged pipe cannot be read: add the user to winbindd_priv")                                      \
	X(TOO_MANY_FAILURES, "too-many-failures", 1909,                                                                   \
	  "this account has failed too often from this address, so nobody is asked about it for a while")                 \
	X(NO_VERIFIER, "no-verifier", 1326, "no accounts block is responsible for the domain that was named")             \
	X(NO_MEMORY, "no-memory", 8, "no memory")

enum auth_reason {
#define X(id, name, win32, sentence) AUTH_##id,
	AUTH_REASONS(X)
#undef X
		AUTH_REASON_LIMIT
};
const char *auth_reason_name(enum auth_reason r);
const char *auth_reason_sentence(enum auth_reason r);
unsigned auth_reason_win32(enum auth_reason r);

enum auth_step {
	AUTH_STEP_CONTINUE, /* send the token, wait for the next */
	AUTH_STEP_DONE,     /* signed in; a token may still have to be sent with the answer */
	AUTH_STEP_REFUSED,  /* `reason`; the client may begin again */
	AUTH_STEP_FAILED,   /* `reason`: we cannot verify now (503) */
};

/* What is asked of whoever knows the passwords. NTLM gives a proof, Basic a password. */
struct ntlm_proof {
	struct span user, domain, workstation; /* UTF-8, as the client claims them */
	unsigned char server_challenge[8];
	const unsigned char *nt_response; /* NTLMv2: proof (16 bytes) and blob */
	size_t nt_response_n;
	const unsigned char *lm_response;
	size_t lm_response_n;
};

/* A source of accounts. Made from one `accounts` block; shared by all, immutable but for its own locked insides. */
struct verifier {
	const char *name;       /* of the block */
	const char *domain;     /* NetBIOS name it is responsible for; "" for bare names (local) */
	const char *dns_domain; /* or realm; NULL */
	bool blocks;            /* verify_* may wait: call it from a thread made for that */
	/* 0 and *who (a new reference) and the 16 byte session base key; or an enum auth_reason. */
	enum auth_reason (*verify_ntlm)(const struct verifier *v, const struct ntlm_proof *proof, struct identity **who,
	                                unsigned char session_base_key[16]);
	enum auth_reason (*verify_password)(const struct verifier *v, struct span user, struct span password,
	                                    struct identity **who);
	/* Of the account now; differs from identity.generation when it was changed, disabled or removed. Never waits. */
	uint64_t (*generation)(const struct verifier *v, const char *name);
	/* NULL: verify_password behaves as `blocks` says. Else: it waits or computes for long unless this says that the answer is known already,
	 * whatever `blocks` says. Never waits. */
	bool (*password_known)(const struct verifier *v, struct span user, struct span password);
	void (*free)(struct verifier *v);
};

#endif
