#include "net/proxy_protocol.h"

#include <arpa/inet.h>

enum {
	V1_MOST = 107, /* "PROXY UNKNOWN" and two of the longest IPv6 addresses, CR LF included */
	V2_FIXED = 16,
	V2_LOCAL = 0x20, /* version and command */
	V2_PROXY = 0x21,
	V2_UNSPECIFIED = 0x00, /* family and protocol */
	V2_TCP4 = 0x11,
	V2_TCP6 = 0x21,
	V2_UNIX = 0x31,
};

static const struct span v1_signature = {"PROXY ", 6};
static const struct span v2_signature = {"\r\n\r\n\0\r\nQUIT\n", 12};

/* True as long as the bytes may still become the signature. */
static bool may_become(struct span bytes, struct span signature)
{
	size_t n = bytes.n < signature.n ? bytes.n : signature.n;
	return n == 0 || memcmp(bytes.p, signature.p, n) == 0;
}

static bool next_word(struct span *rest, struct span *word)
{
	const char *space = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;
	size_t n = space ? (size_t)(space - rest->p) : rest->n;
	*word = span_make(rest->p, n);
	*rest = span_make(rest->p + n + (space != NULL), rest->n - n - (space != NULL));
	return n > 0;
}

static bool v1_port(struct span text, struct addr *a)
{
	uint64_t n;
	if (text.n > 5 || span_to_u64(text, UINT16_MAX, &n) != 0 || (text.n > 1 && text.p[0] == '0'))
		return false;
	addr_set_port(a, (uint16_t)n);
	return true;
}

static bool v1_address(struct span text, sa_family_t family, struct addr *a)
{
	return text.p[0] != '[' && addr_parse(text, 0, a) == 0 && a->sa.sa_family == family;
}

/* "TCP4 192.0.2.1 192.0.2.2 1234 80", single spaces. */
static bool v1_line(struct span line, struct proxy_header *out)
{
	struct span family, source, destination, source_port, destination_port;
	if (!next_word(&line, &family))
		return false;
	if (span_eq(family, SPAN("UNKNOWN"))) {
		out->local = true;
		return true;
	}
	if (!span_eq(family, SPAN("TCP4")) && !span_eq(family, SPAN("TCP6")))
		return false;
	const char *end = line.p + line.n;
	sa_family_t af = family.p[3] == '4' ? AF_INET : AF_INET6;
	return next_word(&line, &source) && next_word(&line, &destination) && next_word(&line, &source_port) &&
	       next_word(&line, &destination_port) && destination_port.p + destination_port.n == end &&
	       v1_address(source, af, &out->source) && v1_address(destination, af, &out->destination) &&
	       v1_port(source_port, &out->source) && v1_port(destination_port, &out->destination);
}

static int parse_v1(struct span bytes, struct proxy_header *out)
{
	size_t seen = bytes.n < V1_MOST ? bytes.n : V1_MOST;
	const char *lf = memchr(bytes.p, '\n', seen);
	if (!lf)
		return seen == V1_MOST ? -EPROTO : 0;
	size_t n = (size_t)(lf - bytes.p) + 1;
	struct span line = span_make(bytes.p + v1_signature.n, n - v1_signature.n);
	if (line.n < 2 || line.p[line.n - 2] != '\r')
		return -EPROTO;
	line.n -= 2;
	if (line.n && (memchr(line.p, '\r', line.n) || memchr(line.p, '\0', line.n)))
		return -EPROTO;
	return v1_line(line, out) ? (int)n : -EPROTO;
}

static void v2_address4(const char *p, const char *port, struct addr *a)
{
	a->v4.sin_family = AF_INET;
	memcpy(&a->v4.sin_addr, p, 4);
	memcpy(&a->v4.sin_port, port, 2);
}

static void v2_address6(const char *p, const char *port, struct addr *a)
{
	a->v6.sin6_family = AF_INET6;
	memcpy(&a->v6.sin6_addr, p, 16);
	memcpy(&a->v6.sin6_port, port, 2);
}

static size_t big_endian(const char *p)
{
	return (size_t)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

/* Type-length-value extensions say nothing that is used here, but must add up. */
static bool v2_extensions_add_up(struct span rest)
{
	while (rest.n) {
		if (rest.n < 3 || big_endian(rest.p + 1) > rest.n - 3)
			return false;
		size_t n = 3 + big_endian(rest.p + 1);
		rest = span_make(rest.p + n, rest.n - n);
	}
	return true;
}

/* The block of addresses behind the fixed part. */
static bool v2_addresses(unsigned family, struct span block, struct proxy_header *out)
{
	size_t n = family == V2_TCP4 ? 12 : family == V2_TCP6 ? 36 : family == V2_UNIX ? 216 : 0;
	if (block.n < n || (n == 0 && family != V2_UNSPECIFIED))
		return false;
	if (family == V2_TCP4) {
		v2_address4(block.p, block.p + 8, &out->source);
		v2_address4(block.p + 4, block.p + 10, &out->destination);
	} else if (family == V2_TCP6) {
		v2_address6(block.p, block.p + 32, &out->source);
		v2_address6(block.p + 16, block.p + 34, &out->destination);
	} else {
		out->local = true;
	}
	return family == V2_UNSPECIFIED || v2_extensions_add_up(span_make(block.p + n, block.n - n));
}

static int parse_v2(struct span bytes, struct proxy_header *out)
{
	if (bytes.n < V2_FIXED)
		return 0;
	unsigned command = (unsigned char)bytes.p[12], family = (unsigned char)bytes.p[13];
	size_t length = V2_FIXED + big_endian(bytes.p + 14);
	if ((command != V2_LOCAL && command != V2_PROXY) || length > PROXY_HEADER_MOST)
		return -EPROTO;
	if (bytes.n < length)
		return 0;
	if (command == V2_LOCAL)
		out->local = true;
	else if (!v2_addresses(family, span_make(bytes.p + V2_FIXED, length - V2_FIXED), out))
		return -EPROTO;
	return (int)length;
}

int proxy_header_parse(struct span bytes, struct proxy_header *out)
{
	*out = (struct proxy_header){0};
	if (may_become(bytes, v1_signature))
		return bytes.n < v1_signature.n ? 0 : parse_v1(bytes, out);
	if (may_become(bytes, v2_signature))
		return bytes.n < v2_signature.n ? 0 : parse_v2(bytes, out);
	return -EPROTO;
}
