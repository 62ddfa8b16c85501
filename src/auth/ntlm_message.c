/* A field of a message is its length, its room, and an offset from the message's first byte. An empty field may
 * point anywhere, for clients put anything there; any other lies behind the fixed part, inside the message, and
 * shares no byte with another. */
#include "auth/ntlm_message.h"

enum {
	TYPE_AT = 8,
	FIELD = 8,
	VERSION_SIZE = 8,
	NEGOTIATE_LEAST = 16,
	NEGOTIATE_FIXED = 32,
	CHALLENGE_LEAST = 32,
	CHALLENGE_INFO_END = 48,
	CHALLENGE_FIXED = 56,
	AUTHENTICATE_LEAST = 52,
	AUTHENTICATE_FIXED = 64,
};

static const char signature[8] = "NTLMSSP";
/* 10.0.20348, NTLM revision 15: the fields say what layout follows, not who we are. */
static const char version[VERSION_SIZE] = {10, 0, 0x7c, 0x4f, 0, 0, 0, 15};

static uint32_t u16_at(struct span s, size_t at)
{
	return (uint32_t)(unsigned char)s.p[at] | (uint32_t)(unsigned char)s.p[at + 1] << 8;
}

uint32_t ntlm_u32_at(struct span raw, size_t at)
{
	return u16_at(raw, at) | u16_at(raw, at + 2) << 16;
}

void ntlm_add_u16(struct buf *to, uint32_t number)
{
	buf_addc(to, (char)(number & 0xff));
	buf_addc(to, (char)(number >> 8 & 0xff));
}

void ntlm_add_u32(struct buf *to, uint32_t number)
{
	ntlm_add_u16(to, number & 0xffff);
	ntlm_add_u16(to, number >> 16);
}

void ntlm_add_filetime(struct buf *to, int64_t civil_us)
{
	uint64_t ticks = (uint64_t)(civil_us + INT64_C(11644473600000000)) * 10;
	ntlm_add_u32(to, (uint32_t)ticks);
	ntlm_add_u32(to, (uint32_t)(ticks >> 32));
}

static bool is_message(struct span raw, uint32_t type, size_t least)
{
	return raw.n >= least && raw.n <= NTLM_MESSAGE_MOST && memcmp(raw.p, signature, sizeof(signature)) == 0 &&
	       ntlm_u32_at(raw, TYPE_AT) == type;
}

static bool field_at(struct span raw, size_t at, size_t fixed, struct span *out)
{
	size_t n = u16_at(raw, at), offset = ntlm_u32_at(raw, at + 4);
	*out = SPAN_NONE;
	if (n == 0)
		return true;
	if (offset < fixed || offset > raw.n || n > raw.n - offset)
		return false;
	*out = span_make(raw.p + offset, n);
	return true;
}

static bool overlap(const struct span *fields, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = i + 1; k < count; k++)
			if (fields[i].n && fields[k].n && fields[i].p < fields[k].p + fields[k].n &&
			    fields[k].p < fields[i].p + fields[i].n)
				return true;
	return false;
}

int ntlm_negotiate_parse(struct span raw, struct ntlm_negotiate *out)
{
	*out = (struct ntlm_negotiate){0};
	if (!is_message(raw, 1, NEGOTIATE_LEAST))
		return -EINVAL;
	out->flags = ntlm_u32_at(raw, 12);
	if (raw.n < NEGOTIATE_FIXED)
		return 0;
	if (out->flags & NTLM_OEM_DOMAIN && !field_at(raw, 16, NEGOTIATE_FIXED, &out->domain))
		return -EINVAL;
	if (out->flags & NTLM_OEM_WORKSTATION && !field_at(raw, 24, NEGOTIATE_FIXED, &out->workstation))
		return -EINVAL;
	return 0;
}

int ntlm_challenge_parse(struct span raw, struct ntlm_challenge *out)
{
	*out = (struct ntlm_challenge){0};
	if (!is_message(raw, 2, CHALLENGE_LEAST) || !field_at(raw, 12, CHALLENGE_LEAST, &out->target_name))
		return -EINVAL;
	out->flags = ntlm_u32_at(raw, 20);
	memcpy(out->nonce, raw.p + 24, sizeof(out->nonce));
	if (out->flags & NTLM_TARGET_INFO &&
	    (raw.n < CHALLENGE_INFO_END || !field_at(raw, 40, CHALLENGE_INFO_END, &out->target_info)))
		return -EINVAL;
	return 0;
}

/* The oldest clients stop before session key and flags: then a payload begins where these would stand. */
static bool has_flags(struct span raw)
{
	if (raw.n < AUTHENTICATE_FIXED)
		return false;
	for (size_t at = 12; at < AUTHENTICATE_LEAST; at += FIELD)
		if (u16_at(raw, at) && ntlm_u32_at(raw, at + 4) < AUTHENTICATE_FIXED)
			return false;
	return true;
}

