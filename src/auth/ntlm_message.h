/* The three messages of NTLM and the target information in them (MS-NLMP 2.2.1, 2.2.2.1): read strictly, written as
 * Windows lays them out.
 *
 * Owner: what was parsed points into the message. Threads: any. Errors: 0 or -EINVAL from parsing; writing sticks in
 * the buffer. */
#ifndef FAIRLEAD_AUTH_NTLM_MESSAGE_H
#define FAIRLEAD_AUTH_NTLM_MESSAGE_H

#include "base/buf.h"

enum {
	NTLM_MESSAGE_MOST = 65536,
	NTLM_MIC_AT = 72,
	NTLM_MIC_END = 88,
	NTLM_V1_RESPONSE = 24,
	NTLM_BLOB_AVS =
		28, /* where a client's AV pairs begin, behind versions, time, client challenge and reserved bytes */
	NTLM_V2_LEAST = 16 + NTLM_BLOB_AVS,
};

/* MS-NLMP 2.2.2.5 */
#define NTLM_UNICODE (UINT32_C(1) << 0)
#define NTLM_OEM (UINT32_C(1) << 1)
#define NTLM_REQUEST_TARGET (UINT32_C(1) << 2)
#define NTLM_SIGN (UINT32_C(1) << 4)
#define NTLM_SEAL (UINT32_C(1) << 5)
#define NTLM_DATAGRAM (UINT32_C(1) << 6)
#define NTLM_NTLM (UINT32_C(1) << 9)
#define NTLM_ANONYMOUS (UINT32_C(1) << 11)
#define NTLM_OEM_DOMAIN (UINT32_C(1) << 12)
#define NTLM_OEM_WORKSTATION (UINT32_C(1) << 13)
#define NTLM_ALWAYS_SIGN (UINT32_C(1) << 15)
#define NTLM_TARGET_DOMAIN (UINT32_C(1) << 16)
#define NTLM_TARGET_SERVER (UINT32_C(1) << 17)
#define NTLM_EXTENDED_SECURITY (UINT32_C(1) << 19)
#define NTLM_IDENTIFY (UINT32_C(1) << 20)
#define NTLM_TARGET_INFO (UINT32_C(1) << 23)
#define NTLM_VERSION (UINT32_C(1) << 25)
#define NTLM_128 (UINT32_C(1) << 29)
#define NTLM_KEY_EXCH (UINT32_C(1) << 30)
#define NTLM_56 (UINT32_C(1) << 31)

enum ntlm_av {
	NTLM_AV_END,
	NTLM_AV_NETBIOS_COMPUTER,
	NTLM_AV_NETBIOS_DOMAIN,
	NTLM_AV_DNS_COMPUTER,
	NTLM_AV_DNS_DOMAIN,
	NTLM_AV_DNS_TREE,
	NTLM_AV_FLAGS,
	NTLM_AV_TIMESTAMP,
	NTLM_AV_SINGLE_HOST,
	NTLM_AV_TARGET_NAME,
	NTLM_AV_BINDINGS,
};
enum { NTLM_AV_FLAG_MIC = 2 };

/* Type 1. Sixteen bytes are enough, as Windows 9x sent them. */
struct ntlm_negotiate {
	uint32_t flags;
	struct span domain, workstation; /* OEM */
};
MUST_CHECK int ntlm_negotiate_parse(struct span raw, struct ntlm_negotiate *out);
void ntlm_negotiate_write(struct buf *to, uint32_t flags);

/* Type 2. */
struct ntlm_challenge {
	uint32_t flags;
	unsigned char nonce[8];
	struct span target_name; /* UTF-16LE or OEM, as the flags say */
	struct span target_info; /* AV pairs */
};
MUST_CHECK int ntlm_challenge_parse(struct span raw, struct ntlm_challenge *out);
void ntlm_challenge_write(struct buf *to, const struct ntlm_challenge *challenge);

/* Type 3. */
struct ntlm_authenticate {
	uint32_t flags; /* 0 in the oldest form, which has none */
	struct span lm, nt, domain, user, workstation, session_key;
};
MUST_CHECK int ntlm_authenticate_parse(struct span raw, struct ntlm_authenticate *out);
/* With an integrity code of zeros at NTLM_MIC_AT. */
void ntlm_authenticate_write(struct buf *to, const struct ntlm_authenticate *authenticate);

/* Takes the next AV pair off *rest. False at the end; *rest is then empty unless the pairs are malformed. */
bool ntlm_av_next(struct span *rest, unsigned *id, struct span *value);
bool ntlm_av_find(struct span avs, enum ntlm_av id, struct span *value);
void ntlm_av_add(struct buf *to, enum ntlm_av id, struct span value);

void ntlm_add_u16(struct buf *to, uint32_t number);
void ntlm_add_u32(struct buf *to, uint32_t number);
uint32_t ntlm_u32_at(struct span raw, size_t at);
/* Of messages and blobs: hundreds of nanoseconds since 1601, little-endian, 8 bytes. */
void ntlm_add_filetime(struct buf *to, int64_t civil_us);

#endif
