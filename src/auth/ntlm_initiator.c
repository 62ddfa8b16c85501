#include "auth/ntlm_initiator.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/ntlm_crypto.h"
#include "auth/ntlm_message.h"
#include "auth/secret.h"
#include "base/clock.h"

enum { NAME_MOST_BYTES = 2048, TYPE1_MOST = 64, WORKSTATION_MOST = 15 };

/* Signing is asked for because SPNEGO's list of mechanisms is signed with it. */
#define ASKED                                                                                   \
	(NTLM_UNICODE | NTLM_OEM | NTLM_REQUEST_TARGET | NTLM_SIGN | NTLM_NTLM | NTLM_ALWAYS_SIGN | \
	 NTLM_EXTENDED_SECURITY | NTLM_TARGET_INFO | NTLM_VERSION | NTLM_128 | NTLM_KEY_EXCH | NTLM_56)

struct ntlm_initiator {
	const struct initiator_credentials *credentials;
	unsigned char bindings_hash[16]; /* zeros: none */
	char type1_room[TYPE1_MOST];
	struct buf type1;
	uint32_t flags;
	bool mic_used;
	unsigned char exported_key[NTLM_KEY];
};

/* What goes into a type 3, each in its own room. */
struct answer {
	struct buf domain, user, workstation, nt;
	char domain_room[NAME_MOST_BYTES], user_room[NAME_MOST_BYTES], workstation_room[2 * WORKSTATION_MOST];
	unsigned char lm[24], session_key[NTLM_KEY], session_base_key[NTLM_KEY];
	size_t session_key_n;
};

struct ntlm_initiator *ntlm_initiator_new(const struct initiator_credentials *credentials, struct span bindings)
{
	struct ntlm_initiator *i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	i->credentials = credentials;
	buf_over(&i->type1, i->type1_room, sizeof(i->type1_room));
	if (bindings.n && ntlm_bindings_hash(bindings, i->bindings_hash) != 0) {
		ntlm_initiator_free(i);
		return NULL;
	}
	return i;
}

void ntlm_initiator_free(struct ntlm_initiator *i)
{
	if (!i)
		return;
	OPENSSL_cleanse(i, sizeof(*i));
	free(i);
}

enum auth_reason ntlm_initiator_negotiate(struct ntlm_initiator *i, struct buf *type1)
{
	buf_clear(&i->type1);
	i->mic_used = false;
	ntlm_negotiate_write(&i->type1, ASKED);
	buf_add(type1, buf_span(&i->type1));
	return buf_error(type1) ? AUTH_NO_MEMORY : AUTH_OK;
}

/* The front of our host name, as domain controllers log it. */
static void workstation_name(char name[WORKSTATION_MOST + 1])
{
	char host[256] = "";
	size_t n = 0;
	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	for (; n < WORKSTATION_MOST && host[n] && host[n] != '.' && !(host[n] & 0x80); n++)
		name[n] = host[n] >= 'a' && host[n] <= 'z' ? (char)(host[n] - 0x20) : host[n];
	name[n] = '\0';
}

static int write_names(const struct ntlm_initiator *i, struct answer *a)
{
	char workstation[WORKSTATION_MOST + 1];
	struct span names[3] = {span_of(i->credentials->domain), span_of(i->credentials->user)};
	struct buf *const texts[3] = {&a->domain, &a->user, &a->workstation};
	int e = 0;
	workstation_name(workstation);
	names[2] = span_of(workstation);
	buf_over(&a->domain, a->domain_room, sizeof(a->domain_room));
	buf_over(&a->user, a->user_room, sizeof(a->user_room));
	buf_over(&a->workstation, a->workstation_room, sizeof(a->workstation_room));
	for (unsigned n = 0; n < 3 && e == 0; n++)
		e = i->flags & NTLM_UNICODE ? utf16_from_utf8(texts[n], names[n], NTLM_CASE_KEPT)
		                            : oem_from_utf8(texts[n], names[n]);
	return e;
}

