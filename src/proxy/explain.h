/* A record in words: what the sentences of its end reason say of this very exchange. For pages, `Proxy-Status` and logs.
 *
 * Owner: spans point into the record. Nothing here is escaped: that is the business of whoever knows the format. */
#ifndef FAIRLEAD_PROXY_EXPLAIN_H
#define FAIRLEAD_PROXY_EXPLAIN_H

#include "base/buf.h"
#include "proxy/record.h"

/* Room for one sentence, whatever the host's name is. */
enum { SENTENCE = 1024 };

enum audience { FOR_USER, FOR_ADMINISTRATOR };

/* A sentence with {hop} and {site} filled in; for administrators {hop} has its address. Without a record: of no exchange in
 * particular. */
void explain(const struct record *r, const char *sentence, enum audience who, struct buf *to);

/* A request target that may be shown: `before` and `after` the user name and password that somebody may have put in. */
struct shown_target {
	struct span before, after;
};
/* With `query` false the query is left out, too: it often holds secrets. */
struct shown_target target_shown(struct span uri, bool query);
/* The path of a request target, "/" if it has none; of CONNECT the authority. And what stands behind the '?'. */
struct span target_stem(struct span uri);
struct span target_query(struct span uri);

/* True when the exchange goes through a parent. */
bool record_through_parent(const struct record *r);

#endif
