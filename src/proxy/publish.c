/* Published sites: the steps of an exchange as they differ from a proxy's. Which site and directory are meant is found by the responder (site/);
 * here stands what is done with that. */
#include "proxy/publish.h"

#include "base/counters.h"
#include "base/log.h"
#include "base/map.h"
#include "http/hop.h"
#include "proxy/broken_proxy.h"
#include "proxy/client_auth.h"
#include "proxy/forward.h"
#include "proxy/sign_on.h"

/* ---- IDENTIFY */

static bool is_over_tls(const struct exchange *x)
{
	return x->client->stream.tls != NULL;
}

uint64_t way_to_site(const struct exchange *x)
{
	return broken_proxy_key(&x->client->from, head_value(&x->request, FIELD_VIA));
}

bool closes_every_time(const struct exchange *x)
{
	return !x->request_framing.keep_alive && (x->request.minor == 0 || head_has(&x->request, FIELD_VIA));
}

bool comes_through_broken_proxy(const struct exchange *x)
{
	return closes_every_time(x) || (broken_proxy_any() && broken_proxy_known(way_to_site(x)));
}

enum end_reason note_broken_proxy(struct exchange *x)
{
	char at[ADDR_TEXT];
	struct span via = head_value(&x->request, FIELD_VIA);
	bool closes = !x->request_framing.keep_alive;
	COUNT(sign_ins_broken_by_proxy_total);
	x->record.detail = closes ? "whoever stands in between ends its connection to this site with each request"
	                          : "the messages of one sign-in do not all come over one connection";
	if (closes && !via.p && !head_has(&x->request, FIELD_AUTHORIZATION)) /* perhaps just an old client */
		return END_SITE_BROKEN_BY_PROXY;
	/* Who closes says so each time, and others at that address may be better off. */
	if (!broken_proxy_note(closes ? ~way_to_site(x) : way_to_site(x)))
		return END_SITE_BROKEN_BY_PROXY;
	addr_format(&x->client->from, false, at);
	log_event(
		LOG_WARNING,
		"site %s: a proxy between %s and this site breaks sign-in by NTLM (Via: %.*s): %s. Remedies: a proxy that "
		"keeps connections, an exclusion for this site, or Basic over TLS (through-broken-proxy)",
		x->place.site->host, at, via.n ? (int)(via.n > 200 ? 200 : via.n) : 4, via.n ? via.p : "none",
		x->record.detail);
	return END_SITE_BROKEN_BY_PROXY;
}

/* Some balancers write the port behind it. */
static bool read_address(struct span text, struct addr *out)
{
	struct span host;
	bool v6, given;
	uint16_t port;
	if (addr_parse(text, 0, out) == 0)
		return true;
	return authority_parse(text, &host, &v6, &port, &given) == PARSE_OK && addr_parse(host, 0, out) == 0;
}

/* A balancer that is named says who its client is: the last address, which it added itself, to the last line or as a line of its own. */
static void believe_intermediary(struct exchange *x)
{
	struct span list, one, last = SPAN_NONE;
	struct addr from;
	for (unsigned i = 0; i < x->request.count; i++)
		if (x->request.fields[i].id == FIELD_X_FORWARDED_FOR)
			for (list = field_value(&x->request.fields[i]); span_next(&list, ',', &one);)
				last = span_trim(one);
	if (x->client->intermediary && last.n && read_address(last, &from))
		x->record.client = from;
}

/* Host of the request, folded: what decides, in absolute-form too (RFC 9112 section 3.2.2). */
static enum parse_fault read_host(struct exchange *x)
{
	struct target *t = &x->target;
	struct span host = SPAN_NONE;
	bool v6, given;
	uint16_t port;
	if (t->form != TARGET_ABSOLUTE)
		t->authority = head_value(&x->request, FIELD_HOST);
	if (t->authority.n == 0)
		return PARSE_OK; /* HTTP/1.0, or an empty field: the site for whatever is asked for */
	enum parse_fault fault = authority_parse(t->authority, &host, &v6, &port, &given);
	if (fault != PARSE_OK)
		return fault;
	x->host_folded = span_make(x->host, host_fold(host, x->host));
	return x->host_folded.n ? PARSE_OK : PARSE_AUTHORITY;
}

static enum step refuse_method(struct exchange *x)
{
	x->close_client = true;
	x->extra_fields = "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n";
	return end_with(x, END_METHOD_NOT_ALLOWED, 0, "a published site opens no tunnels, and does not echo requests");
}

static bool is_scheme_of_web(struct span scheme)
{
	return span_eq_nocase(scheme, SPAN("http")) || span_eq_nocase(scheme, SPAN("https"));
}

static enum step refuse_place(struct exchange *x, const struct place_refusal *why)
{
	x->record.substatus = why->substatus;
	return end_with(x, why->end, 0, why->detail);
}

/* A connection made by name for one site is not used to ask for another with a certificate of its own: the client has not verified that, and what
 * its sign-in is bound to would be somebody else's (RFC 9110 section 7.4). */
static bool is_misdirected(const struct exchange *x)
{
	uint64_t shown = x->client->certificate;
	return shown && shown != hash_bytes(span_of(x->place.site->tls.certificate));
}