/* The challenge's AV pairs, with ours in place of those that are a client's to say. */
static enum auth_reason write_target_info(const struct ntlm_initiator *i, struct buf *to, struct span theirs)
{
	char room[NAME_MOST_BYTES];
	struct buf spn, flag_bytes;
	char flag_room[4];
	uint32_t flags = 0;
	unsigned id;
	struct span value, rest = theirs;
	while (ntlm_av_next(&rest, &id, &value)) {
		if (id == NTLM_AV_FLAGS && value.n == 4)
			flags = ntlm_u32_at(value, 0);
		else if (id != NTLM_AV_FLAGS && id != NTLM_AV_TARGET_NAME && id != NTLM_AV_BINDINGS)
			ntlm_av_add(to, id, value);
	}
	if (rest.n)
		return AUTH_MALFORMED;
	buf_over(&flag_bytes, flag_room, sizeof(flag_room));
	ntlm_add_u32(&flag_bytes, flags | (i->mic_used ? NTLM_AV_FLAG_MIC : 0));
	if (flags || i->mic_used)
		ntlm_av_add(to, NTLM_AV_FLAGS, buf_span(&flag_bytes));
	buf_over(&spn, room, sizeof(room));
	if (utf16_from_utf8(&spn, span_of(i->credentials->spn), NTLM_CASE_KEPT) != 0)
		return AUTH_MALFORMED;
	if (theirs.n) {
		ntlm_av_add(to, NTLM_AV_BINDINGS, span_make((const char *)i->bindings_hash, sizeof(i->bindings_hash)));
		ntlm_av_add(to, NTLM_AV_TARGET_NAME, buf_span(&spn));
	}
	ntlm_av_add(to, NTLM_AV_END, SPAN_NONE);
	return AUTH_OK;
}

static int response_key(const struct initiator_credentials *c, unsigned char key[NTLM_KEY])
{
	unsigned char hash[NTLM_KEY];
	int e = 0;
	if (c->nt_hash)
		memcpy(hash, c->nt_hash, NTLM_KEY);
	else
		e = ntlm_nt_hash(span_of(c->password), hash);
	if (e == 0)
		e = ntlm_response_key(hash, span_of(c->user), span_of(c->domain), NTLM_CASE_UPPER, key);
	OPENSSL_cleanse(hash, sizeof(hash));
	return e;
}

/* The blob (MS-NLMP 2.2.2.7) behind room for the proof. */
static enum auth_reason write_blob(const struct ntlm_initiator *i, struct buf *nt,
                                   const struct ntlm_challenge *challenge, const unsigned char client_challenge[8])
{
	static const char zeros[NTLM_KEY];
	struct span time;
	buf_add(nt, span_make(zeros, NTLM_KEY));
	buf_add(nt, span_make("\1\1\0\0\0\0\0\0", 8));
	if (ntlm_av_find(challenge->target_info, NTLM_AV_TIMESTAMP, &time) && time.n == 8)
		buf_add(nt, time);
	else
		ntlm_add_filetime(nt, clock_civil_us());
	buf_add(nt, span_make((const char *)client_challenge, 8));
	buf_add(nt, span_make(zeros, 4));
	enum auth_reason r = write_target_info(i, nt, challenge->target_info);
	buf_add(nt, span_make(zeros, 4));
	return r != AUTH_OK ? r : nt->n > 0xffff || buf_error(nt) == -ENOBUFS ? AUTH_MALFORMED : AUTH_OK;
}

/* LMv2, for servers that give no time; those that do want zeros. */
static int write_lm(const struct ntlm_initiator *i, struct answer *a, const unsigned char key[NTLM_KEY],
                    const struct ntlm_challenge *challenge, const unsigned char client_challenge[8])
{
	memset(a->lm, 0, sizeof(a->lm));
	if (i->mic_used)
		return 0;
	struct span parts[2] = {span_make((const char *)challenge->nonce, 8), span_make((const char *)client_challenge, 8)};
	memcpy(a->lm + 16, client_challenge, 8);
	return ntlm_hmac(key, NTLM_KEY, parts, 2, a->lm);
}

