#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

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

/* Four decimal numbers without leading zeros: what inet_pton() takes, and nothing that other readers take for octal. */
static bool is_dotted_quad(const char *text)
{
	struct in_addr unused;
	return inet_pton(AF_INET, text, &unused) == 1;
}

int addr_parse(struct span text, uint16_t port, struct addr *out)
{
	char copy[INET6_ADDRSTRLEN + 1];
	memset(out, 0, sizeof(*out));
	if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') {
		text.p++;
		text.n -= 2;
		if (!memchr(text.p, ':', text.n))
			return -EINVAL;
	}
	if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, '\0', text.n))
		return -EINVAL;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (is_dotted_quad(copy)) {
		out->v4.sin_family = AF_INET;
		inet_pton(AF_INET, copy, &out->v4.sin_addr);
	} else if (inet_pton(AF_INET6, copy, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
	} else {
		return -EINVAL;
	}
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
	if (with_port && a->sa.sa_family != AF_UNSPEC)
		snprintf(out, ADDR_TEXT, v6 ? "[%s]:%u" : "%s:%u", host, addr_port(a));
	else
		snprintf(out, ADDR_TEXT, "%s", host);
}

/* The address alone, in 16 bytes. */
static struct in6_addr widened(const struct addr *a)
{
	struct in6_addr wide = {0};
	if (a->sa.sa_family == AF_INET6)
		return a->v6.sin6_addr;
	wide.s6_addr[10] = wide.s6_addr[11] = 0xff;
	memcpy(&wide.s6_addr[12], &a->v4.sin_addr, 4);
	return wide;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return a->sa.sa_family == b->sa.sa_family && addr_same_host(a, b) && addr_port(a) == addr_port(b);
}

bool addr_same_host(const struct addr *a, const struct addr *b)
{
	struct in6_addr x = widened(a), y = widened(b);
	return memcmp(&x, &y, sizeof(x)) == 0;
}

void addr_unmap(struct addr *a)
{
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
	static const unsigned char compatible[12];
	if (a->sa.sa_family != AF_INET6)
		return;
	const unsigned char *b = a->v6.sin6_addr.s6_addr;
	bool carries = memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0;
	/* :: and ::1 have the shape of a compatible address and are not. */
	if (memcmp(b, compatible, 12) == 0 && (b[12] || b[13] || b[14]))
		carries = true;
	if (!carries)
		return;
	struct addr v4 = {.v4 = {.sin_family = AF_INET, .sin_port = a->v6.sin6_port}};
	memcpy(&v4.v4.sin_addr, b + 12, 4);
	*a = v4;
}

static uint32_t v4_number(const struct addr *a)
{
	return ntohl(a->v4.sin_addr.s_addr);
}

bool addr_is_loopback(const struct addr *a)
{
	struct addr plain = *a;
	addr_unmap(&plain);
	if (plain.sa.sa_family == AF_INET)
		return v4_number(&plain) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&plain.v6.sin6_addr);
}

bool addr_is_link_local(const struct addr *a)
{
	struct addr plain = *a;
	addr_unmap(&plain);
	if (plain.sa.sa_family == AF_INET)
		return v4_number(&plain) >> 16 == 0xa9fe;
	return IN6_IS_ADDR_LINKLOCAL(&plain.v6.sin6_addr);
}

bool addr_is_unspecified(const struct addr *a)
{
	struct addr plain = *a;
	addr_unmap(&plain);
	if (plain.sa.sa_family == AF_INET)
		return v4_number(&plain) >> 24 == 0; /* 0.0.0.0/8: "this host" (RFC 1122 3.2.1.3) */
	return IN6_IS_ADDR_UNSPECIFIED(&plain.v6.sin6_addr);
}

bool addr_is_private(const struct addr *a)
{
	struct addr plain = *a;
	addr_unmap(&plain);
	if (plain.sa.sa_family != AF_INET)
		return (plain.v6.sin6_addr.s6_addr[0] & 0xfe) == 0xfc;
	uint32_t n = v4_number(&plain);
	return n >> 24 == 10 || n >> 20 == 0xac1 || n >> 16 == 0xc0a8;
}

int network_parse(struct span text, struct network *out)
{
	const char *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
	struct span host = slash ? span_make(text.p, (size_t)(slash - text.p)) : text;
	int error = addr_parse(host, 0, &out->base);
	if (error)
		return error;
	uint64_t most = out->base.sa.sa_family == AF_INET6 ? 128 : 32;
	uint64_t bits = most;
	if (slash) {
		error = span_to_u64(span_make(slash + 1, text.n - host.n - 1), most, &bits);
		if (error)
			return error;
	}
	out->bits = (unsigned)bits;
	return 0;
}

bool network_has(const struct network *n, const struct addr *a)
{
	struct addr plain = *a;
	if (n->base.sa.sa_family == AF_INET)
		addr_unmap(&plain);
	if (n->base.sa.sa_family != plain.sa.sa_family)
		return false;
	bool v6 = plain.sa.sa_family == AF_INET6;
	const unsigned char *x = v6 ? n->base.v6.sin6_addr.s6_addr : (const unsigned char *)&n->base.v4.sin_addr;
	const unsigned char *y = v6 ? plain.v6.sin6_addr.s6_addr : (const unsigned char *)&plain.v4.sin_addr;
	unsigned whole = n->bits / 8, rest = n->bits % 8;
	if (memcmp(x, y, whole) != 0)
		return false;
	return rest == 0 || ((x[whole] ^ y[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}
