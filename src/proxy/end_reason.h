/* Every way an exchange can end, one row each: the status, the error page, `Proxy-Status`, the log's fields, the counter and the
 * console's list are all made from this table (end_reason.def). doc/errors.md is the same table for reading. */
#ifndef FAIRLEAD_PROXY_END_REASON_H
#define FAIRLEAD_PROXY_END_REASON_H

#include "proxy/end_reason.def"

struct buf;

enum end_reason {
#define X(id, ...) END_##id,
	END_REASONS(X)
#undef X
		END_LIMIT
};

/* The stop on the way where it ended. */
enum end_place {
	PLACE_NOWHERE, /* nothing broke */
	PLACE_CLIENT,  /* the client, its request, its connection */
	PLACE_HERE,    /* this proxy refused or could not */
	PLACE_NEXT,    /* the next hop: the site when direct, else the parent */
	PLACE_SITE,    /* the site, however far away */
};

struct end_row {
	const char *name;          /* in logs and counters: "connect-refused" */
	unsigned number;           /* of the 122xx family where one exists, else 0 */
	unsigned status;           /* what the client is told; 0: nothing can be told any more */
	unsigned substatus, win32; /* sc-substatus and sc-win32-status (IIS's meanings) */
	const char *error_type;    /* of RFC 9209 Proxy-Status; NULL: no error */
	const char *user;          /* one sentence for the person at the browser */
	const char *administrator; /* one for the one who runs the proxy */
	const char *remedy;        /* what to do next */
	enum end_place place;
};

extern const struct end_row end_reason_table[END_LIMIT];

/* The table for reading, in Markdown: doc/errors.md. */
void end_reason_manual(struct buf *to);

/* How often each came, for /metrics. Any thread. */
void end_reason_count(enum end_reason r);
long long end_reason_counted(enum end_reason r);

#endif
