/* PROXY headers: what is said of a part of the bytes holds for all of them. */
#include <stdlib.h>

#include "net/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct proxy_header whole, part;
	char *copy = malloc(n + 1), text[ADDR_TEXT];
	ASSERT(copy);
	memcpy(copy, bytes, n);
	int length = proxy_header_parse(span_make(copy, n), &whole);
	ASSERT(length == -EPROTO || (length >= 0 && (size_t)length <= n && length <= PROXY_HEADER_MOST));
	ASSERT(n < PROXY_HEADER_MOST || length != 0);
	if (length > 0 && !whole.local) {
		addr_format(&whole.source, true, text);
		addr_format(&whole.destination, true, text);
	}
	for (size_t i = 0; i < n && i < 600; i++) {
		char *front = malloc(i + 1);
		ASSERT(front);
		memcpy(front, bytes, i);
		int early = proxy_header_parse(span_make(front, i), &part);
		ASSERT(early == 0 || early == length);
		free(front);
	}
	free(copy);
	return 0;
}
