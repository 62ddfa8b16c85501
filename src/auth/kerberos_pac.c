/* NDR in few words: a structure's fixed part stands first, little-endian, aligned to four bytes; what its pointers mean follows in the order of the
 * pointers, each with a count of its own before it, which must agree with the count in the fixed part. A pointer of zero has nothing. */
#include "auth/kerberos_pac.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/ntlm_text.h"
#include "base/cleanup.h"

enum {
	SUB_AUTHORITIES_MOST = 15,
	GROUP_ENABLED = 0x4,
	GROUP_DENY_ONLY = 0x10,
};

/* Reading past the end gives zeros and is remembered. */
struct ndr {
	const unsigned char *p;
	size_t n, at;
	bool bad;
};

static const unsigned char *take(struct ndr *s, size_t n)
{
	if (s->bad || n > s->n - s->at) {
		s->bad = true;
		return NULL;
	}
	s->at += n;
	return s->p + s->at - n;
}

static uint16_t take16(struct ndr *s)
{
	const unsigned char *p = take(s, 2);
	return p ? (uint16_t)(p[0] | p[1] << 8) : 0;
}

static uint32_t take32(struct ndr *s)
{
	const unsigned char *p = take(s, 4);
	return p ? p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24 : 0;
}

static void align(struct ndr *s)
{
	(void)take(s, -s->at & 3);
}

/* ---- the fixed part */

struct string { /* RPC_UNICODE_STRING */
	uint16_t bytes;
	uint32_t pointer;
};

struct fixed {
	struct string name, full_name, script, profile, home, drive, server, domain;
	uint32_t user, primary_group, groups, groups_pointer, domain_sid_pointer;
	uint32_t extras, extras_pointer, resource_sid_pointer, resources, resources_pointer;
};

static struct string take_string(struct ndr *s)
{
	struct string t;
	t.bytes = take16(s);
	(void)take16(s); /* what there is room for */
	t.pointer = take32(s);
	return t;
}

static void take_fixed(struct ndr *s, struct fixed *f)
{
	(void)take(s, 6 * 8); /* times of logon, logoff, kick-off and of the password */
	f->name = take_string(s);
	f->full_name = take_string(s);
	f->script = take_string(s);
	f->profile = take_string(s);
	f->home = take_string(s);
	f->drive = take_string(s);
	(void)take(s, 2 * 2); /* counts of logons and of bad passwords */
	f->user = take32(s);
	f->primary_group = take32(s);
	f->groups = take32(s);
	f->groups_pointer = take32(s);
	(void)take(s, 4 + 16); /* flags, session key */
	f->server = take_string(s);
	f->domain = take_string(s);
	f->domain_sid_pointer = take32(s);
	(void)take(s, 2 * 4 + 4 + 4 + 2 * 8 + 4 + 4); /* reserved, account control, status, interactive logons, reserved */
	f->extras = take32(s);
	f->extras_pointer = take32(s);
	f->resource_sid_pointer = take32(s);
	f->resources = take32(s);
	f->resources_pointer = take32(s);
}

/* ---- what the pointers mean */

static struct span take_text(struct ndr *s, struct string t)
{
	if (t.pointer == 0)
		return SPAN_NONE;
	align(s);
	uint32_t most = take32(s), offset = take32(s), count = take32(s);
	if (offset != 0 || count > most || count != t.bytes / 2U || t.bytes % 2)
		s->bad = true;
	const unsigned char *p = take(s, (size_t)count * 2);
	return p ? span_make((const char *)p, (size_t)count * 2) : SPAN_NONE;
}

static void take_name(struct ndr *s, struct string t, char *out, size_t room)
{
	struct span text = take_text(s, t);
	struct buf b;
	buf_over(&b, out, room - 1);
	if (!s->bad && utf8_from_utf16(&b, text) != 0)
		s->bad = true;
	out[s->bad ? 0 : b.n] = '\0';
}

/* RPC_SID. */
struct sid {
	unsigned count;
	uint64_t authority;
	uint32_t sub[SUB_AUTHORITIES_MOST];
};

static void take_sid(struct ndr *s, uint32_t pointer, struct sid *out)
{
	*out = (struct sid){0};
	if (pointer == 0)
		return;
	align(s);
	uint32_t count = take32(s);
	const unsigned char *head = take(s, 8);
	if (!head || head[0] != 1 || head[1] != count || count > SUB_AUTHORITIES_MOST) {
		s->bad = true;
		return;
	}
	for (unsigned i = 2; i < 8; i++)
		out->authority = out->authority << 8 | head[i];
	for (out->count = 0; out->count < count; out->count++)
		out->sub[out->count] = take32(s);
}

