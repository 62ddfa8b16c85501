/* The verifier of a Windows domain, asked through winbind by libwbclient: this machine is a member, winbindd holds its secure channel. Winbind on a
 * machine that is no member verifies that machine's own accounts the same way.
 *
 * NTLM answers need winbind's privileged pipe: the user that Fairlead runs as belongs to group winbindd_priv. Every call here opens the pipe anew
 * when winbindd was restarted.
 *
 * Threads: any, each with a pipe of its own. All but `generation` may wait for a domain controller for as long as winbind does (up to minutes when
 * none answers): only on threads made for that. Errors: enum auth_reason. */
#ifndef FAIRLEAD_AUTH_WINDOWS_DOMAIN_H
#define FAIRLEAD_AUTH_WINDOWS_DOMAIN_H

#include "auth/auth.h"

/* What winbind says of this machine: the challenge must name it, since the domain controller compares (MS-NLMP 3.1.5.1.2, MsvAvNbComputerName). */
struct windows_names {
	char machine[64];     /* "PROXY1" */
	char domain[64];      /* "CORP"; a machine that is no member: its own name */
	char dns_domain[256]; /* "corp.example"; may be empty */
};

/* AUTH_OK, UNAVAILABLE (no winbindd). */
enum auth_reason windows_names_ask(struct windows_names *out);

/* `names` as asked before; with NULL, winbind could not be asked yet: the verifier then has the domain `fallback` ("" if none is set), works as soon
 * as winbind does, and should be made anew once windows_names_ask() succeeds, so that the challenge names the machine. NULL without memory. */
struct verifier *windows_verifier_new(const char *name, const struct windows_names *names, const char *fallback);

/* Whether winbind serves this domain: ours, or one that is trusted. AUTH_OK, NO_VERIFIER, UNAVAILABLE. */
enum auth_reason windows_domain_known(struct span domain);

/* AUTH_OK, PIPE_UNREADABLE or UNAVAILABLE, and a sentence for `fairlead check`. Asks the domain about an account that does not exist. */
enum auth_reason windows_check(struct buf *says);

/* Whether winbind knows a user, or a group, by this name: "CORP\Web Users". AUTH_OK, NO_SUCH_USER, UNAVAILABLE. */
enum auth_reason windows_name_known(const char *name, bool group);

/* Names of groups by their SIDs ("S-1-5-21-..."): "CORP\Web Users". A group that cannot be named now stands there as its SID, and *unresolved is set.
 * Well-known SIDs of no use in rules (logon types, authority-asserted identity) are left out. Names are kept for some minutes. *names is one block
 * for free(), *count long; NULL without memory or groups. */
const char **windows_group_names(const char *const *sids, unsigned sid_count, unsigned *count, bool *unresolved);
/* The groups of an account as winbind knows them, for who was verified without its being told: as above. *unresolved also if there is no winbind, or
 * it does not know the account. */
const char **windows_groups_of(const char *domain, const char *name, unsigned *count, bool *unresolved);
/* Both for who has been verified by somebody else: a winbind that does not answer soon leaves groups unresolved, and holds nobody up. */
const char **windows_group_names_soon(const char *const *sids, unsigned sid_count, unsigned *count, bool *unresolved);
const char **windows_groups_of_soon(const char *domain, const char *name, unsigned *count, bool *unresolved);
/* windows_names_ask() that says UNAVAILABLE after some seconds. */
enum auth_reason windows_names_ask_soon(struct windows_names *out);

#endif
