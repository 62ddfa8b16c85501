#include "proxy/behalf_auth.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/basic.h"
#include "proxy/client_auth.h"
#include "proxy/lockout.h"

enum { NAME_MOST = 1024 };

bool upstream_on_behalf(const struct upstream_settings *u)
{
	return u->credentials.on && u->credentials.scheme.count == 1 && u->credentials.scheme.items[0] == SIGN_ON_BEHALF;
}

/* ---- whether he can be */

static bool find_basic(const struct exchange *x, struct challenge *out)
{
	struct span value = head_value(&x->request, FIELD_PROXY_AUTHORIZATION);
	return value.p && credentials_parse(value, out) && out->scheme == SCHEME_BASIC;
}

enum step behalf_read_request(struct exchange *x)
{
	struct challenge c;
	if (x->route.via != VIA_UPSTREAM || !upstream_on_behalf(x->route.upstream))
		return STEP_CONNECT;
	if (!x->who)
		return can_challenge(x) ? challenge_client(x, END_SIGN_IN_WANTED)
		                        : end_with(x, END_USER_NOT_PASSED_ON, 0, "nobody signs in at this listener");
	if (strcmp(x->who->scheme, "basic") == 0 && find_basic(x, &c))
		x->behalf = BEHALF_BASIC;
	else if (x->who->ticket.n)
		x->behalf = BEHALF_KERBEROS;
	if (x->behalf != BEHALF_NOT)
		return STEP_CONNECT;
	return end_with(
		x, END_USER_NOT_PASSED_ON, 0,
		arena_printf(&x->arena, "%s signed in by %s, which cannot be passed on", x->who->shown, x->who->scheme));
}

/* ---- with what */

/* Tells two passwords of one user apart; whose ticket it is says all. */
static uint64_t fingerprint_of(const struct exchange *x)
{
	struct challenge c;
	bool basic = x->behalf == BEHALF_BASIC && find_basic(x, &c);
	return lockout_fingerprint(span_of(x->who->shown), basic ? c.token : SPAN_NONE);
}

void behalf_write_key(const struct exchange *x, struct buf *key)
{
	if (x->behalf != BEHALF_NOT)
		buf_addf(key, "|for %s %s %s %" PRIx64, x->who->scheme, x->who->verifier, x->who->shown, fingerprint_of(x));
}

const struct sign_on_list *behalf_schemes(const struct exchange *x)
{
	static unsigned char basic[] = {SIGN_ON_BASIC}, negotiate[] = {SIGN_ON_NEGOTIATE};
	static const struct sign_on_list by_basic = {basic, 1}, by_negotiate = {negotiate, 1};
	return x->behalf == BEHALF_BASIC ? &by_basic : &by_negotiate;
}

static void write_name(struct credentials *c, char *at, struct span user)
{
	const char *backslash = memchr(user.p, '\\', user.n);
	size_t domain = backslash ? (size_t)(backslash - user.p) : 0;
	snprintf(at, NAME_MOST, "%.*s", SPAN_ARG(user));
	c->account = span_make(at, user.n);
	c->with.domain = "";
	c->with.user = c->with.principal = at;
	if (!backslash)
		return;
	at[domain] = '\0';
	c->with.domain = at;
	c->with.user = c->with.principal = at + domain + 1;
}

static int load_basic(const struct exchange *x, struct credentials *c)
{
	struct challenge given;
	struct basic_pair pair;
	if (!find_basic(x, &given) || basic_parse(given.token, &pair) != 0)
		return -EINVAL;
	int error = pair.user.n < NAME_MOST ? 0 : -EINVAL;
	c->text_n = NAME_MOST + pair.password.n + 1;
	c->text = error ? NULL : calloc(1, c->text_n);
	if (!error && !c->text)
		error = -ENOMEM;
	if (!error) {
		char *password = c->text + NAME_MOST;
		memcpy(password, pair.password.p, pair.password.n);
		write_name(c, c->text, pair.user);
		c->with.password = password;
	}
	basic_pair_fini(&pair);
	return error;
}

/* Our own account, which the domain allows to delegate. */
static struct credentials_settings our_account(const struct exchange *x)
{
	struct credentials_settings ours = x->route.upstream->credentials;
	bool secret = ours.keytab || ours.password_file || ours.systemd_credential;
	if (!secret && x->settings->kerberos.on)
		ours.keytab = x->settings->kerberos.keytab;
	return ours;
}

uint64_t behalf_generation(const struct exchange *x)
{
	struct credentials_settings ours = our_account(x);
	return x->behalf == BEHALF_KERBEROS ? credentials_generation(&ours) : 0;
}

static int load_ticket(const struct exchange *x, const char *host, struct credentials *c, char *why, size_t n)
{
	struct credentials_settings ours = our_account(x);
	int error = credentials_load(&ours, host, c, why, n);
	if (error)
		return error;
	if (!ours.account) { /* whose key the keytab has */
		c->with.user = c->with.domain = "";
		c->with.principal = NULL;
	}
	c->who = identity_ref(x->who);
	c->with.ticket = c->who->ticket;
	return 0;
}

int behalf_credentials(const struct exchange *x, const char *host, struct credentials *out, char *why, size_t n)
{
	*out = (struct credentials){0};
	int error = x->behalf == BEHALF_BASIC ? load_basic(x, out) : load_ticket(x, host, out, why, n);
	if (error && !*why)
		snprintf(why, n, "the user's credentials cannot be used: %s", strerror(-error));
	if (error || x->behalf != BEHALF_BASIC) /* what the use of a ticket could lock is our own account */
		return error;
	out->fingerprint = fingerprint_of(x);
	out->is_ticket =
		true; /* he has just proved it to us: it counts as one that has worked, and is never written down */
	return 0;
}

void behalf_keep_credentials(struct exchange *x)
{
	struct field *f = head_find(&x->request, FIELD_PROXY_AUTHORIZATION);
	if (f && x->behalf == BEHALF_BASIC && x->conn->signed_in && x->conn->scheme == SCHEME_BASIC)
		f->dropped = false;
}
