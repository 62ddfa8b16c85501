/* Socket addresses, networks, and their text. Pure: no socket is touched here. */
#ifndef FAIRLEAD_BASE_ADDR_H
#define FAIRLEAD_BASE_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/buf.h"

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
};

enum { ADDR_TEXT = 64 };

socklen_t addr_length(const struct addr *a);
uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
/* A literal as people write it: 192.0.2.1, 2001:db8::1, [2001:db8::1]. Never the decimal, octal or short forms that
 * inet_aton() takes. 0 or -EINVAL. */
MUST_CHECK int addr_parse(struct span text, uint16_t port, struct addr *out);
/* "192.0.2.1" or "2001:db8::1"; with the port "192.0.2.1:80" or "[2001:db8::1]:80". */
void addr_format(const struct addr *a, bool with_port, char out[ADDR_TEXT]);
bool addr_eq(const struct addr *a, const struct addr *b);        /* address and port */
bool addr_same_host(const struct addr *a, const struct addr *b); /* an IPv4-mapped address is the IPv4 one */
bool addr_is_loopback(const struct addr *a);
bool addr_is_link_local(const struct addr *a);
bool addr_is_unspecified(const struct addr *a);
bool addr_is_private(const struct addr *a); /* RFC 1918, fc00::/7 */
/* IPv4-mapped (::ffff:a.b.c.d), IPv4-compatible and NAT64 (64:ff9b::/96) addresses become the IPv4 address they carry. */
void addr_unmap(struct addr *a);

struct network {
	struct addr base;
	unsigned bits; /* of 32 or 128 */
};
/* "10.0.0.0/8", "2001:db8::/32", or one address. 0 or -EINVAL. */
MUST_CHECK int network_parse(struct span text, struct network *out);
bool network_has(const struct network *n, const struct addr *a);

#endif
