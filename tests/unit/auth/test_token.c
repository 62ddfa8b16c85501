/* Tokens built from their parts as clients build them, and what is left of them when they are cut or bent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/challenge.h"
#include "base/encode.h"

enum { TOKEN_MOST = 8192 };

struct bytes {
	char p[TOKEN_MOST];
	size_t n;
};

static void add(struct bytes *b, const void *p, size_t n)
{
	assert_true(b->n + n <= sizeof(b->p));
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

/* Puts a DER header in front of what is there. */
static void wrap(struct bytes *b, unsigned char tag)
{
	unsigned char header[4] = {tag, (unsigned char)b->n};
	size_t n = 2;
	if (b->n > 127) {
		header[1] = 0x82;
		header[2] = (unsigned char)(b->n >> 8);
		header[3] = (unsigned char)b->n;
		n = 4;
	}
	assert_true(b->n + n <= sizeof(b->p));
	memmove(b->p + n, b->p, b->n);
	memcpy(b->p, header, n);
	b->n += n;
}

static void add_wrapped(struct bytes *to, struct bytes part, unsigned char tag)
{
	wrap(&part, tag);
	add(to, part.p, part.n);
}

static struct bytes of(const void *p, size_t n)
{
	struct bytes b = {.n = 0};
	add(&b, p, n);
	return b;
}
#define OF(literal) of(literal, sizeof(literal) - 1)

#define OID_SPNEGO "\x2b\x06\x01\x05\x05\x02"
#define OID_KRB5 "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
#define OID_KRB5_MS "\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"
#define OID_NTLMSSP "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"

static struct bytes ntlm(unsigned char type)
{
	struct bytes b = OF("NTLMSSP\0");
	char rest[40] = {(char)type};
	add(&b, rest, sizeof(rest));
	return b;
}

static struct bytes ap_req(size_t ticket)
{
	struct bytes b = OF("\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x0e");
	static const char zeros[TOKEN_MOST / 2];
	add_wrapped(&b, of(zeros, ticket), 0xa3);
	wrap(&b, 0x30);
	wrap(&b, 0x6e);
	return b;
}

/* RFC 2743's frame: [APPLICATION 0] { OID, inner }. */
static struct bytes gss(struct bytes oid, struct bytes inner)
{
	struct bytes b = {.n = 0};
	add_wrapped(&b, oid, 0x06);
	add(&b, inner.p, inner.n);
	wrap(&b, 0x60);
	return b;
}

static struct bytes kerberos(struct bytes oid, const char id[2], size_t ticket)
{
	struct bytes b = of(id, 2), req = ap_req(ticket);
	add(&b, req.p, req.n);
	return gss(oid, b);
}

static struct bytes neg_token_init(unsigned mechanisms, const struct bytes *inner)
{
	struct bytes list = {.n = 0}, b = {.n = 0};
	for (unsigned i = 0; i < mechanisms; i++)
		add_wrapped(&list, i % 2 ? OF(OID_NTLMSSP) : OF(OID_KRB5_MS), 0x06);
	wrap(&list, 0x30);
	add_wrapped(&b, list, 0xa0);
	if (inner) {
		struct bytes octets = *inner;
		wrap(&octets, 0x04);
		add_wrapped(&b, octets, 0xa2);
	}
	wrap(&b, 0x30);
	wrap(&b, 0xa0);
	return gss(OF(OID_SPNEGO), b);
}

static struct bytes neg_token_resp(const struct bytes *inner)
{
	struct bytes b = OF("\xa0\x03\x0a\x01\x01");
	if (inner) {
		struct bytes octets = *inner;
		wrap(&octets, 0x04);
		add_wrapped(&b, octets, 0xa2);
	}
	wrap(&b, 0x30);
	wrap(&b, 0xa1);
	return b;
}

static enum token_kind kind_of(struct bytes token)
{
	struct buf b;
	buf_init(&b, 2 * TOKEN_MOST);
	encode_base64(&b, token.p, token.n);
	assert_int_equal(buf_error(&b), 0);
	enum token_kind kind = token_kind_of(buf_span(&b));
	buf_fini(&b);
	return kind;
}

static void expect(struct bytes token, enum token_kind wanted)
{
	enum token_kind kind = kind_of(token);
	if (kind != wanted)
		fail_msg("%s instead of %s", token_kind_name(kind), token_kind_name(wanted));
}

static void ntlm_is_told_by_its_type(void **state)
{
	expect(ntlm(1), TOKEN_NTLM_1);
	expect(ntlm(2), TOKEN_NTLM_2);
	expect(ntlm(3), TOKEN_NTLM_3);
	expect(ntlm(4), TOKEN_UNKNOWN);
	expect(ntlm(0), TOKEN_UNKNOWN);
	expect(of("NTLMSSP\0\1\1\0\0", 12), TOKEN_UNKNOWN);
	expect(of("NTLMSSP\0\1\0\0\0", 12), TOKEN_NTLM_1);
	expect(of("NTLMSSP\0\1\0\0", 11), TOKEN_UNKNOWN);
	expect(of("NTLMSSP ", 8), TOKEN_UNKNOWN);
}

/* The type 1 that curl sends. */
static void a_real_token(void **state)
{
	assert_int_equal(token_kind_of(SPAN("TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=")), TOKEN_NTLM_1);
}

