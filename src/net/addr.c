#include "net/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { V4_BITS = 32, V6_BITS = 128 };

socklen_t addr_length(const struct addr *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

uint16_t addr_port(const struct addr *a)
{
	return ntohs(a->sa.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

void addr_set_port(struct addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET6)
		a->v6.sin6_port = htons(port);
	else
		a->v4.sin_port = htons(port);
}

/* inet_pton() takes neither decimal, octal nor short forms. */
int addr_parse(struct span text, uint16_t port, struct addr *out)
{
	char copy[INET6_ADDRSTRLEN];
	bool bracketed = text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';
	if (bracketed)
		text = span_make(text.p + 1, text.n - 2);
	if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, '\0', text.n))
		return -EINVAL;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	*out = (struct addr){0};
	if (!bracketed && inet_pton(AF_INET, copy, &out->v4.sin_addr) == 1)
		out->v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, copy, &out->v6.sin6_addr) == 1)
		out->v6.sin6_family = AF_INET6;
	else
		return -EINVAL;
	addr_set_port(out, port);
	return 0;
}

void addr_format(const struct addr *a, bool with_port, char out[ADDR_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "-";
	bool v6 = a->sa.sa_family == AF_INET6;
	if (v6)
		inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
	else if (a->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
	if (!with_port || a->sa.sa_family == AF_UNSPEC)
		snprintf(out, ADDR_TEXT, "%s", host);
	else
		snprintf(out, ADDR_TEXT, v6 ? "[%s]:%u" : "%s:%u", host, addr_port(a));
}

/* The address's bytes in network order, and how many bits they are. */
static const uint8_t *bytes_of(const struct addr *a, unsigned *bits)
{
	bool v6 = a->sa.sa_family == AF_INET6;
	*bits = v6 ? V6_BITS : V4_BITS;
	return v6 ? a->v6.sin6_addr.s6_addr : (const uint8_t *)&a->v4.sin_addr;
}

bool addr_same_host(const struct addr *a, const struct addr *b)
{
	struct addr one = *a, two = *b;
	if (one.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&one.v6.sin6_addr))
		addr_unmap(&one);
	if (two.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&two.v6.sin6_addr))
		addr_unmap(&two);
	if (one.sa.sa_family != two.sa.sa_family)
		return false;
	if (one.sa.sa_family == AF_INET6 && one.v6.sin6_scope_id != two.v6.sin6_scope_id)
		return false;
	unsigned bits;
	const uint8_t *p = bytes_of(&one, &bits);
	return memcmp(p, bytes_of(&two, &bits), bits / 8) == 0;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return a->sa.sa_family == b->sa.sa_family && addr_port(a) == addr_port(b) && addr_same_host(a, b);
}

void addr_unmap(struct addr *a)
{
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t nothing[12] = {0};
	static const uint8_t one[4] = {0, 0, 0, 1};
	if (a->sa.sa_family != AF_INET6)
		return;
	const uint8_t *p = a->v6.sin6_addr.s6_addr;
	bool mapped = IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr);
	/* :: and ::1 look compatible and are not. */
	bool compatible = memcmp(p, nothing, 12) == 0 && memcmp(p + 12, nothing, 4) != 0 && memcmp(p + 12, one, 4) != 0;
	if (!mapped && !compatible && memcmp(p, nat64, 12) != 0)
		return;
	struct addr v4 = {.v4 = {.sin_family = AF_INET, .sin_port = a->v6.sin6_port}};
	memcpy(&v4.v4.sin_addr, p + 12, 4);
	*a = v4;
}

static bool within(const struct addr *a, const uint8_t *base, unsigned base_bits, unsigned bits)
{
	unsigned has;
	const uint8_t *p = bytes_of(a, &has);
	if (has != base_bits || memcmp(p, base, bits / 8) != 0)
		return false;
	unsigned rest = bits % 8;
	return rest == 0 || ((p[bits / 8] ^ base[bits / 8]) & (0xff << (8 - rest)) & 0xff) == 0;
}

static bool v4_within(const struct addr *a, uint8_t b0, uint8_t b1, unsigned bits)
{
	const uint8_t base[4] = {b0, b1};
	return a->sa.sa_family == AF_INET && within(a, base, V4_BITS, bits);
}

static struct addr unmapped(const struct addr *a)
{
	struct addr u = *a;
	addr_unmap(&u);
	return u;
}

bool addr_is_loopback(const struct addr *a)
{
	struct addr u = unmapped(a);
	if (u.sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&u.v6.sin6_addr);
	return v4_within(&u, 127, 0, 8);
}

bool addr_is_link_local(const struct addr *a)
{
	struct addr u = unmapped(a);
	if (u.sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LINKLOCAL(&u.v6.sin6_addr);
	return v4_within(&u, 169, 254, 16);
}

bool addr_is_unspecified(const struct addr *a)
{
	struct addr u = unmapped(a);
	if (u.sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&u.v6.sin6_addr);
	return u.sa.sa_family == AF_INET && u.v4.sin_addr.s_addr == 0;
}

bool addr_is_private(const struct addr *a)
{
	struct addr u = unmapped(a);
	if (u.sa.sa_family == AF_INET6)
		return (u.v6.sin6_addr.s6_addr[0] & 0xfe) == 0xfc;
	return v4_within(&u, 10, 0, 8) || v4_within(&u, 172, 16, 12) || v4_within(&u, 192, 168, 16);
}

int network_parse(struct span text, struct network *out)
{
	const char *slash = memchr(text.p ? text.p : "", '/', text.n);
	struct span host = slash ? span_make(text.p, (size_t)(slash - text.p)) : text;
	unsigned most;
	int r = addr_parse(host, 0, &out->base);
	if (r != 0)
		return r;
	bytes_of(&out->base, &most);
	out->bits = most;
	if (!slash)
		return 0;
	uint64_t bits;
	r = span_to_u64(span_make(slash + 1, text.n - host.n - 1), most, &bits);
	out->bits = (unsigned)bits;
	return r;
}

bool network_has(const struct network *n, const struct addr *a)
{
	struct addr u = *a;
	if (u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&u.v6.sin6_addr) && n->base.sa.sa_family == AF_INET)
		addr_unmap(&u);
	unsigned bits;
	const uint8_t *base = bytes_of(&n->base, &bits);
	return (u.sa.sa_family == AF_INET || u.sa.sa_family == AF_INET6) && within(&u, base, bits, n->bits);
}
