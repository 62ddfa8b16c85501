/* Both sign-ins, to the parent and through it to a site, share one pin, and so one state: signed in means that somebody
 * is, at either. That errs on the side of closing: when the connection is lost nothing goes out as nobody, neither to
 * the parent nor to the site. */
#include "proxy/relay_auth.h"

#include "base/counters.h"
#include "proxy/client_auth.h"
#include "proxy/forward.h"

bool upstream_relays(const struct upstream_settings *u)
{
	return u->credentials.on && u->credentials.scheme.count == 1 && u->credentials.scheme.items[0] == SIGN_ON_RELAY;
}

/* Of the two tokens that a request may bring, the one that allows less decides: a later leg needs its connection, and
 * an AP-REQ is not said twice. */
static void join_legs(struct sign_in_leg *leg, enum token_kind kind)
{
	leg->first = token_is_first(kind) && (!leg->bound || leg->first);
	if (!leg->bound || leg->kind == TOKEN_NTLM_1)
		leg->kind = kind;
	leg->bound = true;
}

static void read_credentials(struct exchange *x)
{
	struct challenge c;
	struct span value = head_value(&x->request, FIELD_PROXY_AUTHORIZATION);
	if (!value.p)
		return;
	x->relayed.credentials = true;
	if (!credentials_parse(value, &c))
		return;
	enum token_kind kind = token_kind_of(c.token);
	x->relayed.bound = token_signs_in_connection(&c, kind);
	x->record.proxy_leg = x->relayed.bound ? token_kind_name(kind) : c.scheme == SCHEME_BASIC ? "basic" : NULL;
	if (!x->relayed.bound)
		return;
	if (!x->leg.bound)
		COUNT(sign_in_legs_total);
	join_legs(&x->leg, kind);
}

void relay_read_request(struct exchange *x)
{
	x->pin_key = x->origin_key;
	x->relayed.on = x->route.via == VIA_UPSTREAM && upstream_relays(x->route.upstream) && !can_challenge(x);
	if (!x->relayed.on)
		return;
	const char *key = arena_printf(&x->arena, "relay %s", x->route.upstream->name); /* no host has a blank in it */
	if (key)
		x->pin_key = span_of(key);
	else
		x->relayed.on = false;
	read_credentials(x);
}

enum pin_event relay_event_of_request(struct exchange *x)
{
	if (x->leg.bound)
		return x->leg.first ? PIN_EVENT_REQUEST_FIRST : PIN_EVENT_REQUEST_NEXT;
	x->relayed.began = !x->pin->conn; /* what counts for one request changes nothing of a connection that is there */
	return x->relayed.began ? PIN_EVENT_REQUEST_FIRST : PIN_EVENT_REQUEST_PLAIN;
}

/* Whatever is no 407 means that the parent took the token, if there was one for it. Persistent-Auth is not asked: of
 * which of the two hops it speaks nobody can tell. */
enum pin_event relay_event_of_answer(const struct exchange *x)
{
	unsigned status = x->response.status;
	bool asked = status == 407 || (status == 401 && !x->relayed.bound);
	if (x->relayed.began)
		return status == 407 ? PIN_EVENT_REFUSED : PIN_EVENT_ACCEPTED_ONCE;
	if (!x->leg.bound)
		return x->challenged ? PIN_EVENT_CHALLENGED : PIN_EVENT_ANSWERED;
	if (asked)
		return x->token_challenge ? PIN_EVENT_CONTINUED : PIN_EVENT_REFUSED;
	return x->client->shared ? PIN_EVENT_ACCEPTED_ONCE : PIN_EVENT_ACCEPTED;
}

/* ---- heads */

static bool crosses(const struct exchange *x)
{
	return x->relayed.on && x->conn && x->conn->relays;
}

void relay_keep_credentials(struct exchange *x)
{
	struct field *f = head_find(&x->request, FIELD_PROXY_AUTHORIZATION);
	if (f && crosses(x))
		f->dropped = false;
}

static bool is_challenge(const struct field *f)
{
	return f->id == FIELD_PROXY_AUTHENTICATE || f->id == FIELD_PROXY_AUTHENTICATION_INFO;
}

void relay_keep_challenges(struct exchange *x)
{
	if (!crosses(x))
		return;
	for (unsigned i = 0; i < x->response.count; i++)
		if (is_challenge(&x->response.fields[i]))
			x->response.fields[i].dropped = false;
	if (x->response.status == 407)
		COUNT(challenges_relayed_total);
}

void relay_write_challenges(const struct exchange *x, struct buf *to)
{
	for (unsigned i = 0; crosses(x) && i < x->response.count; i++)
		if (is_challenge(&x->response.fields[i]))
			buf_add(to, span_make(x->response.fields[i].line, x->response.fields[i].line_n));
}
