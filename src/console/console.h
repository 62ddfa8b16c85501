/* The console: what an administrator sees of a running proxy. */
#ifndef FAIRLEAD_CONSOLE_CONSOLE_H
#define FAIRLEAD_CONSOLE_CONSOLE_H
#include "proxy/responder.h"
extern const struct responder console_responder;
#endif
