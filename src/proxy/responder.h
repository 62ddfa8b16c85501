/* Whatever answers a request that is addressed to us instead of being forwarded: the console, later published sites and the served PAC.
 *
 * proxy/ does not know who implements it: main.c plugs them in. */
#ifndef FAIRLEAD_PROXY_RESPONDER_H
#define FAIRLEAD_PROXY_RESPONDER_H

#include "base/buf.h"
#include "config/settings.h"
#include "http/head.h"

struct member_state;

struct responder_request {
	const struct settings *settings;
	const struct head *head;
	struct span path; /* path and query */
	struct addr client;
	bool draining;
	struct member_state *const *members; /* [upstream][member]; NULL: nothing is known of them */
};

struct responder_answer {
	unsigned status;
	const char *content_type;
	struct buf body;   /* the responder appends; the exchange frees it */
	struct buf fields; /* extra whole field lines */
};

struct responder {
	const char *name;
	/* Runs on the exchange's fiber; must not wait. Fills `answer`. */
	void (*answer)(const struct responder_request *request, struct responder_answer *answer);
};

#endif
