/* The console: what an administrator, a load balancer and a collector of metrics see of a running proxy. Reads only.
 *
 * /health, /metrics (Prometheus), / (everything), and one page for each view of views.c, as HTML, JSON or text by Accept. */
#ifndef FAIRLEAD_CONSOLE_CONSOLE_H
#define FAIRLEAD_CONSOLE_CONSOLE_H

#include "proxy/responder.h"

extern const struct responder console_responder;

#endif
