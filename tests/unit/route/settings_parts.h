/* Settings from a text, for tests of what is decided by them; and questions as a request would put them. */
#ifndef FAIRLEAD_TESTS_SETTINGS_PARTS_H
#define FAIRLEAD_TESTS_SETTINGS_PARTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/uri.h"
#include "route/access.h"
#include "route/route.h"

static inline struct settings *settings_of(const char *text)
{
	char path[] = "/tmp/fairlead-route-XXXXXX";
	int fd = mkstemp(path);
	struct complaints c;
	struct buf said;
	struct settings *s;
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
	complaints_init(&c);
	buf_init(&said, 65536);
	int error = settings_load(path, &s, &c);
	unlink(path);
	complaints_print(&c, &said);
	if (error)
		fail_msg("%s: %s", text, buf_text(&said));
	buf_fini(&said);
	complaints_fini(&c);
	return s;
}

/* "name", "192.0.2.1", "[2001:db8::1]" with ":PORT", as the proxy takes them apart. */
struct asked {
	struct span host; /* until the next one is asked for */
	bool literal;
	struct addr addr;
	uint16_t port;
};

static inline struct asked ask_for(const char *authority)
{
	static char folded[256];
	struct asked a = {.port = 80};
	bool v6, given;
	uint16_t port;
	assert_int_equal(authority_parse(span_of(authority), &a.host, &v6, &port, &given), PARSE_OK);
	a.port = given ? port : 80;
	a.host = span_make(folded, host_fold(a.host, folded));
	a.literal = addr_parse(a.host, a.port, &a.addr) == 0;
	return a;
}

static inline struct addr address(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(span_of(text), 0, &a), 0);
	return a;
}

#endif
