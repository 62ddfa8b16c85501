#include "net/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

static struct {
	pthread_mutex_t lock;
	struct ticket_keys keys;
	pthread_once_t once;
	EVP_CIPHER *cipher;
} process = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

int ticket_keys_turn(struct ticket_keys *k, mono_ms now)
{
	if (k->since && now - k->since < TICKET_PERIOD_MS)
		return 0;
	struct ticket_key fresh;
	if (RAND_bytes(fresh.name, sizeof(fresh.name)) != 1 || RAND_priv_bytes(fresh.cipher, sizeof(fresh.cipher)) != 1 ||
	    RAND_priv_bytes(fresh.mac, sizeof(fresh.mac)) != 1)
		return -EIO;
	k->has_previous = k->since && now - k->since < 2 * (int64_t)TICKET_PERIOD_MS;
	if (k->has_previous)
		k->previous = k->current;
	else
		OPENSSL_cleanse(&k->previous, sizeof(k->previous));
	k->current = fresh;
	k->since = now;
	OPENSSL_cleanse(&fresh, sizeof(fresh));
	return 0;
}

const struct ticket_key *ticket_keys_find(const struct ticket_keys *k, const unsigned char *name, bool *old)
{
	*old = k->has_previous && memcmp(name, k->previous.name, TICKET_NAME) == 0;
	if (*old)
		return &k->previous;
	return k->since && memcmp(name, k->current.name, TICKET_NAME) == 0 ? &k->current : NULL;
}

static void fetch_cipher(void)
{
	process.cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
}

/* The key to use, copied. 1, 2 (it opens, but another one seals by now), 0 (not ours), or -1. */
static int key_for(unsigned char *name, bool seals, struct ticket_key *out)
{
	bool old = false;
	int result = -1;
	pthread_mutex_lock(&process.lock);
	if (ticket_keys_turn(&process.keys, clock_mono()) == 0) {
		const struct ticket_key *k = seals ? &process.keys.current : ticket_keys_find(&process.keys, name, &old);
		result = !k ? 0 : old ? 2 : 1;
		if (k)
			*out = *k;
	}
	pthread_mutex_unlock(&process.lock);
	return result;
}

int tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                   int seals)
{
	struct ticket_key key;
	pthread_once(&process.once, fetch_cipher);
	int result = process.cipher ? key_for(name, seals, &key) : -1;
	if (result <= 0)
		return result;
	OSSL_PARAM mac_key[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, sizeof(key.mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end(),
	};
	if (seals) {
		memcpy(name, key.name, TICKET_NAME);
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(process.cipher)) != 1)
			result = -1;
	}
	if (result > 0 && (EVP_CipherInit_ex2(cipher, process.cipher, key.cipher, iv, seals, NULL) != 1 ||
	                   EVP_MAC_CTX_set_params(mac, mac_key) != 1))
		result = -1;
	OPENSSL_cleanse(&key, sizeof(key));
	return result;
}
