#include "auth/accounts.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "auth/accounts_file.h"
#include "auth/ntlm_crypto.h"
#include "auth/verified.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

DEFINE_AUTO(accounts_text, struct accounts_text *, accounts_text_unref);

enum {
	VERIFIED_MOST = 4096,
	VERIFIED_MS = 10 * 60 * 1000,
	UNSETTLED_NS = 100 * 1000 *
	               1000, /* a file written this recently may be written again within the same tick of its clock */
};

struct accounts {
	struct verifier verifier;
	char *name, *path;
	struct verified *verified;
	char absent_hash[CRYPT_OUTPUT_SIZE]; /* what the password of an account that is not there is compared with */
	pthread_mutex_t lock;
	struct stat seen; /* of the file that was last read or refused */
	bool settled;
	bool refused;
	struct accounts_text *text; /* NULL: nobody can be verified */
};

static struct accounts *accounts_of(const struct verifier *v)
{
	return (struct accounts *)v;
}

/* ---- the file, as it is now */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool is_settled(const struct stat *s)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec - s->st_mtim.tv_sec) * 1000000000L + (now.tv_nsec - s->st_mtim.tv_nsec) > UNSETTLED_NS;
}

static void read_again(struct accounts *a)
{
	AUTO(buf) struct buf why;
	struct accounts_text *text = NULL;
	struct stat before = a->seen;
	buf_init(&why, 4096);
	int error = accounts_file_read(a->path, &text, &a->seen, &why);
	a->settled = is_settled(&a->seen);
	if (!error) {
		accounts_text_unref(a->text);
		a->text = text;
		if (a->refused)
			log_event(LOG_INFO, "accounts %s: %s is fine again", a->name, a->path);
		a->refused = false;
		return;
	}
	bool keep = error == -EINVAL && a->text;
	if (!a->refused || !same_file(&before, &a->seen))
		log_event(LOG_ERROR, "accounts %s: %s; %s", a->name, buf_text(&why),
		          keep ? "the accounts stay as they were" : "nobody is verified by it");
	a->refused = true;
	if (!keep)
		accounts_text_unref(TAKE(a->text));
}

/* A new reference, or NULL. */
static struct accounts_text *text_now(struct accounts *a)
{
	struct stat now = {0};
	pthread_mutex_lock(&a->lock);
	bool there = stat(a->path, &now) == 0;
	if (there ? !a->settled || !same_file(&now, &a->seen) : !a->refused || a->seen.st_ino != 0)
		read_again(a);
	struct accounts_text *text = a->text ? accounts_text_ref(a->text) : NULL;
	pthread_mutex_unlock(&a->lock);
	return text;
}

/* ---- verifying */

static struct identity *identity_of(const struct accounts *a, const struct account *account, const char *scheme)
{
	return identity_new(&(struct identity){
		.shown = account->name,
		.name = account->name,
		.domain = "",
		.verifier = a->name,
		.scheme = scheme,
		.groups = (const char **)account->groups,
		.group_count = account->group_count,
		.generation = account->generation,
	});
}

/* Whether the account may be used is told only to who knows its password. */
static enum auth_reason verdict(const struct account *account, bool right)
{
	if (!account)
		return AUTH_NO_SUCH_USER;
	if (!right)
		return AUTH_WRONG_PASSWORD;
	return account->disabled ? AUTH_DISABLED : AUTH_OK;
}

static enum auth_reason verify_ntlm(const struct verifier *v, const struct ntlm_proof *proof, struct identity **who,
                                    unsigned char session_base_key[16])
{
	static const unsigned char absent[NT_HASH] = {0};
	struct accounts *a = accounts_of(v);
	AUTO(accounts_text) struct accounts_text *text = text_now(a);
	if (!text)
		return AUTH_UNAVAILABLE;
	const struct account *account = accounts_text_find(text, proof->user);
	bool has_hash = account && account->has_nt_hash;
	enum auth_reason proof_is = ntlm_verify_v2(has_hash ? account->nt_hash : absent, proof, session_base_key);
	enum auth_reason reason = verdict(account, proof_is == AUTH_OK && has_hash);
	if (proof_is == AUTH_MALFORMED || proof_is == AUTH_NO_MEMORY)
		reason = proof_is;
	if (reason == AUTH_OK && !(*who = identity_of(a, account, "ntlm")))
		reason = AUTH_NO_MEMORY;
	if (reason != AUTH_OK)
		OPENSSL_cleanse(session_base_key, 16);
	return reason;
}

/* As terminated text, which is what crypt(3) takes. */
static bool password_text(struct span password, char out[CRYPT_MAX_PASSPHRASE_SIZE])
{
	if (password.n >= CRYPT_MAX_PASSPHRASE_SIZE || (password.n && memchr(password.p, '\0', password.n)))
		return false;
	memcpy(out, password.n ? password.p : "", password.n);
	out[password.n] = '\0';
	return true;
}

