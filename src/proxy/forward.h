/* What the steps between the client's head and the end of the exchange call of each other (choose.c, connect.c, send.c, receive.c, judge.c). */
#ifndef FAIRLEAD_PROXY_FORWARD_H
#define FAIRLEAD_PROXY_FORWARD_H

#include "net/fiber.h"
#include "proxy/exchange.h"
#include "proxy/transfer.h"

/* The limits of a head, as the settings have them. */
struct head_limits limits_of(const struct settings *s);

/* Whether a token under this scheme signs in the connection that it crosses. */
bool token_signs_in_connection(const struct challenge *c, enum token_kind kind);

/* What a responder is told of the exchange. */
struct responder_request responder_request_of(struct exchange *x);

/* Ends with a page that names the rule and the line that would allow it. */
enum step refuse_access(struct exchange *x, enum end_reason reason, const struct access_answer *answer);
/* What the pin for this origin says of the request: its own connection, a new one, any one, or not to send it. */
enum step ask_pin(struct exchange *x);

/* A request body on its way while the answer may already come: on a second fiber, which never outlives the exchange. */
struct upload {
	struct task task;
	struct transfer transfer;
	struct exchange *exchange;
	mono_ms ended;
};
/* Waits for it to end by itself, however long the client takes within its time-outs. False if it did not reach its end. */
bool upload_finish(struct exchange *x);
/* Waits for it, telling it to end if it has not. One that did not reach its end leaves the connections unusable. */
void upload_end(struct exchange *x);
/* Whether the server's connection ended because sending to it did: the client's fault, or its body's. */
bool upload_is_to_blame(const struct exchange *x);
/* The step that follows then. */
enum step upload_broke(struct exchange *x);
/* The step that follows from how sending went. */
enum step send_ended(struct exchange *x, const struct transfer *t);

/* The client took its CONNECT for granted and has sent what was meant for the tunnel: that is never to be read as a request. */
static inline bool sent_ahead(const struct exchange *x)
{
	return x->request.method == METHOD_CONNECT && lent_length(x->in) > 0;
}

/* Ends the client's connection in our direction and reads on for a while: bytes left unread would make the kernel reset the
 * connection and take our answer with them (RFC 9112 9.6). */
void linger(struct exchange *x);
/* Whether the request can be sent once more: nothing of it is used up, and nothing that was sent may only be sent once. */
bool may_start_over(const struct exchange *x);
/* Drops the connection that failed and goes once more over a new one. */
enum step start_over(struct exchange *x);

/* What becomes of the server connection when the exchange is over: pool, pin, or end. */
void release_connection(struct exchange *x);

#endif
