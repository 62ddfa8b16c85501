/* The answer we give ourselves when an exchange ends before a server answered: from the row of its end reason.
 *
 * Says which hop, what happened, what to do, whom to ask (`contact`), and the exchange's id. HTML or plain text by Accept. Never contains
 * credentials or cookies; everything from outside is escaped. */
#ifndef FAIRLEAD_PROXY_ERROR_PAGE_H
#define FAIRLEAD_PROXY_ERROR_PAGE_H

#include "base/buf.h"
#include "config/settings.h"
#include "proxy/record.h"

struct error_page {
	const struct record *record;
	const struct settings *settings;
	struct span accept; /* the request's Accept value */
	bool head_only;     /* answer to HEAD */
	bool connect;   /* answer to CONNECT: browsers hide the body, so the reason phrase carries number and short text */
	bool close;     /* the connection ends after it */
	unsigned minor; /* of the request */
	const char *extra_fields; /* whole lines ending in CR LF, or NULL */
};

/* Writes status line, fields (Date, Content-Type, Content-Length, Proxy-Status, Cache-Control: no-store, Connection) and body. */
void error_page_write(const struct error_page *page, struct buf *to);

/* "Proxy-Status: pseudonym; error=dns_error; next-hop=...; details=\"...\"\r\n" (RFC 9209), with our id; also for relayed errors. */
void proxy_status_write(const struct record *r, const struct settings *s, struct buf *to);

#endif