static enum step enter(struct exchange *x)
{
	const struct directory_settings *d = x->place.directory;
	bool tls = is_over_tls(x);
	if (is_misdirected(x))
		return end_with(x, END_SITE_MISDIRECTED, 0, NULL);
	if (!access_has_address(&d->clients, &x->record.client))
		return end_with(x, END_SITE_CLIENT_NOT_ALLOWED, 0, NULL);
	if (d->tls == DIRECTORY_TLS_REQUIRED && !tls)
		return end_with(x, END_SITE_TLS_REQUIRED, 0, NULL);
	if (d->body && x->request_framing.kind == BODY_LENGTH && x->request_framing.length > d->body)
		return end_with(x, END_SITE_BODY_TOO_LARGE, 0, NULL);
	x->sign_on = &d->sign_on;
	x->policy = sign_on_policy(x->lease->edition->sign_on, x->sign_on, tls, comes_through_broken_proxy(x));
	return STEP_AUTHENTICATE;
}

enum step identify_place(struct exchange *x)
{
	struct place_refusal why = {.end = END_SITE_UNKNOWN};
	unsigned times;
	if (x->request.method == METHOD_CONNECT ||
	    x->request.method == METHOD_TRACE) /* an echo would show what we tell the application */
		return refuse_method(x);
	enum parse_fault fault = read_host(x);
	if (fault == PARSE_OK && x->target.form == TARGET_ABSOLUTE && !is_scheme_of_web(x->target.scheme))
		fault = PARSE_SCHEME;
	if (fault != PARSE_OK) {
		x->close_client = true;
		COUNT(requests_malformed_total);
		return end_with(x, END_REQUEST_MALFORMED, 0, parse_fault_text(fault));
	}
	believe_intermediary(x);
	if (x->target.form == TARGET_ASTERISK) {
		x->responder = NULL;
		return STEP_ANSWER;
	}
	struct responder_request request = responder_request_of(x);
	bool found = x->responder->find(&request, &x->place, &why);
	x->record.site = x->place.site;
	x->record.stem = x->place.path;
	x->record.query = x->place.query.n ? span_make(x->place.query.p + 1, x->place.query.n - 1) : SPAN_NONE;
	if (x->record.site && x->record.site->log.on)
		x->record.local = *client_local(x->client);
	if (!found)
		return refuse_place(x, &why);
	if (via_has(&x->request, span_of(x->settings->pseudonym), &times))
		return end_with(x, END_LOOP, 0, NULL);
	return enter(x);
}

static bool lets_anonymous_in(const struct directory_settings *d)
{
	return sign_on_lists(&d->sign_on.schemes, SIGN_ON_ANONYMOUS) && d->users.count == 0 && d->groups.count == 0;
}

bool application_signs_in(const struct exchange *x)
{
	const struct sign_on_list *l = &x->place.directory->sign_on.schemes;
	return x->place.directory->application && l->count == 1 && l->items[0] == SIGN_ON_ANONYMOUS;
}

bool publish_passes_credentials(const struct exchange *x, struct span credentials)
{
	struct challenge c;
	if (application_signs_in(x))
		return true;
	return x->place.directory->application && lets_anonymous_in(x->place.directory) &&
	       credentials_parse(credentials, &c) && (c.scheme == SCHEME_BEARER || c.scheme == SCHEME_DIGEST);
}

/* ---- AUTHORIZE */

static enum end_reason why_unnamed(struct exchange *x)
{
	if (x->policy)
		return END_SITE_SIGN_IN_WANTED;
	bool instead = x->sign_on->through_broken_proxy.count > 0 && comes_through_broken_proxy(x);
	return instead ? note_broken_proxy(x) : END_SITE_NOTHING_OFFERED;
}

enum step authorize_place(struct exchange *x)
{
	const struct directory_settings *d = x->place.directory;
	bool named = d->users.count || d->groups.count;
	if (!x->who)
		return lets_anonymous_in(d) ? STEP_CHOOSE_ROUTE : challenge_client(x, why_unnamed(x));
	if (named && !access_names(&d->users, &d->groups, &x->user)) {
		COUNT(access_denied_total);
		return challenge_client(x, END_SITE_ACCESS_DENIED);
	}
	return STEP_CHOOSE_ROUTE;
}

/* ---- CHOOSE_ROUTE */

enum step choose_place(struct exchange *x)
{
	const struct upstream_settings *application = x->place.directory->application;
	struct buf key;
	if (!application)
		return STEP_ANSWER;
	x->route = (struct route){.via = VIA_APPLICATION, .upstream = application, .via_header = true, .pin = true};
	x->record.hop = application->name;
	x->record.application = true;
	buf_over(&key, x->origin, sizeof(x->origin));
	buf_addf(&key, "application %s", application->name);
	x->origin_key = x->pin_key = buf_span(&key);
	return STEP_CONNECT;
}

/* ---- JUDGE */

void note_answer_of_application(struct exchange *x)
{
	if (x->response.status != 401)
		return;
	if (!application_signs_in(x))
		x->record.substatus = 5;
	else
		x->record.substatus = x->leg.bound || head_has(&x->request, FIELD_AUTHORIZATION) ? 1 : 2;
}
