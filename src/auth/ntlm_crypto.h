/* The arithmetic of NTLMv2 (MS-NLMP 3.3.2, 3.4): keys, proofs, integrity codes, signatures. Pure.
 *
 * Owner: the caller, of all bytes; intermediate keys are wiped. Threads: any. Errors: 0, -EINVAL (text that is not
 * UTF-8), -ENOMEM (also when OpenSSL has no MD5 to give). */
#ifndef FAIRLEAD_AUTH_NTLM_CRYPTO_H
#define FAIRLEAD_AUTH_NTLM_CRYPTO_H

#include "auth/auth.h"
#include "auth/ntlm_text.h"

enum { NTLM_KEY = 16 };

/* The NT hash: MD4 of the password in UTF-16LE (NTOWFv1). */
MUST_CHECK int ntlm_nt_hash(struct span password, unsigned char hash[NTLM_KEY]);
/* NTOWFv2: of the names exactly as the client sends them, but for the case of the user's. */
MUST_CHECK int ntlm_response_key(const unsigned char nt_hash[NTLM_KEY], struct span user, struct span domain,
                                 enum ntlm_case letters, unsigned char key[NTLM_KEY]);
/* The NTProofStr over the server's challenge and the client's blob, and the session base key that follows from it. */
MUST_CHECK int ntlm_prove(const unsigned char response_key[NTLM_KEY], const unsigned char server_challenge[8],
                          struct span blob, unsigned char proof[NTLM_KEY], unsigned char session_base_key[NTLM_KEY]);
/* For verifiers that know the NT hash. OK and the session base key, WRONG_PASSWORD, MALFORMED, NO_MEMORY. Constant
 * time for any wrong proof. */
enum auth_reason ntlm_verify_v2(const unsigned char nt_hash[NTLM_KEY], const struct ntlm_proof *proof,
                                unsigned char session_base_key[NTLM_KEY]);

MUST_CHECK int ntlm_hmac(const void *key, size_t key_n, const struct span *parts, unsigned count,
                         unsigned char code[16]);
MUST_CHECK int ntlm_md5(const struct span *parts, unsigned count, unsigned char digest[16]);
void ntlm_rc4(const void *key, size_t key_n, const void *from, size_t n, void *to);

/* MD5 of a gss_channel_bindings_struct without addresses around `bindings` (RFC 2744 3.11), as AV pair 10 carries
 * it. */
MUST_CHECK int ntlm_bindings_hash(struct span bindings, unsigned char hash[16]);
/* The signature of the first message in one direction (MS-NLMP 3.4.4.2, extended session security), as SPNEGO's
 * mechListMIC wants it. */
MUST_CHECK int ntlm_sign(const unsigned char exported_key[NTLM_KEY], uint32_t flags, bool by_client,
                         struct span message, unsigned char signature[16]);

#endif
