/* The PROXY header, versions 1 and 2, by which a load balancer says whose connection it brings (HAProxy's proxy-protocol.txt).
 *
 * Pure: bytes in, addresses out. Whoever reads must first have decided that the sender may be believed. */
#ifndef FAIRLEAD_NET_PROXY_PROTOCOL_H
#define FAIRLEAD_NET_PROXY_PROTOCOL_H

#include "base/addr.h"

struct proxy_header {
	bool
		local; /* the balancer's own connection (LOCAL, UNKNOWN, no TCP addresses): source and destination are not set */
	struct addr source;
	struct addr destination;
};

/* No header is longer: room for the input of proxy_header_parse(). */
enum { PROXY_HEADER_MOST = 4096 };

/* >0: bytes of the header, at the front of what was received; 0: more is needed; -EPROTO: there is none, or it is malformed. */
MUST_CHECK int proxy_header_parse(struct span bytes, struct proxy_header *out);

#endif
