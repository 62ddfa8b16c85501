/* A password from whoever runs the program: from the terminal without echo, or the first line of standard input where that is none.
 *
 * Errors: -ECANCELED (interrupted, nothing typed), -EINVAL (empty, too long, not the same twice), each with its sentence. */
#ifndef FAIRLEAD_CLI_PASSWORD_H
#define FAIRLEAD_CLI_PASSWORD_H

#include "base/buf.h"

enum { PASSWORD_MOST = 512 };

/* Terminated. The caller wipes it, also after an error. */
MUST_CHECK int password_ask(const char *prompt, bool twice, char password[PASSWORD_MOST], struct buf *why);

#endif
