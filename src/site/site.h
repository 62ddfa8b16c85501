/* The published sites: which one and which directory a request is for, and the files of those that have no application.
 *
 * Threads: any worker; what is kept between requests is each worker's own. */
#ifndef FAIRLEAD_SITE_SITE_H
#define FAIRLEAD_SITE_SITE_H

#include "proxy/responder.h"

extern const struct responder site_responder;

#endif
