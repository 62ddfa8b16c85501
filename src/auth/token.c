/* Telling tokens apart by their first bytes: NTLMSSP (MS-NLMP 2.2.1), the GSS-API wrapper (RFC 2743 3.1), SPNEGO (RFC 4178
 * 4.2) and bare Kerberos AP-REQs (RFC 4120 5.5.1). The DER is walked by hand within what was decoded; an element that claims
 * more than is there is cut to it, for long tokens are decoded in part only. */
#include "auth/challenge.h"
#include "base/encode.h"

enum {
	PREFIX = 2048, /* bytes decoded: a long list of mechanisms still leaves the inner token's front in it */
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_SEQUENCE = 0x30,
	DER_GSS = 0x60,    /* [APPLICATION 0] */
	DER_AP_REQ = 0x6e, /* [APPLICATION 14] */
	DER_INIT = 0xa0,   /* [0]: NegTokenInit */
	DER_RESP = 0xa1,   /* [1]: NegTokenResp */
	DER_INNER = 0xa2,  /* [2]: mechToken, responseToken */
};

/* 1.3.6.1.5.5.2; 1.2.840.113554.1.2.2; 1.2.840.48018.1.2.2 (Microsoft's misprint of it); 1.3.6.1.4.1.311.2.2.10 */
static const struct span oid_spnego = {"\x2b\x06\x01\x05\x05\x02", 6};
static const struct span oid_krb5 = {"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02", 9};
static const struct span oid_krb5_microsoft = {"\x2a\x86\x48\x82\xf7\x12\x01\x02\x02", 9};
static const struct span oid_ntlmssp = {"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a", 10};

static unsigned byte_at(struct span s, size_t i)
{
	return (unsigned char)s.p[i];
}

/* Takes the next element off *rest: its tag and its content. False if there is no whole header, or an indefinite length. */
static bool der_next(struct span *rest, unsigned *tag, struct span *content)
{
	if (rest->n < 2)
		return false;
	*tag = byte_at(*rest, 0);
	size_t length = byte_at(*rest, 1), header = 2;
	if (length >= 0x80) {
		size_t bytes = length & 0x7f;
		if (bytes == 0 || bytes > 4 || rest->n < 2 + bytes)
			return false;
		length = 0;
		for (size_t i = 0; i < bytes; i++)
			length = length << 8 | byte_at(*rest, 2 + i);
		header += bytes;
	}
	size_t there = rest->n - header;
	*content = span_make(rest->p + header, length < there ? length : there);
	*rest = span_make(content->p + content->n, there - content->n);
	return true;
}

/* The content of the next element, if it has this tag. */
static bool der_expect(struct span *rest, unsigned tag, struct span *content)
{
	unsigned found;
	return der_next(rest, &found, content) && found == tag;
}

static bool starts_with(struct span s, const char *bytes, size_t n)
{
	return s.n >= n && memcmp(s.p, bytes, n) == 0;
}

static enum token_kind ntlm_kind(struct span s)
{
	if (s.n < 12 || byte_at(s, 9) || byte_at(s, 10) || byte_at(s, 11))
		return TOKEN_UNKNOWN;
	switch (byte_at(s, 8)) {
	case 1:
		return TOKEN_NTLM_1;
	case 2:
		return TOKEN_NTLM_2;
	case 3:
		return TOKEN_NTLM_3;
	default:
		return TOKEN_UNKNOWN;
	}
}

static bool is_ntlm(struct span s)
{
	return starts_with(s, "NTLMSSP", 8);
}

static bool is_ap_req(struct span s)
{
	unsigned tag;
	struct span content, sequence;
	return der_next(&s, &tag, &content) && tag == DER_AP_REQ && der_expect(&content, DER_SEQUENCE, &sequence);
}

