/* What `fairlead route` asks and finds out about one request. */
#ifndef FAIRLEAD_CLI_INQUIRY_H
#define FAIRLEAD_CLI_INQUIRY_H

#include "route/access.h"
#include "route/route.h"

enum { ADDRESSES_MOST = 64 };

struct inquiry {
	struct arena memory;
	const struct settings *settings;
	char folded[256];
	struct access_question access_question;
	struct route_question route_question;
	struct addr client;
	struct addr addresses[ADDRESSES_MOST];
	unsigned address_count;
	const char *look_up_failed;

	struct route route;
	bool client_allowed;
	struct access_answer access;
};

/* May it be sent? */
bool inquiry_is_fine(const struct inquiry *q);
/* For people, and for programs. */
void inquiry_say(struct inquiry *q, struct buf *to);
void inquiry_say_json(struct inquiry *q, struct buf *to);

#endif
