/* Which of the sites at an address is meant: by the Host field, never by chance.
 *
 * Pure. */
#ifndef FAIRLEAD_SITE_HOST_H
#define FAIRLEAD_SITE_HOST_H

#include "config/settings.h"

/* The site named like the host, else the one with the longest "*.suffix", else "*"; NULL: none. `host` is folded and may be empty. */
const struct site_settings *site_for_host(const struct listen_settings *listen, struct span host);

#endif
