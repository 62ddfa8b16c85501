/* The sign-in lives on the connection, as NTLM wants it: once signed in, a client sends no credentials any more. Where several users may stand
 * behind one connection (client.shared) it lasts for its request only. */
#include "proxy/client_auth.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/counters.h"
#include "base/log.h"
#include "net/fiber.h"
#include "proxy/account_check.h"
#include "proxy/broken_proxy.h"
#include "proxy/failures.h"
#include "proxy/lanes.h"
#include "proxy/publish.h"
#include "proxy/sign_on.h"

/* sc-win32-status of the normal legs, as Internet Information Services writes them. */
#define ERROR_ACCESS_DENIED 5u
#define SEC_E_NO_CREDENTIALS 2148074254u

enum { LOOK_AGAIN_MS = 20 };

void client_auth_fini(struct client_auth *auth)
{
	acceptor_free(auth->acceptor);
	identity_unref(auth->who);
	identity_unref(auth->last);
	edition_unref(auth->edition);
	*auth = (struct client_auth){0};
}

void client_auth_ended(struct client_auth *auth)
{
	if (auth->through && client_auth_in_handshake(auth))
		broken_proxy_abandoned(auth->through);
}

bool client_auth_in_handshake(const struct client_auth *auth)
{
	return auth->acceptor && acceptor_in_handshake(auth->acceptor);
}

/* A client signs in to a proxy or to a site by the same words in different fields (RFC 9110 section 11). */
struct sign_in_words {
	enum field_id credentials;
	const char *challenge;
	enum end_reason leg, refused;
};

static const struct sign_in_words *words_of(const struct exchange *x)
{
	static const struct sign_in_words proxy = {FIELD_PROXY_AUTHORIZATION, "Proxy-Authenticate", END_SIGN_IN_LEG,
	                                           END_SIGN_IN_REFUSED};
	static const struct sign_in_words site = {FIELD_AUTHORIZATION, "WWW-Authenticate", END_SITE_SIGN_IN_LEG,
	                                          END_SITE_SIGN_IN_REFUSED};
	return is_published(x) ? &site : &proxy;
}

/* ---- verifying, perhaps on another thread */

/* A step that may outlive its exchange: it owns the acceptor until it is taken back. Counted by its two holders. */
struct verification {
	struct ref ref;
	struct edition *edition; /* counted: the acceptor's policy lives in it */
	struct acceptor *acceptor;
	size_t text_n;
	struct challenge credentials;
	struct acceptor_answer answer;
	struct failures_attempt attempt; /* told how it went by the thread, which knows also when nobody waits any more */
	char text[];                     /* what the credentials' spans point to */
};

static void verification_unref(void *arg)
{
	struct verification *v = arg;
	if (!ref_drop(&v->ref))
		return;
	failures_tell(&v->attempt, FAILURES_UNDECIDED, clock_mono());
	acceptor_free(v->acceptor);
	identity_unref(v->answer.who);
	buf_fini(&v->answer.token);
	edition_unref(v->edition);
	explicit_bzero(v->text, v->text_n); /* a Basic password may be in it */
	free(v);
}

static enum failures_outcome outcome_of(const struct acceptor_answer *answer)
{
	return answer->step == AUTH_STEP_DONE                                                 ? FAILURES_RIGHT
	       : answer->reason == AUTH_WRONG_PASSWORD || answer->reason == AUTH_NO_SUCH_USER ? FAILURES_WRONG
	                                                                                      : FAILURES_UNDECIDED;
}

static void verify(void *arg)
{
	struct verification *v = arg;
	acceptor_step(v->acceptor, &v->credentials, &v->answer);
	failures_tell(&v->attempt, outcome_of(&v->answer), clock_mono());
}

static struct verification *verification_new(const struct challenge *c)
{
	struct verification *v = calloc(1, sizeof(*v) + c->name.n + c->token.n + c->parameters.n);
	if (!v)
		return NULL;
	v->text_n = c->name.n + c->token.n + c->parameters.n;
	char *at = v->text;
	ref_init(&v->ref);
	v->credentials = *c;
	v->credentials.name = span_keep(&at, c->name);
	v->credentials.token = span_keep(&at, c->token);
	v->credentials.parameters = span_keep(&at, c->parameters);
	return v;
}

