#include "auth/kerberos_delegate.h"

#include <krb5/krb5.h>
#include <stdatomic.h>
#include <stdio.h>

#include "auth/kerberos_context.h"

struct asking {
	krb5_context krb;
	krb5_ccache ours, theirs;
	krb5_creds wanted, *got;
};

static void auto_release_asking(struct asking *a)
{
	if (!a->krb)
		return;
	krb5_free_creds(a->krb, a->got);
	krb5_free_principal(a->krb, a->wanted.client);
	krb5_free_principal(a->krb, a->wanted.server);
	if (a->ours)
		krb5_cc_close(a->krb, a->ours);
	if (a->theirs)
		krb5_cc_close(a->krb, a->theirs);
	krb5_free_context(a->krb);
}

static enum auth_reason reason_of(krb5_error_code code)
{
	switch (code) {
	case KRB5KDC_ERR_BADOPTION: /* not allowed, or the evidence may not be forwarded */
	case KRB5KDC_ERR_POLICY:
	case KRB5_TKT_NOT_FORWARDABLE:
		return AUTH_NOT_DELEGATED;
	case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
		return AUTH_WRONG_SPN;
	case KRB5KRB_AP_ERR_TKT_EXPIRED:
		return AUTH_TICKET_EXPIRED;
	case KRB5KRB_AP_ERR_SKEW:
	case KRB5_KDCREP_SKEW:
		return AUTH_CLOCK_SKEW;
	case ENOMEM:
		return AUTH_NO_MEMORY;
	default:
		return AUTH_UNAVAILABLE;
	}
}

static krb5_error_code name_service(struct asking *a, const char *spn)
{
	char kind[64];
	const char *slash = strchr(spn, '/');
	if (strchr(spn, '@') || !slash || (size_t)(slash - spn) >= sizeof(kind))
		return krb5_parse_name(a->krb, spn, &a->wanted.server);
	snprintf(kind, sizeof(kind), "%.*s", (int)(slash - spn), spn);
	return krb5_sname_to_principal(a->krb, slash + 1, kind, KRB5_NT_UNKNOWN, &a->wanted.server);
}

/* The client of the question is our own account: whom the answer is for the evidence says. */
static krb5_error_code ask(struct asking *a, const char *ours, struct span evidence, const char *spn)
{
	krb5_error_code error = krb5_cc_resolve(a->krb, ours, &a->ours);
	if (!error)
		error = krb5_cc_get_principal(a->krb, a->ours, &a->wanted.client);
	if (!error)
		error = name_service(a, spn);
	a->wanted.second_ticket = (krb5_data){.length = (unsigned)evidence.n, .data = (char *)(uintptr_t)evidence.p};
	if (!error)
		error = krb5_get_credentials(a->krb, KRB5_GC_CANONICALIZE | KRB5_GC_NO_STORE | KRB5_GC_CONSTRAINED_DELEGATION,
		                             a->ours, &a->wanted, &a->got);
	return error;
}

static krb5_error_code keep(struct asking *a, struct delegated *out)
{
	static atomic_ullong number;
	char *service = NULL;
	snprintf(out->ccache, sizeof(out->ccache), "MEMORY:fairlead-for-%llu", atomic_fetch_add(&number, 1));
	krb5_error_code error = krb5_cc_resolve(a->krb, out->ccache, &a->theirs);
	if (!error)
		error = krb5_cc_initialize(a->krb, a->theirs, a->got->client);
	if (!error)
		error = krb5_cc_store_cred(a->krb, a->theirs, a->got);
	if (!error)
		error = krb5_unparse_name(a->krb, a->got->server, &service);
	if (!error && snprintf(out->service, sizeof(out->service), "%s", service) >= (int)sizeof(out->service))
		error = ENOMEM;
	krb5_free_unparsed_name(a->krb, service);
	return error;
}

enum auth_reason kerberos_delegate(const char *ours, struct span evidence, const char *spn, struct delegated *out,
                                   struct buf *says)
{
	AUTO(asking) struct asking a = {0};
	*out = (struct delegated){0};
	if (krb5_init_context(&a.krb) != 0) {
		a.krb = NULL;
		buf_adds(says, "Kerberos itself does not start: is krb5.conf all right?");
		return AUTH_UNAVAILABLE;
	}
	krb5_error_code error = ask(&a, ours, evidence, spn);
	if (!error)
		error = keep(&a, out);
	if (!error)
		return AUTH_OK;
	const char *text = krb5_get_error_message(a.krb, error);
	buf_addf(says, "a ticket for %s on the user's behalf: %s", spn, text);
	krb5_free_error_message(a.krb, text);
	delegated_fini(out);
	return reason_of(error);
}

void delegated_fini(struct delegated *d)
{
	krb5_context krb;
	krb5_ccache cache;
	if (!d->ccache[0] || krb5_init_context(&krb) != 0)
		return;
	if (krb5_cc_resolve(krb, d->ccache, &cache) == 0)
		krb5_cc_destroy(krb, cache);
	krb5_free_context(krb);
	*d = (struct delegated){0};
}
