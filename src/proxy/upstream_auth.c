#include "proxy/upstream_auth.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/kerberos.h"
#include "base/cleanup.h"
#include "base/counters.h"
#include "base/encode.h"
#include "base/log.h"
#include "http/hop.h"
#include "net/fiber.h"
#include "proxy/behalf_auth.h"
#include "proxy/credentials.h"
#include "proxy/lanes.h"
#include "proxy/relay_auth.h"
#include "proxy/turn.h"

enum { PROBE_MOST = 128 * 1024, LEGS_MOST = 6, WHY = 256 };

/* One attempt to sign in to one connection. */
struct attempt {
	struct exchange *x;
	const struct member_settings *member;
	struct upstream_conn *conn;
	struct credentials credentials;
	mono_ms deadline;
	struct lent in;
	/* the last answer */
	unsigned status;
	bool keeps;                     /* the connection */
	bool offers[SCHEME_BEARER + 1]; /* schemes named in it */
	char *token;                    /* of the scheme in use; in the exchange's arena; NULL: none */
	unsigned legs;
	enum auth_reason failed; /* of a handshake for which no token could be had */
};

/* How an attempt with one scheme went. */
enum outcome { SIGNED_IN, NOT_ASKED, NOT_OFFERED, REFUSED, REFUSED_BY_KDC, CLOSED, FAILED };

bool upstream_signs_in(const struct upstream_settings *u)
{
	return u->credentials.on && !upstream_relays(u);
}

/* ---- one question and its answer */

/* Requests of our own to sign in with, none of which has a body or changes anything: a parent that does not take the first gets the next. */
static const char *const probe_methods[] = {"TRACE", "OPTIONS", "HEAD"};
enum { PROBE_METHODS = sizeof(probe_methods) / sizeof(probe_methods[0]) };

static void write_probe(struct attempt *a, enum auth_scheme scheme, struct span token, struct buf *to)
{
	const struct exchange *x = a->x;
	buf_addf(to, "%s http://", probe_methods[x->probe]);
	buf_add(to, x->target.authority);
	buf_add(to, SPAN("/ HTTP/1.1\r\nHost: "));
	buf_add(to, x->target.authority);
	buf_add(to, SPAN("\r\nMax-Forwards: 0\r\n"));
	if (token.n)
		buf_addf(to, "Proxy-Authorization: %s %.*s\r\n", scheme_name(scheme), SPAN_ARG(token));
	if (x->route.via_header)
		via_add(to, 1, span_of(x->settings->pseudonym));
	buf_add(to, SPAN("\r\n"));
}

static void read_offers(struct attempt *a, const struct head *h, enum auth_scheme scheme)
{
	memset(a->offers, 0, sizeof(a->offers));
	a->token = NULL;
	for (unsigned i = 0; i < h->count; i++) {
		struct span rest = field_value(&h->fields[i]);
		struct challenge c;
		if (h->fields[i].id != FIELD_PROXY_AUTHENTICATE)
			continue;
		while (challenge_next(&rest, &c)) {
			a->offers[c.scheme] = true;
			if (c.scheme == scheme && c.token.n)
				a->token = (char *)(uintptr_t)arena_dup(&a->x->arena, c.token).p;
		}
	}
}

