#include "auth/basic.h"

#include "auth/secret.h"
#include "base/encode.h"

enum { TOKEN_MOST = 4096 };

static bool is_utf8(struct span s)
{
	for (size_t i = 0, n; i < s.n; i += n)
		if ((n = utf8_length(s.p + i, s.n - i)) == 0)
			return false;
	return true;
}

/* In place, from the end: every byte beyond ASCII becomes two. The room is there. */
static void utf8_from_latin1(struct buf *b)
{
	size_t more = 0;
	for (size_t i = 0; i < b->n; i++)
		more += (unsigned char)b->p[i] >= 0x80;
	for (size_t i = b->n, to = b->n + more; i-- > 0;) {
		unsigned char c = (unsigned char)b->p[i];
		if (c >= 0x80) {
			b->p[--to] = (char)(0x80 | (c & 0x3f));
			b->p[--to] = (char)(0xc0 | c >> 6);
		} else {
			b->p[--to] = (char)c;
		}
	}
	b->n += more;
}

static bool has_control(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

int basic_parse(struct span token68, struct basic_pair *out)
{
	*out = (struct basic_pair){.user = {0}};
	if (token68.n > TOKEN_MOST)
		return -EINVAL;
	buf_init(&out->bytes, (size_t)2 * TOKEN_MOST);
	if (buf_reserve(&out->bytes, token68.n / 4 * 6 + 1) != 0)
		return -ENOMEM;
	int n = decode_base64(token68, out->bytes.p, out->bytes.capacity);
	if (n < 0)
		return -EINVAL;
	out->bytes.n = (size_t)n;
	if (!is_utf8(buf_span(&out->bytes)))
		utf8_from_latin1(&out->bytes);
	const char *colon = n ? memchr(out->bytes.p, ':', out->bytes.n) : NULL;
	if (!colon)
		return -EINVAL;
	size_t user = (size_t)(colon - out->bytes.p);
	out->user = span_make(out->bytes.p, user);
	out->password = span_make(colon + 1, out->bytes.n - user - 1);
	return has_control(buf_span(&out->bytes)) ? -EINVAL : 0;
}

void basic_pair_fini(struct basic_pair *p)
{
	secret_fini(&p->bytes);
}

void basic_write(struct buf *token68, struct span user, struct span password)
{
	AUTO(secret) struct buf pair;
	buf_init(&pair, TOKEN_MOST);
	if (buf_reserve(&pair, user.n + password.n + 1) != 0) {
		token68->error = token68->error ? token68->error : buf_error(&pair);
		return;
	}
	buf_add(&pair, user);
	buf_addc(&pair, ':');
	buf_add(&pair, password);
	encode_base64(token68, pair.p, pair.n);
}
