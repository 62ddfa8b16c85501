/* The part of a Kerberos PAC that says who somebody is: KERB_VALIDATION_INFO ([MS-PAC] 2.5, NDR of [C706] 14), read by hand within bounds.
 *
 * Owner: pac_logon owns nothing outside itself but `group` (pac_logon_fini). Errors: -EBADMSG for whatever is not such a structure, -ENOMEM. */
#ifndef FAIRLEAD_AUTH_KERBEROS_PAC_H
#define FAIRLEAD_AUTH_KERBEROS_PAC_H

#include "base/error.h"
#include "base/span.h"

enum { PAC_SID_TEXT = 208, PAC_GROUP_LIMIT = 2048 };

struct pac_sid {
	char text[PAC_SID_TEXT]; /* "S-1-5-21-...-513" */
};

struct pac_logon {
	char name[512];   /* sAMAccountName, UTF-8 */
	char domain[128]; /* NetBIOS name of the account's domain */
	char user_sid[PAC_SID_TEXT];
	struct pac_sid *groups; /* of the domain, of others (ExtraSids), of the resource's domain; the primary group too */
	unsigned group_count;
};

/* `ndr`: the bytes of urn:mspac:logon-info. */
MUST_CHECK int pac_logon_read(struct span ndr, struct pac_logon *out);
void pac_logon_fini(struct pac_logon *l);

#endif
