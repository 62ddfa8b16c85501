/* Order of the checks on a type 3: its form; that it is NTLMv2 at all; who is to verify; the proof (the verifier's
 * word); and only then, for only the proof makes the client's AV pairs true: the integrity code over all three
 * messages, and the channel bindings. */
#include "auth/ntlm_acceptor.h"

#include <openssl/rand.h>
#include <stdlib.h>

#include "auth/ntlm_crypto.h"
#include "auth/ntlm_message.h"
#include "auth/secret.h"
#include "auth/verifier_choice.h"
#include "base/clock.h"

/* A type 1 is kept until the type 3, at our cost: none that is honest needs more. */
enum { NAME_MOST_BYTES = 1024, TYPE1_MOST = 2048, TYPE2_MOST = 8192, CLAIM_MOST = 256 };

/* What a client may ask for and gets. Not the LAN Manager key, datagrams or sealing without extended security:
 * nobody here seals. */
#define GRANTED                                                                                                \
	(NTLM_REQUEST_TARGET | NTLM_SIGN | NTLM_SEAL | NTLM_ALWAYS_SIGN | NTLM_EXTENDED_SECURITY | NTLM_IDENTIFY | \
	 NTLM_VERSION | NTLM_128 | NTLM_KEY_EXCH | NTLM_56)

struct ntlm_acceptor {
	const struct acceptor_policy *policy;
	bool bound; /* to a TLS connection */
	unsigned char bindings_hash[16];
	struct buf type1, type2; /* raw, for the integrity code; type2 is empty when no type 3 is awaited */
	unsigned char nonce[8];
	uint32_t flags; /* the challenge's, then the type 3's */
	bool mic_used;
	unsigned char exported_key[NTLM_KEY];
	char claim[CLAIM_MOST];
};

/* A type 3 taken apart, names in UTF-8. */
struct claims {
	struct ntlm_authenticate message;
	struct buf user, domain, workstation;
	struct span avs;
};

struct ntlm_acceptor *ntlm_acceptor_new(const struct acceptor_policy *policy, struct span bindings)
{
	struct ntlm_acceptor *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->policy = policy;
	a->bound = bindings.n != 0;
	buf_init(&a->type1, TYPE1_MOST);
	buf_init(&a->type2, TYPE2_MOST);
	if (a->bound && ntlm_bindings_hash(bindings, a->bindings_hash) != 0) {
		ntlm_acceptor_free(a);
		return NULL;
	}
	return a;
}

void ntlm_acceptor_free(struct ntlm_acceptor *a)
{
	if (!a)
		return;
	buf_fini(&a->type1);
	buf_fini(&a->type2);
	OPENSSL_cleanse(a, sizeof(*a));
	free(a);
}

static const char *computer_name(const struct acceptor_policy *p)
{
	return p->netbios_computer && *p->netbios_computer ? p->netbios_computer : "FAIRLEAD";
}

static bool is_domain_member(const struct acceptor_policy *p)
{
	return p->netbios_domain && *p->netbios_domain &&
	       !utf8_eq_nocase(span_of(p->netbios_domain), span_of(computer_name(p)));
}

static int add_name(struct buf *info, enum ntlm_av id, const char *name)
{
	char room[NAME_MOST_BYTES];
	struct buf text;
	if (!name || !*name)
		return 0;
	buf_over(&text, room, sizeof(room));
	int e = utf16_from_utf8(&text, span_of(name), NTLM_CASE_KEPT);
	if (e == 0)
		ntlm_av_add(info, id, buf_span(&text));
	return e;
}

/* The timestamp makes clients send an integrity code and no LM response. */
static int write_target_info(struct buf *info, const struct acceptor_policy *p)
{
	char ticks[8];
	struct buf time;
	buf_over(&time, ticks, sizeof(ticks));
	ntlm_add_filetime(&time, clock_civil_us());
	int e = add_name(info, NTLM_AV_NETBIOS_DOMAIN, is_domain_member(p) ? p->netbios_domain : computer_name(p));
	if (e == 0)
		e = add_name(info, NTLM_AV_NETBIOS_COMPUTER, computer_name(p));
	if (e == 0)
		e = add_name(info, NTLM_AV_DNS_DOMAIN, p->dns_domain);
	if (e == 0)
		e = add_name(info, NTLM_AV_DNS_COMPUTER, p->dns_computer);
	ntlm_av_add(info, NTLM_AV_TIMESTAMP, buf_span(&time));
	ntlm_av_add(info, NTLM_AV_END, SPAN_NONE);
	return e ? e : buf_error(info);
}

static uint32_t challenge_flags(uint32_t asked, bool domain_member)
{
	uint32_t flags = NTLM_NTLM | NTLM_TARGET_INFO | (asked & GRANTED);
	flags |= domain_member ? NTLM_TARGET_DOMAIN : NTLM_TARGET_SERVER;
	return flags | (asked & NTLM_UNICODE || !(asked & NTLM_OEM) ? NTLM_UNICODE : NTLM_OEM);
}

