#include "proxy/sign_on.h"

#include <stdlib.h>
#include <unistd.h>

#include "auth/accounts.h"
#include "auth/windows_domain.h"
#include "base/log.h"
#include "proxy/lanes.h"

enum { HOST_NAME = 256 };

/* What is offered in one place, in one way of reaching it. */
enum { OVER_TLS = 1, THROUGH_BROKEN_PROXY = 2, WAYS = 4 };
struct offer {
	struct acceptor_policy policy;
	enum auth_scheme schemes[SIGN_ON_LIMIT];
	const struct verifier **verifiers;
};

struct sign_on {
	struct verifier **verifiers;
	struct offload_lane **lanes; /* of the verifiers that may wait */
	unsigned verifier_count;
	struct offer *offers; /* WAYS for each sign_on_settings */
	unsigned offer_count;
	char host[HOST_NAME];
	char computer[16];           /* NetBIOS name: the host's first label */
	struct windows_names joined; /* what winbind says of this machine, if it verifies anybody */
	bool is_joined, lacks_names;
};

void sign_on_free(struct sign_on *s)
{
	if (!s)
		return;
	for (unsigned i = 0; s->offers && i < s->offer_count; i++)
		free(s->offers[i].verifiers);
	for (unsigned i = 0; i < s->verifier_count; i++)
		if (s->verifiers[i])
			s->verifiers[i]->free(s->verifiers[i]);
	free(s->offers);
	free(s->verifiers);
	free(s->lanes);
	free(s);
}

const struct acceptor_policy *sign_on_policy(const struct sign_on *s, const struct sign_on_settings *k, bool tls,
                                             bool broken)
{
	bool other = broken && k->through_broken_proxy.count > 0;
	const struct offer *o = &s->offers[k->index * WAYS + (tls ? OVER_TLS : 0) + (other ? THROUGH_BROKEN_PROXY : 0)];
	return o->policy.scheme_count > 0 ? &o->policy : NULL;
}

/* What an identity says of how it came about: enum sign_on_scheme. */
static enum sign_on_scheme scheme_of_identity(const struct identity *who)
{
	if (strcmp(who->scheme, "basic") == 0)
		return SIGN_ON_BASIC;
	return strcmp(who->scheme, "ntlm") == 0 ? SIGN_ON_NTLM : SIGN_ON_NEGOTIATE;
}

bool sign_on_accepts(const struct sign_on_settings *k, const struct identity *who)
{
	enum sign_on_scheme scheme = scheme_of_identity(who);
	bool verifies = strcmp(who->scheme, "kerberos") == 0;
	for (unsigned i = 0; i < k->accounts.count && !verifies; i++)
		verifies = strcmp(k->accounts.items[i], who->verifier) == 0;
	return verifies && (sign_on_lists(&k->schemes, scheme) || sign_on_lists(&k->through_broken_proxy, scheme));
}

const struct verifier *sign_on_verifier(const struct sign_on *s, const char *name)
{
	for (unsigned i = 0; i < s->verifier_count; i++)
		if (strcmp(s->verifiers[i]->name, name) == 0)
			return s->verifiers[i];
	return NULL;
}

bool sign_on_lacks_names(const struct sign_on *s)
{
	return s->lacks_names;
}

struct offload_lane *sign_on_lane(const struct sign_on *s, const struct verifier *v)
{
	for (unsigned i = 0; i < s->verifier_count; i++)
		if (s->verifiers[i] == v)
			return s->lanes[i];
	return NULL;
}

/* ---- making it */

static const enum auth_scheme scheme_of[SIGN_ON_LIMIT] = {
	[SIGN_ON_BASIC] = SCHEME_BASIC, [SIGN_ON_NTLM] = SCHEME_NTLM, [SIGN_ON_NEGOTIATE] = SCHEME_NEGOTIATE};

/* Basic shows the password to whoever listens: on a plain connection only where the settings say so. */
static bool is_offered(const struct sign_on_settings *k, enum sign_on_scheme which, bool tls)
{
	return which == SIGN_ON_NTLM || which == SIGN_ON_NEGOTIATE ||
	       (which == SIGN_ON_BASIC && (tls || k->basic_without_tls));
}

/* A winbind that cannot be asked now is no reason not to start: it is asked again with the first sign-in. */
static struct verifier *make_verifier(struct sign_on *s, const struct accounts_settings *a)
{
	if (a->kind == ACCOUNTS_FILE)
		return accounts_verifier_new(a->name, a->file);
	if (!s->is_joined)
		s->is_joined = windows_names_ask_soon(&s->joined) == AUTH_OK;
	s->lacks_names = !s->is_joined;
	if (!s->is_joined)
		log_event(LOG_WARNING,
		          "accounts %s: winbind cannot be asked now; sign-ins that it should verify get a 503 until it can",
		          a->name);
	return windows_verifier_new(a->name, s->is_joined ? &s->joined : NULL, a->domain ? a->domain : "");
}