/* NTLM or Kerberos, as they stand bare or as a mechanism's token inside SPNEGO; TOKEN_UNKNOWN for all else. */
static enum token_kind mechanism_kind(struct span s)
{
	struct span wrapped, oid;
	if (is_ntlm(s))
		return ntlm_kind(s);
	if (is_ap_req(s))
		return TOKEN_KERBEROS;
	if (!der_expect(&s, DER_GSS, &wrapped) || !der_expect(&wrapped, DER_OID, &oid))
		return TOKEN_UNKNOWN;
	if (span_eq(oid, oid_krb5) || span_eq(oid, oid_krb5_microsoft))
		return starts_with(wrapped, "\x01\x00", 2) ? TOKEN_KERBEROS : TOKEN_UNKNOWN; /* AP-REQ; not AP-REP, KRB-ERROR */
	return span_eq(oid, oid_ntlmssp) && is_ntlm(wrapped) ? ntlm_kind(wrapped) : TOKEN_UNKNOWN;
}

/* The mechanism's token of a NegTokenInit or NegTokenResp, whose fields 0 and 1 come before it. */
static enum token_kind inner_kind(struct span fields)
{
	unsigned tag;
	struct span content, octets;
	while (der_next(&fields, &tag, &content))
		if (tag == DER_INNER)
			return der_expect(&content, DER_OCTETS, &octets) ? mechanism_kind(octets) : TOKEN_UNKNOWN;
	return TOKEN_UNKNOWN;
}

/* In a NegTokenResp a type 1 or an AP-REQ goes on with a negotiation that the connection already knows: it begins nothing. */
static enum token_kind negotiation_kind(struct span s)
{
	unsigned tag;
	struct span content, fields;
	if (!der_next(&s, &tag, &content) || (tag != DER_INIT && tag != DER_RESP) ||
	    !der_expect(&content, DER_SEQUENCE, &fields))
		return TOKEN_UNKNOWN;
	enum token_kind inner = inner_kind(fields);
	if (tag == DER_INIT)
		return inner == TOKEN_UNKNOWN ? TOKEN_SPNEGO_FIRST : inner;
	return inner == TOKEN_NTLM_2 || inner == TOKEN_NTLM_3 ? inner : TOKEN_SPNEGO_NEXT;
}

static enum token_kind bytes_kind(struct span s)
{
	struct span rest = s, wrapped, oid;
	if (der_expect(&rest, DER_GSS, &wrapped) && der_expect(&wrapped, DER_OID, &oid) && span_eq(oid, oid_spnego))
		return negotiation_kind(wrapped);
	enum token_kind kind = mechanism_kind(s);
	return kind == TOKEN_UNKNOWN ? negotiation_kind(s) : kind;
}

enum token_kind token_kind_of(struct span token68)
{
	char bytes[PREFIX];
	const size_t most = PREFIX / 3 * 4;
	if (token68.n == 0)
		return TOKEN_NONE;
	if (token68.n % 4 != 0)
		return TOKEN_UNKNOWN;
	int n = decode_base64(span_make(token68.p, token68.n < most ? token68.n : most), bytes, sizeof(bytes));
	return n > 0 ? bytes_kind(span_make(bytes, (size_t)n)) : TOKEN_UNKNOWN;
}

bool token_is_first(enum token_kind k)
{
	return k == TOKEN_NTLM_1 || k == TOKEN_KERBEROS || k == TOKEN_SPNEGO_FIRST;
}

const char *token_kind_name(enum token_kind k)
{
	static const char *const names[] = {
		[TOKEN_NONE] = "none",
		[TOKEN_NTLM_1] = "ntlm-1",
		[TOKEN_NTLM_2] = "ntlm-2",
		[TOKEN_NTLM_3] = "ntlm-3",
		[TOKEN_KERBEROS] = "kerberos",
		[TOKEN_SPNEGO_FIRST] = "spnego-first",
		[TOKEN_SPNEGO_NEXT] = "spnego-next",
		[TOKEN_UNKNOWN] = "unknown",
	};
	return (size_t)k < sizeof(names) / sizeof(names[0]) ? names[k] : "unknown";
}
