#include "cli/check_sign_on.h"

#include <stdio.h>

#include "auth/accounts.h"
#include "auth/kerberos.h"
#include "auth/windows_domain.h"
#include "base/encode.h"
#include "proxy/credentials.h"

enum { KEYS_MOST = 1 << 20, SENTENCE_MOST = 4096, WHY = 512, HOST = 256 };

static bool is_readable(const char *path)
{
	return path && access(path, R_OK) == 0; /* else it was complained of with the other files */
}

/* ---- the keytab, and whether clients will find their name in it */

/* `what`: "listen ADDRESS" or "site NAME". */
static void look_for_name(const struct settings *s, const char *what, const char *title, const char *name,
                          struct written where, struct complaints *c)
{
	struct addr literal;
	if (addr_parse(span_of(name), 0, &literal) == 0)
		WARN_HERE(c, where,
		          "%s %s: clients find no Kerberos ticket for an address: give it a name that they use, not %s", what,
		          title, name);
	else if (kerberos_keytab_serves(s->kerberos.keytab, name) == 0)
		WARN_HERE(c, where,
		          "%s %s: the keytab %s has no key of HTTP/%s: Kerberos of clients that call us so will end in "
		          "wrong-spn; export that key, or correct the name",
		          what, title, s->kerberos.keytab, name);
}

static void look_for_listener(const struct settings *s, const struct listen_settings *l, struct complaints *c)
{
	char host[HOST] = "";
	if (l->role != ROLE_PROXY || !sign_on_lists(&l->sign_on.schemes, SIGN_ON_NEGOTIATE) ||
	    (!l->name && gethostname(host, sizeof(host) - 1) != 0))
		return;
	look_for_name(s, "listen", l->address, l->name ? l->name : host, l->where, c);
}

/* Which names a pattern stands for is not known here. */
static void look_for_site(const struct settings *s, const struct site_settings *site, struct complaints *c)
{
	bool negotiate = false;
	for (unsigned i = 0; i < site->directory_count; i++)
		negotiate |= sign_on_lists(&site->directories[i].sign_on.schemes, SIGN_ON_NEGOTIATE);
	if (negotiate && !strchr(site->host, '*'))
		look_for_name(s, "site", site->host, site->host, site->where, c);
}

static void look_at_keytab(const struct settings *s, struct sign_on_found *f, struct complaints *c)
{
	const struct kerberos_settings *k = &s->kerberos;
	if (!k->on || !is_readable(k->keytab))
		return;
	int error = kerberos_keytab_list(k->keytab, &f->keys);
	if (error) {
		ERROR_HERE(c, k->where, "the keytab cannot be used: %s", buf_text(&f->keys));
		f->keys.n = 0;
		return;
	}
	if (f->keys.n == 0)
		ERROR_HERE(c, k->where, "the keytab %s holds no key at all", k->keytab);
	for (unsigned i = 0; i < s->listen_count; i++)
		look_for_listener(s, &s->listens[i], c);
	for (unsigned i = 0; i < s->site_count; i++)
		look_for_site(s, &s->sites[i], c);
}

/* ---- accounts */

static void look_at_file(const struct accounts_settings *a, unsigned *count, struct buf *says, struct complaints *c)
{
	if (!is_readable(a->file))
		return;
	if (accounts_check(a->file, count, says) != 0)
		ERROR_HERE(c, a->where, "accounts %s: %s", a->name, buf_text(says));
	else if (*count == 0)
		WARN_HERE(c, a->where, "accounts %s: %s holds no account yet: fairlead account add NAME --file %s", a->name,
		          a->file, a->file);
}

/* Another service's state of the moment: serve starts without it, and says 503 to those who sign in. */
static bool look_at_winbind(const struct accounts_settings *a, struct buf *says, struct complaints *c)
{
	enum auth_reason reason = windows_check(says);
	if (reason != AUTH_OK)
		WARN_HERE(c, a->where, "accounts %s: %s (%s)", a->name, buf_text(says), auth_reason_name(reason));
	return reason == AUTH_OK;
}

