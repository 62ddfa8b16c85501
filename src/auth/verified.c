#include "auth/verified.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

enum { MARK = 32, WAYS = 4 };

struct entry {
	unsigned char mark[MARK]; /* HMAC of user, a NUL and the password */
	uint64_t generation;
	mono_ms until;
	struct identity *who;
};

/* WAYS entries share a set; the one that ends first gives way. */
struct verified {
	pthread_mutex_t lock;
	unsigned char secret[MARK];
	int64_t lives_ms;
	unsigned sets; /* a power of two */
	struct entry entries[];
};

struct verified *verified_new(unsigned most, int64_t lives_ms)
{
	unsigned sets = 1;
	while (sets * WAYS < most && sets < 1U << 20)
		sets *= 2;
	struct verified *v = calloc(1, sizeof(*v) + (size_t)sets * WAYS * sizeof(struct entry));
	if (!v)
		return NULL;
	if (RAND_priv_bytes(v->secret, sizeof(v->secret)) != 1) {
		free(v);
		return NULL;
	}
	pthread_mutex_init(&v->lock, NULL);
	v->lives_ms = lives_ms;
	v->sets = sets;
	return v;
}

void verified_free(struct verified *v)
{
	if (!v)
		return;
	for (unsigned i = 0; i < v->sets * WAYS; i++)
		identity_unref(v->entries[i].who);
	pthread_mutex_destroy(&v->lock);
	OPENSSL_cleanse(v->secret, sizeof(v->secret));
	free(v);
}

/* False: this pair is not to be kept (too long to be somebody's). */
static bool make_mark(const struct verified *v, struct span user, struct span password, unsigned char mark[MARK])
{
	char both[1024];
	if (user.n + 1 + password.n > sizeof(both) || (user.n && memchr(user.p, '\0', user.n)))
		return false;
	memcpy(both, user.p, user.n);
	both[user.n] = '\0';
	memcpy(both + user.n + 1, password.n ? password.p : "", password.n);
	bool made = HMAC(EVP_sha256(), v->secret, sizeof(v->secret), (const unsigned char *)both, user.n + 1 + password.n,
	                 mark, NULL) != NULL;
	OPENSSL_cleanse(both, sizeof(both));
	return made;
}

static struct entry *set_of(struct verified *v, const unsigned char mark[MARK])
{
	uint32_t which;
	memcpy(&which, mark, sizeof(which));
	return &v->entries[(size_t)(which & (v->sets - 1)) * WAYS];
}

static struct entry *entry_of(struct verified *v, const unsigned char mark[MARK])
{
	struct entry *set = set_of(v, mark);
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].who && CRYPTO_memcmp(set[i].mark, mark, MARK) == 0)
			return &set[i];
	return NULL;
}

struct identity *verified_find(struct verified *v, struct span user, struct span password, uint64_t generation)
{
	unsigned char mark[MARK];
	struct identity *who = NULL;
	if (!make_mark(v, user, password, mark))
		return NULL;
	pthread_mutex_lock(&v->lock);
	struct entry *e = entry_of(v, mark);
	if (e && e->generation == generation && e->until > clock_mono())
		who = identity_ref(e->who);
	pthread_mutex_unlock(&v->lock);
	return who;
}

void verified_put(struct verified *v, struct span user, struct span password, uint64_t generation, struct identity *who)
{
	unsigned char mark[MARK];
	if (!make_mark(v, user, password, mark))
		return;
	pthread_mutex_lock(&v->lock);
	struct entry *e = entry_of(v, mark), *set = set_of(v, mark);
	for (unsigned i = 0; !e && i < WAYS; i++)
		if (!set[i].who)
			e = &set[i];
	if (!e) {
		e = set;
		for (unsigned i = 1; i < WAYS; i++)
			if (set[i].until < e->until)
				e = &set[i];
	}
	struct identity *before = e->who;
	*e = (struct entry){
		.generation = generation, .until = clock_after(clock_mono(), v->lives_ms), .who = identity_ref(who)};
	memcpy(e->mark, mark, MARK);
	pthread_mutex_unlock(&v->lock);
	identity_unref(before);
}
