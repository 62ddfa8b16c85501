/* The names in NTLM messages (MS-NLMP 2.2): UTF-16LE or, where Unicode was not negotiated, the client's OEM code
 * page. Here they are UTF-8.
 *
 * Owner: the caller's buffers. Threads: any. Errors: 0, -EINVAL for text that is not of its encoding or holds a
 * control character (no name does, and none may reach a log), -ENOMEM, -ENOBUFS. */
#ifndef FAIRLEAD_AUTH_NTLM_TEXT_H
#define FAIRLEAD_AUTH_NTLM_TEXT_H

#include "base/buf.h"

/* How a user name is made upper case for NTOWFv2. Windows maps every letter that has a single upper-case one; cntlm those
 * of ASCII; curl those too, and takes each byte of UTF-8 for a letter. */
enum ntlm_case { NTLM_CASE_KEPT, NTLM_CASE_UPPER, NTLM_CASE_UPPER_ASCII, NTLM_CASE_UPPER_BYTES };

/* Without checks for control characters: passwords may hold any. */
MUST_CHECK int utf16_from_utf8(struct buf *to, struct span utf8, enum ntlm_case letters);
MUST_CHECK int utf8_from_utf16(struct buf *to, struct span utf16);
/* Nothing in the message names the code page: UTF-8 if it is that, else Windows-1252. */
MUST_CHECK int utf8_from_oem(struct buf *to, struct span oem);
/* '?' where Windows-1252 lacks the letter. */
MUST_CHECK int oem_from_utf8(struct buf *to, struct span utf8);
/* Equal but for the case of letters, as Windows compares names. Both well-formed UTF-8, or false. */
bool utf8_eq_nocase(struct span a, struct span b);

#endif
