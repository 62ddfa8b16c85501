/* Moved: addresses are text and numbers, so they live in base/addr.h and base/addr.c (written there already). */
#ifndef FAIRLEAD_NET_ADDR_H
#define FAIRLEAD_NET_ADDR_H
#include "base/addr.h"
#endif
