/* The certificates that the settings name, looked at for `fairlead check` as `serve` would: whether they and their keys can
 * be used, until when, and for which names.
 *
 * Threads: one. What is wrong is complained of with file and line. */
#ifndef FAIRLEAD_CLI_CHECK_TLS_H
#define FAIRLEAD_CLI_CHECK_TLS_H

#include "config/settings.h"

void tls_look(const struct settings *s, struct complaints *c);

#endif
