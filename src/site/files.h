/* The answer of a directory that serves files.
 *
 * Threads: one worker, on the exchange's fiber; it may wait for a disk. */
#ifndef FAIRLEAD_SITE_FILES_H
#define FAIRLEAD_SITE_FILES_H

#include "proxy/responder.h"

/* Whether this kernel can open files beneath a folder only. Adds a complaint for the first directory that needs it. */
void files_check(const struct settings *s, struct complaints *c);

void files_answer(const struct responder_request *request, struct responder_answer *answer);

#endif
