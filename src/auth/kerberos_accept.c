/* The accepting end. A keytab is read for every token, so a new one counts at once; MIT's replay cache is told off and ours asked instead. */
#include <krb5/krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "auth/kerberos_context.h"
#include "auth/kerberos_pac.h"
#include "auth/kerberos_replay.h"
#include "auth/kerberos_ticket.h"
#include "auth/windows_domain.h"

/* ---- why not */

static enum auth_reason reason_of_code(krb5_error_code code, const struct ap_req *req, const char *keytab,
                                       struct buf *says)
{
	switch (code) {
	case KRB5KRB_AP_ERR_SKEW:
	case KRB5KRB_AP_ERR_TKT_NYV:
		ap_req_clocks(req, keytab, says);
		return AUTH_CLOCK_SKEW;
	case KRB5KRB_AP_ERR_TKT_EXPIRED:
		return AUTH_TICKET_EXPIRED;
	case KRB5KRB_AP_ERR_REPEAT:
		return AUTH_REPLAY;
	case KRB5KRB_AP_ERR_NOT_US:
	case KRB5KRB_AP_ERR_NOKEY:
	case KRB5KRB_AP_ERR_BADKEYVER:
	case KRB5KRB_AP_ERR_BAD_INTEGRITY:
	case KRB5KRB_AP_ERR_MODIFIED:
	case KRB5KRB_AP_WRONG_PRINC:
	case KRB5_KT_NOTFOUND:
	case KRB5_KT_KVNONOTFOUND:
	case KRB5_BAD_ENCTYPE:
	case KRB5_PROG_ETYPE_NOSUPP:
	case KRB5_NOPERM_ETYPE:
		return ap_req_without_key(req, keytab, says);
	case ENOMEM:
		return AUTH_NO_MEMORY;
	default:
		return AUTH_MALFORMED;
	}
}

static enum auth_reason reason_of(OM_uint32 major, OM_uint32 minor, const struct ap_req *req, const char *keytab,
                                  struct buf *says)
{
	if (GSS_ROUTINE_ERROR(major) == GSS_S_BAD_BINDINGS)
		return AUTH_BINDINGS_WRONG;
	if (major & GSS_S_DUPLICATE_TOKEN)
		return AUTH_REPLAY;
	return reason_of_code((krb5_error_code)minor, req, keytab, says);
}

/* ---- who */

struct named {
	char principal[512], name[512], realm[256], domain[256], upn[512];
	bool signed_logon; /* the KDC's own word, in `logon` */
	struct pac_logon logon;
	bool unusable_logon;
};

static void upper(char *text)
{
	for (; *text; text++)
		*text = *text >= 'a' && *text <= 'z' ? (char)(*text - 32) : *text;
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = ascii_lower(*text);
}

static bool read_principal(gss_name_t name, struct named *out)
{
	OM_uint32 minor;
	AUTO(gss_buffer) gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	if (GSS_ERROR(gss_display_name(&minor, name, &text, NULL)) || text.length >= sizeof(out->principal))
		return false;
	memcpy(out->principal, text.value, text.length);
	out->principal[text.length] = '\0';
	const char *at = strrchr(out->principal, '@');
	if (!at || at == out->principal ||
	    (size_t)snprintf(out->realm, sizeof(out->realm), "%s", at + 1) >= sizeof(out->realm))
		return false;
	memcpy(out->name, out->principal, (size_t)(at - out->principal));
	out->name[at - out->principal] = '\0';
	memcpy(out->upn, out->principal, text.length + 1);
	lower(out->upn + (at - out->principal));
	return true;
}

static int read_logon(gss_name_t name, struct named *out)
{
	static gss_buffer_desc attribute = {20, (void *)(uintptr_t) "urn:mspac:logon-info"};
	OM_uint32 minor;
	AUTO(gss_buffer) gss_buffer_desc value = GSS_C_EMPTY_BUFFER, shown = GSS_C_EMPTY_BUFFER;
	int authenticated = 0, complete = 0, more = -1;
	if (GSS_ERROR(gss_get_name_attribute(&minor, name, &attribute, &authenticated, &complete, &value, &shown, &more)))
		return 0;
	int error = authenticated ? pac_logon_read(span_make(value.value, value.length), &out->logon) : -EBADMSG;
	out->signed_logon = error == 0;
	out->unusable_logon = error != 0;
	return error == -ENOMEM ? error : 0;
}

/* Without a PAC: a realm of our own is known by its first label, as Windows would have named it; others by all of theirs, so that none can pass for
 * ours. */
static void name_domain(struct named *n, const struct ap_req *req)
{
	char ours[256];
	if (n->signed_logon && n->logon.domain[0]) {
		snprintf(n->domain, sizeof(n->domain), "%s", n->logon.domain);
		snprintf(n->name, sizeof(n->name), "%s", n->logon.name);
		return;
	}
	ap_req_realm(req, ours, sizeof(ours));
	size_t first = strcspn(n->realm, ".");
	snprintf(n->domain, sizeof(n->domain), "%.*s",
	         strcmp(ours, n->realm) == 0 ? (int)first : (int)sizeof(n->domain) - 1, n->realm);
	upper(n->domain);
}

/* As the PAC says; without one, as winbind knows the account, and if it does not, nobody can say which they are. */
static const char **groups_of(const struct named *n, unsigned *count, bool *unresolved)
{
	*count = 0;
	*unresolved = true;
	if (n->unusable_logon)
		return NULL;
	if (!n->signed_logon)
		return windows_groups_of_soon(n->domain, n->name, count, unresolved);
	const char **sids = calloc(n->logon.group_count + 1, sizeof(*sids));
	if (!sids)
		return NULL;
	for (unsigned i = 0; i < n->logon.group_count; i++)
		sids[i] = n->logon.groups[i].text;
	const char **groups = windows_group_names_soon(sids, n->logon.group_count, count, unresolved);
	free(sids);
	return groups;
}

