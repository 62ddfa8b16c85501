#include "auth/claim.h"

#include "auth/basic.h"
#include "auth/ntlm_message.h"
#include "auth/ntlm_text.h"
#include "auth/secret.h"
#include "auth/spnego_der.h"
#include "auth/verifier_choice.h"
#include "base/encode.h"

enum { TOKEN_MOST = SPNEGO_MESSAGE_MOST, NAME_BYTES = 4 * NAME_MOST };

struct reading {
	const struct acceptor_policy *policy;
	struct claim *out;
	const struct verifier **verifier;
};

/* A name that cannot be folded is nobody's, and still somebody's guess. */
static bool claims(struct span name, struct span domain, struct span workstation, const struct reading *r)
{
	struct span user = name, within;
	*r->verifier = verifier_choose(r->policy, name, domain, workstation);
	user_name_split(name, &user, &within);
	const char *at = user.n ? memchr(user.p, '@', user.n) : NULL;
	if (at && at > user.p)
		user.n = (size_t)(at - user.p);
	if (user.n == 0)
		return false;
	int n = name_fold(user, r->out->user);
	if (n < 0) {
		n = user.n < NAME_MOST ? (int)user.n : NAME_MOST;
		memcpy(r->out->user, user.p, (size_t)n);
	}
	r->out->n = (unsigned)n;
	return true;
}

static bool of_basic(struct span token68, const struct reading *r)
{
	struct basic_pair pair;
	struct span user, domain;
	bool found = false;
	if (basic_parse(token68, &pair) == 0) {
		user_name_split(pair.user, &user, &domain);
		found = claims(user, domain, SPAN_NONE, r);
	}
	basic_pair_fini(&pair);
	return found;
}

/* Who leaves the flags out means what type 2 said: no name in an OEM code page has a NUL. What cannot be read stays as it is. */
static struct span text_of(struct span raw, uint32_t flags, struct buf *room)
{
	bool unicode = (flags & NTLM_UNICODE) || (raw.n && memchr(raw.p, '\0', raw.n));
	return (unicode ? utf8_from_utf16 : utf8_from_oem)(room, raw) == 0 ? buf_span(room) : raw;
}

static bool of_type_3(struct span raw, const struct reading *r)
{
	AUTO(buf) struct buf user;
	AUTO(buf) struct buf domain;
	AUTO(buf) struct buf workstation;
	struct ntlm_authenticate m;
	buf_init(&user, NAME_BYTES);
	buf_init(&domain, NAME_BYTES);
	buf_init(&workstation, NAME_BYTES);
	return ntlm_authenticate_parse(raw, &m) == 0 &&
	       claims(text_of(m.user, m.flags, &user), text_of(m.domain, m.flags, &domain),
	              text_of(m.workstation, m.flags, &workstation), r);
}

static bool of_token(struct span raw, const struct reading *r)
{
	struct spnego_response response;
	if (raw.n >= 8 && memcmp(raw.p, "NTLMSSP", 8) == 0)
		return of_type_3(raw, r);
	return spnego_response_parse(raw, &response) == 0 && response.token.n >= 8 &&
	       memcmp(response.token.p, "NTLMSSP", 8) == 0 && of_type_3(response.token, r);
}

bool claim_read(const struct challenge *credentials, const struct acceptor_policy *policy, struct claim *out,
                const struct verifier **verifier)
{
	AUTO(secret) struct buf raw;
	struct reading reading = {policy, out, verifier};
	*verifier = NULL;
	buf_init(&raw, TOKEN_MOST);
	if (credentials->scheme == SCHEME_BASIC)
		return of_basic(credentials->token, &reading);
	if (credentials->token.n > TOKEN_MOST / 3 * 4 || buf_reserve(&raw, credentials->token.n / 4 * 3 + 1) != 0)
		return false;
	int n = decode_base64(credentials->token, raw.p, raw.capacity);
	raw.n = n > 0 ? (size_t)n : 0;
	return of_token(buf_span(&raw), &reading);
}
