#include "auth/ntlm_crypto.h"

#include <openssl/evp.h>

#include "auth/md4.h"
#include "auth/ntlm_message.h"
#include "auth/secret.h"

enum { HMAC_BLOCK = 64, TEXT_MOST = 4096, BLOB_LEAST = 28 };

int ntlm_md5(const struct span *parts, unsigned count, unsigned char digest[16])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool well = md && EVP_DigestInit_ex(md, EVP_md5(), NULL);
	for (unsigned i = 0; well && i < count; i++)
		well = EVP_DigestUpdate(md, parts[i].p, parts[i].n);
	well = well && EVP_DigestFinal_ex(md, digest, NULL);
	EVP_MD_CTX_free(md);
	return well ? 0 : -ENOMEM;
}

/* RFC 2104; no key here is longer than a block. */
int ntlm_hmac(const void *key, size_t key_n, const struct span *parts, unsigned count, unsigned char code[16])
{
	unsigned char inner[HMAC_BLOCK], outer[HMAC_BLOCK], digest[16];
	struct span pieces[8];
	ASSERT(key_n <= HMAC_BLOCK && count < 8);
	memset(inner, 0x36, sizeof(inner));
	memset(outer, 0x5c, sizeof(outer));
	for (size_t i = 0; i < key_n; i++) {
		inner[i] ^= ((const unsigned char *)key)[i];
		outer[i] ^= ((const unsigned char *)key)[i];
	}
	pieces[0] = span_make((const char *)inner, sizeof(inner));
	for (unsigned i = 0; i < count; i++)
		pieces[i + 1] = parts[i];
	int e = ntlm_md5(pieces, count + 1, digest);
	pieces[0] = span_make((const char *)outer, sizeof(outer));
	pieces[1] = span_make((const char *)digest, sizeof(digest));
	if (e == 0)
		e = ntlm_md5(pieces, 2, code);
	OPENSSL_cleanse(inner, sizeof(inner));
	OPENSSL_cleanse(outer, sizeof(outer));
	OPENSSL_cleanse(digest, sizeof(digest));
	return e;
}

void ntlm_rc4(const void *key, size_t key_n, const void *from, size_t n, void *to)
{
	unsigned char s[256], *out = to;
	const unsigned char *k = key, *in = from;
	unsigned i, j = 0;
	for (i = 0; i < 256; i++)
		s[i] = (unsigned char)i;
	for (i = 0; i < 256; i++) {
		j = (j + s[i] + k[i % key_n]) & 255;
		unsigned char kept = s[i];
		s[i] = s[j];
		s[j] = kept;
	}
	i = j = 0;
	for (size_t at = 0; at < n; at++) {
		i = (i + 1) & 255;
		j = (j + s[i]) & 255;
		unsigned char kept = s[i];
		s[i] = s[j];
		s[j] = kept;
		out[at] = in[at] ^ s[(s[i] + s[j]) & 255];
	}
	OPENSSL_cleanse(s, sizeof(s));
}

int ntlm_nt_hash(struct span password, unsigned char hash[NTLM_KEY])
{
	AUTO(secret) struct buf text;
	buf_init(&text, TEXT_MOST);
	int e = buf_reserve(&text, password.n * 2);
	if (e == 0)
		e = utf16_from_utf8(&text, password, NTLM_CASE_KEPT);
	if (e == 0)
		md4(text.p, text.n, hash);
	return e;
}

int ntlm_response_key(const unsigned char nt_hash[NTLM_KEY], struct span user, struct span domain,
                      enum ntlm_case letters, unsigned char key[NTLM_KEY])
{
	char room[TEXT_MOST];
	struct buf names;
	buf_over(&names, room, sizeof(room));
	int e = utf16_from_utf8(&names, user, letters);
	if (e == 0)
		e = utf16_from_utf8(&names, domain, NTLM_CASE_KEPT);
	struct span parts[1] = {buf_span(&names)};
	return e ? e : ntlm_hmac(nt_hash, NTLM_KEY, parts, 1, key);
}

