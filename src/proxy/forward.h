/* The way to the next hop: route, connection, request out, answer's head in. */
#ifndef FAIRLEAD_PROXY_FORWARD_H
#define FAIRLEAD_PROXY_FORWARD_H

#include "proxy/exchange.h"
#include "proxy/transfer.h"

/* A request body on its way while the answer may already come. */
struct upload;
/* Waits for it, telling it to end if it has not; x->upload is NULL afterwards. */
void upload_end(struct exchange *x); /* an upload that did not reach its end leaves the connections unusable */

/* Waits for it to end by itself, however long the client takes within its time-outs. False if it did not reach its end. */
bool upload_finish(struct exchange *x);
/* What becomes of the server connection when the exchange is over: pool, pin, or end. */
void release_connection(struct exchange *x);
enum step refuse_access(struct exchange *x, enum end_reason reason, const struct access_answer *answer);

#endif