/* The head of the answer to a probe, 1xx left out. 0 or -errno. */
static int read_answer_head(struct attempt *a, enum auth_scheme scheme, struct framing *framing)
{
	struct head h;
	struct field fields[FIELDS_MOST / 2];
	struct head_limits limits = head_limits_default;
	limits.fields = FIELDS_MOST / 2;
	size_t scanned = 0;
	for (;;) {
		int n = lent_length(&a->in)
		            ? head_find_end(span_make(a->in.p + a->in.start, lent_length(&a->in)), &scanned, &limits)
		            : 0;
		if (n < 0)
			return -EPROTO;
		if (n == 0) {
			int got = stream_read(&a->conn->stream, &a->in, a->deadline);
			if (got == 0)
				return -ECONNRESET;
			if (got == -ENOBUFS)
				got = lent_grow(&a->in, PROBE_MOST) == 0 && a->in.size < 2 * PROBE_MOST ? 1 : -EPROTO;
			if (got < 0)
				return got;
			continue;
		}
		if (head_parse_response(&h, span_make(a->in.p + a->in.start, (size_t)n), fields, &limits) != PARSE_OK)
			return -EPROTO;
		a->in.start += (uint32_t)n;
		scanned = 0;
		if (h.status >= 200)
			break;
	}
	framing_of_response(&h, a->x->probe == PROBE_METHODS - 1 ? METHOD_HEAD : METHOD_TRACE, framing);
	a->status = h.status;
	a->x->parent_challenges |= h.status == 407;
	a->keeps = framing->keep_alive;
	read_offers(a, &h, scheme);
	return 0;
}

static int drain_answer(struct attempt *a, const struct framing *framing)
{
	struct body_reader reader;
	body_reader_init(&reader, framing);
	for (;;) {
		struct span data;
		size_t used;
		enum body_step step = body_read(&reader, span_make(a->in.p ? a->in.p + a->in.start : "", lent_length(&a->in)),
		                                &used, &data);
		a->in.start += (uint32_t)used;
		if (step == BODY_END)
			return 0;
		if (step == BODY_BAD || reader.total > PROBE_MOST)
			return -EPROTO;
		if (step == BODY_DATA)
			continue;
		int got = stream_read(&a->conn->stream, &a->in, a->deadline);
		if (got == 0 && body_may_end(&reader))
			return 0;
		if (got <= 0)
			return got ? got : -ECONNRESET;
	}
}

/* Sends our own request with this token and takes in the whole answer. 0 or -errno. */
static int probe(struct attempt *a, enum auth_scheme scheme, struct span token)
{
	AUTO(buf) struct buf b;
	struct framing framing = {0};
	buf_init(&b, PROBE_MOST);
	write_probe(a, scheme, token, &b);
	int error = b.error ? b.error : stream_write_span(&a->conn->stream, buf_span(&b), a->deadline);
	if (b.p)
		OPENSSL_cleanse(b.p, b.n);
	a->legs++;
	if (!error)
		error = read_answer_head(a, scheme, &framing);
	if (!error)
		error = drain_answer(a, &framing);
	if (!error && lent_length(&a->in) > 0) /* what nobody asked for */
		error = -EPROTO;
	lent_give_back(&a->in);
	return error;
}

/* ---- our side of the handshake, perhaps on another thread */

struct stepping {
	struct ref ref;
	struct initiator *initiator;
	char *token;
	struct initiator_answer answer;
	struct credentials credentials; /* the initiator's, which it outlives */
};

static void stepping_unref(void *arg)
{
	struct stepping *s = arg;
	if (!ref_drop(&s->ref))
		return;
	initiator_free(s->initiator);
	credentials_fini(&s->credentials);
	if (s->answer.token.p)
		OPENSSL_cleanse(s->answer.token.p, s->answer.token.capacity);
	buf_fini(&s->answer.token);
	free(s->token);
	free(s);
}
DEFINE_AUTO(stepping, struct stepping *, stepping_unref);

static void step_initiator(void *arg)
{
	struct stepping *s = arg;
	if (s->answer.token.p)
		OPENSSL_cleanse(s->answer.token.p, s->answer.token.capacity);
	buf_fini(&s->answer.token);
	initiator_step(s->initiator, span_of(s->token), &s->answer);
}

static int next_token(struct attempt *a, struct stepping *s)
{
	free(s->token);
	s->token = a->token ? strdup(a->token) : NULL;
	if (!initiator_will_block(s->initiator)) {
		step_initiator(s);
		return 0;
	}
	ref_take(&s->ref);
	return offload(lane_of(LANE_TICKETS), step_initiator, s, stepping_unref, a->deadline);
}

