/* The initiating end. No mutual authentication is asked for, as browsers do not: parents differ in whether they send the AP-REP back, and the one leg
 * is what they all understand. */
#include <krb5/krb5.h>
#include <stdio.h>
#include <time.h>

#include "auth/initiator.h"
#include "auth/kerberos_context.h"
#include "auth/kerberos_delegate.h"
#include "auth/kerberos_tickets.h"

DEFINE_AUTO(kerberos_tickets, struct kerberos_tickets *, kerberos_tickets_unref);

static enum auth_reason reason_of(OM_uint32 minor)
{
	switch ((krb5_error_code)minor) {
	case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
		return AUTH_WRONG_SPN;
	case KRB5KDC_ERR_ETYPE_NOSUPP:
		return AUTH_WRONG_ENCTYPE;
	case KRB5KRB_AP_ERR_SKEW:
	case KRB5_KDCREP_SKEW:
		return AUTH_CLOCK_SKEW;
	case KRB5KRB_AP_ERR_TKT_EXPIRED:
	case KRB5_CC_NOTFOUND:
		return AUTH_TICKET_EXPIRED;
	default:
		return AUTH_UNAVAILABLE;
	}
}

/* The service as set, without asking DNS for another name of it; its realm from krb5.conf or, through referrals, from the KDC. */
static bool import_service(const char *spn, gss_name_t *out, struct buf *says)
{
	OM_uint32 minor;
	krb5_context krb;
	krb5_principal service = NULL;
	char *text = NULL, kind[64];
	const char *slash = spn ? strchr(spn, '/') : NULL;
	bool made = false;
	if (!slash || (size_t)(slash - spn) >= sizeof(kind)) {
		buf_addf(says, "no service name to ask a ticket for: set spn = \"HTTP/host\"");
		return false;
	}
	if (krb5_init_context(&krb) != 0)
		return false;
	snprintf(kind, sizeof(kind), "%.*s", (int)(slash - spn), spn);
	krb5_error_code error = strchr(spn, '@') ? krb5_parse_name(krb, spn, &service)
	                                         : krb5_sname_to_principal(krb, slash + 1, kind, KRB5_NT_UNKNOWN, &service);
	if (!error && krb5_unparse_name(krb, service, &text) == 0) {
		gss_buffer_desc name = {strlen(text), text};
		made = !GSS_ERROR(gss_import_name(&minor, &name, GSS_KRB5_NT_PRINCIPAL_NAME, out));
	}
	krb5_free_unparsed_name(krb, text);
	krb5_free_principal(krb, service);
	krb5_free_context(krb);
	if (!made)
		buf_addf(says, "%s is no name of a service", spn);
	return made;
}

/* From a ticket cache; NULL: the environment's. */
static OM_uint32 acquire(const char *ccache, gss_cred_id_t *out, OM_uint32 *minor)
{
	gss_key_value_element_desc elements[] = {{"ccache", ccache}};
	const gss_key_value_set_desc store = {ccache ? 1 : 0, elements};
	gss_OID_set_desc mechanisms = {1, (gss_OID)gss_mech_krb5};
	return gss_acquire_cred_from(minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechanisms, GSS_C_INITIATE,
	                             ccache ? &store : NULL, out, NULL, NULL);
}

struct step {
	const char *spn;
	struct span bindings, in;
	struct buf *out;
	OM_uint32 major, minor;
};

static enum auth_reason step_with(const char *ccache, struct kerberos_context *ctx, struct step *s, struct buf *says)
{
	AUTO(gss_cred) gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
	AUTO(gss_name) gss_name_t service = GSS_C_NO_NAME;
	AUTO(gss_buffer) gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
	struct gss_channel_bindings_struct room;
	gss_buffer_desc in = {s->in.n, (void *)s->in.p};
	OM_uint32 lifetime = 0;
	if (!import_service(s->spn, &service, says))
		return AUTH_WRONG_SPN;
	s->major = acquire(ccache, &cred, &s->minor);
	if (!GSS_ERROR(s->major))
		s->major = gss_init_sec_context(&s->minor, cred, &ctx->gss, service, (gss_OID)gss_mech_krb5, GSS_C_INTEG_FLAG,
		                                0, kerberos_bindings(s->bindings, &room), &in, NULL, &out, NULL, &lifetime);
	if (GSS_ERROR(s->major)) {
		kerberos_say_status(says, s->major, s->minor);
		return reason_of(s->minor);
	}
	buf_add(s->out, span_make(out.value, out.length));
	ctx->established = !(s->major & GSS_S_CONTINUE_NEEDED);
	ctx->ends = lifetime == GSS_C_INDEFINITE || !lifetime ? 0 : (int64_t)time(NULL) + lifetime;
	return buf_error(s->out) ? AUTH_NO_MEMORY : AUTH_OK;
}

