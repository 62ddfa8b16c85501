#include "auth/spnego_der.h"

enum {
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_SEQUENCE = 0x30,
	DER_GSS = 0x60,
	DER_FIELD = 0xa0, /* [0], [1], ... */
	INIT = 0xa0,
	RESPONSE = 0xa1,
	FIELDS = 5,
};

#define OID_SPNEGO SPAN("\x2b\x06\x01\x05\x05\x02")
#define OID_KRB5 SPAN("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")
#define OID_KRB5_MICROSOFT SPAN("\x2a\x86\x48\x82\xf7\x12\x01\x02\x02") /* a misprint that stayed */
#define OID_NTLMSSP SPAN("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a")

static unsigned byte_at(struct span s, size_t i)
{
	return (unsigned char)s.p[i];
}

/* Takes the next element, header and content, off *rest. */
static bool take(struct span *rest, unsigned *tag, struct span *content)
{
	size_t header = 2;
	if (rest->n < header)
		return false;
	*tag = byte_at(*rest, 0);
	size_t length = byte_at(*rest, 1);
	if (length >= 0x80) {
		size_t bytes = length & 0x7f;
		if (bytes == 0 || bytes > 3 || rest->n < header + bytes)
			return false;
		length = 0;
		for (size_t i = 0; i < bytes; i++)
			length = length << 8 | byte_at(*rest, header + i);
		header += bytes;
	}
	if (length > rest->n - header)
		return false;
	*content = span_make(rest->p + header, length);
	*rest = span_make(content->p + length, rest->n - header - length);
	return true;
}

static bool take_tag(struct span *rest, unsigned tag, struct span *content)
{
	unsigned found;
	struct span left = *rest;
	if (!take(&left, &found, content) || found != tag)
		return false;
	*rest = left;
	return true;
}

/* The content of an element that is all there is. */
static bool whole(struct span s, unsigned tag, struct span *content)
{
	return take_tag(&s, tag, content) && s.n == 0;
}

/* The fields [0] to [4] of a SEQUENCE, each at most once and in order. */
static bool take_fields(struct span sequence, struct span fields[FIELDS])
{
	unsigned tag, next = DER_FIELD;
	struct span content;
	for (unsigned i = 0; i < FIELDS; i++)
		fields[i] = SPAN_NONE;
	while (sequence.n) {
		if (!take(&sequence, &tag, &content) || tag < next || tag >= DER_FIELD + FIELDS)
			return false;
		fields[tag - DER_FIELD] = content;
		next = tag + 1;
	}
	return true;
}

static bool read_octets(struct span field, struct span *octets)
{
	*octets = SPAN_NONE;
	return field.n == 0 || whole(field, DER_OCTETS, octets);
}

int spnego_init_parse(struct span raw, struct spnego_init *out)
{
	struct span body = raw, framed, oid, sequence, fields[FIELDS], ignored;
	*out = (struct spnego_init){.token = {0}};
	if (raw.n > SPNEGO_MESSAGE_MOST)
		return -EINVAL;
	if (whole(raw, DER_GSS, &framed)) {
		if (!take_tag(&framed, DER_OID, &oid) || !span_eq(oid, OID_SPNEGO))
			return -EINVAL;
		body = framed;
	}
	if (!whole(body, INIT, &sequence) || !whole(sequence, DER_SEQUENCE, &sequence) || !take_fields(sequence, fields))
		return -EINVAL;
	/* [3] is the MIC, unless this is a NegTokenInit2: then it holds hints, and the MIC is [4]. */
	bool hints = fields[3].n && byte_at(fields[3], 0) == DER_SEQUENCE;
	if (!whole(fields[0], DER_SEQUENCE, &ignored) || !read_octets(fields[2], &out->token) ||
	    !read_octets(fields[hints ? 4 : 3], &out->mic))
		return -EINVAL;
	out->mechanisms = fields[0];
	struct span list = fields[0];
	unsigned count = 0;
	while (spnego_mechanism_next(&list, &oid))
		count++;
	return list.n == 0 && count > 0 && count <= SPNEGO_MECHANISMS_MOST ? 0 : -EINVAL;
}

int spnego_response_parse(struct span raw, struct spnego_response *out)
{
	struct span sequence, fields[FIELDS], state;
	*out = (struct spnego_response){.state = SPNEGO_STATE_ABSENT};
	if (raw.n > SPNEGO_MESSAGE_MOST || !whole(raw, RESPONSE, &sequence) || !whole(sequence, DER_SEQUENCE, &sequence) ||
	    !take_fields(sequence, fields) || fields[4].n)
		return -EINVAL;
	if (fields[0].n) {
		if (!whole(fields[0], DER_ENUMERATED, &state) || state.n != 1 || byte_at(state, 0) > SPNEGO_REQUEST_MIC)
			return -EINVAL;
		out->state = byte_at(state, 0);
	}
	if (fields[1].n && !whole(fields[1], DER_OID, &out->mechanism))
		return -EINVAL;
	return read_octets(fields[2], &out->token) && read_octets(fields[3], &out->mic) ? 0 : -EINVAL;
}

