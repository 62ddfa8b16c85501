/* Basic credentials (RFC 7617): base64 of user, colon, password; UTF-8, or Latin-1 from those who know no better.
 *
 * Owner: the pair owns its bytes, and wipes them. Errors: 0, -EINVAL, -ENOMEM. */
#ifndef FAIRLEAD_AUTH_BASIC_H
#define FAIRLEAD_AUTH_BASIC_H

#include "base/buf.h"

struct basic_pair {
	struct buf bytes;
	struct span user, password; /* UTF-8, inside `bytes` */
};
MUST_CHECK int basic_parse(struct span token68, struct basic_pair *out);
void basic_pair_fini(struct basic_pair *p);
void basic_write(struct buf *token68, struct span user, struct span password);

#endif