/* The challenge names the joined machine where winbind verifies: the domain controller compares. */
static void name_in_challenge(const struct sign_on *s, const struct settings *settings,
                              const struct sign_on_settings *k, struct acceptor_policy *p)
{
	p->netbios_computer = p->netbios_domain = s->computer;
	p->dns_computer = s->host;
	p->dns_domain = "";
	for (unsigned i = 0; s->is_joined && i < k->accounts.count; i++)
		for (unsigned j = 0; j < settings->accounts_count; j++)
			if (settings->accounts[j].kind == ACCOUNTS_WINDOWS_DOMAIN &&
			    strcmp(settings->accounts[j].name, k->accounts.items[i]) == 0) {
				p->netbios_computer = s->joined.machine;
				p->netbios_domain = s->joined.domain;
				p->dns_domain = s->joined.dns_domain;
			}
}

/* A ticket is some kilobytes: kept with an identity only where some parent is signed in to on users' behalf. */
static bool somebody_is_passed_on(const struct settings *settings)
{
	for (unsigned i = 0; i < settings->upstream_count; i++)
		if (settings->upstreams[i].credentials.on &&
		    sign_on_lists(&settings->upstreams[i].credentials.scheme, SIGN_ON_BEHALF))
			return true;
	return false;
}

static int make_offer(struct sign_on *s, const struct settings *settings, const struct sign_on_settings *k,
                      unsigned way, struct offer *o)
{
	struct acceptor_policy *p = &o->policy;
	const struct sign_on_list *schemes = way & THROUGH_BROKEN_PROXY ? &k->through_broken_proxy : &k->schemes;
	o->verifiers = calloc(k->accounts.count + 1, sizeof(*o->verifiers));
	if (!o->verifiers)
		return -ENOMEM;
	for (unsigned i = 0; i < k->accounts.count; i++)
		o->verifiers[i] = sign_on_verifier(s, k->accounts.items[i]);
	for (unsigned i = 0; i < schemes->count && p->scheme_count < SIGN_ON_LIMIT; i++)
		if (is_offered(k, schemes->items[i], way & OVER_TLS))
			o->schemes[p->scheme_count++] = scheme_of[schemes->items[i]];
	p->schemes = o->schemes;
	p->verifiers = o->verifiers;
	p->verifier_count = k->accounts.count;
	p->default_domain = settings->default_domain;
	p->keytab = settings->kerberos.on ? settings->kerberos.keytab : NULL;
	p->keep_tickets = somebody_is_passed_on(settings);
	p->ntlm_in_negotiate = k->accounts.count > 0;
	p->require_mic = k->require_mic;
	p->require_channel_bindings = k->channel_binding == CHANNEL_BINDING_REQUIRE && (way & OVER_TLS);
	name_in_challenge(s, settings, k, p);
	return 0;
}

static int make_offers(struct sign_on *s, const struct settings *settings, const struct sign_on_settings *k)
{
	for (unsigned way = 0; way < WAYS; way++) {
		int error = make_offer(s, settings, k, way, &s->offers[k->index * WAYS + way]);
		if (error)
			return error;
	}
	return 0;
}

static void name_ourselves(struct sign_on *s)
{
	if (gethostname(s->host, sizeof(s->host) - 1) != 0)
		memcpy(s->host, "fairlead", sizeof("fairlead"));
	for (size_t i = 0; i + 1 < sizeof(s->computer) && s->host[i] && s->host[i] != '.'; i++)
		s->computer[i] = (char)(s->host[i] >= 'a' && s->host[i] <= 'z' ? s->host[i] - 32 : s->host[i]);
}

static int make_all(struct sign_on *s, const struct settings *settings)
{
	name_ourselves(s);
	s->verifiers = calloc(settings->accounts_count + 1, sizeof(*s->verifiers));
	s->offers = calloc(settings->sign_on_count * WAYS + 1, sizeof(*s->offers));
	s->lanes = calloc(settings->accounts_count + 1, sizeof(*s->lanes));
	if (!s->verifiers || !s->lanes || !s->offers)
		return -ENOMEM;
	for (; s->verifier_count < settings->accounts_count; s->verifier_count++) {
		s->verifiers[s->verifier_count] = make_verifier(s, &settings->accounts[s->verifier_count]);
		struct verifier *v = s->verifiers[s->verifier_count];
		if (!v)
			return -ENOMEM;
		s->lanes[s->verifier_count] = v->blocks ? lane_of_accounts(v->name) : lane_of(LANE_PASSWORDS);
		if (!s->lanes[s->verifier_count]) {
			s->verifier_count++;
			return -ENOMEM;
		}
	}
	s->offer_count = settings->sign_on_count * WAYS;
	int error = 0;
	for (unsigned i = 0; i < settings->listen_count && !error; i++)
		error = make_offers(s, settings, &settings->listens[i].sign_on);
	for (unsigned i = 0; i < settings->site_count; i++)
		for (unsigned k = 0; k < settings->sites[i].directory_count && !error; k++)
			error = make_offers(s, settings, &settings->sites[i].directories[k].sign_on);
	return error;
}

int sign_on_new(const struct settings *settings, struct sign_on **out)
{
	struct sign_on *s = calloc(1, sizeof(*s));
	int error = s ? make_all(s, settings) : -ENOMEM;
	if (error)
		sign_on_free(s);
	else
		*out = s;
	return error;
}
