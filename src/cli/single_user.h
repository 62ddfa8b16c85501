/* `fairlead serve --parent`: Fairlead for one developer behind a corporate proxy, without a settings file. The settings are a text that is made from
 * the command line and read like any file; the password is typed in and stays in memory.
 *
 * Owner: `serve`. Threads: the main thread; the secret is read by all. */
#ifndef FAIRLEAD_CLI_SINGLE_USER_H
#define FAIRLEAD_CLI_SINGLE_USER_H

#include "base/addr.h"
#include "cli/serve_options.h"
#include "config/settings.h"

struct single_user {
	const struct serve_options *options;
	char *secret; /* the password, on a page of its own; NULL: none */
	char ccache[1024], principal[1024];
	struct buf text;
};

/* Asks for the password if one is needed. 0, or -errno after a sentence on standard error. single_user_fini() also after an error. */
MUST_CHECK int single_user_init(struct single_user *u, const struct serve_options *options);
/* Wipes the password. */
void single_user_fini(struct single_user *u);

/* Like settings_load(); what is wrong goes to standard error. Warnings are for those who write files. */
MUST_CHECK int single_user_load(const struct single_user *u, struct settings **out);

/* The settings as a text, for the reader; no secret is in it. False: an argument cannot be written in it, said on standard error. */
bool single_user_text(const struct single_user *u, struct buf *to);
/* The lines to copy, on standard output. `at`: where the first listener listens. */
void single_user_say_ready(const struct single_user *u, const struct addr *at);

#endif
