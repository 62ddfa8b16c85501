/* Request targets and authorities (RFC 9112 section 3.2, RFC 3986), strictly. */
#ifndef FAIRLEAD_HTTP_URI_H
#define FAIRLEAD_HTTP_URI_H

#include "base/buf.h"
#include "http/head.h"

enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_AUTHORITY, TARGET_ASTERISK };

struct target {
	enum target_form form;
	struct span scheme; /* as sent; empty unless absolute */
	struct span host;   /* without brackets, as sent (not folded); a trailing dot is kept */
	bool host_is_v6;    /* stood in brackets */
	uint16_t port;      /* given or the scheme's (80, 443); 0 unknown */
	bool port_given;
	struct span authority; /* as sent */
	struct span path;      /* path and query, from the first '/' or '?'; may be empty in absolute-form */
};

/* The target of a parsed request. Absolute-form: any syntactically valid scheme (the caller decides which it serves: http, https). */
MUST_CHECK enum parse_fault target_parse(const struct head *request, struct target *out);
/* "host", "host:port", "[v6]:port" as in a Host field. */
MUST_CHECK enum parse_fault authority_parse(struct span text, struct span *host, bool *v6, uint16_t *port,
                                            bool *port_given);
/* A host as RFC 3986 and DNS allow it: letters, digits, '-', '_', '.', well-formed IPv4 or bracketless IPv6; no percent signs. Names that
 * inet_aton() would read as numbers ("127.1", "0x7f.1", "2130706433", "0177.0.0.1") are told apart by host_is_numeric(). */
bool host_is_valid(struct span host, bool v6);
bool host_is_numeric(struct span host);
/* Folds to lower case and cuts one trailing dot, into out (room for 256). Length, or 0 if too long. */
size_t host_fold(struct span host, char out[256]);

#endif
