#include "cli/single_user.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "auth/kerberos_own.h"
#include "cli/password.h"
#include "cli/proxy_lines.h"

enum { TEXT_MOST = 1 << 20 };

static const char default_listen[] = "127.0.0.1:3128";

/* ---- the secret */

/* A page that neither goes to the swap nor into a core. */
static char *secret_page(void)
{
	char *page = mmap(NULL, PASSWORD_MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return NULL;
	(void)!mlock(page, PASSWORD_MOST); /* as far as the limits allow */
	madvise(page, PASSWORD_MOST, MADV_DONTDUMP);
	return page;
}

static void drop_secret(struct single_user *u)
{
	if (!u->secret)
		return;
	OPENSSL_cleanse(u->secret, PASSWORD_MOST);
	munmap(u->secret, PASSWORD_MOST);
	u->secret = NULL;
}

/* Kerberos needs the parent's name. */
static bool parents_have_names(const struct serve_options *o)
{
	for (unsigned i = 0; i < o->parents.count; i++) {
		const char *colon = strrchr(o->parents.items[i], ':');
		struct span host = span_make(o->parents.items[i], colon ? (size_t)(colon - o->parents.items[i]) : 0);
		struct addr a;
		if (addr_parse(host, 0, &a) == 0)
			return false;
	}
	return true;
}

static bool find_ticket(struct single_user *u)
{
	struct buf ccache, principal;
	buf_over(&ccache, u->ccache, sizeof(u->ccache) - 1);
	buf_over(&principal, u->principal, sizeof(u->principal) - 1);
	bool found = kerberos_own_ticket(&ccache, &principal) && !buf_error(&ccache) && !buf_error(&principal);
	u->ccache[found ? ccache.n : 0] = '\0';
	u->principal[found ? principal.n : 0] = '\0';
	return found;
}

static int ask_password(struct single_user *u, struct buf *why)
{
	char prompt[512];
	u->secret = secret_page();
	if (!u->secret)
		return -ENOMEM;
	snprintf(prompt, sizeof(prompt), "Password of %s: ", u->options->account);
	int error = password_ask(prompt, false, u->secret, why);
	if (error)
		drop_secret(u);
	return error;
}

/* On a terminal a ticket saves the question. Otherwise whoever started us decides, by what stands on standard input. */
static int settle_secret(struct single_user *u)
{
	const struct serve_options *o = u->options;
	char said[512];
	struct buf why;
	buf_over(&why, said, sizeof(said));
	if (o->nt_hash_file)
		return 0;
	bool ticket = !o->password && parents_have_names(o) && find_ticket(u);
	if (ticket && (!o->account || isatty(STDIN_FILENO)))
		return 0;
	if (!o->account) {
		fputs(
			"fairlead serve: whose account is it? Write --account 'CORP\\alice', or get a Kerberos ticket with kinit\n",
			stderr);
		return -EINVAL;
	}
	int error = ask_password(u, &why);
	if (error == -ECANCELED && ticket)
		return 0;
	if (error)
		fprintf(stderr, "fairlead serve: %.*s\n", (int)why.n, why.p);
	else
		u->ccache[0] = '\0';
	return error;
}

/* ---- the settings */

/* Between single quotes all is as it stands, but a quote and what ends a line. */
static bool add_quoted(struct buf *to, const char *word)
{
	for (const char *p = word; *p; p++) {
		if (*p != '\'' && (unsigned char)*p >= ' ' && *p != 0x7f)
			continue;
		fprintf(stderr, "fairlead serve: \"%s\" has a character in it that cannot be\n", word);
		return false;
	}
	buf_addf(to, "'%s'", word);
	return true;
}

static bool add_list(struct buf *to, const char *name, const struct words *l)
{
	buf_addf(to, "%s = {", name);
	for (unsigned i = 0; i < l->count; i++) {
		buf_adds(to, i ? ", " : "");
		if (!add_quoted(to, l->items[i]))
			return false;
	}
	buf_adds(to, "}");
	return true;
}

static bool add_listen(const struct single_user *u, const char *address, struct buf *to)
{
	buf_adds(to, "listen ");
	bool good = add_quoted(to, address);
	buf_adds(to, " {\n\tconnect-ports = {any}\n\t");
	if (u->options->clients.count == 0)
		buf_adds(to, "same-user = true");
	else
		good = good && add_list(to, "clients", &u->options->clients);
	buf_adds(to, "\n}\n");
	return good;
}

static bool add_credentials(const struct single_user *u, struct buf *to)
{
	const struct serve_options *o = u->options;
	bool good = true;
	buf_adds(to, u->ccache[0] ? "\tcredentials { scheme = {negotiate}  ccache = "
	                          : "\tcredentials { scheme = {negotiate, ntlm}  account = ");
	good = add_quoted(to, u->ccache[0] ? u->ccache : o->account);
	if (o->nt_hash_file && good) {
		buf_adds(to, "  nt-hash-file = ");
		good = add_quoted(to, o->nt_hash_file);
	}
	buf_adds(to, " }\n");
	return good;
}

/* "http://proxy.example:8080/" is what people copy. */
static bool add_member(const char *parent, bool backup, struct buf *to)
{
	char address[512];
	const char *at = strncasecmp(parent, "http://", 7) == 0 ? parent + 7 : parent;
	snprintf(address, sizeof(address), "%.*s", (int)strcspn(at, "/"), at);
	buf_adds(to, "\tmember ");
	bool good = add_quoted(to, address);
	buf_addf(to, " { %s}\n", backup ? "backup = true " : "");
	return good;
}

/* What is written as an address is opened: it is for this user to say. */
static void add_access(const struct words *direct, struct buf *to)
{
	for (unsigned i = 0; i < direct->count; i++) {
		struct network n;
		if (network_parse(span_of(direct->items[i]), &n) == 0)
			buf_addf(to, "access { action = allow  to = {'%s'} }\n", direct->items[i]);
		else if (strcmp(direct->items[i], "localhost") == 0)
			buf_adds(to, "access { action = allow  to = {\"127.0.0.0/8\", \"::1\"} }\n");
	}
}

bool single_user_text(const struct single_user *u, struct buf *to)
{
	const struct serve_options *o = u->options;
	bool good = true;
	buf_adds(to, "workers = 2\ndrain = 3s\n");
	for (unsigned i = 0; i < o->listens.count && good; i++)
		good = add_listen(u, o->listens.items[i], to);
	if (o->listens.count == 0)
		good = add_listen(u, default_listen, to);
	buf_adds(to, "upstream parent {\n");
	for (unsigned i = 0; i < o->parents.count && good; i++)
		good = add_member(o->parents.items[i], i > 0, to);
	good = good && add_credentials(u, to);
	buf_adds(to, "}\n");
	if (o->direct.count && good) {
		buf_adds(to, "route { ");
		good = add_list(to, "to", &o->direct);
		buf_adds(to, "  via = direct }\n");
		add_access(&o->direct, to);
	}
	/* Whoever sees a Via takes us for a proxy of several users, and may want a sign-in for each request. */
	buf_adds(to, "route { to = {\"*\"}  via = parent  via-header = false }\nlog access { file = \"none\" }\n");
	return good && !buf_error(to);
}

/* ---- the whole */

int single_user_init(struct single_user *u, const struct serve_options *options)
{
	*u = (struct single_user){.options = options};
	buf_init(&u->text, TEXT_MOST);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	int error = settle_secret(u);
	if (error)
		return error;
	return single_user_text(u, &u->text) ? 0 : -EINVAL;
}

void single_user_fini(struct single_user *u)
{
	drop_secret(u);
	buf_fini(&u->text);
}

static bool is_open_to_nobody(const struct settings *s)
{
	for (unsigned i = 0; i < s->listen_count; i++) {
		const struct listen_settings *l = &s->listens[i];
		if (!l->same_user || addr_is_loopback(&l->addr))
			continue;
		fprintf(stderr,
		        "fairlead serve: --listen %s is for other machines or containers: say which, with --clients NETWORK\n",
		        l->address);
		return true;
	}
	return false;
}

int single_user_load(const struct single_user *u, struct settings **out)
{
	AUTO(settings) struct settings *s = NULL;
	struct complaints c;
	complaints_init(&c);
	int error = settings_load_text("the command line", buf_span(&u->text), u->secret, &s, &c);
	if (!error)
		settings_check_files(s, &c);
	for (const struct complaint *it = c.first; it; it = it->next)
		if (it->kind == COMPLAINT_ERROR)
			fprintf(stderr, "fairlead serve: %s\n", it->text);
	if (!error && (c.errors || is_open_to_nobody(s)))
		error = -EINVAL;
	complaints_fini(&c);
	if (!error)
		*out = TAKE(s);
	return error;
}

void single_user_say_ready(const struct single_user *u, const struct addr *at)
{
	const struct passwd *me = getpwuid(geteuid());
	struct buf text;
	buf_init(&text, TEXT_MOST);
	struct proxy_lines lines = {.at = *at,
	                            .direct = &u->options->direct,
	                            .user = u->options->clients.count ? NULL
	                                    : me                      ? me->pw_name
	                                                              : "you",
	                            .ticket = u->ccache[0] ? u->principal : NULL};
	proxy_lines_add(&lines, &text);
	fwrite(text.p, 1, text.n, stdout);
	fflush(stdout);
	buf_fini(&text);
}