/* Ours, or the user's. */
static int load_credentials(const struct attempt *a, struct credentials *out, char *why, size_t n)
{
	return a->x->behalf ? behalf_credentials(a->x, a->member->host, out, why, n)
	                    : credentials_load(&a->x->route.upstream->credentials, a->member->host, out, why, n);
}

static struct stepping *stepping_new(struct attempt *a, enum auth_scheme scheme)
{
	struct stepping *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	ref_init(&s->ref);
	char why[WHY] = "", bindings[TLS_BINDINGS];
	bool loaded = load_credentials(a, &s->credentials, why, sizeof(why)) == 0;
	if (loaded && s->credentials.fingerprint != a->credentials.fingerprint) /* the guard was asked about the other */
		a->x->record.detail = "the secret was changed in this moment";
	else if (loaded) {
		s->credentials.with.scheme = scheme;
		s->initiator = initiator_new(&s->credentials.with, tls_stream_server_bindings(&a->conn->stream, bindings));
	}
	if (s->initiator)
		return s;
	stepping_unref(s);
	return NULL;
}

/* The handshake by one scheme. */
static enum outcome sign_in_by(struct attempt *a, enum auth_scheme scheme, int *error)
{
	AUTO(stepping) struct stepping *s = stepping_new(a, scheme);
	*error = s ? 0 : -ENOMEM;
	for (unsigned leg = 0; !*error && leg < LEGS_MOST; leg++) {
		*error = next_token(a, s);
		if (*error) { /* a thread may still be at work on `s`: nothing of it is looked at */
			a->x->record.detail = arena_printf(&a->x->arena, "%s: no token could be had in time", scheme_name(scheme));
			return FAILED;
		}
		if (s->answer.step == AUTH_STEP_FAILED || s->answer.step == AUTH_STEP_REFUSED) {
			a->x->record.detail = arena_printf(&a->x->arena, "%s: %s", scheme_name(scheme),
			                                   auth_reason_sentence(s->answer.reason));
			a->failed = s->answer.reason;
			/* Before any token: nobody but a KDC can have said so. The next scheme would try the same password once more. */
			return s->answer.reason == AUTH_WRONG_PASSWORD && leg == 0 ? REFUSED_BY_KDC : FAILED;
		}
		*error = probe(a, scheme, buf_span(&s->answer.token));
		if (*error)
			return *error == -ETIMEDOUT || *error == -ECANCELED ? FAILED : CLOSED;
		if (a->status != 407)
			return initiator_has_proved(s->initiator) ? SIGNED_IN : NOT_ASKED;
		if (!a->token && leg == 0 && !a->offers[scheme])
			return NOT_OFFERED;
		if (!a->token && !initiator_has_proved(s->initiator)) /* our type 1 showed nothing that could be refused */
			return NOT_OFFERED;
		if (!a->token) {
			if (scheme == SCHEME_NEGOTIATE && !a->x->behalf)
				kerberos_forget(&s->credentials.with);
			return REFUSED;
		}
		if (!a->keeps)
			return CLOSED;
	}
	return FAILED;
}

/* ---- the whole */

static enum auth_scheme scheme_of(unsigned which)
{
	return which == SIGN_ON_BASIC ? SCHEME_BASIC : which == SIGN_ON_NTLM ? SCHEME_NTLM : SCHEME_NEGOTIATE;
}

static const struct sign_on_list *schemes_of(const struct exchange *x)
{
	return x->behalf ? behalf_schemes(x) : &x->route.upstream->credentials.scheme;
}

static bool sends_unasked(const struct exchange *x)
{
	enum credentials_send send = x->route.upstream->credentials.send;
	const struct sign_on_list *schemes = schemes_of(x);
	return send == SEND_ALWAYS ||
	       (send == SEND_AS_FITS && !(schemes->count == 1 && schemes->items[0] == SIGN_ON_BASIC));
}