static int write_challenge(struct ntlm_acceptor *a)
{
	char name_room[NAME_MOST_BYTES], info_room[TYPE2_MOST / 2];
	struct buf name, info;
	struct span target = span_of(is_domain_member(a->policy) ? a->policy->netbios_domain : computer_name(a->policy));
	buf_over(&name, name_room, sizeof(name_room));
	buf_over(&info, info_room, sizeof(info_room));
	int e = a->flags & NTLM_UNICODE ? utf16_from_utf8(&name, target, NTLM_CASE_KEPT) : oem_from_utf8(&name, target);
	if (e == 0)
		e = write_target_info(&info, a->policy);
	struct ntlm_challenge challenge = {
		.flags = a->flags, .target_name = buf_span(&name), .target_info = buf_span(&info)};
	memcpy(challenge.nonce, a->nonce, sizeof(challenge.nonce));
	ntlm_challenge_write(&a->type2, &challenge);
	return e ? e : buf_error(&a->type2);
}

enum auth_reason ntlm_acceptor_challenge(struct ntlm_acceptor *a, struct span type1, struct buf *type2)
{
	struct ntlm_negotiate asked;
	buf_clear(&a->type1);
	buf_clear(&a->type2);
	a->mic_used = false;
	if (type1.n > TYPE1_MOST || ntlm_negotiate_parse(type1, &asked) != 0)
		return AUTH_MALFORMED;
	if (asked.flags & NTLM_DATAGRAM)
		return AUTH_DATAGRAM_NTLM;
	a->flags = challenge_flags(asked.flags, is_domain_member(a->policy));
	buf_add(&a->type1, type1);
	if (RAND_bytes(a->nonce, sizeof(a->nonce)) != 1 || write_challenge(a) != 0) {
		buf_clear(&a->type2);
		return AUTH_NO_MEMORY;
	}
	buf_add(type2, buf_span(&a->type2));
	return buf_error(&a->type1) || buf_error(type2) ? AUTH_NO_MEMORY : AUTH_OK;
}

static int read_name(struct buf *to, struct span raw, bool unicode)
{
	buf_init(to, NAME_MOST_BYTES);
	return unicode ? utf8_from_utf16(to, raw) : utf8_from_oem(to, raw);
}

static enum auth_reason read_names(const struct ntlm_acceptor *a, struct claims *c)
{
	/* A type 3 that names no encoding uses the one that was agreed. */
	uint32_t flags = c->message.flags & (NTLM_UNICODE | NTLM_OEM) ? c->message.flags : a->flags;
	bool unicode = flags & NTLM_UNICODE;
	int e = read_name(&c->user, c->message.user, unicode);
	int e2 = read_name(&c->domain, c->message.domain, unicode);
	int e3 = read_name(&c->workstation, c->message.workstation, unicode);
	e = e ? e : e2 ? e2 : e3;
	return e == 0 ? AUTH_OK : e == -ENOMEM ? AUTH_NO_MEMORY : AUTH_MALFORMED;
}

static enum auth_reason is_version_2(struct claims *c)
{
	const struct ntlm_authenticate *m = &c->message;
	if (m->flags & NTLM_DATAGRAM)
		return AUTH_DATAGRAM_NTLM;
	if (m->flags & NTLM_ANONYMOUS || c->user.n == 0 || (m->nt.n == 0 && m->lm.n < NTLM_V1_RESPONSE))
		return AUTH_ANONYMOUS_NTLM;
	if (m->nt.n <= NTLM_V1_RESPONSE)
		return m->nt.n == 0 || m->nt.n == NTLM_V1_RESPONSE ? AUTH_LM_OR_NTLMV1 : AUTH_MALFORMED;
	if (m->nt.n < NTLM_V2_LEAST || m->nt.p[16] != 1 || m->nt.p[17] != 1)
		return AUTH_MALFORMED;
	c->avs = span_make(m->nt.p + NTLM_V2_LEAST, m->nt.n - NTLM_V2_LEAST);
	return AUTH_OK;
}

static void note_claim(struct ntlm_acceptor *a, const struct claims *c)
{
	struct span domain = buf_span(&c->domain), user = buf_span(&c->user), from = buf_span(&c->workstation);
	snprintf(a->claim, sizeof(a->claim), "%.*s%s%.*s%s%.*s", SPAN_ARG(domain), domain.n ? "\\" : "", SPAN_ARG(user),
	         from.n ? " from " : "", SPAN_ARG(from));
}

static enum auth_reason ask_verifier(const struct ntlm_acceptor *a, const struct claims *c, struct identity **who,
                                     unsigned char session_base_key[NTLM_KEY])
{
	struct ntlm_proof proof = {
		.user = buf_span(&c->user),
		.domain = buf_span(&c->domain),
		.workstation = buf_span(&c->workstation),
		.nt_response = (const unsigned char *)c->message.nt.p,
		.nt_response_n = c->message.nt.n,
		.lm_response = (const unsigned char *)c->message.lm.p,
		.lm_response_n = c->message.lm.n,
	};
	const struct verifier *v = verifier_choose(a->policy, proof.user, proof.domain, proof.workstation);
	memcpy(proof.server_challenge, a->nonce, sizeof(proof.server_challenge));
	return v ? v->verify_ntlm(v, &proof, who, session_base_key) : AUTH_NO_VERIFIER;
}

