/* The syntax of authentication fields (RFC 9110 section 11; RFC 4559): challenges and credentials. Pure. */
#ifndef FAIRLEAD_AUTH_CHALLENGE_H
#define FAIRLEAD_AUTH_CHALLENGE_H

#include "base/error.h"
#include "base/span.h"

enum auth_scheme {
	SCHEME_OTHER,
	SCHEME_BASIC,
	SCHEME_DIGEST,
	SCHEME_NTLM,
	SCHEME_NEGOTIATE,
	SCHEME_KERBEROS,
	SCHEME_BEARER
};

struct challenge {
	enum auth_scheme scheme;
	struct span name;       /* as sent */
	struct span token;      /* the token68; empty in a first challenge */
	struct span parameters; /* name=value list, raw */
};

/* Takes the next challenge off a WWW-Authenticate or Proxy-Authenticate value (several may share one line:
 * `Negotiate, NTLM, Basic realm="x, y"`). False at the end. Malformed pieces are skipped. */
bool challenge_next(struct span *rest, struct challenge *out);
/* An Authorization or Proxy-Authorization value. False if it is not even a scheme. All that follows a connection-bound scheme
 * is its token, malformed or not (then of TOKEN_UNKNOWN), so that no token counts as none. */
bool credentials_parse(struct span value, struct challenge *out);

/* NTLM, Negotiate, Kerberos, and anything that begins with "Nego": schemes that sign in a connection. */
bool scheme_is_connection_bound(const struct challenge *c);
const char *scheme_name(enum auth_scheme s);

/* What a token is, told by its bytes and not by the scheme's word (protocol: a client may send raw NTLM under Negotiate). */
enum token_kind {
	TOKEN_NONE,   /* empty */
	TOKEN_NTLM_1, /* NTLMSSP NEGOTIATE, bare or inside SPNEGO */
	TOKEN_NTLM_2,
	TOKEN_NTLM_3,
	TOKEN_KERBEROS,     /* AP-REQ, bare, in a GSS wrapper, or as SPNEGO's optimistic token: one leg may do */
	TOKEN_SPNEGO_FIRST, /* NegTokenInit with neither of these inside */
	TOKEN_SPNEGO_NEXT, /* NegTokenResp, unless it carries NTLM_2 or NTLM_3; also with a type 1 or AP-REQ inside: not a first */
	TOKEN_UNKNOWN /* not base64, or bytes that are none of these */
};
/* Decodes as much of the base64 as it needs; never allocates. */
enum token_kind token_kind_of(struct span token68);
/* True for tokens that begin a sign-in: nothing before them on the connection is needed. */
bool token_is_first(enum token_kind k);
const char *token_kind_name(enum token_kind k); /* "ntlm-1", "kerberos", ... for logs */

#endif