/* Whether winbind is there to be asked for more. */
static bool look_at_accounts(const struct settings *s, struct sign_on_found *f, struct complaints *c)
{
	bool winbind = false;
	for (unsigned i = 0; i < s->accounts_count; i++) {
		const struct accounts_settings *a = &s->accounts[i];
		if (a->kind == ACCOUNTS_FILE)
			look_at_file(a, &f->counts[i], &f->answers[i], c);
		else
			winbind |= look_at_winbind(a, &f->answers[i], c);
	}
	return winbind;
}

/* ---- the names in rules */

/* Those of a domain; winbind has answered before. */
static void look_for_names_of(const struct text_list *names, bool group, struct written where, struct complaints *c)
{
	for (unsigned i = 0; i < names->count; i++)
		if (strchr(names->items[i], '\\') && windows_name_known(names->items[i], group) == AUTH_NO_SUCH_USER)
			WARN_HERE(c, where, "winbind knows no %s %s: the rule will never be about anybody of that name",
			          group ? "group" : "user", names->items[i]);
}

static void look_for_names(const struct settings *s, struct complaints *c)
{
	for (unsigned i = 0; i < s->access_count; i++) {
		look_for_names_of(&s->access[i].users, false, s->access[i].where, c);
		look_for_names_of(&s->access[i].groups, true, s->access[i].where, c);
	}
	for (unsigned i = 0; i < s->site_count; i++)
		for (unsigned k = 0; k < s->sites[i].directory_count; k++) {
			const struct directory_settings *d = &s->sites[i].directories[k];
			look_for_names_of(&d->users, false, d->where, c);
			look_for_names_of(&d->groups, true, d->where, c);
		}
}

/* ---- secrets for parents */

/* Whether a line of the list begins with the account's name: "svc@REALM, key version 2, ...". */
static bool has_key_of(struct span keys, struct span account)
{
	struct span line;
	while (span_next(&keys, '\n', &line))
		if (span_starts_nocase(line, account) && line.n > account.n &&
		    (line.p[account.n] == '@' || line.p[account.n] == ','))
			return true;
	return false;
}

static void look_at_own_keytab(const struct upstream_settings *u, struct complaints *c)
{
	const struct credentials_settings *k = &u->credentials;
	struct buf keys;
	if (!is_readable(k->keytab))
		return;
	buf_init(&keys, KEYS_MOST);
	if (kerberos_keytab_list(k->keytab, &keys) != 0)
		ERROR_HERE(c, k->where, "upstream %s: the keytab cannot be used: %s", u->name, buf_text(&keys));
	else if (k->account && !has_key_of(buf_span(&keys), span_of(k->account)))
		WARN_HERE(c, k->where, "upstream %s: the keytab %s has no key of %s", u->name, k->keytab, k->account);
	buf_fini(&keys);
}

static void look_at_secret(const struct upstream_settings *u, struct complaints *c)
{
	const struct credentials_settings *k = &u->credentials;
	const char *file = k->password_file ? k->password_file : k->nt_hash_file;
	struct credentials found;
	char why[WHY] = "";
	if (k->systemd_credential && !file && !getenv("CREDENTIALS_DIRECTORY")) {
		WARN_HERE(c, k->where,
		          "upstream %s: the systemd credential %s is there for the service alone, and was not looked at",
		          u->name, k->systemd_credential);
		return;
	}
	if (file && !is_readable(file))
		return;
	int error = credentials_load(k, u->member_count ? u->members[0].host : "", &found, why, sizeof(why));
	if (error)
		ERROR_HERE(c, k->where, "upstream %s: %s: every sign-in to it would end as error 12201 parent-sign-in-failed",
		           u->name, *why ? why : strerror(-error));
	else
		credentials_fini(&found);
}

/* ---- the whole */