static enum end_reason reason_of(const struct attempt *a, enum outcome o, int error)
{
	switch (o) {
	case NOT_ASKED:
		return END_PARENT_DID_NOT_ASK;
	case NOT_OFFERED:
		return END_PARENT_OFFERS_OTHER;
	case REFUSED:
		return a->x->behalf ? END_PARENT_REFUSED_USER : END_PARENT_REFUSED_US;
	case CLOSED:
		return END_PARENT_CLOSED_SIGN_IN;
	case SIGNED_IN:
	case REFUSED_BY_KDC:
	case FAILED:
		break;
	}
	if (a->failed == AUTH_NOT_DELEGATED)
		return END_DELEGATION_REFUSED;
	return error == -ECANCELED ? END_DRAINING : END_PARENT_SIGN_IN_FAILED;
}

static const char *offered_text(struct attempt *a)
{
	struct buf b;
	char room[128];
	buf_over(&b, room, sizeof(room) - 1);
	for (int s = 0; s <= SCHEME_BEARER; s++)
		if (a->offers[s])
			buf_addf(&b, "%s%s", b.n ? ", " : "", scheme_name((enum auth_scheme)s));
	return b.n ? arena_printf(&a->x->arena, "it offers %.*s", SPAN_ARG(buf_span(&b))) : "it offers nothing";
}

/* Whether the answer is about our request as such, and not about a sign-in. A HEAD may have reached a site that says 400 for reasons of its own. */
static bool is_about_method(const struct attempt *a)
{
	return (a->status == 400 && a->x->probe + 1 < PROBE_METHODS) || a->status == 405 || a->status == 501;
}

static bool change_method(struct attempt *a)
{
	if (!is_about_method(a) || a->x->probe + 1 >= PROBE_METHODS)
		return false;
	a->x->probe++;
	return true;
}

/* A question without credentials: whether a sign-in is wanted at all. NOT_ASKED, or NOT_OFFERED when one is. */
static enum outcome ask_first(struct attempt *a, int *error)
{
	do
		*error = probe(a, SCHEME_OTHER, SPAN_NONE);
	while (!*error && a->keeps && change_method(a));
	if (*error == -ETIMEDOUT || *error == -ECANCELED)
		return FAILED;
	if (!*error && a->status == 407)
		return NOT_OFFERED;
	a->keeps = a->keeps && !*error; /* one that closes over our question has not asked either */
	*error = 0;
	return NOT_ASKED;
}

/* Basic is proven by being sent, so it is asked for first: else a 200 might mean that nobody looked at it. NOT_OFFERED: go on with it. */
static enum outcome ask_for_basic(struct attempt *a, unsigned which, int *error)
{
	struct exchange *x = a->x;
	if (x->asked_first || x->parent_challenges || x->behalf)
		return NOT_OFFERED;
	x->asked_first = true;
	enum outcome outcome = ask_first(a, error);
	if (outcome == FAILED)
		return FAILED;
	if (a->keeps)
		return NOT_OFFERED;
	x->dial_again = true;
	x->first_scheme = which;
	return CLOSED;
}

/* A parent that minds our request may not have looked at the credentials that came along with it, all in one leg: it has not accepted them. */
static enum outcome sign_in_once(struct attempt *a, enum auth_scheme scheme, int *error)
{
	unsigned legs = a->legs;
	enum outcome outcome = sign_in_by(a, scheme, error);
	return outcome == SIGNED_IN && a->legs == legs + 1 && is_about_method(a) ? NOT_ASKED : outcome;
}

/* By one scheme, with whichever request of ours the parent takes. */
static enum outcome sign_in_by_probes(struct attempt *a, unsigned which, int *error)
{
	enum auth_scheme scheme = scheme_of(schemes_of(a->x)->items[which]);
	enum outcome outcome = scheme == SCHEME_BASIC ? ask_for_basic(a, which, error) : NOT_OFFERED;
	if (outcome != NOT_OFFERED || (scheme == SCHEME_BASIC && a->x->parent_challenges && a->legs && !a->offers[scheme]))
		return outcome;
	outcome = sign_in_once(a, scheme, error);
	while (outcome == NOT_ASKED && change_method(a)) {
		if (!a->keeps) {
			a->x->dial_again = true;
			a->x->first_scheme = which;
			return CLOSED;
		}
		outcome = sign_in_once(a, scheme, error);
	}
	if (outcome != NOT_ASKED || !is_about_method(a))
		return outcome;
	a->x->record.detail = arena_printf(
		&a->x->arena,
		"it answers %u to each request that we could sign in with (TRACE, OPTIONS, HEAD): allow one of them there",
		a->status);
	return FAILED;
}

