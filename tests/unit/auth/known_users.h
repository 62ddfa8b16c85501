/* A verifier that knows a few users by their NT hash; for tests. */
#ifndef FAIRLEAD_TESTS_UNIT_AUTH_KNOWN_USERS_H
#define FAIRLEAD_TESTS_UNIT_AUTH_KNOWN_USERS_H

#include <stdlib.h>

#include "auth/acceptor.h"
#include "auth/ntlm_crypto.h"

struct known_user {
	const char *name, *password;
};

struct known_users {
	struct verifier verifier;
	const struct known_user *users; /* ends with a NULL name */
	enum auth_reason always;        /* the answer to anything, if not AUTH_OK */
	unsigned asked;
};

static inline const struct known_user *known_user_find(const struct known_users *k, struct span name)
{
	struct span bare = name;
	const char *at = name.n ? memchr(name.p, '@', name.n) : NULL;
	if (at && k->verifier.dns_domain)
		bare.n = (size_t)(at - name.p);
	for (const struct known_user *u = k->users; u->name; u++)
		if (utf8_eq_nocase(span_of(u->name), bare))
			return u;
	return NULL;
}

static inline struct identity *known_user_identity(const struct known_users *k, const char *name, const char *scheme)
{
	struct identity like = {
		.shown = name, .name = name, .domain = k->verifier.domain, .verifier = k->verifier.name, .scheme = scheme};
	return identity_new(&like);
}

static inline enum auth_reason known_users_ntlm(const struct verifier *v, const struct ntlm_proof *proof,
                                                struct identity **who, unsigned char session_base_key[16])
{
	struct known_users *k = (struct known_users *)(uintptr_t)v;
	const struct known_user *u = known_user_find(k, proof->user);
	unsigned char hash[16];
	k->asked++;
	if (k->always != AUTH_OK)
		return k->always;
	if (!u)
		return AUTH_NO_SUCH_USER;
	if (ntlm_nt_hash(span_of(u->password), hash) != 0)
		return AUTH_NO_MEMORY;
	enum auth_reason r = ntlm_verify_v2(hash, proof, session_base_key);
	if (r == AUTH_OK)
		*who = known_user_identity(k, u->name, "ntlm");
	return r;
}

static inline enum auth_reason known_users_password(const struct verifier *v, struct span user, struct span password,
                                                    struct identity **who)
{
	struct known_users *k = (struct known_users *)(uintptr_t)v;
	const struct known_user *u = known_user_find(k, user);
	k->asked++;
	if (k->always != AUTH_OK)
		return k->always;
	if (!u)
		return AUTH_NO_SUCH_USER;
	if (!span_eq(span_of(u->password), password))
		return AUTH_WRONG_PASSWORD;
	*who = known_user_identity(k, u->name, "basic");
	return AUTH_OK;
}

#define KNOWN_USERS(called, of_domain, of_dns_domain, list)    \
	{                                                          \
		.verifier = {.name = (called),                         \
		             .domain = (of_domain),                    \
		             .dns_domain = (of_dns_domain),            \
		             .verify_ntlm = known_users_ntlm,          \
		             .verify_password = known_users_password}, \
		.users = (list),                                       \
	}

#endif