/* Of whoever is going to be asked, so that nobody waits for another. */
static struct offload_lane *lane_for(const struct exchange *x, const struct challenge *c,
                                     const struct verifier *verifier)
{
	const struct sign_on *s = x->client->auth.edition->sign_on;
	struct offload_lane *lane = verifier ? sign_on_lane(s, verifier) : NULL;
	return lane ? lane : lane_of(c->scheme == SCHEME_BASIC ? LANE_PASSWORDS : LANE_KERBEROS);
}

/* On a thread of the lane. The acceptor goes along and comes back, unless the thread overruns its time: then it is the thread's. */
static int verify_elsewhere(struct exchange *x, const struct challenge *c, struct failures_attempt *attempt,
                            const struct verifier *verifier, struct acceptor_answer *answer)
{
	struct client_auth *auth = &x->client->auth;
	struct verification *v = verification_new(c);
	if (!v)
		return -ENOMEM;
	v->acceptor = TAKE(auth->acceptor);
	v->edition = edition_ref(auth->edition);
	v->attempt = *attempt;
	attempt->counts = false;
	ref_take(&v->ref);
	int error = offload(lane_for(x, c, verifier), verify, v, verification_unref,
	                    clock_after(worker_now(), x->settings->timeouts.sign_in));
	if (!error) {
		*answer = v->answer;
		v->answer = (struct acceptor_answer){0};
		auth->acceptor = TAKE(v->acceptor);
	}
	verification_unref(v);
	return error;
}

/* True: it may be verified. Else *error, or an answer that refuses it. */
static bool may_be_verified(struct exchange *x, const struct challenge *c, struct failures_attempt *attempt,
                            const struct verifier **verifier, struct acceptor_answer *answer, int *error)
{
	const struct settings *s = x->settings;
	mono_ms deadline = clock_after(worker_now(), s->timeouts.sign_in);
	enum failures_verdict verdict = FAILURES_GO;
	*attempt = (struct failures_attempt){.limits = {(unsigned)s->limits.sign_in_failures, s->timeouts.sign_in_failures,
	                                                (unsigned)s->limits.sign_in_pairs},
	                                     .from = x->client->from};
	*error = 0;
	if (!claim_read(c, x->client->auth.policy, &attempt->claim, verifier))
		return true;
	while ((verdict = failures_ask(attempt, worker_now())) == FAILURES_WAIT && !*error)
		*error = worker_now() >= deadline ? -EBUSY : fiber_sleep(LOOK_AGAIN_MS);
	if (verdict == FAILURES_REFUSE) {
		acceptor_free(TAKE(x->client->auth.acceptor));
		*answer = (struct acceptor_answer){
			.step = AUTH_STEP_REFUSED, .reason = AUTH_TOO_MANY_FAILURES, .scheme = c->scheme};
		answer->detail = arena_printf(&x->arena, "%.*s", (int)attempt->claim.n, attempt->claim.user);
	}
	return verdict == FAILURES_GO;
}

/* The policy lives in its edition: another edition is another policy. */
static int verify_credentials(struct exchange *x, const struct challenge *c, struct acceptor_answer *answer)
{
	struct client_auth *auth = &x->client->auth;
	if (!auth->acceptor || (auth->policy != x->policy && !acceptor_in_handshake(auth->acceptor))) {
		bool bind = x->sign_on->channel_binding != CHANNEL_BINDING_NONE;
		acceptor_free(auth->acceptor);
		edition_unref(auth->edition);
		auth->edition = edition_ref(x->lease->edition);
		auth->policy = x->policy;
		auth->in_doubt = true; /* `who` signed in under the policy before */
		auth->acceptor = acceptor_new(x->policy, bind ? tls_stream_bindings(&x->client->stream) : SPAN_NONE);
	}
	struct failures_attempt attempt;
	const struct verifier *verifier = NULL;
	int error = 0;
	if (!auth->acceptor)
		return -ENOMEM;
	if (!may_be_verified(x, c, &attempt, &verifier, answer, &error))
		return error;
	/* By NTLM exactly one is asked, and local accounts do not wait, whoever else might be. */
	bool inline_ntlm = verifier && !verifier->blocks && c->scheme != SCHEME_BASIC;
	if (!inline_ntlm && acceptor_will_block(auth->acceptor, c)) {
		error = verify_elsewhere(x, c, &attempt, verifier, answer);
	} else {
		acceptor_step(auth->acceptor, c, answer);
		failures_tell(&attempt, outcome_of(answer), worker_now());
	}
	failures_tell(&attempt, FAILURES_UNDECIDED, worker_now()); /* if nobody has said more */
	return error;
}

