/* The bytes of a token: encoded, then told apart. */
#include "auth/challenge.h"
#include "base/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct buf b;
	if (n > 65536)
		return 0;
	buf_init(&b, 100000);
	encode_base64(&b, bytes, n);
	ASSERT(buf_error(&b) == 0);
	enum token_kind kind = token_kind_of(buf_span(&b));
	ASSERT((kind == TOKEN_NONE) == (n == 0));
	buf_fini(&b);
	return 0;
}
