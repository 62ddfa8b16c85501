#include "auth/kerberos_ticket.h"

#include <krb5/krb5.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"

/* ---- DER, as far as an AP-REQ needs it */

enum {
	GSS_FRAME = 0x60,
	OID = 0x06,
	SEQUENCE = 0x30,
	INTEGER = 0x02,
	OCTETS = 0x04,
	TIME = 0x18,
	AP_REQ = 0x6e,
	AUTHENTICATOR = 0x62
};
#define TAGGED(n) (0xa0U + (n))

/* Takes one element off the front of *rest, if it has this tag; *inside is its content, *whole (may be NULL) all of it. */
static bool take(struct span *rest, unsigned tag, struct span *inside, struct span *whole)
{
	const unsigned char *p = (const unsigned char *)rest->p;
	size_t head = 2, n;
	if (rest->n < 2 || p[0] != tag)
		return false;
	n = p[1];
	if (n & 0x80) {
		size_t count = n & 0x7f;
		if (count == 0 || count > 4 || rest->n < 2 + count)
			return false;
		for (n = 0; head < 2 + count; head++)
			n = n << 8 | p[head];
	}
	if (n > rest->n - head)
		return false;
	*inside = span_make(rest->p + head, n);
	if (whole)
		*whole = span_make(rest->p, head + n);
	*rest = span_make(rest->p + head + n, rest->n - head - n);
	return true;
}

static bool take_field(struct span *rest, unsigned number, struct span *inside)
{
	return take(rest, TAGGED(number), inside, NULL);
}

static bool take_integer(struct span field, int32_t *out)
{
	struct span digits;
	if (!take(&field, INTEGER, &digits, NULL) || digits.n == 0 || digits.n > 4)
		return false;
	uint32_t value = digits.p[0] & 0x80 ? UINT32_MAX : 0;
	for (size_t i = 0; i < digits.n; i++)
		value = value << 8 | (unsigned char)digits.p[i];
	*out = (int32_t)value;
	return true;
}

static bool unframe(struct span *token)
{
	struct span oid, frame;
	if (token->n && (unsigned char)token->p[0] == AP_REQ)
		return true;
	if (!take(token, GSS_FRAME, &frame, NULL) || !take(&frame, OID, &oid, NULL) || frame.n < 2 ||
	    memcmp(frame.p, "\x01\0", 2) != 0)
		return false;
	*token = span_make(frame.p + 2, frame.n - 2);
	return true;
}

bool ap_req_read(struct span token, struct ap_req *out)
{
	struct span request, fields, skipped, encrypted, inside, field;
	*out = (struct ap_req){0};
	if (!unframe(&token) || !take(&token, AP_REQ, &request, NULL) || !take(&request, SEQUENCE, &fields, NULL))
		return false;
	if (!take_field(&fields, 0, &skipped) || !take_field(&fields, 1, &skipped) || !take_field(&fields, 2, &skipped))
		return false; /* version, message type, options */
	if (!take_field(&fields, 3, &out->ticket) || !take_field(&fields, 4, &encrypted) ||
	    !take(&encrypted, SEQUENCE, &inside, NULL))
		return false;
	if (!take_field(&inside, 0, &field) || !take_integer(field, &out->authenticator_enctype))
		return false;
	(void)take_field(&inside, 1, &field); /* a key version, which authenticators have none of */
	return take_field(&inside, 2, &field) && take(&field, OCTETS, &out->authenticator, NULL) &&
	       out->authenticator.n > 0;
}

/* ---- the ticket and the keytab */

struct opened {
	krb5_context krb;
	krb5_ticket *ticket;
	krb5_keytab keytab;
};

static void opened_fini(struct opened *o)
{
	if (o->ticket)
		krb5_free_ticket(o->krb, o->ticket);
	if (o->keytab)
		krb5_kt_close(o->krb, o->keytab);
	if (o->krb)
		krb5_free_context(o->krb);
}

static inline void auto_release_opened(struct opened *o)
{
	opened_fini(o);
}

static bool open_ticket(struct opened *o, const struct ap_req *req)
{
	krb5_data der = {.length = (unsigned)req->ticket.n, .data = (char *)req->ticket.p};
	return krb5_init_context(&o->krb) == 0 && krb5_decode_ticket(&der, &o->ticket) == 0;
}

static bool open_keytab(struct opened *o, const char *path)
{
	char name[PATH_MAX + 8];
	snprintf(name, sizeof(name), "FILE:%s", path);
	return krb5_kt_resolve(o->krb, name, &o->keytab) == 0;
}

void ap_req_realm(const struct ap_req *req, char *realm, size_t room)
{
	AUTO(opened) struct opened o = {0};
	realm[0] = '\0';
	if (!open_ticket(&o, req))
		return;
	krb5_data *r = &o.ticket->server->realm;
	size_t n = r->length < room ? r->length : room - 1;
	memcpy(realm, r->data, n);
	realm[n] = '\0';
}

struct matches {
	bool entries, principal, version, enctype;
	char other[256]; /* a name that the keytab does have */
};

