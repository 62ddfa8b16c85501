#include "auth/kerberos_tickets.h"

#include <krb5/krb5.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "auth/initiator.h"
#include "auth/kerberos.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { ACCOUNTS_MOST = 64, KEY = 32, REFUSED_MS = 5000 };

struct kerberos_tickets {
	struct ref ref;
	char ccache[64];
	int64_t begin, end;
	atomic_bool dropped;
};

/* One account with one secret. */
struct account {
	struct ref ref;
	unsigned char key[KEY];
	pthread_mutex_t flying; /* held while a KDC is asked */
	struct kerberos_tickets *tickets;
	mono_ms failed_at;
	enum auth_reason failure;
	char failure_text[512];
	int64_t used;
};

static struct account *accounts[ACCOUNTS_MOST];
static pthread_mutex_t accounts_lock = PTHREAD_MUTEX_INITIALIZER;

const char *kerberos_tickets_ccache(const struct kerberos_tickets *t)
{
	return t->ccache;
}

int64_t kerberos_tickets_end(const struct kerberos_tickets *t)
{
	return t->end;
}

void kerberos_tickets_drop(struct kerberos_tickets *t)
{
	atomic_store(&t->dropped, true);
}

static void destroy_ccache(const char *name)
{
	krb5_context krb;
	krb5_ccache cache;
	if (krb5_init_context(&krb) != 0)
		return;
	if (krb5_cc_resolve(krb, name, &cache) == 0)
		krb5_cc_destroy(krb, cache);
	krb5_free_context(krb);
}

void kerberos_tickets_unref(struct kerberos_tickets *t)
{
	if (!t || !ref_drop(&t->ref))
		return;
	destroy_ccache(t->ccache);
	free(t);
}

/* ---- the table */

/* Of the account and of what proves it, so that a new secret never meets what an old one earned or failed. */
static bool make_key(const struct initiator_credentials *c, unsigned char key[KEY])
{
	struct stat about = {0};
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	if (c->keytab)
		(void)stat(c->keytab, &about);
	const char *texts[] = {c->principal, c->user, c->domain, c->password, c->keytab};
	bool made = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
	for (size_t i = 0; made && i < sizeof(texts) / sizeof(texts[0]); i++)
		made = EVP_DigestUpdate(hash, texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) + 1 : 1) == 1;
	made = made && EVP_DigestUpdate(hash, &about.st_mtim, sizeof(about.st_mtim)) == 1 &&
	       EVP_DigestUpdate(hash, &about.st_ino, sizeof(about.st_ino)) == 1 && EVP_DigestFinal_ex(hash, key, NULL) == 1;
	EVP_MD_CTX_free(hash);
	return made;
}

static void account_unref(struct account *a)
{
	if (!a || !ref_drop(&a->ref))
		return;
	kerberos_tickets_unref(a->tickets);
	pthread_mutex_destroy(&a->flying);
	OPENSSL_cleanse(a->key, KEY);
	free(a);
}

/* The place of `key`, else a free one, else the one that was not used for the longest time. */
static struct account **place_of(const unsigned char key[KEY])
{
	struct account **best = &accounts[0];
	for (unsigned i = 0; i < ACCOUNTS_MOST; i++) {
		if (accounts[i] && CRYPTO_memcmp(accounts[i]->key, key, KEY) == 0)
			return &accounts[i];
		if (*best && (!accounts[i] || accounts[i]->used < (*best)->used))
			best = &accounts[i];
	}
	return best;
}

static struct account *account_new(const unsigned char key[KEY])
{
	struct account *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	ref_init(&a->ref);
	memcpy(a->key, key, KEY);
	a->failed_at = -1;
	pthread_mutex_init(&a->flying, NULL);
	return a;
}

static struct account *account_of(const unsigned char key[KEY])
{
	pthread_mutex_lock(&accounts_lock);
	struct account **place = place_of(key), *gone = NULL;
	if (!*place || CRYPTO_memcmp((*place)->key, key, KEY) != 0) {
		gone = *place;
		*place = account_new(key);
	}
	struct account *a = *place;
	if (a) {
		ref_take(&a->ref);
		a->used = clock_mono();
	}
	pthread_mutex_unlock(&accounts_lock);
	account_unref(gone);
	return a;
}

/* ---- asking the KDC */

struct asking {
	krb5_context krb;
	krb5_principal principal;
	krb5_get_init_creds_opt *options;
	krb5_ccache cache;
	krb5_keytab keytab;
	krb5_creds creds;
	bool have_creds;
};

