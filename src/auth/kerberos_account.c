/* The question is our own account's to itself, in the name of the user. First as name@REALM, which every KDC understands; a UPN whose suffix is no realm is
 * asked for as an enterprise name (RFC 6806), which those of Windows do. */
#include <krb5/krb5.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "auth/account_now.h"
#include "auth/initiator.h"
#include "auth/kerberos_context.h"
#include "auth/kerberos_tickets.h"
#include "base/cleanup.h"
#include "base/clock.h"

DEFINE_AUTO(kerberos_tickets, struct kerberos_tickets *, kerberos_tickets_unref);

/* Our own account is not to be locked by asking: a keytab that a KDC has refused, or that has nobody's key, is left alone for so long, or until it is
 * replaced. Nor do users wait again and again for a KDC that cannot be reached. */
enum { REFUSED_REST_MS = 30 * 60 * 1000, UNREACHED_REST_MS = 5 * 60 * 1000 };

static struct {
	pthread_mutex_t lock;
	struct timespec written;
	ino_t number;
	mono_ms until;
} rest = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Samba's KDC calls a disabled account a matter of policy, and so does any that gives us no such tickets at all: that it has given us one for somebody
 * tells them apart. */
static atomic_bool was_answered;

static bool is_at_rest(const struct stat *keytab)
{
	pthread_mutex_lock(&rest.lock);
	bool rests = rest.until > clock_mono() && rest.number == keytab->st_ino &&
	             rest.written.tv_sec == keytab->st_mtim.tv_sec && rest.written.tv_nsec == keytab->st_mtim.tv_nsec;
	pthread_mutex_unlock(&rest.lock);
	return rests;
}

static void let_rest(const struct stat *keytab, int64_t ms)
{
	pthread_mutex_lock(&rest.lock);
	rest.number = keytab->st_ino;
	rest.written = keytab->st_mtim;
	rest.until = clock_after(clock_mono(), ms);
	pthread_mutex_unlock(&rest.lock);
}

/* A ticket to ourselves in this name: 0 or the library's code. */
static OM_uint32 ask(gss_cred_id_t ours, const char *name, gss_OID form, struct buf *says)
{
	gss_OID_set_desc mechanisms = {1, (gss_OID)gss_mech_krb5};
	gss_buffer_desc text = {strlen(name), (void *)(uintptr_t)name};
	AUTO(gss_name) gss_name_t user = GSS_C_NO_NAME;
	AUTO(gss_cred) gss_cred_id_t got = GSS_C_NO_CREDENTIAL;
	OM_uint32 minor;
	OM_uint32 major = gss_import_name(&minor, &text, form, &user);
	if (!GSS_ERROR(major))
		major = gss_acquire_cred_impersonate_name(&minor, ours, user, GSS_C_INDEFINITE, &mechanisms, GSS_C_INITIATE,
		                                          &got, NULL, NULL);
	if (!GSS_ERROR(major))
		return 0;
	buf_clear(says);
	kerberos_say_status(says, major, minor);
	return minor ? minor : KRB5KDC_ERR_NONE + 1;
}

static enum auth_reason reason_of(OM_uint32 code)
{
	switch ((krb5_error_code)code) {
	case 0:
		return AUTH_OK;
	case KRB5KDC_ERR_CLIENT_REVOKED:
		return AUTH_DISABLED;
	case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
		return AUTH_NO_SUCH_USER;
	case KRB5KDC_ERR_NAME_EXP:
		return AUTH_ACCOUNT_EXPIRED;
	case KRB5KDC_ERR_POLICY:
		return atomic_load(&was_answered) ? AUTH_DISABLED : AUTH_UNAVAILABLE;
	default:
		return AUTH_UNAVAILABLE;
	}
}

static bool name_in_realm(const struct identity *who, char *out, size_t room)
{
	const char *at = strrchr(who->upn, '@');
	int n = snprintf(out, room, "%s%s", who->name, at ? at : "");
	if (!at || n < 0 || (size_t)n >= room)
		return false;
	for (char *p = strrchr(out, '@'); *p; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	return true;
}

static enum auth_reason ask_kdc(const struct identity *who, const char *ccache, bool *unreached, struct buf *says)
{
	gss_OID_set_desc mechanisms = {1, (gss_OID)gss_mech_krb5};
	gss_key_value_element_desc place = {"ccache", ccache};
	gss_key_value_set_desc store = {1, &place};
	AUTO(gss_cred) gss_cred_id_t ours = GSS_C_NO_CREDENTIAL;
	OM_uint32 minor;
	char name[800];
	if (!name_in_realm(who, name, sizeof(name)) ||
	    GSS_ERROR(gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechanisms, GSS_C_INITIATE, &store,
	                                    &ours, NULL, NULL)))
		return AUTH_UNAVAILABLE;
	OM_uint32 code = ask(ours, name, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, says);
	enum auth_reason first = reason_of(code);
	*unreached = (krb5_error_code)code == KRB5_KDC_UNREACH || (krb5_error_code)code == KRB5_REALM_CANT_RESOLVE;
	if (first == AUTH_OK)
		atomic_store(&was_answered, true);
	if (first == AUTH_OK || first == AUTH_DISABLED || first == AUTH_ACCOUNT_EXPIRED || *unreached)
		return first;
	enum auth_reason second = reason_of(ask(ours, who->upn, (gss_OID)GSS_KRB5_NT_ENTERPRISE_NAME, says));
	return second == AUTH_NO_SUCH_USER ? first : second; /* a KDC without such names knows nobody by them */
}

enum auth_reason kerberos_account_now(const struct identity *who, const char *keytab, struct buf *says)
{
	AUTO(kerberos_tickets) struct kerberos_tickets *ours = NULL;
	struct initiator_credentials c = {.keytab = keytab, .user = "", .domain = ""};
	struct stat about;
	if (!who->upn || stat(keytab, &about) != 0 || is_at_rest(&about))
		return AUTH_UNAVAILABLE;
	enum auth_reason reason = kerberos_tickets_get(&c, &ours, says);
	bool unreached = reason == AUTH_UNAVAILABLE;
	if (reason == AUTH_OK)
		reason = ask_kdc(who, kerberos_tickets_ccache(ours), &unreached, says);
	else
		let_rest(&about, unreached ? UNREACHED_REST_MS : REFUSED_REST_MS);
	if (ours && unreached)
		let_rest(&about, UNREACHED_REST_MS);
	return ours ? reason : AUTH_UNAVAILABLE;
}

enum auth_reason account_now(const struct identity *who, const char *keytab, struct buf *says)
{
	enum auth_reason reason = keytab ? kerberos_account_now(who, keytab, says) : AUTH_UNAVAILABLE;
	return reason == AUTH_UNAVAILABLE ? windows_account_now(who) : reason;
}