/* By the first of the allowed schemes that the parent takes. With `ask` a question without credentials goes first. */
static enum outcome sign_in_by_any(struct attempt *a, bool ask, int *error)
{
	const struct sign_on_list *schemes = schemes_of(a->x);
	enum outcome outcome = ask ? ask_first(a, error) : NOT_OFFERED;
	if (outcome != NOT_OFFERED)
		return outcome;
	for (unsigned i = a->x->first_scheme; i < schemes->count; i++) {
		enum auth_scheme scheme = scheme_of(schemes->items[i]);
		if (a->legs > 0 && !a->offers[scheme])
			continue;
		if (a->legs > 0 &&
		    !a->keeps) { /* many close with a bare challenge: on with this scheme, over a new connection */
			a->x->dial_again = a->x->first_scheme <= i && !a->x->parent_asked;
			a->x->first_scheme = i;
			a->x->parent_asked = true;
			return CLOSED;
		}
		unsigned legs = a->legs;
		outcome = sign_in_by_probes(a, i, error);
		a->conn->scheme = (unsigned char)scheme;
		if (outcome != NOT_OFFERED &&
		    !(outcome == FAILED && a->legs == legs)) /* a scheme without a first token (no ticket) gives way */
			break;
	}
	return outcome;
}

static void say_refused(const struct upstream_settings *u, const char *member)
{
	log_event(LOG_ERROR,
	          "parent %s (%s) refused our credentials for account %s: error 12201 for its users; correct the secret",
	          u->name, member, u->credentials.account ? u->credentials.account : "(ticket)");
}

void upstream_end_trial(struct exchange *x, bool accepted)
{
	struct credentials c = {.fingerprint = x->conn->on_trial};
	x->conn->on_trial = 0;
	turn_end(x, &c, accepted ? LOCKOUT_ACCEPTED : LOCKOUT_REFUSED);
	if (accepted)
		return;
	COUNT(parent_sign_ins_failed_total);
	say_refused(x->route.upstream, x->conn->server->name);
}

static void conclude(struct attempt *a, enum outcome outcome)
{
	bool of_user = outcome == REFUSED && a->x->behalf;
	bool refused = outcome == REFUSED_BY_KDC || (outcome == REFUSED && a->x->behalf != BEHALF_KERBEROS);
	enum lockout_outcome told = outcome == SIGNED_IN ? LOCKOUT_ACCEPTED : refused ? LOCKOUT_REFUSED : LOCKOUT_UNDECIDED;
	const struct upstream_settings *u = a->x->route.upstream;
	if (outcome == SIGNED_IN && a->conn->scheme == SCHEME_BASIC && !a->x->behalf && !a->x->parent_challenges)
		a->conn->on_trial = a->credentials.fingerprint;
	else
		turn_end(a->x, &a->credentials, told);
	if (outcome == SIGNED_IN)
		COUNT(parent_sign_ins_total);
	else
		COUNT(parent_sign_ins_failed_total);
	if (of_user)
		log_event(LOG_WARNING, "parent %s (%s) refused the user %s, for whom we signed in: error 12201 for him",
		          u->name, a->member->address, a->x->who->shown);
	else if (outcome == REFUSED)
		say_refused(u, a->member->address);
	if (outcome == REFUSED_BY_KDC)
		log_event(
			LOG_ERROR,
			"the KDC refused our credentials for account %s: error 12201 for users of parent %s; correct the secret",
			u->credentials.account ? u->credentials.account : "(keytab)", u->name);
}

