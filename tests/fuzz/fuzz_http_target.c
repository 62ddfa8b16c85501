/* Request targets, authorities, hosts and dates. The first byte chooses the method. */
#include <stdlib.h>

#include "http/date.h"
#include "http/uri.h"

static void check_inside(struct span outer, struct span inner)
{
	ASSERT(inner.n == 0 || (inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n));
}

static void try_target(struct span text, enum method method)
{
	struct head h = {.is_request = true, .method = (uint8_t)method, .target = text};
	struct target t;
	char folded[256];
	if (target_parse(&h, &t) != PARSE_OK)
		return;
	check_inside(text, t.scheme);
	check_inside(text, t.host);
	check_inside(text, t.authority);
	check_inside(text, t.path);
	if (t.form == TARGET_ABSOLUTE || t.form == TARGET_AUTHORITY) {
		ASSERT(t.host.n > 0 && host_is_valid(t.host, t.host_is_v6));
		ASSERT(host_fold(t.host, folded) > 0);
		host_is_numeric(t.host);
	}
}

static void try_authority(struct span text)
{
	struct span host;
	bool v6, given;
	uint16_t port;
	if (authority_parse(text, &host, &v6, &port, &given) != PARSE_OK)
		return;
	check_inside(text, host);
	ASSERT(given == (port != 0));
}

/* What we write, we read. */
static void try_date(struct span text)
{
	int64_t when, again;
	if (http_date_parse(text, 1700000000, &when) == 0 && when >= 0) {
		int error = http_date_parse(http_date(when), 1700000000, &again);
		ASSERT(error == 0 && again == when);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const enum method methods[] = {METHOD_GET, METHOD_CONNECT, METHOD_OPTIONS, METHOD_OTHER};
	if (n == 0)
		return 0;
	char *copy = malloc(n);
	ASSERT(copy);
	memcpy(copy, bytes + 1, n - 1);
	struct span text = span_make(copy, n - 1);
	try_target(text, methods[bytes[0] & 3]);
	try_authority(text);
	try_date(text);
	free(copy);
	return 0;
}