static void auto_release_asking(struct asking *a)
{
	if (a->have_creds)
		krb5_free_cred_contents(a->krb, &a->creds);
	if (a->options)
		krb5_get_init_creds_opt_free(a->krb, a->options);
	if (a->principal)
		krb5_free_principal(a->krb, a->principal);
	if (a->keytab)
		krb5_kt_close(a->krb, a->keytab);
	if (a->cache)
		krb5_cc_close(a->krb, a->cache);
	if (a->krb)
		krb5_free_context(a->krb);
}

static enum auth_reason reason_of(krb5_error_code code)
{
	switch (code) {
	case KRB5KDC_ERR_PREAUTH_FAILED:
	case KRB5KRB_AP_ERR_BAD_INTEGRITY:
	case KRB5_LIBOS_CANTREADPWD:
		return AUTH_WRONG_PASSWORD;
	case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
		return AUTH_NO_SUCH_USER;
	case KRB5KDC_ERR_KEY_EXP:
		return AUTH_EXPIRED;
	case KRB5KDC_ERR_CLIENT_REVOKED: /* Windows: disabled, locked, expired, or not at this time */
		return AUTH_DISABLED;
	case KRB5KDC_ERR_NAME_EXP:
		return AUTH_ACCOUNT_EXPIRED;
	case KRB5KDC_ERR_POLICY:
		return AUTH_RESTRICTED;
	case KRB5KRB_AP_ERR_SKEW:
	case KRB5_KDCREP_SKEW:
		return AUTH_CLOCK_SKEW;
	case KRB5KDC_ERR_ETYPE_NOSUPP:
	case KRB5_PROG_ETYPE_NOSUPP:
	case KRB5_KT_NOTFOUND:
		return AUTH_WRONG_ENCTYPE;
	case ENOMEM:
		return AUTH_NO_MEMORY;
	default:
		return AUTH_UNAVAILABLE;
	}
}

static enum auth_reason failed(const struct asking *a, krb5_error_code code, struct buf *says)
{
	const char *text = krb5_get_error_message(a->krb, code);
	buf_adds(says, text);
	krb5_free_error_message(a->krb, text);
	return reason_of(code);
}

static void upper(char *text)
{
	for (; *text; text++)
		*text = *text >= 'a' && *text <= 'z' ? (char)(*text - 32) : *text;
}

/* An account's key, if there is one: in a Windows domain the names of services are no accounts. Else the first. */
static krb5_error_code principal_of_keytab(struct asking *a)
{
	krb5_kt_cursor cursor;
	krb5_keytab_entry entry;
	krb5_error_code error = krb5_kt_start_seq_get(a->krb, a->keytab, &cursor);
	if (error)
		return error;
	bool is_account = false;
	while (!error && !is_account && krb5_kt_next_entry(a->krb, a->keytab, &entry, &cursor) == 0) {
		is_account = entry.principal->length == 1;
		if (is_account || !a->principal) {
			krb5_free_principal(a->krb, a->principal);
			a->principal = NULL;
			error = krb5_copy_principal(a->krb, entry.principal, &a->principal);
		}
		krb5_free_keytab_entry_contents(a->krb, &entry);
	}
	krb5_kt_end_seq_get(a->krb, a->keytab, &cursor);
	return error ? error : a->principal ? 0 : KRB5_KT_NOTFOUND;
}

/* `principal` as set; else the user in the realm that the domain's DNS name is; else in the default realm, since a NetBIOS name tells none. */
static krb5_error_code find_principal(struct asking *a, const struct initiator_credentials *c)
{
	char text[600];
	const char *user = c->user ? c->user : "";
	const char *at = strchr(user, '@');
	if (c->principal)
		return krb5_parse_name(a->krb, c->principal, &a->principal);
	if (c->keytab && !user[0])
		return principal_of_keytab(a);
	if (at)
		snprintf(text, sizeof(text), "%s", user), upper(text + (at - user));
	else if (c->domain && strchr(c->domain, '.'))
		snprintf(text, sizeof(text), "%s@%s", user, c->domain), upper(text + strlen(user));
	else
		snprintf(text, sizeof(text), "%s", user);
	return krb5_parse_name(a->krb, text, &a->principal);
}

static krb5_error_code open_keytab(struct asking *a, const char *path)
{
	char name[PATH_MAX + 8];
	snprintf(name, sizeof(name), "FILE:%s", path);
	return krb5_kt_resolve(a->krb, name, &a->keytab);
}

