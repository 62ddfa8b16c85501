/* A name without a domain goes to `default-domain`, else to the local accounts. A domain that nobody here is
 * responsible for goes to the local accounts if the client may mean us by it: programs fill in the name from our
 * challenge, and Windows the name of the machine it runs on. A UPN whose suffix nobody names goes to the default
 * verifier if that is a Windows domain: a forest may have suffixes of its own, and only its controllers know them. */
#include "auth/verifier_choice.h"

#include "auth/acceptor.h"
#include "auth/ntlm_text.h"

static const struct verifier *responsible_for(const struct acceptor_policy *p, struct span domain)
{
	for (unsigned i = 0; i < p->verifier_count; i++) {
		const struct verifier *v = p->verifiers[i];
		if ((v->domain && *v->domain && utf8_eq_nocase(domain, span_of(v->domain))) ||
		    (v->dns_domain && utf8_eq_nocase(domain, span_of(v->dns_domain))))
			return v;
	}
	return NULL;
}

static bool has_no_domain(const struct verifier *v)
{
	return !v->domain || !*v->domain;
}

static const struct verifier *local_accounts(const struct acceptor_policy *p)
{
	for (unsigned i = 0; i < p->verifier_count; i++)
		if (has_no_domain(p->verifiers[i]) && !p->verifiers[i]->blocks)
			return p->verifiers[i];
	return NULL;
}

/* A Windows domain whose name winbind could not say yet may be the one that is meant: it will say that it cannot be asked, or can. */
static const struct verifier *not_named_yet(const struct acceptor_policy *p)
{
	for (unsigned i = 0; i < p->verifier_count; i++)
		if (has_no_domain(p->verifiers[i]) && p->verifiers[i]->blocks)
			return p->verifiers[i];
	return NULL;
}

static const struct verifier *of_bare_names(const struct acceptor_policy *p)
{
	const struct verifier *v = NULL;
	if (p->default_domain && *p->default_domain)
		return responsible_for(p, span_of(p->default_domain));
	v = local_accounts(p);
	return v || p->verifier_count != 1 ? v : p->verifiers[0];
}

static bool is_us(const struct acceptor_policy *p, struct span domain)
{
	const char *const ours[] = {p->netbios_computer, p->netbios_domain, p->dns_computer, p->dns_domain};
	for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (ours[i] && utf8_eq_nocase(domain, span_of(ours[i])))
			return true;
	return false;
}

static struct span upn_suffix(struct span user)
{
	for (size_t i = user.n; i-- > 0;)
		if (user.p[i] == '@')
			return span_make(user.p + i + 1, user.n - i - 1);
	return SPAN_NONE;
}

const struct verifier *verifier_choose(const struct acceptor_policy *p, struct span user, struct span domain,
                                       struct span workstation)
{
	struct span suffix = upn_suffix(user);
	const struct verifier *v = NULL;
	if (domain.n && !span_eq(domain, SPAN("."))) {
		v = responsible_for(p, domain);
		if (!v && (is_us(p, domain) || (workstation.n && utf8_eq_nocase(domain, workstation))))
			v = local_accounts(p);
		return v ? v : not_named_yet(p);
	}
	if (suffix.n == 0 || domain.n)
		return of_bare_names(p);
	v = responsible_for(p, suffix);
	if (!v)
		v = of_bare_names(p);
	return v && v->dns_domain ? v : NULL;
}

void user_name_split(struct span typed, struct span *user, struct span *domain)
{
	const char *mark = typed.n ? memchr(typed.p, '\\', typed.n) : NULL;
	*user = typed;
	*domain = SPAN_NONE;
	if (!mark)
		return;
	size_t n = (size_t)(mark - typed.p);
	*domain = span_make(typed.p, n);
	*user = span_make(mark + 1, typed.n - n - 1);
}