/* ---- what to offer */

/* A 1.0 client that closes cannot keep a sign-in by NTLM or Negotiate. A client of a site may begin it on another connection, unless a proxy in
 * between will close that one as well; a Kerberos ticket is said in one request. */
static bool can_offer(const struct exchange *x, enum auth_scheme scheme)
{
	if (scheme == SCHEME_BASIC || x->request_framing.keep_alive)
		return true;
	return is_published(x) && (!closes_every_time(x) || (scheme == SCHEME_NEGOTIATE && x->policy->keytab));
}

static void offer(struct exchange *x, struct buf *to)
{
	for (unsigned i = 0; x->policy && i < x->policy->scheme_count; i++) {
		enum auth_scheme scheme = x->policy->schemes[i];
		if (!can_offer(x, scheme))
			continue;
		buf_addf(to, "%s: %s", words_of(x)->challenge, scheme_name(scheme));
		if (scheme == SCHEME_BASIC)
			buf_addf(to, " realm=\"%s\", charset=\"UTF-8\"", x->sign_on->basic_realm);
		buf_add(to, SPAN("\r\n"));
	}
}

enum step challenge_client(struct exchange *x, enum end_reason reason)
{
	struct buf b;
	char *memory = arena_alloc(&x->arena, LENT_SIZE);
	if (!memory)
		return end_with(x, END_OUT_OF_MEMORY, -ENOMEM, NULL);
	buf_over(&b, memory, LENT_SIZE - 1);
	offer(x, &b);
	memory[b.n] = '\0';
	x->extra_fields = memory;
	if (reason == END_SITE_SIGN_IN_WANTED && b.n == 0)
		reason = note_broken_proxy(x);
	if (reason == END_SIGN_IN_WANTED || reason == END_SITE_SIGN_IN_WANTED)
		x->record.win32 = ERROR_ACCESS_DENIED;
	return end_with(x, reason, 0, NULL);
}

static enum step broken_in_between(struct exchange *x)
{
	enum end_reason reason = note_broken_proxy(x);
	x->policy = sign_on_policy(x->lease->edition->sign_on, x->sign_on, x->client->stream.tls != NULL, true);
	x->client->auth.in_doubt = true;
	return challenge_client(x, reason);
}

/* The next leg: the token alone, under the scheme of the client's. */
static enum step send_leg(struct exchange *x, const struct acceptor_answer *answer)
{
	x->client->auth.in_doubt = true;
	if (is_published(x) && !x->request_framing.keep_alive) /* the next can only come over another connection */
		return broken_in_between(x);
	x->client->auth.through = is_published(x) ? way_to_site(x) : 0;
	x->extra_fields = arena_printf(&x->arena, "%s: %s %.*s\r\n", words_of(x)->challenge, scheme_name(answer->scheme),
	                               SPAN_ARG(buf_span(&answer->token)));
	x->record.win32 = SEC_E_NO_CREDENTIALS;
	return end_with(x, words_of(x)->leg, 0, NULL);
}

/* ---- the outcomes */

static void sign_in_counted(const struct acceptor_answer *answer)
{
	if (answer->step == AUTH_STEP_DONE)
		COUNT(sign_ins_total);
	else if (answer->step == AUTH_STEP_REFUSED)
		COUNT(sign_ins_refused_total);
	else if (answer->step == AUTH_STEP_FAILED)
		COUNT(sign_ins_unavailable_total);
}

static const char *detail_of(struct exchange *x, const struct acceptor_answer *answer)
{
	return arena_printf(&x->arena, "%s: %s%s%s", auth_reason_name(answer->reason), auth_reason_sentence(answer->reason),
	                    answer->detail && *answer->detail ? "; " : "", answer->detail ? answer->detail : "");
}