static void match_entry(const struct opened *o, const krb5_keytab_entry *e, struct matches *m)
{
	char *name = NULL;
	bool principal = krb5_principal_compare(o->krb, e->principal, o->ticket->server);
	/* Formats before 2000 kept eight bits of the version. */
	bool version = e->vno == o->ticket->enc_part.kvno || e->vno == (o->ticket->enc_part.kvno & 0xff) ||
	               o->ticket->enc_part.kvno == 0;
	m->entries = true;
	m->principal = m->principal || principal;
	m->version = m->version || (principal && version);
	m->enctype = m->enctype || (principal && version && e->key.enctype == o->ticket->enc_part.enctype);
	if (!m->other[0] && krb5_unparse_name(o->krb, e->principal, &name) == 0) {
		snprintf(m->other, sizeof(m->other), "%s", name);
		krb5_free_unparsed_name(o->krb, name);
	}
}

static krb5_error_code match_all(const struct opened *o, struct matches *m)
{
	krb5_kt_cursor cursor;
	krb5_keytab_entry e;
	krb5_error_code error = krb5_kt_start_seq_get(o->krb, o->keytab, &cursor);
	if (error)
		return error;
	while ((error = krb5_kt_next_entry(o->krb, o->keytab, &e, &cursor)) == 0) {
		match_entry(o, &e, m);
		krb5_free_keytab_entry_contents(o->krb, &e);
	}
	krb5_kt_end_seq_get(o->krb, o->keytab, &cursor);
	return error == KRB5_KT_END ? 0 : error;
}

enum auth_reason ap_req_without_key(const struct ap_req *req, const char *keytab, struct buf *says)
{
	AUTO(opened) struct opened o = {0};
	struct matches m = {0};
	char *name = NULL, enctype[64] = "?";
	if (!open_ticket(&o, req))
		return AUTH_MALFORMED;
	if (!open_keytab(&o, keytab) || match_all(&o, &m) != 0 || !m.entries) {
		buf_addf(says, "; the keytab %s cannot be read", keytab);
		return AUTH_UNAVAILABLE;
	}
	krb5_enctype_to_name(o.ticket->enc_part.enctype, FALSE, enctype, sizeof(enctype));
	if (krb5_unparse_name(o.krb, o.ticket->server, &name) == 0)
		buf_addf(says, "; the ticket is for %s, key version %u, %s", name, (unsigned)o.ticket->enc_part.kvno, enctype);
	krb5_free_unparsed_name(o.krb, name);
	if (!m.principal) {
		buf_addf(says, "; the keytab is for others, such as %s", m.other);
		return AUTH_WRONG_SPN;
	}
	/* With all three alike it is the key itself: made anew without its version going up. */
	return m.version && !m.enctype ? AUTH_WRONG_ENCTYPE : AUTH_WRONG_KVNO;
}

/* ---- clocks */

/* Authenticator (RFC 4120 5.5.1): ctime is field 5. */
static bool client_time(struct span plain, char out[32])
{
	struct span whole, fields, field, text;
	if (!take(&plain, AUTHENTICATOR, &whole, NULL) || !take(&whole, SEQUENCE, &fields, NULL))
		return false;
	for (unsigned i = 0; i < 5; i++)
		(void)take_field(&fields, i, &field);
	if (!take_field(&fields, 5, &field) || !take(&field, TIME, &text, NULL) || text.n != 15)
		return false;
	snprintf(out, 32, "%.4s-%.2s-%.2s %.2s:%.2s:%.2s", text.p, text.p + 4, text.p + 6, text.p + 8, text.p + 10,
	         text.p + 12);
	for (const char *p = out; *p; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return true;
}

void ap_req_clocks(const struct ap_req *req, const char *keytab, struct buf *says)
{
	AUTO(opened) struct opened o = {0};
	enum { AUTHENTICATOR_USAGE = 11 };
	if (!open_ticket(&o, req) || !open_keytab(&o, keytab) ||
	    krb5_server_decrypt_ticket_keytab(o.krb, o.keytab, o.ticket) != 0)
		return;
	AUTO(heap) char *plain = malloc(req->authenticator.n);
	krb5_enc_data encrypted = {
		.enctype = req->authenticator_enctype,
		.ciphertext = {.length = (unsigned)req->authenticator.n, .data = (char *)req->authenticator.p}};
	krb5_data out = {.length = (unsigned)req->authenticator.n, .data = plain};
	if (!plain || krb5_c_decrypt(o.krb, o.ticket->enc_part2->session, AUTHENTICATOR_USAGE, NULL, &encrypted, &out) != 0)
		return;
	char theirs[32], ours[32];
	time_t now = time(NULL);
	struct tm utc;
	strftime(ours, sizeof(ours), "%Y-%m-%d %H:%M:%S", gmtime_r(&now, &utc));
	if (client_time(span_make(out.data, out.length), theirs))
		buf_addf(says, "; the client's clock says %s, ours %s UTC", theirs, ours);
}
