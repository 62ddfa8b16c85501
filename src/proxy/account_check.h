/* Accounts of domains are asked about again from time to time (timeouts account-check), since a sign-in that lives on its connection, or a ticket that is
 * good for hours, outlives their being disabled.
 *
 * One question an account at a time, its answer good for all its connections; who cannot be asked now ends nobody. Owner: the process. Threads: the
 * exchange's fiber; the asking goes to the lane of accounts. Bounded: so many accounts remembered, see account_check.c. */
#ifndef FAIRLEAD_PROXY_ACCOUNT_CHECK_H
#define FAIRLEAD_PROXY_ACCOUNT_CHECK_H

#include "proxy/exchange.h"

/* AUTH_OK, or why this account may not be used any more: said in the log, for the administrator alone. `checked`: when it was found fine last for this
 * connection, or 0; kept up to date. */
enum auth_reason account_check(struct exchange *x, struct identity *who, mono_ms *checked);

#endif