int sign_on_look(const struct settings *s, struct sign_on_found *f, struct complaints *c)
{
	unsigned n = s->accounts_count;
	*f = (struct sign_on_found){
		.blocks = n, .counts = calloc(n + 1, sizeof(*f->counts)), .answers = calloc(n + 1, sizeof(*f->answers))};
	buf_init(&f->keys, KEYS_MOST);
	if (!f->counts || !f->answers)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		buf_init(&f->answers[i], SENTENCE_MOST);
	look_at_keytab(s, f, c);
	if (look_at_accounts(s, f, c))
		look_for_names(s, c);
	for (unsigned i = 0; i < s->upstream_count; i++) {
		if (!s->upstreams[i].credentials.on)
			continue;
		look_at_own_keytab(&s->upstreams[i], c);
		look_at_secret(&s->upstreams[i], c);
	}
	return 0;
}

void sign_on_found_fini(struct sign_on_found *f)
{
	for (unsigned i = 0; f->answers && i < f->blocks; i++)
		buf_fini(&f->answers[i]);
	free(f->answers);
	free(f->counts);
	buf_fini(&f->keys);
}

void sign_on_say(const struct settings *s, const struct sign_on_found *f, struct buf *to)
{
	struct span rest = buf_span(&f->keys), line;
	if (s->accounts_count)
		buf_adds(to, "accounts:\n");
	for (unsigned i = 0; i < s->accounts_count; i++) {
		const struct accounts_settings *a = &s->accounts[i];
		if (a->kind == ACCOUNTS_FILE)
			buf_addf(to, "  %s: %u in %s\n", a->name, f->counts[i], a->file);
		else
			buf_addf(to, "  %s: %.*s\n", a->name, SPAN_ARG(buf_span(&f->answers[i])));
	}
	if (s->kerberos.on)
		buf_addf(to, "keys of %s:\n", s->kerberos.keytab);
	while (s->kerberos.on && span_next(&rest, '\n', &line))
		if (line.n)
			buf_addf(to, "  %.*s\n", SPAN_ARG(line));
}

static void json_member(struct buf *to, const char *name, struct span text)
{
	buf_addf(to, "\"%s\":\"", name);
	encode_json(to, text);
	buf_addc(to, '"');
}

/* "HTTP/proxy.example@REALM, key version 2, aes256-cts-hmac-sha1-96" */
static void json_key(struct buf *to, struct span line)
{
	static const char version[] = ", key version ";
	const char *at = memmem(line.p, line.n, version, strlen(version));
	struct span principal = at ? span_make(line.p, (size_t)(at - line.p)) : line;
	struct span rest = at ? span_make(at + strlen(version), (size_t)(line.p + line.n - at) - strlen(version))
	                      : SPAN_NONE;
	struct span number = SPAN_NONE;
	buf_addc(to, '{');
	json_member(to, "principal", principal);
	if (span_next(&rest, ',', &number))
		buf_addf(to, ",\"version\":%.*s,", SPAN_ARG(number));
	json_member(to, "encryption", span_trim(rest));
	buf_addc(to, '}');
}

void sign_on_say_json(const struct settings *s, const struct sign_on_found *f, struct buf *to)
{
	struct span rest = buf_span(&f->keys), line;
	buf_adds(to, ",\"accounts\":[");
	for (unsigned i = 0; i < s->accounts_count; i++) {
		const struct accounts_settings *a = &s->accounts[i];
		buf_adds(to, i ? ",{" : "{");
		json_member(to, "name", span_of(a->name));
		buf_addc(to, ',');
		if (a->kind == ACCOUNTS_FILE) {
			json_member(to, "file", span_of(a->file));
			buf_addf(to, ",\"accounts\":%u}", f->counts[i]);
		} else {
			json_member(to, "winbind", buf_span(&f->answers[i]));
			buf_addc(to, '}');
		}
	}
	buf_adds(to, "],\"keytab\":");
	if (!s->kerberos.on) {
		buf_adds(to, "null");
		return;
	}
	buf_addc(to, '{');
	json_member(to, "file", span_of(s->kerberos.keytab));
	buf_adds(to, ",\"keys\":[");
	for (bool first = true; span_next(&rest, '\n', &line);) {
		if (!line.n)
			continue;
		buf_adds(to, first ? "" : ",");
		json_key(to, line);
		first = false;
	}
	buf_adds(to, "]}");
}
