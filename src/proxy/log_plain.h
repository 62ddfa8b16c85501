/* The run of bytes that a log may hold as they are; the fastest variant that the target surely has.
 *
 * log_plain(at, s, format): writes such bytes from the front of `s` at `at`, blanks as '+' in W3C text, up to the first
 * that must be escaped; gives how many that were. May write anything behind them, as far as `s` is long. */
#ifndef FAIRLEAD_PROXY_LOG_PLAIN_H
#define FAIRLEAD_PROXY_LOG_PLAIN_H

#ifdef __SSE2__
#include "proxy/log_plain_sse2.h"
#define log_plain log_plain_sse2
#else
#include "proxy/log_plain_portable.h"
#define log_plain log_plain_portable
#endif

#endif
