/* What `fairlead serve` is told on its command line: a settings file, or, for a single user, all there is to say. */
#ifndef FAIRLEAD_CLI_SERVE_OPTIONS_H
#define FAIRLEAD_CLI_SERVE_OPTIONS_H

#include <stdbool.h>

enum { WORDS_MOST = 64 };

/* The values of an option that may be repeated. */
struct words {
	const char *items[WORDS_MOST];
	unsigned count;
};

struct serve_options {
	const char *file; /* -c; NULL: by the search order */
	bool single_user; /* --parent was given; what follows is for it */
	struct words parents, listens, clients, direct;
	const char *account, *nt_hash_file;
	bool password; /* asked for even if there is a ticket */
};

/* False after a complaint on standard error. */
bool serve_options_parse(int argc, char **argv, struct serve_options *out);

#endif
