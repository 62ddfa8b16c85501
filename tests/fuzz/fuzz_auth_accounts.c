/* An accounts file: what is read can be written and read again with the same accounts. */
#include "auth/accounts_text.h"
#include "base/cleanup.h"

static struct accounts_text *read_text(struct span text)
{
	static char said[512];
	struct accounts_text *t = NULL;
	struct buf why;
	buf_over(&why, said, sizeof(said));
	int error = accounts_text_read("accounts", text, &t, &why);
	ASSERT(error == 0 ? t && why.n == 0 : !t && why.n > 0);
	return t;
}

static void check_same(const struct accounts_text *a, const struct accounts_text *b)
{
	ASSERT(b && a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct account *x = &a->list[i], *y = accounts_text_find(b, span_of(x->name));
		ASSERT(y && strcmp(x->name, y->name) == 0 && x->disabled == y->disabled && x->has_nt_hash == y->has_nt_hash);
		ASSERT(memcmp(x->nt_hash, y->nt_hash, NT_HASH) == 0 && x->group_count == y->group_count);
		for (unsigned g = 0; g < x->group_count; g++)
			ASSERT(strcmp(x->groups[g], y->groups[g]) == 0 && !account_name_fault(span_of(x->groups[g])));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	AUTO(buf) struct buf text = {0};
	struct accounts_text *first = read_text(span_make((const char *)bytes, n));
	if (!first)
		return 0;
	buf_init(&text, 16 << 20);
	accounts_text_header(&text);
	for (size_t i = 0; i < first->count; i++)
		account_write(&text, &first->list[i]);
	ASSERT(buf_error(&text) == 0);
	struct accounts_text *second = read_text(buf_span(&text));
	check_same(first, second);
	accounts_text_unref(first);
	accounts_text_unref(second);
	return 0;
}