/* Basic is said again with every request. */
static bool keep_basic(struct attempt *a)
{
	const struct initiator_credentials *w = &a->credentials.with;
	struct buf plain, line;
	buf_init(&plain, WHY * 4);
	buf_init(&line, WHY * 8);
	buf_addf(&plain, "%s%s%s:%s", w->domain, *w->domain ? "\\" : "", w->user, w->password ? w->password : "");
	buf_add(&line, SPAN("Proxy-Authorization: Basic "));
	encode_base64(&line, plain.p, plain.n);
	buf_add(&line, SPAN("\r\n"));
	a->conn->authorization = line.error || plain.error ? NULL : strdup(buf_text(&line));
	if (plain.p)
		OPENSSL_cleanse(plain.p, plain.capacity);
	if (line.p)
		OPENSSL_cleanse(line.p, line.capacity);
	buf_fini(&plain);
	buf_fini(&line);
	return a->conn->authorization != NULL;
}

/* Of the secret as it is now, ours or the user's. */
static uint64_t generation_now(const struct exchange *x)
{
	return x->behalf ? behalf_generation(x) : credentials_generation(&x->route.upstream->credentials);
}

/* The same, for the exchanges of one millisecond: under load they share one look at the file. */
static uint64_t generation_of_this_moment(const struct exchange *x)
{
	static _Thread_local struct {
		uint64_t edition, generation;
		unsigned upstream;
		mono_ms when;
	} last;
	if (x->behalf)
		return generation_now(x);
	if (last.edition != x->lease->edition->number || last.upstream != x->route.upstream->index ||
	    last.when != worker_now()) {
		last.generation = generation_now(x);
		last.edition = x->lease->edition->number;
		last.upstream = x->route.upstream->index;
		last.when = worker_now();
	}
	return last.generation;
}

bool upstream_sign_in_holds(const struct exchange *x, const struct upstream_conn *conn)
{
	return !conn->signed_in || (conn->generation == generation_of_this_moment(x) &&
	                            worker_now() - conn->signed_in_at < x->settings->timeouts.parent_sign_in_age);
}

bool upstream_sign_in(struct exchange *x, const struct member_settings *member, struct upstream_conn *conn,
                      enum end_reason *reason, int *error)
{
	struct attempt a = {
		.x = x, .member = member, .conn = conn, .deadline = clock_after(worker_now(), x->settings->timeouts.sign_in)};
	uint64_t generation = generation_now(x); /* before it is read: at worst a sign-in is made once too often */
	char *why = arena_alloc(&x->arena, WHY);
	*reason = END_PARENT_SIGN_IN_FAILED;
	if (why)
		*why = '\0';
	*error = why ? load_credentials(&a, &a.credentials, why, WHY) : -ENOMEM;
	if (*error) {
		x->record.detail = why;
		return false;
	}
	bool unasked = sends_unasked(x) || x->parent_asked;
	if (x->goes_unsigned && !unasked) {
		credentials_fini(&a.credentials);
		return true;
	}
	*error = turn_take(x, &a.credentials, a.deadline);
	bool ok = *error == 0;
	if (!ok) {
		*reason = END_PARENT_SIGN_IN_HELD;
	} else {
		enum outcome outcome = sign_in_by_any(&a, !unasked, error);
		conclude(&a, outcome);
		conn->signed_in = outcome == SIGNED_IN;
		conn->generation = generation;
		conn->signed_in_at = worker_now();
		ok = a.keeps && (conn->signed_in || (outcome == NOT_ASKED && !unasked));
		x->goes_unsigned = outcome == NOT_ASKED && !unasked && !a.keeps;
		x->dial_again |= x->goes_unsigned;
		if (ok && conn->signed_in && conn->scheme == SCHEME_BASIC && !x->behalf)
			ok = keep_basic(&a);
		if (!ok) {
			*reason = conn->signed_in ? END_PARENT_CLOSED_SIGN_IN : reason_of(&a, outcome, *error);
			*error = *error ? *error : -EACCES;
			if (outcome == NOT_OFFERED)
				x->record.detail = offered_text(&a);
		}
	}
	credentials_fini(&a.credentials);
	lent_give_back(&a.in);
	return ok;
}