/* 1 right, 0 wrong, or -errno. */
static int compare_password(struct span password, const char *hash)
{
	char text[CRYPT_MAX_PASSPHRASE_SIZE];
	struct crypt_data *room = calloc(1, sizeof(*room));
	if (!room)
		return -ENOMEM;
	bool fits = password_text(password, text);
	const char *ours = crypt_rn(fits ? text : "", hash, room, sizeof(*room));
	bool right = fits && ours && strlen(ours) == strlen(hash) && CRYPTO_memcmp(ours, hash, strlen(hash)) == 0;
	OPENSSL_cleanse(text, sizeof(text));
	OPENSSL_cleanse(room, sizeof(*room));
	free(room);
	return right;
}

static uint64_t generation_of(const struct account *account)
{
	return account && !account->disabled ? account->generation : 0;
}

static enum auth_reason compute_password(struct accounts *a, const struct account *account, struct span password,
                                         struct identity **who)
{
	bool has_hash = account && account->password_hash;
	int right = compare_password(password, has_hash ? account->password_hash : a->absent_hash);
	if (right < 0)
		return AUTH_NO_MEMORY;
	enum auth_reason reason = verdict(account, right && has_hash);
	if (reason != AUTH_OK)
		return reason;
	*who = identity_of(a, account, "basic");
	if (!*who)
		return AUTH_NO_MEMORY;
	verified_put(a->verified, account->folded, password, account->generation, *who);
	return AUTH_OK;
}

static enum auth_reason verify_password(const struct verifier *v, struct span user, struct span password,
                                        struct identity **who)
{
	struct accounts *a = accounts_of(v);
	AUTO(accounts_text) struct accounts_text *text = text_now(a);
	if (!text)
		return AUTH_UNAVAILABLE;
	const struct account *account = accounts_text_find(text, user);
	if (generation_of(account) &&
	    (*who = verified_find(a->verified, account->folded, password, account->generation)) != NULL)
		return AUTH_OK;
	return compute_password(a, account, password, who);
}

static bool password_known(const struct verifier *v, struct span user, struct span password)
{
	struct accounts *a = accounts_of(v);
	AUTO(accounts_text) struct accounts_text *text = text_now(a);
	const struct account *account = text ? accounts_text_find(text, user) : NULL;
	if (!generation_of(account))
		return text == NULL;
	struct identity *who = verified_find(a->verified, account->folded, password, account->generation);
	if (who)
		identity_unref(who);
	return who != NULL;
}

static uint64_t generation(const struct verifier *v, const char *name)
{
	AUTO(accounts_text) struct accounts_text *text = text_now(accounts_of(v));
	return text ? generation_of(accounts_text_find(text, span_of(name))) : 0;
}

/* ---- making and ending */

static void accounts_free(struct verifier *v)
{
	struct accounts *a = v ? accounts_of(v) : NULL;
	if (!a)
		return;
	verified_free(a->verified);
	accounts_text_unref(a->text);
	pthread_mutex_destroy(&a->lock);
	free(a->name);
	free(a->path);
	free(a);
}

int accounts_hash_password(struct span password, char *out, size_t room)
{
	char text[CRYPT_MAX_PASSPHRASE_SIZE], salt[CRYPT_GENSALT_OUTPUT_SIZE];
	if (!password_text(password, text))
		return -EINVAL;
	struct crypt_data *c = calloc(1, sizeof(*c));
	const char *hash = c && crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt))
	                       ? crypt_rn(text, salt, c, sizeof(*c))
	                       : NULL;
	int error = !c ? -ENOMEM : !hash ? -errno : strlen(hash) >= room ? -ENOBUFS : 0;
	if (!error)
		memcpy(out, hash, strlen(hash) + 1);
	OPENSSL_cleanse(text, sizeof(text));
	if (c)
		OPENSSL_cleanse(c, sizeof(*c));
	free(c);
	return error;
}

struct verifier *accounts_verifier_new(const char *name, const char *path)
{
	struct accounts *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	pthread_mutex_init(&a->lock, NULL);
	a->name = strdup(name);
	a->path = strdup(path);
	a->verified = verified_new(VERIFIED_MOST, VERIFIED_MS);
	a->verifier = (struct verifier){
		.name = a->name,
		.domain = "",
		.verify_ntlm = verify_ntlm,
		.verify_password = verify_password,
		.password_known = password_known,
		.generation = generation,
		.free = accounts_free,
	};
	if (!a->name || !a->path || !a->verified ||
	    accounts_hash_password(SPAN("the password of nobody"), a->absent_hash, sizeof(a->absent_hash)) != 0) {
		accounts_free(&a->verifier);
		return NULL;
	}
	return &a->verifier;
}

int accounts_check(const char *path, unsigned *count, struct buf *why)
{
	AUTO(accounts_text) struct accounts_text *text = NULL;
	struct stat seen;
	int error = accounts_file_read(path, &text, &seen, why);
	*count = text ? (unsigned)text->count : 0;
	return error;
}
