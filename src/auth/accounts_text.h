/* The text of an accounts file: one account a line, fields separated by colons (fairlead(1), ACCOUNTS FILE).
 *
 *     name:flags:NT hash:yescrypt hash:groups:changed
 *
 * Owner: counted, immutable once read; its bytes are secrets and are wiped when the last reference goes.
 * Errors: -EINVAL with a sentence that names file and line; -ENOMEM. */
#ifndef FAIRLEAD_AUTH_ACCOUNTS_TEXT_H
#define FAIRLEAD_AUTH_ACCOUNTS_TEXT_H

#include "auth/name_fold.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/ref.h"

enum { ACCOUNTS_LINE_MOST = 16384, ACCOUNTS_TEXT_MOST = 64 << 20, ACCOUNT_GROUPS_MOST = 256, NT_HASH = 16 };

struct account {
	struct span folded; /* the name as it is looked up */
	const char *name;   /* as written */
	bool disabled;
	bool has_nt_hash;
	unsigned char nt_hash[NT_HASH];
	const char *password_hash; /* crypt(5); NULL: none */
	const char *const *groups;
	unsigned group_count;
	const char *changed; /* "20261122T021500Z" */
	uint64_t generation; /* of the whole line, within this process; never 0 */
};

struct accounts_text {
	struct ref ref;
	char *bytes; /* one allocation for each of these three; accounts point into them */
	size_t byte_count;
	struct account *list;
	const char **groups;
	size_t count;
	struct map by_name;
};

/* `file` is named in *why. Copies the text. */
MUST_CHECK int accounts_text_read(const char *file, struct span text, struct accounts_text **out, struct buf *why);
struct accounts_text *accounts_text_ref(struct accounts_text *t);
void accounts_text_unref(struct accounts_text *t);

/* NULL: there is none, or that is no name. */
const struct account *accounts_text_find(const struct accounts_text *t, struct span name);

/* Why not, as the end of a sentence; NULL: it can stand in the file as an account's or a group's name. */
const char *account_name_fault(struct span name);
/* One line with its end. `groups` as they stand in the file: separated by commas. */
void account_write(struct buf *to, const struct account *a);
void accounts_text_header(struct buf *to);

#endif