static void sid_text(const struct sid *sid, const uint32_t *rid, char out[PAC_SID_TEXT])
{
	struct buf b;
	buf_over(&b, out, PAC_SID_TEXT - 1);
	buf_addf(&b, "S-1-%llu", (unsigned long long)sid->authority);
	for (unsigned i = 0; i < sid->count; i++)
		buf_addf(&b, "-%u", (unsigned)sid->sub[i]);
	if (rid)
		buf_addf(&b, "-%u", (unsigned)*rid);
	out[b.n] = '\0';
}

/* ---- groups */

static bool counts(uint32_t attributes)
{
	return (attributes & GROUP_ENABLED) && !(attributes & GROUP_DENY_ONLY);
}

static void add_group(struct pac_logon *l, const struct sid *sid, const uint32_t *rid)
{
	char text[PAC_SID_TEXT];
	sid_text(sid, rid, text);
	for (unsigned i = 0; i < l->group_count; i++)
		if (strcmp(l->groups[i].text, text) == 0)
			return;
	memcpy(l->groups[l->group_count++].text, text, sizeof(text));
}

/* GROUP_MEMBERSHIP[count], members of one domain. Its SID may stand behind it, so the numbers are only located here. */
static const unsigned char *take_members(struct ndr *s, uint32_t pointer, uint32_t count)
{
	if (pointer == 0)
		return NULL;
	align(s);
	if (take32(s) != count)
		s->bad = true;
	return take(s, (size_t)count * 8);
}

static void add_members(struct pac_logon *l, const struct sid *domain, const unsigned char *members, uint32_t count)
{
	struct ndr s = {.p = members, .n = (size_t)count * 8};
	for (uint32_t i = 0; members && domain->count && i < count; i++) {
		uint32_t rid = take32(&s);
		if (counts(take32(&s)))
			add_group(l, domain, &rid);
	}
}

/* KERB_SID_AND_ATTRIBUTES[count]: all pointers first, then the SIDs. */
static void take_extras(struct ndr *s, struct pac_logon *l, uint32_t pointer, uint32_t count)
{
	if (pointer == 0)
		return;
	align(s);
	if (take32(s) != count)
		s->bad = true;
	const unsigned char *list = take(s, (size_t)count * 8);
	struct ndr heads = {.p = list, .n = (size_t)count * 8};
	for (uint32_t i = 0; list && i < count; i++) {
		struct sid sid;
		uint32_t sid_pointer = take32(&heads), attributes = take32(&heads);
		take_sid(s, sid_pointer, &sid);
		if (!s->bad && sid.count && counts(attributes))
			add_group(l, &sid, NULL);
	}
}

/* ---- the whole */

static bool starts_as_serialized(struct ndr *s)
{
	const unsigned char *common = take(s, 8);
	uint32_t n = take32(s);
	(void)take32(s);
	return common && common[0] == 1 && common[1] == 0x10 && common[2] == 8 && common[3] == 0 && n <= s->n - s->at &&
	       take32(s) != 0;
}

static void take_all(struct ndr *s, const struct fixed *f, struct pac_logon *l)
{
	struct sid domain, resource_domain;
	take_name(s, f->name, l->name, sizeof(l->name));
	(void)take_text(s, f->full_name);
	(void)take_text(s, f->script);
	(void)take_text(s, f->profile);
	(void)take_text(s, f->home);
	(void)take_text(s, f->drive);
	const unsigned char *members = take_members(s, f->groups_pointer, f->groups);
	(void)take_text(s, f->server);
	take_name(s, f->domain, l->domain, sizeof(l->domain));
	take_sid(s, f->domain_sid_pointer, &domain);
	if (s->bad)
		return;
	if (domain.count) {
		sid_text(&domain, &f->user, l->user_sid);
		add_group(l, &domain, &f->primary_group);
	}
	add_members(l, &domain, members, f->groups);
	take_extras(s, l, f->extras_pointer, f->extras);
	take_sid(s, f->resource_sid_pointer, &resource_domain);
	members = take_members(s, f->resources_pointer, f->resources);
	if (!s->bad)
		add_members(l, &resource_domain, members, f->resources);
}

int pac_logon_read(struct span ndr, struct pac_logon *out)
{
	struct ndr s = {.p = (const unsigned char *)ndr.p, .n = ndr.n};
	struct fixed f = {0};
	*out = (struct pac_logon){0};
	if (!starts_as_serialized(&s))
		return -EBADMSG;
	take_fixed(&s, &f);
	if (s.bad || f.groups > PAC_GROUP_LIMIT || f.extras > PAC_GROUP_LIMIT || f.resources > PAC_GROUP_LIMIT)
		return -EBADMSG;
	out->groups = calloc(1 + (size_t)f.groups + f.extras + f.resources, sizeof(*out->groups));
	if (!out->groups)
		return -ENOMEM;
	take_all(&s, &f, out);
	if (!s.bad && out->name[0])
		return 0;
	pac_logon_fini(out);
	return -EBADMSG;
}

void pac_logon_fini(struct pac_logon *l)
{
	free(l->groups);
	*l = (struct pac_logon){0};
}