/* A client that exchanges keys sends the exported one, encrypted with the session base key (which with NTLMv2 is the
 * key exchange key). */
static void export_key(struct ntlm_acceptor *a, const struct claims *c, const unsigned char session_base_key[NTLM_KEY])
{
	struct span sent = c->message.session_key;
	a->flags = c->message.flags ? c->message.flags : a->flags & ~NTLM_KEY_EXCH;
	if (a->flags & NTLM_KEY_EXCH && sent.n == NTLM_KEY)
		ntlm_rc4(session_base_key, NTLM_KEY, sent.p, NTLM_KEY, a->exported_key);
	else
		memcpy(a->exported_key, session_base_key, NTLM_KEY);
}

static enum auth_reason check_mic(struct ntlm_acceptor *a, const struct claims *c, struct span type3)
{
	struct span value;
	unsigned char code[16];
	static const char zeros[NTLM_MIC_END - NTLM_MIC_AT];
	bool promised = ntlm_av_find(c->avs, NTLM_AV_FLAGS, &value) && value.n == 4 &&
	                ntlm_u32_at(value, 0) & NTLM_AV_FLAG_MIC;
	if (!promised)
		return a->policy->require_mic ? AUTH_MIC_MISSING : AUTH_OK;
	if (type3.n < NTLM_MIC_END)
		return AUTH_MIC_WRONG;
	struct span parts[5] = {buf_span(&a->type1), buf_span(&a->type2), span_make(type3.p, NTLM_MIC_AT),
	                        span_make(zeros, sizeof(zeros)), span_make(type3.p + NTLM_MIC_END, type3.n - NTLM_MIC_END)};
	if (ntlm_hmac(a->exported_key, NTLM_KEY, parts, 5, code) != 0)
		return AUTH_NO_MEMORY;
	a->mic_used = true;
	return CRYPTO_memcmp(code, type3.p + NTLM_MIC_AT, sizeof(code)) == 0 ? AUTH_OK : AUTH_MIC_WRONG;
}

/* On a connection without TLS there is nothing to bind to, and nothing is demanded. */
static enum auth_reason check_bindings(const struct ntlm_acceptor *a, const struct claims *c)
{
	static const unsigned char none[16];
	struct span value;
	if (!a->bound)
		return AUTH_OK;
	if (!ntlm_av_find(c->avs, NTLM_AV_BINDINGS, &value) || (value.n == 16 && memcmp(value.p, none, 16) == 0))
		return a->policy->require_channel_bindings ? AUTH_BINDINGS_MISSING : AUTH_OK;
	return value.n == 16 && CRYPTO_memcmp(value.p, a->bindings_hash, 16) == 0 ? AUTH_OK : AUTH_BINDINGS_WRONG;
}

static enum auth_reason verify_claims(struct ntlm_acceptor *a, struct claims *c, struct span type3,
                                      struct identity **who)
{
	unsigned char session_base_key[NTLM_KEY] = {0};
	enum auth_reason r = ntlm_authenticate_parse(type3, &c->message) == 0 ? read_names(a, c) : AUTH_MALFORMED;
	if (r == AUTH_OK)
		note_claim(a, c);
	if (r == AUTH_OK)
		r = is_version_2(c);
	if (r == AUTH_OK)
		r = ask_verifier(a, c, who, session_base_key);
	if (r == AUTH_OK) {
		export_key(a, c, session_base_key);
		r = check_mic(a, c, type3);
	}
	if (r == AUTH_OK)
		r = check_bindings(a, c);
	OPENSSL_cleanse(session_base_key, sizeof(session_base_key));
	return r;
}

enum auth_reason ntlm_acceptor_verify(struct ntlm_acceptor *a, struct span type3, struct identity **who)
{
	struct claims claims = {.user = {0}};
	*who = NULL;
	if (a->type2.n == 0)
		return AUTH_MALFORMED;
	enum auth_reason r = verify_claims(a, &claims, type3, who);
	if (r != AUTH_OK && *who) {
		identity_unref(*who);
		*who = NULL;
	}
	buf_fini(&claims.user);
	buf_fini(&claims.domain);
	buf_fini(&claims.workstation);
	buf_clear(&a->type2);
	return r;
}

bool ntlm_acceptor_mic_used(const struct ntlm_acceptor *a)
{
	return a->mic_used;
}

bool ntlm_acceptor_can_sign(const struct ntlm_acceptor *a)
{
	return a->flags & NTLM_SIGN && a->flags & NTLM_EXTENDED_SECURITY;
}

int ntlm_acceptor_sign(const struct ntlm_acceptor *a, bool by_client, struct span message, unsigned char signature[16])
{
	return ntlm_sign(a->exported_key, a->flags, by_client, message, signature);
}

const char *ntlm_acceptor_claim(const struct ntlm_acceptor *a)
{
	return a->claim;
}
