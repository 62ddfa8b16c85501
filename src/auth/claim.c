#include "auth/claim.h"

#include "auth/basic.h"
#include "auth/ntlm_message.h"
#include "auth/ntlm_text.h"
#include "auth/secret.h"
#include "auth/spnego_der.h"
#include "auth/verifier_choice.h"
#include "base/encode.h"

enum { TOKEN_MOST = SPNEGO_MESSAGE_MOST };

/* One that cannot be folded is nobody's, and still somebody's guess. */
static bool claims(struct span name, struct claim *out)
{
	struct span user, domain;
	user_name_split(name, &user, &domain);
	const char *at = user.n ? memchr(user.p, '@', user.n) : NULL;
	if (at && at > user.p)
		user.n = (size_t)(at - user.p);
	if (user.n == 0)
		return false;
	int n = name_fold(user, out->user);
	if (n < 0) {
		n = user.n < NAME_MOST ? (int)user.n : NAME_MOST;
		memcpy(out->user, user.p, (size_t)n);
	}
	out->n = (unsigned)n;
	return true;
}

static bool of_basic(struct span token68, struct claim *out)
{
	struct basic_pair pair;
	bool found = basic_parse(token68, &pair) == 0 && claims(pair.user, out);
	basic_pair_fini(&pair);
	return found;
}

static bool of_type_3(struct span raw, struct claim *out)
{
	AUTO(buf) struct buf name;
	struct ntlm_authenticate m;
	buf_init(&name, 4 * NAME_MOST);
	if (ntlm_authenticate_parse(raw, &m) != 0)
		return false;
	/* Who leaves the flags out means what type 2 said: no name in an OEM code page has a NUL. */
	bool unicode = (m.flags & NTLM_UNICODE) || (m.user.n && memchr(m.user.p, '\0', m.user.n));
	if ((unicode ? utf8_from_utf16 : utf8_from_oem)(&name, m.user) != 0)
		return claims(m.user, out);
	return claims(buf_span(&name), out);
}

static bool of_token(struct span raw, struct claim *out)
{
	struct spnego_response r;
	if (raw.n >= 8 && memcmp(raw.p, "NTLMSSP", 8) == 0)
		return of_type_3(raw, out);
	return spnego_response_parse(raw, &r) == 0 && r.token.n >= 8 && memcmp(r.token.p, "NTLMSSP", 8) == 0 &&
	       of_type_3(r.token, out);
}

bool claim_read(const struct challenge *credentials, struct claim *out)
{
	AUTO(secret) struct buf raw;
	buf_init(&raw, TOKEN_MOST);
	if (credentials->scheme == SCHEME_BASIC)
		return of_basic(credentials->token, out);
	if (credentials->token.n > TOKEN_MOST / 3 * 4 || buf_reserve(&raw, credentials->token.n / 4 * 3 + 1) != 0)
		return false;
	int n = decode_base64(credentials->token, raw.p, raw.capacity);
	raw.n = n > 0 ? (size_t)n : 0;
	return of_token(buf_span(&raw), out);
}