/* Expired and must-change are the user's to mend and no secret; for everything else the client is told the same. */
static enum step refused(struct exchange *x, const struct acceptor_answer *answer)
{
	x->client->auth.in_doubt = true;
	x->record.win32 = auth_reason_win32(answer->reason);
	x->record.detail = detail_of(x, answer);
	x->record.detail_is_ours = answer->reason != AUTH_EXPIRED && answer->reason != AUTH_MUST_CHANGE;
	log_event(LOG_INFO, "sign-in refused to a client: %s", x->record.detail);
	return challenge_client(x, words_of(x)->refused);
}

/* Who signed in, but not by an account or in a way that counts here: in a directory whose rules are others than those his handshake began under. */
static enum step refused_here(struct exchange *x)
{
	x->client->auth.in_doubt = true;
	x->record.detail = "the sign-in began where other accounts, schemes or demands hold than here";
	x->record.detail_is_ours = true;
	return challenge_client(x, words_of(x)->refused);
}

static enum step unavailable(struct exchange *x, const char *why)
{
	return end_with(x, END_SIGN_IN_UNAVAILABLE, 0, why);
}

/* Whether a sign-in under `auth->policy` proved as much as is demanded here: another site, or the settings of a moment ago, may demand less. */
static bool proves_enough(const struct client_auth *auth, const struct exchange *x)
{
	const struct acceptor_policy *then = auth->policy, *now = x->policy;
	return (then->require_mic || !now->require_mic) &&
	       (then->require_channel_bindings || !now->require_channel_bindings);
}

static bool counts_here(const struct exchange *x, const struct identity *who)
{
	return sign_on_accepts(x->sign_on, who) && proves_enough(&x->client->auth, x);
}

/* Takes over answer->who. */
static enum step signed_in(struct exchange *x, struct acceptor_answer *answer)
{
	struct client *client = x->client;
	struct identity *before = client->auth.last;
	if (!counts_here(x, answer->who))
		return refused_here(x);
	bool another = before && !span_eq_nocase(span_of(before->shown), span_of(answer->who->shown));
	x->who = TAKE(answer->who);
	if (another && pin_set_has_token(&client->pins))
		return cut_with(x, END_USER_CHANGED, 0);
	if (another) /* a connection that is only held may be signed in to a parent as him before */
		pin_set_fini(&client->pins);
	bool lasts = answer->scheme != SCHEME_BASIC && !client->shared && !x->sign_on->per_request;
	identity_unref(before);
	identity_unref(client->auth.who);
	client->auth.in_doubt = false;
	if (client->auth.through)
		broken_proxy_came_through(client->auth.through);
	client->auth.through = 0;
	client->auth.last = identity_ref(x->who);
	client->auth.who = lasts ? identity_ref(x->who) : NULL;
	client->auth.since = worker_now();
	if (answer->token.n)
		x->auth_info = arena_printf(&x->arena, "%s: %s %.*s\r\n", words_of(x)->challenge, scheme_name(answer->scheme),
		                            SPAN_ARG(buf_span(&answer->token)));
	return STEP_AUTHORIZE;
}

/* A ticket is good for hours, and says nothing of what has become of the account since. */
static enum step signed_in_still(struct exchange *x, struct acceptor_answer *answer)
{
	mono_ms *checked = &x->client->auth.checked;
	bool by_ticket = strcmp(answer->who->scheme, "kerberos") == 0;
	*checked = by_ticket ? 0 : worker_now();
	enum auth_reason reason = by_ticket ? account_check(x, answer->who, checked) : AUTH_OK;
	if (reason == AUTH_OK)
		return signed_in(x, answer);
	answer->reason = reason;
	return refused(x, answer);
}

static enum step conclude(struct exchange *x, struct acceptor_answer *answer)
{
	sign_in_counted(answer);
	switch (answer->step) {
	case AUTH_STEP_CONTINUE:
		return send_leg(x, answer);
	case AUTH_STEP_DONE:
		return signed_in_still(x, answer);
	case AUTH_STEP_REFUSED:
		return refused(x, answer);
	case AUTH_STEP_FAILED:
		break;
	}
	return unavailable(x, detail_of(x, answer));
}

/* The last word of a handshake on a connection that never saw the first: a proxy between the client and us does not keep its connections together,
 * and will not the next time either. Some clients, curl among them, never come so far: they begin again on each new connection. */