static enum auth_reason write_responses(const struct ntlm_initiator *i, struct answer *a,
                                        const struct ntlm_challenge *challenge)
{
	unsigned char key[NTLM_KEY] = {0}, client_challenge[8];
	enum auth_reason r = AUTH_NO_MEMORY;
	buf_init(&a->nt, NTLM_MESSAGE_MOST);
	int e = response_key(i->credentials, key);
	if (e == 0 && RAND_bytes(client_challenge, sizeof(client_challenge)) == 1)
		r = write_blob(i, &a->nt, challenge, client_challenge);
	if (r == AUTH_OK && write_lm(i, a, key, challenge, client_challenge) != 0)
		r = AUTH_NO_MEMORY;
	if (r == AUTH_OK && ntlm_prove(key, challenge->nonce, span_make(a->nt.p + NTLM_KEY, a->nt.n - NTLM_KEY),
	                               (unsigned char *)a->nt.p, a->session_base_key) != 0)
		r = AUTH_NO_MEMORY;
	OPENSSL_cleanse(key, sizeof(key));
	return e == -EINVAL ? AUTH_MALFORMED : r;
}

static enum auth_reason export_key(struct ntlm_initiator *i, struct answer *a)
{
	a->session_key_n = 0;
	memcpy(i->exported_key, a->session_base_key, NTLM_KEY);
	if (!(i->flags & NTLM_KEY_EXCH) || !(i->flags & NTLM_SIGN)) {
		i->flags &= ~NTLM_KEY_EXCH;
		return AUTH_OK;
	}
	if (RAND_bytes(i->exported_key, NTLM_KEY) != 1)
		return AUTH_NO_MEMORY;
	ntlm_rc4(a->session_base_key, NTLM_KEY, i->exported_key, NTLM_KEY, a->session_key);
	a->session_key_n = NTLM_KEY;
	return AUTH_OK;
}

static enum auth_reason write_type3(struct ntlm_initiator *i, const struct answer *a, struct span type2,
                                    struct buf *type3)
{
	struct ntlm_authenticate message = {
		.flags = i->flags,
		.lm = span_make((const char *)a->lm, sizeof(a->lm)),
		.nt = buf_span(&a->nt),
		.domain = buf_span(&a->domain),
		.user = buf_span(&a->user),
		.workstation = buf_span(&a->workstation),
		.session_key = span_make((const char *)a->session_key, a->session_key_n),
	};
	size_t at = type3->n;
	unsigned char code[16];
	ntlm_authenticate_write(type3, &message);
	if (buf_error(type3))
		return buf_error(type3) == -ENOMEM ? AUTH_NO_MEMORY : AUTH_MALFORMED;
	struct span parts[3] = {buf_span(&i->type1), type2, span_make(type3->p + at, type3->n - at)};
	if (!i->mic_used)
		return AUTH_OK;
	if (ntlm_hmac(i->exported_key, NTLM_KEY, parts, 3, code) != 0)
		return AUTH_NO_MEMORY;
	memcpy(type3->p + at + NTLM_MIC_AT, code, sizeof(code));
	return AUTH_OK;
}

enum auth_reason ntlm_initiator_authenticate(struct ntlm_initiator *i, struct span type2, struct buf *type3)
{
	struct ntlm_challenge challenge;
	struct answer a = {.nt = {0}};
	struct span time;
	if (ntlm_challenge_parse(type2, &challenge) != 0)
		return AUTH_MALFORMED;
	i->flags = challenge.flags & ASKED & ~(challenge.flags & NTLM_UNICODE ? NTLM_OEM : 0);
	i->mic_used = ntlm_av_find(challenge.target_info, NTLM_AV_TIMESTAMP, &time) && time.n == 8;
	enum auth_reason r = write_names(i, &a) == 0 ? AUTH_OK : AUTH_MALFORMED;
	if (r == AUTH_OK)
		r = write_responses(i, &a, &challenge);
	if (r == AUTH_OK)
		r = export_key(i, &a);
	if (r == AUTH_OK)
		r = write_type3(i, &a, type2, type3);
	secret_fini(&a.nt);
	OPENSSL_cleanse(&a, sizeof(a));
	return r;
}

bool ntlm_initiator_mic_used(const struct ntlm_initiator *i)
{
	return i->mic_used;
}

bool ntlm_initiator_can_sign(const struct ntlm_initiator *i)
{
	return i->flags & NTLM_SIGN && i->flags & NTLM_EXTENDED_SECURITY;
}

int ntlm_initiator_sign(const struct ntlm_initiator *i, bool by_client, struct span message,
                        unsigned char signature[16])
{
	return ntlm_sign(i->exported_key, i->flags, by_client, message, signature);
}
