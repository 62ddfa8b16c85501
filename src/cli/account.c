/* `fairlead account`: makes and changes the accounts that Fairlead verifies itself. Passwords come from the terminal, without echo and twice, or as
 * the first line of standard input; never from the command line, where everybody on the machine could read them. */
#include <getopt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/accounts.h"
#include "auth/accounts_file.h"
#include "auth/ntlm_crypto.h"
#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/password.h"

DEFINE_AUTO(accounts_text, struct accounts_text *, accounts_text_unref);

static const char default_file[] = "/var/lib/fairlead/accounts";

struct wishes {
	const char *what, *name, *file, *groups;
	int disabled;
	bool password;
};

static bool parse(int argc, char **argv, struct wishes *w)
{
	static const struct option options[] = {
		{"file", required_argument, NULL, 'f'}, {"groups", required_argument, NULL, 'g'},
		{"disabled", no_argument, NULL, 'd'},   {"enabled", no_argument, NULL, 'e'},
		{"password", no_argument, NULL, 'p'},   {NULL, 0, NULL, 0}};
	*w = (struct wishes){.file = default_file, .disabled = -1};
	for (int c; (c = getopt_long(argc, argv, "f:", options, NULL)) != -1;) {
		switch (c) {
		case 'f':
			w->file = optarg;
			break;
		case 'g':
			w->groups = optarg;
			break;
		case 'd':
		case 'e':
			w->disabled = c == 'd';
			break;
		case 'p':
			w->password = true;
			break;
		default:
			return false;
		}
	}
	w->what = optind < argc ? argv[optind++] : NULL;
	w->name = optind < argc ? argv[optind++] : NULL;
	return w->what && optind == argc;
}

static int failed(const struct buf *why)
{
	fprintf(stderr, "fairlead account: %.*s\n", (int)why->n, why->p);
	return EXIT_NOT_FINE;
}

/* Both hashes of the password that is asked for. */
static int ask_password(struct account_change *c, unsigned char nt_hash[NTLM_KEY], char *hash, size_t room,
                        struct buf *why)
{
	char password[PASSWORD_MOST];
	char prompt[NAME_MOST + 32];
	snprintf(prompt, sizeof(prompt), "Password of %s: ", c->name);
	int error = password_ask(prompt, true, password, why);
	if (!error && (error = ntlm_nt_hash(span_of(password), nt_hash)) != 0)
		buf_adds(why, "the password is not UTF-8");
	if (!error && (error = accounts_hash_password(span_of(password), hash, room)) != 0)
		buf_addf(why, "the password cannot be hashed: %s", strerror(-error));
	OPENSSL_cleanse(password, sizeof(password));
	c->nt_hash = nt_hash;
	c->password_hash = hash;
	return error;
}

static int change(const struct wishes *w, int what)
{
	unsigned char nt_hash[NTLM_KEY];
	char hash[512], said[4096];
	struct buf why;
	struct account_change c = {.what = what, .name = w->name, .groups = w->groups, .disabled = w->disabled};
	bool nothing_else = !w->groups && w->disabled < 0;
	const char *wrong = account_name_fault(span_of(w->name));
	int error = 0;
	buf_over(&why, said, sizeof(said));
	if (wrong) {
		buf_addf(&why, "\"%s\" will not do as a name: %s", w->name, wrong);
		return failed(&why);
	}
	if (what == ACCOUNT_ADD || (what == ACCOUNT_SET && (w->password || nothing_else)))
		error = ask_password(&c, nt_hash, hash, sizeof(hash), &why);
	if (!error)
		error = accounts_file_change(w->file, &c, &why);
	OPENSSL_cleanse(nt_hash, sizeof(nt_hash));
	OPENSSL_cleanse(hash, sizeof(hash));
	if (error && why.n == 0)
		buf_adds(&why, strerror(-error));
	return error ? failed(&why) : EXIT_FINE;
}

static void say(const struct account *a)
{
	printf("%s%s", a->name, a->disabled ? " (disabled)" : "");
	for (unsigned i = 0; i < a->group_count; i++)
		printf("%s%s", i ? ", " : ": ", a->groups[i]);
	putchar('\n');
}

static int list(const struct wishes *w)
{
	AUTO(accounts_text) struct accounts_text *t = NULL;
	struct stat seen;
	struct buf why;
	char said[4096];
	buf_over(&why, said, sizeof(said));
	if (accounts_file_read(w->file, &t, &seen, &why))
		return failed(&why);
	const struct account *one = w->name ? accounts_text_find(t, span_of(w->name)) : NULL;
	if (w->name && !one) {
		buf_addf(&why, "%s has no account %s", w->file, w->name);
		return failed(&why);
	}
	if (one)
		say(one);
	for (size_t i = 0; !one && i < t->count; i++)
		say(&t->list[i]);
	return EXIT_FINE;
}

int cli_account(int argc, char **argv)
{
	static const struct {
		const char *word;
		int what;
	} changes[] = {{"add", ACCOUNT_ADD}, {"set", ACCOUNT_SET}, {"remove", ACCOUNT_REMOVE}};
	struct wishes w;
	if (!parse(argc, argv, &w))
		return command_usage("account");
	if (strcmp(w.what, "list") == 0)
		return list(&w);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (strcmp(w.what, changes[i].word) == 0 && w.name)
			return change(&w, changes[i].what);
	return command_usage("account");
}
