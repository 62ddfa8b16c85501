/* Reason phrases (RFC 9110 section 15). */
#ifndef FAIRLEAD_HTTP_STATUS_H
#define FAIRLEAD_HTTP_STATUS_H

#include "http/head.h"

const char *status_reason(unsigned status); /* "" if unknown */
bool method_is_safe(enum method m);         /* RFC 9110 9.2.1 */
bool method_is_idempotent(enum method m);   /* RFC 9110 9.2.2 */
struct span method_name(enum method m);     /* "" for METHOD_OTHER */
enum method method_of(struct span text);

#endif
