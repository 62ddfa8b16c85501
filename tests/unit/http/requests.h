/* A request's head from its text, for tests; it lasts until the next one is made. */
#ifndef FAIRLEAD_TESTS_HTTP_REQUESTS_H
#define FAIRLEAD_TESTS_HTTP_REQUESTS_H

#include <stdio.h>

#include "http/head.h"

/* `fields`: whole lines. */
static inline const struct head *request_with(const char *method, const char *fields)
{
	static struct field room[FIELDS_MOST];
	static char text[8192];
	static struct head h;
	int n = snprintf(text, sizeof(text), "%s /x HTTP/1.1\r\nHost: a.example\r\n%s\r\n", method, fields);
	ASSERT(n > 0 && (size_t)n < sizeof(text));
	enum parse_fault fault = head_parse_request(&h, span_make(text, (size_t)n), room, &head_limits_default);
	ASSERT(fault == PARSE_OK);
	return &h;
}

#endif