static void kerberos_comes_bare_and_wrapped(void **state)
{
	expect(ap_req(40), TOKEN_KERBEROS);
	expect(ap_req(4000), TOKEN_KERBEROS);
	expect(kerberos(OF(OID_KRB5), "\1\0", 40), TOKEN_KERBEROS);
	expect(kerberos(OF(OID_KRB5_MS), "\1\0", 4000), TOKEN_KERBEROS);
	expect(kerberos(OF(OID_KRB5), "\2\0", 40), TOKEN_UNKNOWN);
	expect(kerberos(OF("\x2a\x03"), "\1\0", 40), TOKEN_UNKNOWN);
}

static void spnego_is_looked_into(void **state)
{
	struct bytes type1 = ntlm(1), type2 = ntlm(2), type3 = ntlm(3), odd = OF("something else");
	struct bytes krb = kerberos(OF(OID_KRB5), "\1\0", 3000), bare = ap_req(3000),
				 gss_ntlm = gss(OF(OID_NTLMSSP), ntlm(1));
	expect(neg_token_init(3, &type1), TOKEN_NTLM_1);
	expect(neg_token_init(3, &krb), TOKEN_KERBEROS);
	expect(neg_token_init(3, &bare), TOKEN_KERBEROS);
	expect(neg_token_init(3, &gss_ntlm), TOKEN_NTLM_1);
	expect(neg_token_init(3, NULL), TOKEN_SPNEGO_FIRST);
	expect(neg_token_init(3, &odd), TOKEN_SPNEGO_FIRST);
	expect(neg_token_init(100, &type1), TOKEN_NTLM_1);
	expect(neg_token_init(250, &type1), TOKEN_SPNEGO_FIRST); /* beyond what is decoded */
	expect(neg_token_resp(&type2), TOKEN_NTLM_2);
	expect(neg_token_resp(&type3), TOKEN_NTLM_3);
	expect(neg_token_resp(NULL), TOKEN_SPNEGO_NEXT);
	expect(neg_token_resp(&odd), TOKEN_SPNEGO_NEXT);
}

/* A negotiation that goes on with another mechanism begins nothing: it needs its connection. */
static void a_later_leg_is_never_a_first(void **state)
{
	struct bytes type1 = ntlm(1), krb = kerberos(OF(OID_KRB5), "\1\0", 40);
	expect(neg_token_resp(&type1), TOKEN_SPNEGO_NEXT);
	expect(neg_token_resp(&krb), TOKEN_SPNEGO_NEXT);
	assert_false(token_is_first(TOKEN_SPNEGO_NEXT));
	assert_true(token_is_first(TOKEN_NTLM_1) && token_is_first(TOKEN_KERBEROS) && token_is_first(TOKEN_SPNEGO_FIRST));
	assert_false(token_is_first(TOKEN_NTLM_2) || token_is_first(TOKEN_NTLM_3) || token_is_first(TOKEN_UNKNOWN) ||
	             token_is_first(TOKEN_NONE));
}

static void what_is_no_base64_is_unknown(void **state)
{
	assert_int_equal(token_kind_of(SPAN("")), TOKEN_NONE);
	assert_int_equal(token_kind_of(SPAN("TlRMTVNTUAABAAAAB")), TOKEN_UNKNOWN);
	assert_int_equal(token_kind_of(SPAN("TlRMTVNTUAAB AAA")), TOKEN_UNKNOWN);
	assert_int_equal(token_kind_of(SPAN("TlRMTVNT-AABAAAA")), TOKEN_UNKNOWN);
	assert_int_equal(token_kind_of(SPAN("====")), TOKEN_UNKNOWN);
	assert_int_equal(token_kind_of(SPAN("AAAA, Basic YTpi")), TOKEN_UNKNOWN);
}

/* NTLMSSP counts only where a token begins, not anywhere inside. */
static void a_name_inside_is_no_ntlm(void **state)
{
	expect(OF("xNTLMSSP\0\1\0\0\0"), TOKEN_UNKNOWN);
	struct bytes inside = ntlm(1), odd = OF("x");
	add(&odd, inside.p, inside.n);
	expect(neg_token_init(1, &odd), TOKEN_SPNEGO_FIRST);
}

static void lengths_that_lie_are_cut_to_what_is_there(void **state)
{
	expect(OF("\x60\x84\xff\xff\xff\xff\x06\x06" OID_SPNEGO "\xa0\x84\x7f\xff\xff\xff\x30\x80"), TOKEN_UNKNOWN);
	expect(OF("\x60\x85\x01\x01\x01\x01\x01"), TOKEN_UNKNOWN);
	expect(OF("\x60\x80"), TOKEN_UNKNOWN);
	expect(OF("\xa1"), TOKEN_UNKNOWN);
	expect(OF("\xa1\x02\x30\x00"), TOKEN_SPNEGO_NEXT);
	expect(OF("\x6e\x00"), TOKEN_UNKNOWN);
	struct bytes type1 = ntlm(1), token = neg_token_init(3, &type1);
	for (size_t n = 0; n < token.n; n++) {
		enum token_kind kind = kind_of(of(token.p, n));
		assert_true(kind == TOKEN_UNKNOWN || kind == TOKEN_SPNEGO_FIRST || kind == TOKEN_NTLM_1 || n == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ntlm_is_told_by_its_type),        cmocka_unit_test(a_real_token),
		cmocka_unit_test(kerberos_comes_bare_and_wrapped), cmocka_unit_test(spnego_is_looked_into),
		cmocka_unit_test(a_later_leg_is_never_a_first),    cmocka_unit_test(what_is_no_base64_is_unknown),
		cmocka_unit_test(a_name_inside_is_no_ntlm),        cmocka_unit_test(lengths_that_lie_are_cut_to_what_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