int ntlm_prove(const unsigned char response_key[NTLM_KEY], const unsigned char server_challenge[8], struct span blob,
               unsigned char proof[NTLM_KEY], unsigned char session_base_key[NTLM_KEY])
{
	struct span parts[2] = {span_make((const char *)server_challenge, 8), blob};
	int e = ntlm_hmac(response_key, NTLM_KEY, parts, 2, proof);
	parts[0] = span_make((const char *)proof, NTLM_KEY);
	return e ? e : ntlm_hmac(response_key, NTLM_KEY, parts, 1, session_base_key);
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static enum auth_reason verify_in_case(const unsigned char nt_hash[NTLM_KEY], const struct ntlm_proof *proof,
                                       enum ntlm_case letters, unsigned char session_base_key[NTLM_KEY])
{
	unsigned char key[NTLM_KEY], ours[NTLM_KEY];
	struct span blob = span_make((const char *)proof->nt_response + NTLM_KEY, proof->nt_response_n - NTLM_KEY);
	int e = ntlm_response_key(nt_hash, proof->user, proof->domain, letters, key);
	if (e == 0)
		e = ntlm_prove(key, proof->server_challenge, blob, ours, session_base_key);
	bool same = e == 0 && CRYPTO_memcmp(ours, proof->nt_response, NTLM_KEY) == 0;
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(ours, sizeof(ours));
	if (!same)
		OPENSSL_cleanse(session_base_key, NTLM_KEY);
	return e == -ENOMEM ? AUTH_NO_MEMORY : e ? AUTH_MALFORMED : same ? AUTH_OK : AUTH_WRONG_PASSWORD;
}

enum auth_reason ntlm_verify_v2(const unsigned char nt_hash[NTLM_KEY], const struct ntlm_proof *proof,
                                unsigned char session_base_key[NTLM_KEY])
{
	if (proof->nt_response_n < NTLM_KEY + BLOB_LEAST)
		return AUTH_MALFORMED;
	enum auth_reason r = verify_in_case(nt_hash, proof, NTLM_CASE_UPPER, session_base_key);
	if (is_ascii(proof->user))
		return r;
	for (enum ntlm_case c = NTLM_CASE_UPPER_ASCII; r == AUTH_WRONG_PASSWORD && c <= NTLM_CASE_UPPER_BYTES; c++)
		r = verify_in_case(nt_hash, proof, c, session_base_key);
	return r;
}

int ntlm_bindings_hash(struct span bindings, unsigned char hash[16])
{
	/* Two address types, two address lengths, all zero; then the length of the application's bytes. */
	unsigned char head[20] = {0};
	for (unsigned i = 0; i < 4; i++)
		head[16 + i] = (unsigned char)(bindings.n >> (8 * i));
	struct span parts[2] = {span_make((const char *)head, sizeof(head)), bindings};
	return ntlm_md5(parts, 2, hash);
}

/* SIGNKEY and SEALKEY (3.4.5): the magic ends with its NUL; a weaker seal uses the front of the key only. */
static int direction_key(const unsigned char *exported_key, size_t used, bool by_client, const char *purpose,
                         unsigned char key[16])
{
	char magic[80];
	int n = snprintf(magic, sizeof(magic), "session key to %s %s key magic constant",
	                 by_client ? "client-to-server" : "server-to-client", purpose);
	struct span parts[2] = {span_make((const char *)exported_key, used), span_make(magic, (size_t)n + 1)};
	return ntlm_md5(parts, 2, key);
}

int ntlm_sign(const unsigned char exported_key[NTLM_KEY], uint32_t flags, bool by_client, struct span message,
              unsigned char signature[16])
{
	unsigned char key[16], code[16];
	static const char sequence[4];
	struct span parts[2] = {span_make(sequence, 4), message};
	memset(signature, 0, 16);
	signature[0] = 1;
	int e = direction_key(exported_key, NTLM_KEY, by_client, "signing", key);
	if (e == 0)
		e = ntlm_hmac(key, sizeof(key), parts, 2, code);
	if (e == 0 && flags & NTLM_KEY_EXCH) {
		size_t used = flags & NTLM_128 ? 16 : flags & NTLM_56 ? 7 : 5;
		e = direction_key(exported_key, used, by_client, "sealing", key);
		ntlm_rc4(key, sizeof(key), code, 8, code);
	}
	if (e == 0)
		memcpy(signature + 4, code, 8);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(code, sizeof(code));
	return e;
}
