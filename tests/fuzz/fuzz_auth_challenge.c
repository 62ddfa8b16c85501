/* Challenges, credentials and tokens: all pieces lie inside the text, and reading a list comes to an end. */
#include <stdlib.h>

#include "auth/challenge.h"

static void check_inside(struct span outer, struct span inner)
{
	ASSERT(inner.n == 0 || (inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n));
}

static void check(struct span text, const struct challenge *c)
{
	ASSERT(c->name.n > 0 && (c->token.n == 0 || c->parameters.n == 0));
	check_inside(text, c->name);
	check_inside(text, c->token);
	check_inside(text, c->parameters);
	scheme_is_connection_bound(c);
	enum token_kind kind = token_kind_of(c->token);
	ASSERT((kind == TOKEN_NONE) == (c->token.n == 0));
	ASSERT(token_kind_name(kind)[0] && scheme_name(c->scheme)[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *copy = malloc(n + 1);
	ASSERT(copy);
	memcpy(copy, bytes, n);
	struct span text = span_make(copy, n), rest = text;
	struct challenge c;
	size_t before = rest.n + 1;
	while (challenge_next(&rest, &c)) {
		ASSERT(rest.n < before);
		before = rest.n;
		check(text, &c);
	}
	if (credentials_parse(text, &c))
		check(text, &c);
	free(copy);
	return 0;
}