static krb5_error_code ask_kdc(struct asking *a, const struct initiator_credentials *c, const char *ccache)
{
	krb5_error_code error = c->keytab ? open_keytab(a, c->keytab) : 0;
	if (!error)
		error = find_principal(a, c);
	if (!error)
		error = krb5_cc_resolve(a->krb, ccache, &a->cache);
	if (!error)
		error = krb5_get_init_creds_opt_alloc(a->krb, &a->options);
	if (!error)
		error = krb5_get_init_creds_opt_set_out_ccache(a->krb, a->options, a->cache);
	if (error)
		return error;
	if (c->keytab)
		error = krb5_get_init_creds_keytab(a->krb, &a->creds, a->principal, a->keytab, 0, NULL, a->options);
	else
		error = krb5_get_init_creds_password(a->krb, &a->creds, a->principal, c->password, NULL, NULL, 0, NULL,
		                                     a->options);
	a->have_creds = error == 0;
	return error;
}

static enum auth_reason obtain(const struct initiator_credentials *c, struct kerberos_tickets **out, struct buf *says)
{
	static atomic_ullong number;
	AUTO(asking) struct asking a = {0};
	if (krb5_init_context(&a.krb) != 0) {
		a.krb = NULL;
		buf_adds(says, "Kerberos itself does not start: is krb5.conf all right?");
		return AUTH_UNAVAILABLE;
	}
	struct kerberos_tickets *t = calloc(1, sizeof(*t));
	if (!t)
		return AUTH_NO_MEMORY;
	ref_init(&t->ref);
	snprintf(t->ccache, sizeof(t->ccache), "MEMORY:fairlead-%llu", atomic_fetch_add(&number, 1));
	krb5_error_code error = ask_kdc(&a, c, t->ccache);
	if (error) {
		enum auth_reason reason = failed(&a, error, says);
		kerberos_tickets_unref(t);
		return reason;
	}
	t->begin = time(NULL);
	t->end = a.creds.times.endtime;
	*out = t;
	return AUTH_OK;
}

/* ---- */

static bool are_good(const struct kerberos_tickets *t)
{
	return t && !atomic_load(&((struct kerberos_tickets *)t)->dropped) &&
	       time(NULL) < t->begin + (t->end - t->begin) * 3 / 4;
}

/* With `flying` held. */
static enum auth_reason renew(struct account *a, const struct initiator_credentials *c, struct buf *says)
{
	struct kerberos_tickets *fresh = NULL;
	size_t before = says->n;
	enum auth_reason reason = obtain(c, &fresh, says);
	if (reason == AUTH_OK) {
		kerberos_tickets_unref(a->tickets);
		a->tickets = fresh;
		a->failed_at = -1;
		return AUTH_OK;
	}
	a->failed_at = clock_mono();
	a->failure = reason;
	snprintf(a->failure_text, sizeof(a->failure_text), "%.*s", (int)(says->n - before), says->p + before);
	/* A KDC that is away for a while costs nothing as long as there is a ticket. */
	return reason == AUTH_UNAVAILABLE && a->tickets && !atomic_load(&a->tickets->dropped) &&
	               time(NULL) < a->tickets->end
	           ? AUTH_OK
	           : reason;
}

/* Who waited for an attempt that failed has its answer; a refusal holds for everybody for some seconds. */
static bool still_failed(const struct account *a, mono_ms asked_at)
{
	if (a->failed_at < 0)
		return false;
	return a->failed_at >= asked_at || (a->failure != AUTH_UNAVAILABLE && asked_at - a->failed_at < REFUSED_MS);
}

enum auth_reason kerberos_tickets_get(const struct initiator_credentials *c, struct kerberos_tickets **out,
                                      struct buf *says)
{
	unsigned char key[KEY];
	mono_ms asked_at = clock_mono();
	enum auth_reason reason = AUTH_OK;
	struct account *a = make_key(c, key) ? account_of(key) : NULL;
	if (!a)
		return AUTH_NO_MEMORY;
	pthread_mutex_lock(&a->flying);
	if (!are_good(a->tickets)) {
		if (still_failed(a, asked_at)) {
			buf_adds(says, a->failure_text);
			reason = a->failure;
		} else {
			reason = renew(a, c, says);
		}
	}
	if (reason == AUTH_OK) {
		*out = a->tickets;
		ref_take(&a->tickets->ref);
	}
	pthread_mutex_unlock(&a->flying);
	account_unref(a);
	return reason;
}

void kerberos_forget(const struct initiator_credentials *c)
{
	unsigned char key[KEY];
	struct account *a = make_key(c, key) ? account_of(key) : NULL;
	if (!a)
		return;
	pthread_mutex_lock(&a->flying);
	if (a->tickets)
		kerberos_tickets_drop(a->tickets);
	pthread_mutex_unlock(&a->flying);
	account_unref(a);
}