static bool is_stale(krb5_error_code code)
{
	return code == KRB5KRB_AP_ERR_BAD_INTEGRITY || code == KRB5KRB_AP_ERR_MODIFIED ||
	       code == KRB5KRB_AP_ERR_TKT_EXPIRED || code == KRB5KDC_ERR_TGT_REVOKED;
}

/* With a ticket that our account is given in the name of whoever showed us his. */
static enum auth_reason step_on_behalf(const struct initiator_credentials *c, struct kerberos_context *ctx,
                                       struct step *s, struct buf *says)
{
	AUTO(kerberos_tickets) struct kerberos_tickets *ours = NULL;
	struct delegated theirs;
	enum auth_reason reason = kerberos_tickets_get(c, &ours, says);
	if (reason != AUTH_OK)
		return reason;
	reason = kerberos_delegate(kerberos_tickets_ccache(ours), c->ticket, c->spn, &theirs, says);
	if (reason == AUTH_UNAVAILABLE || reason == AUTH_TICKET_EXPIRED) /* perhaps ours, of a KDC that was set up anew */
		kerberos_tickets_drop(ours);
	if (reason != AUTH_OK)
		return reason;
	s->spn = theirs.service;
	reason = step_with(theirs.ccache, ctx, s, says);
	s->spn = c->spn;
	delegated_fini(&theirs);
	return reason;
}

/* With tickets of our own. A KDC that was set up anew takes none of those that it gave out before. */
static enum auth_reason step_with_secret(const struct initiator_credentials *c, struct kerberos_context *ctx,
                                         struct step *s, struct buf *says)
{
	for (int tries = 0;; tries++) {
		AUTO(kerberos_tickets) struct kerberos_tickets *tickets = NULL;
		enum auth_reason reason = kerberos_tickets_get(c, &tickets, says);
		if (reason != AUTH_OK)
			return reason;
		reason = step_with(kerberos_tickets_ccache(tickets), ctx, s, says);
		krb5_error_code code = (krb5_error_code)s->minor;
		if (reason == AUTH_OK || !is_stale(code) || tries)
			return reason;
		kerberos_tickets_drop(tickets);
		buf_clear(says);
	}
}

static enum auth_step failed(enum auth_reason why, enum auth_reason *reason)
{
	*reason = why;
	return why == AUTH_UNAVAILABLE || why == AUTH_NO_MEMORY || why == AUTH_CLOCK_SKEW ? AUTH_STEP_FAILED
	                                                                                  : AUTH_STEP_REFUSED;
}

enum auth_step kerberos_initiate(const struct initiator_credentials *credentials, struct span bindings, struct span in,
                                 struct buf *out, struct kerberos_context **ctx, enum auth_reason *reason,
                                 const char **detail)
{
	struct kerberos_context *c = kerberos_context_of(ctx);
	struct step s = {.spn = credentials->spn, .bindings = bindings, .in = in, .out = out};
	struct buf says;
	*detail = "";
	*reason = AUTH_OK;
	if (!c)
		return failed(AUTH_NO_MEMORY, reason);
	*detail = c->detail;
	if (c->established)
		return AUTH_STEP_DONE;
	buf_over(&says, c->detail, sizeof(c->detail) - 1);
	enum auth_reason result = credentials->ticket.n ? step_on_behalf(credentials, c, &s, &says)
	                          : credentials->keytab || credentials->password
	                              ? step_with_secret(credentials, c, &s, &says)
	                              : step_with(credentials->ccache, c, &s, &says);
	c->detail[says.n] = '\0';
	if (result != AUTH_OK)
		return failed(result, reason);
	return c->established ? AUTH_STEP_DONE : AUTH_STEP_CONTINUE;
}