int ntlm_authenticate_parse(struct span raw, struct ntlm_authenticate *out)
{
	struct span fields[6] = {{0}};
	*out = (struct ntlm_authenticate){0};
	if (!is_message(raw, 3, AUTHENTICATE_LEAST))
		return -EINVAL;
	bool whole = has_flags(raw);
	for (unsigned i = 0; i < (whole ? 6 : 5); i++)
		if (!field_at(raw, 12 + FIELD * i, whole ? AUTHENTICATE_FIXED : AUTHENTICATE_LEAST, &fields[i]))
			return -EINVAL;
	if (overlap(fields, 6))
		return -EINVAL;
	*out = (struct ntlm_authenticate){.flags = whole ? ntlm_u32_at(raw, 60) : 0,
	                                  .lm = fields[0],
	                                  .nt = fields[1],
	                                  .domain = fields[2],
	                                  .user = fields[3],
	                                  .workstation = fields[4],
	                                  .session_key = fields[5]};
	return 0;
}

static void add_head(struct buf *to, uint32_t type)
{
	buf_add(to, span_make(signature, sizeof(signature)));
	ntlm_add_u32(to, type);
}

/* *offset is where the value will stand; it goes on behind it. */
static void add_field(struct buf *to, struct span value, size_t *offset)
{
	if (value.n > 0xffff)
		to->error = to->error ? to->error : -ENOBUFS;
	ntlm_add_u16(to, (uint32_t)value.n);
	ntlm_add_u16(to, (uint32_t)value.n);
	ntlm_add_u32(to, (uint32_t)*offset);
	*offset += value.n;
}

static void add_zeros(struct buf *to, size_t n)
{
	while (n--)
		buf_addc(to, 0);
}

static void add_version(struct buf *to, uint32_t flags)
{
	if (flags & NTLM_VERSION)
		buf_add(to, span_make(version, sizeof(version)));
	else
		add_zeros(to, sizeof(version));
}

void ntlm_negotiate_write(struct buf *to, uint32_t flags)
{
	add_head(to, 1);
	ntlm_add_u32(to, flags);
	add_zeros(to, 2 * FIELD);
	add_version(to, flags);
}

void ntlm_challenge_write(struct buf *to, const struct ntlm_challenge *challenge)
{
	size_t offset = CHALLENGE_FIXED;
	add_head(to, 2);
	add_field(to, challenge->target_name, &offset);
	ntlm_add_u32(to, challenge->flags);
	buf_add(to, span_make((const char *)challenge->nonce, sizeof(challenge->nonce)));
	add_zeros(to, 8);
	add_field(to, challenge->target_info, &offset);
	add_version(to, challenge->flags);
	buf_add(to, challenge->target_name);
	buf_add(to, challenge->target_info);
}

void ntlm_authenticate_write(struct buf *to, const struct ntlm_authenticate *authenticate)
{
	/* The names first, as Windows does. */
	size_t offset = NTLM_MIC_END;
	struct span domain = authenticate->domain, user = authenticate->user, workstation = authenticate->workstation;
	size_t responses = offset + domain.n + user.n + workstation.n;
	add_head(to, 3);
	add_field(to, authenticate->lm, &responses);
	add_field(to, authenticate->nt, &responses);
	add_field(to, domain, &offset);
	add_field(to, user, &offset);
	add_field(to, workstation, &offset);
	add_field(to, authenticate->session_key, &responses);
	ntlm_add_u32(to, authenticate->flags);
	add_version(to, authenticate->flags);
	add_zeros(to, NTLM_MIC_END - NTLM_MIC_AT);
	buf_add(to, domain);
	buf_add(to, user);
	buf_add(to, workstation);
	buf_add(to, authenticate->lm);
	buf_add(to, authenticate->nt);
	buf_add(to, authenticate->session_key);
}

bool ntlm_av_next(struct span *rest, unsigned *id, struct span *value)
{
	if (rest->n < 4)
		return false;
	size_t n = u16_at(*rest, 2);
	*id = u16_at(*rest, 0);
	if (n > rest->n - 4)
		return false;
	*value = span_make(rest->p + 4, n);
	*rest = *id == NTLM_AV_END ? SPAN_NONE : span_make(value->p + n, rest->n - 4 - n);
	return *id != NTLM_AV_END;
}

bool ntlm_av_find(struct span avs, enum ntlm_av id, struct span *value)
{
	unsigned found;
	while (ntlm_av_next(&avs, &found, value))
		if (found == id)
			return true;
	*value = SPAN_NONE;
	return false;
}

void ntlm_av_add(struct buf *to, enum ntlm_av id, struct span value)
{
	if (value.n > 0xffff)
		to->error = to->error ? to->error : -ENOBUFS;
	ntlm_add_u16(to, id);
	ntlm_add_u16(to, (uint32_t)value.n);
	buf_add(to, value);
}