static struct identity *identity_of(const struct named *n, struct span ticket)
{
	char shown[800];
	unsigned count;
	bool unresolved;
	const char **groups = groups_of(n, &count, &unresolved);
	snprintf(shown, sizeof(shown), "%s\\%s", n->domain, n->name);
	struct identity *who = identity_new(&(struct identity){
		.shown = shown,
		.name = n->name,
		.domain = n->domain,
		.upn = n->upn,
		.verifier = "kerberos",
		.scheme = "kerberos",
		.groups = groups,
		.group_count = count,
		.groups_unresolved = unresolved,
		.generation = 1,
		.ticket = ticket,
	});
	free(groups);
	return who;
}

static enum auth_reason identify(gss_name_t client, const struct ap_req *req, bool keep_ticket, struct identity **who)
{
	struct named *n = calloc(1, sizeof(*n));
	if (!n)
		return AUTH_NO_MEMORY;
	enum auth_reason reason = AUTH_MALFORMED;
	if (read_principal(client, n)) {
		reason = AUTH_NO_MEMORY;
		if (read_logon(client, n) == 0) {
			name_domain(n, req);
			*who = identity_of(n, keep_ticket ? req->ticket : SPAN_NONE);
			reason = *who ? AUTH_OK : AUTH_NO_MEMORY;
		}
	}
	pac_logon_fini(&n->logon);
	free(n);
	return reason;
}

/* ---- accepting */

static OM_uint32 acquire(const char *keytab, gss_cred_id_t *out, OM_uint32 *minor)
{
	char name[4096 + 8];
	gss_key_value_element_desc elements[] = {{"keytab", name}, {"rcache", "none:"}};
	const gss_key_value_set_desc store = {2, elements};
	gss_OID_set_desc mechanisms = {1, (gss_OID)gss_mech_krb5};
	if (snprintf(name, sizeof(name), "FILE:%s", keytab) >= (int)sizeof(name))
		return GSS_S_FAILURE;
	return gss_acquire_cred_from(minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechanisms, GSS_C_ACCEPT, &store, out, NULL,
	                             NULL);
}

static enum auth_step refuse(enum auth_reason why, enum auth_reason *reason)
{
	*reason = why;
	return why == AUTH_UNAVAILABLE || why == AUTH_NO_MEMORY ? AUTH_STEP_FAILED : AUTH_STEP_REFUSED;
}

struct accepted {
	gss_name_t client;
	OM_uint32 flags, lifetime;
};

static enum auth_reason accept_token(const char *keytab, struct span token, struct span bindings,
                                     const struct ap_req *req, struct buf *reply, struct kerberos_context *ctx,
                                     struct accepted *a, struct buf *says)
{
	OM_uint32 major, minor = 0;
	AUTO(gss_cred) gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
	AUTO(gss_buffer) gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
	struct gss_channel_bindings_struct room;
	gss_buffer_desc in = {token.n, (void *)token.p};
	major = acquire(keytab, &cred, &minor);
	if (GSS_ERROR(major)) {
		kerberos_say_status(says, major, minor);
		return AUTH_UNAVAILABLE;
	}
	major = gss_accept_sec_context(&minor, &ctx->gss, cred, &in, kerberos_bindings(bindings, &room), &a->client, NULL,
	                               &out, &a->flags, &a->lifetime, NULL);
	if (GSS_ERROR(major)) {
		kerberos_say_status(says, major, GSS_ROUTINE_ERROR(major) == GSS_S_BAD_BINDINGS ? 0 : minor);
		return reason_of(major, minor, req, keytab, says);
	}
	if (major & GSS_S_CONTINUE_NEEDED)
		return AUTH_MALFORMED; /* three legs are DCE's */
	buf_add(reply, span_make(out.value, out.length));
	return buf_error(reply) ? AUTH_NO_MEMORY : AUTH_OK;
}

enum auth_step kerberos_accept(const char *keytab, bool keep_ticket, struct span token, struct span bindings,
                               struct buf *reply, struct identity **who, enum auth_reason *reason, bool *channel_bound,
                               struct kerberos_context **ctx)
{
	AUTO(gss_name) gss_name_t client = GSS_C_NO_NAME;
	struct ap_req req;
	struct buf says;
	struct accepted a = {0};
	struct kerberos_context *c = kerberos_context_of(ctx);
	*who = NULL;
	*channel_bound = false;
	if (!c)
		return refuse(AUTH_NO_MEMORY, reason);
	buf_over(&says, c->detail, sizeof(c->detail) - 1);
	if (c->gss || !ap_req_read(token, &req))
		return refuse(AUTH_MALFORMED, reason);
	enum auth_reason result = accept_token(keytab, token, bindings, &req, reply, c, &a, &says);
	client = a.client;
	if (result == AUTH_OK && kerberos_replayed(req.authenticator, clock_mono()))
		result = AUTH_REPLAY;
	if (result == AUTH_OK)
		result = identify(client, &req, keep_ticket, who);
	c->detail[says.n] = '\0';
	if (result != AUTH_OK) {
		buf_clear(reply);
		return refuse(result, reason);
	}
	*channel_bound = a.flags & GSS_C_CHANNEL_BOUND_FLAG;
	c->established = true;
	c->ends = a.lifetime == GSS_C_INDEFINITE ? 0 : (int64_t)time(NULL) + a.lifetime;
	*reason = AUTH_OK;
	return AUTH_STEP_DONE;
}