static bool is_broken_in_between(struct exchange *x, enum token_kind kind)
{
	const struct client_auth *auth = &x->client->auth;
	bool under_way = client_auth_in_handshake(auth);
	if (kind == TOKEN_NTLM_3 || kind == TOKEN_SPNEGO_NEXT)
		return !auth->who && !under_way;
	if (under_way &&
	    auth->through) /* begun anew on a connection that others use as well, or by a client that has changed its mind */
		broken_proxy_abandoned(auth->through);
	return kind == TOKEN_NTLM_1 && !auth->who && broken_proxy_tell(way_to_site(x));
}

static enum step use_credentials(struct exchange *x, struct span value)
{
	struct challenge c;
	struct acceptor_answer answer = {.step = AUTH_STEP_FAILED};
	if (!credentials_parse(value, &c))
		return challenge_client(x, words_of(x)->refused);
	enum token_kind kind = c.scheme == SCHEME_BASIC ? TOKEN_NONE : token_kind_of(c.token);
	x->record.proxy_leg = c.scheme == SCHEME_BASIC ? "basic" : token_kind_name(kind);
	if (is_published(x) && is_broken_in_between(x, kind))
		return broken_in_between(x);
	int error = verify_credentials(x, &c, &answer);
	if (error == -ECANCELED)
		return cut_with(x, END_DRAINING, error);
	if (error == -ENOMEM)
		return end_with(x, END_OUT_OF_MEMORY, error, NULL);
	if (error)
		return unavailable(x, error == -EBUSY ? "too many sign-ins wait to be verified" : "verifying took too long");
	enum step next = conclude(x, &answer);
	identity_unref(answer.who);
	buf_fini(&answer.token);
	return next;
}

/* An account that was changed, disabled or removed since ends here; never between two legs of an origin's handshake. */
static void forget_if_stale(struct exchange *x)
{
	struct client_auth *auth = &x->client->auth;
	if (!auth->who || pin_set_in_handshake(&x->client->pins))
		return;
	bool fresh = worker_now() - auth->since < x->settings->timeouts.sign_in_age;
	const struct verifier *v = sign_on_verifier(x->lease->edition->sign_on, auth->who->verifier);
	if (fresh && (!v || !v->generation || v->generation(v, auth->who->name) == auth->who->generation) &&
	    account_check(x, auth->who, &auth->checked) == AUTH_OK)
		return;
	identity_unref(TAKE(auth->who));
}

/* Chromium says its last word to the proxy once more, over the old challenge, with the first leg of its sign-in to a site. The connection is signed
 * in as it was; what the message claims counts for nothing. */
static bool repeats_last_word(const struct client_auth *auth, struct span value)
{
	struct challenge c;
	return auth->who && !auth->in_doubt && credentials_parse(value, &c) && c.scheme != SCHEME_BASIC &&
	       token_kind_of(c.token) == TOKEN_NTLM_3;
}

enum step authenticate(struct exchange *x)
{
	const struct client_auth *auth = &x->client->auth;
	struct span value = head_value(&x->request, words_of(x)->credentials);
	x->credentials_pass = value.p && is_published(x) && publish_passes_credentials(x, value);
	if (!x->policy)
		return STEP_AUTHORIZE;
	forget_if_stale(x);
	if (value.p && !x->credentials_pass && !repeats_last_word(auth, value))
		return use_credentials(x, value);
	if (auth->who && !auth->in_doubt && !x->sign_on->per_request && counts_here(x, auth->who))
		x->who = identity_ref(auth->who);
	return STEP_AUTHORIZE;
}

static bool anonymous_may_pass(const struct listen_settings *listen)
{
	return listen->sign_on.schemes.count == 0 || sign_on_lists(&listen->sign_on.schemes, SIGN_ON_ANONYMOUS);
}

bool can_challenge(const struct exchange *x)
{
	return x->policy != NULL;
}

bool must_sign_in(const struct exchange *x, const struct access_answer *answer)
{
	if (x->who)
		return false;
	if (answer->verdict == ACCESS_NEEDS_SIGN_IN)
		return true;
	bool exempt = answer->rule && answer->rule->sign_on_none;
	return !anonymous_may_pass(x->listen) && !exempt;
}
