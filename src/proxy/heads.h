/* The heads that we write: the request towards the next hop, the answer towards the client (RFC 9110 section 7.6).
 *
 * Nothing is allocated: both go into a buffer that the caller lends. Errors: the buffer's sticky one. */
#ifndef FAIRLEAD_PROXY_HEADS_H
#define FAIRLEAD_PROXY_HEADS_H

#include "proxy/exchange.h"

void heads_write_request(struct exchange *x, struct buf *to);
void heads_write_response(struct exchange *x, struct buf *to);
/* An interim (1xx) answer as it is to be passed on. */
void heads_write_interim(struct exchange *x, struct buf *to);
/* An upper bound for what either of the first two may need. */
size_t heads_room(const struct exchange *x, const struct head *h);

#endif
