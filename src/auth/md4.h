/* MD4 (RFC 1320), for the NT hash and nothing else: OpenSSL 3 has put it away into a provider that may not be there.
 *
 * Owner: the caller, of all bytes. Errors: none. */
#ifndef FAIRLEAD_AUTH_MD4_H
#define FAIRLEAD_AUTH_MD4_H

#include <stddef.h>

void md4(const void *bytes, size_t n, unsigned char digest[16]);

#endif
