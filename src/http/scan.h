/* Looking for the bytes that end a line, a value or a name; the fastest variant that the target surely has.
 *
 * scan_event(p, from, to): the first place where something happens in a head: a NUL; an LF without CR before it; a byte
 * other than LF behind a CR; the LF of an empty line (LF CR LF). `to` if there is none. Looks back at most two bytes.
 * scan_text(p, end): the first byte that no field value may hold. scan_name(p, end): the first that is not of a token.
 * scan_target(p, end): the first that is not of a request target. */
#ifndef FAIRLEAD_HTTP_SCAN_H
#define FAIRLEAD_HTTP_SCAN_H

#ifdef __SSE2__
#include "http/scan_sse2.h"
#define scan_event scan_sse2_event
#define scan_text scan_sse2_text
#define scan_name scan_sse2_name
#define scan_target scan_sse2_target
#else
#include "http/scan_portable.h"
#define scan_event scan_portable_event
#define scan_text scan_portable_text
#define scan_name scan_portable_name
#define scan_target scan_portable_target
#endif

#endif
