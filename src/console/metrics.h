/* The figures of /metrics in Prometheus' text format 0.0.4. */
#ifndef FAIRLEAD_CONSOLE_METRICS_H
#define FAIRLEAD_CONSOLE_METRICS_H

#include "proxy/responder.h"

#define METRICS_MEDIA_TYPE "text/plain; version=0.0.4; charset=utf-8"

void metrics_write(const struct responder_request *request, struct buf *to);

#endif