bool spnego_mechanism_next(struct span *list, struct span *oid)
{
	struct span inside;
	if (list->n && byte_at(*list, 0) == DER_SEQUENCE && whole(*list, DER_SEQUENCE, &inside))
		*list = inside;
	return take_tag(list, DER_OID, oid);
}

enum spnego_mechanism spnego_mechanism_of(struct span oid)
{
	if (span_eq(oid, OID_KRB5) || span_eq(oid, OID_KRB5_MICROSOFT))
		return SPNEGO_KRB5;
	return span_eq(oid, OID_NTLMSSP) ? SPNEGO_NTLM : SPNEGO_OTHER;
}

struct span spnego_oid(enum spnego_mechanism mechanism)
{
	return mechanism == SPNEGO_KRB5 ? OID_KRB5 : mechanism == SPNEGO_NTLM ? OID_NTLMSSP : SPAN_NONE;
}

/* How many bytes an element of this content takes. */
static size_t size_of(size_t content)
{
	return content + (content < 0x80 ? 2 : content < 0x100 ? 3 : content < 0x10000 ? 4 : 5);
}

static void add_header(struct buf *to, unsigned tag, size_t length)
{
	buf_addc(to, (char)tag);
	if (length < 0x80) {
		buf_addc(to, (char)length);
		return;
	}
	unsigned bytes = length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
	buf_addc(to, (char)(0x80 | bytes));
	while (bytes--)
		buf_addc(to, (char)(length >> (8 * bytes)));
}

static void add_element(struct buf *to, unsigned tag, struct span content)
{
	add_header(to, tag, content.n);
	buf_add(to, content);
}

/* A field that holds one element; nothing for no content. */
static size_t field_size(struct span content)
{
	return content.n ? size_of(size_of(content.n)) : 0;
}

static void add_field(struct buf *to, unsigned number, unsigned tag, struct span content)
{
	if (content.n == 0)
		return;
	add_header(to, DER_FIELD + number, size_of(content.n));
	add_element(to, tag, content);
}

void spnego_mechanisms_write(struct buf *to, const enum spnego_mechanism *mechanisms, unsigned count)
{
	size_t n = 0;
	for (unsigned i = 0; i < count; i++)
		n += size_of(spnego_oid(mechanisms[i]).n);
	add_header(to, DER_SEQUENCE, n);
	for (unsigned i = 0; i < count; i++)
		add_element(to, DER_OID, spnego_oid(mechanisms[i]));
}

void spnego_init_write(struct buf *to, const struct spnego_init *init)
{
	size_t fields = size_of(init->mechanisms.n) + field_size(init->token) + field_size(init->mic);
	size_t sequence = size_of(fields);
	add_header(to, DER_GSS, size_of(OID_SPNEGO.n) + size_of(sequence));
	add_element(to, DER_OID, OID_SPNEGO);
	add_header(to, INIT, sequence);
	add_header(to, DER_SEQUENCE, fields);
	add_element(to, DER_FIELD, init->mechanisms);
	add_field(to, 2, DER_OCTETS, init->token);
	add_field(to, 3, DER_OCTETS, init->mic);
}

void spnego_response_write(struct buf *to, const struct spnego_response *response)
{
	char state = (char)response->state;
	struct span said = span_make(&state, response->state == SPNEGO_STATE_ABSENT ? 0 : 1);
	size_t fields = field_size(said) + field_size(response->mechanism) + field_size(response->token) +
	                field_size(response->mic);
	add_header(to, RESPONSE, size_of(fields));
	add_header(to, DER_SEQUENCE, fields);
	add_field(to, 0, DER_ENUMERATED, said);
	add_field(to, 1, DER_OID, response->mechanism);
	add_field(to, 2, DER_OCTETS, response->token);
	add_field(to, 3, DER_OCTETS, response->mic);
}

void kerberos_frame_write(struct buf *to, struct span ap_req)
{
	add_header(to, DER_GSS, size_of(OID_KRB5.n) + 2 + ap_req.n);
	add_element(to, DER_OID, OID_KRB5);
	buf_add(to, SPAN("\x01\x00"));
	buf_add(to, ap_req);
}
