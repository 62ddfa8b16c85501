/* What an intermediary removes and adds (RFC 9110 sections 7.6 and 11.7). */
#ifndef FAIRLEAD_HTTP_HOP_H
#define FAIRLEAD_HTTP_HOP_H

#include "base/buf.h"
#include "http/head.h"

/* Marks as dropped: Connection and what it names (never Host, Content-Length, Authorization, Cookie, Cache-Control, Via, Max-Forwards,
 * Expect, Date, Content-*, the WWW-Authenticate and Set-Cookie families: whoever nominates these has a request smuggled, and they stay), Keep-Alive,
 * Proxy-Connection, TE, Transfer-Encoding, Upgrade, Proxy-Authorization (requests), Proxy-Authenticate and
 * Proxy-Authentication-Info and Proxy-Support (responses), Fairlead-Exchange. The caller un-drops or adds what it wants to send on its own behalf. */
void hop_drop_request(struct head *request);
void hop_drop_response(struct head *response);

/* Copies all field lines that are not dropped, runs at once. */
void head_copy_fields(const struct head *h, struct buf *to);

/* True if `pseudonym` stands in a Via field of the head (received-by, case folded). *times counts how often. */
bool via_has(const struct head *h, struct span pseudonym, unsigned *times);
/* "Via: 1.1 pseudonym\r\n", after any Via lines already there (they are kept as they are). */
void via_add(struct buf *to, unsigned minor, struct span pseudonym);

#endif
