/* What signing in needs, looked up for `fairlead check`: keytabs, accounts files, winbind, the secrets for parents.
 *
 * Owner: the caller; sign_on_found_fini(). Threads: one; winbind may make it wait. What is wrong is complained of with file and line. */
#ifndef FAIRLEAD_CLI_CHECK_SIGN_ON_H
#define FAIRLEAD_CLI_CHECK_SIGN_ON_H

#include "config/settings.h"

struct sign_on_found {
	struct buf
		keys; /* of the keytab, one a line: principal, key version, encryption type; empty: none, or it cannot be read */
	unsigned *counts;    /* of each accounts block: accounts in its file */
	struct buf *answers; /* of each accounts block: what winbind says, or what is wrong */
	unsigned blocks;
};

/* 0 or -ENOMEM. */
MUST_CHECK int sign_on_look(const struct settings *s, struct sign_on_found *out, struct complaints *c);
void sign_on_found_fini(struct sign_on_found *f);
/* For people, and as members of a JSON object, each with a comma before it. */
void sign_on_say(const struct settings *s, const struct sign_on_found *f, struct buf *to);
void sign_on_say_json(const struct settings *s, const struct sign_on_found *f, struct buf *to);

#endif
