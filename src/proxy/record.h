/* What is remembered of one exchange for its page, its log line and its counters. Filled by the steps of the exchange.
 *
 * Owner: part of the exchange; spans live in its arena or in the request's head. */
#ifndef FAIRLEAD_PROXY_RECORD_H
#define FAIRLEAD_PROXY_RECORD_H

#include "base/addr.h"
#include "base/arena.h"
#include "proxy/end_reason.h"

enum { EXCHANGE_ID = 20 };

struct record {
	char id
		[EXCHANGE_ID]; /* "1f3a9c-00000042": of this process, of this exchange; or as handed down by a named intermediary */
	int64_t began_civil_us; /* first byte of the request */
	int64_t began_mono_us;
	struct addr client;
	struct addr local;              /* our address on the client connection; AF_UNSPEC until asked for */
	uint64_t client_connection;     /* number, unique in the process */
	unsigned request_on_connection; /* 1, 2, ... */
	struct span method, uri;        /* as sent; for CONNECT the authority */
	struct span host;               /* Host field or authority */
	const struct site_settings
		*site;               /* published, that was asked; NULL: we are a proxy. Lives as long as the edition */
	struct span stem, query; /* of a site: path in its normal form, and what stands behind the '?' */
	struct span user_agent, referer;
	struct span user; /* signed-in user; empty: none */
	unsigned minor;
	unsigned status;          /* sent to the client; 0: none */
	unsigned received_status; /* from the next hop; 0: none */
	unsigned substatus, win32;
	uint64_t bytes_in, bytes_out; /* from and to the client, heads included */
	const char *hop;              /* "direct", or the name of the upstream or application; NULL: none was asked */
	bool application;             /* an application's */
	struct span next_hop;         /* host:port of the next hop */
	struct addr server;           /* whom we were connected to */
	uint64_t server_connection;   /* number; 0: none */
	bool reused;                  /* a pooled or pinned connection */
	const char *pin;              /* state of the pin at the end, or NULL */
	const char *leg; /* "ntlm-1", "ntlm-3", "kerberos" ...: the token this request carried to the origin, or NULL */
	const char *proxy_leg; /* the same for the hop to us */
	int error;             /* -errno behind the end, or 0 */
	const char *detail;    /* one more sentence, e.g. what the resolver or TLS said; NULL */
	bool detail_is_ours;   /* the sentence is for the log alone */
	const char *rule;      /* what decided a refusal; NULL */
	const char *remedy;    /* a line for the settings that would mend it, shown with the row's remedy; NULL */
	enum end_reason end;
};

#endif
