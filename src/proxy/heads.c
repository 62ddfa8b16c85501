#include "proxy/heads.h"

#include "http/date.h"
#include "http/hop.h"
#include "http/status.h"
#include "proxy/behalf_auth.h"
#include "proxy/publish.h"
#include "proxy/relay_auth.h"

enum { OUR_LINES = 1024 }; /* more than all lines together that we add ourselves */

size_t heads_room(const struct exchange *x, const struct head *h)
{
	return h->raw.n + (x->conn && x->conn->authorization ? strlen(x->conn->authorization) : 0) +
	       (x->auth_info ? strlen(x->auth_info) : 0) + 2 * x->target.host.n + strlen(x->settings->pseudonym) +
	       OUR_LINES + (is_published(x) ? publish_room(x, h) : 0);
}

static bool to_parent(const struct exchange *x)
{
	return x->route.via == VIA_UPSTREAM;
}

/* Direct: path and query. To a parent: as it came. CONNECT: host and port. */
static void write_target(struct exchange *x, struct buf *to)
{
	struct span path = x->target.path;
	if (is_published(x)) {
		buf_add(to, x->place.path);
		buf_add(to, x->place.query);
		return;
	}
	if (x->request.method == METHOD_CONNECT || to_parent(x)) {
		buf_add(to, x->request.target);
		return;
	}
	if (path.n == 0 && x->request.method == METHOD_OPTIONS) {
		buf_addc(to, '*');
		return;
	}
	if (path.n == 0 || path.p[0] != '/')
		buf_addc(to, '/');
	buf_add(to, path);
}

static void write_max_forwards(struct exchange *x, struct buf *to)
{
	struct field *f = head_find(&x->request, FIELD_MAX_FORWARDS);
	uint64_t left;
	bool counts = x->request.method == METHOD_TRACE || x->request.method == METHOD_OPTIONS;
	if (!f || !counts || span_to_u64(field_value(f), UINT32_MAX, &left) != 0 || left == 0)
		return;
	f->dropped = true;
	buf_add(to, SPAN("Max-Forwards: "));
	buf_addu(to, left - 1);
	buf_add(to, SPAN("\r\n"));
}

/* TRACE shows its request to whoever sees the answer: no credentials and no cookies in it (RFC 9110 9.3.8). */
static void drop_secrets_of_trace(struct exchange *x)
{
	static const enum field_id secrets[] = {FIELD_AUTHORIZATION, FIELD_COOKIE, FIELD_PROXY_AUTHORIZATION};
	if (x->request.method != METHOD_TRACE)
		return;
	for (unsigned i = 0; i < x->request.count; i++)
		for (unsigned k = 0; k < 3; k++)
			if (x->request.fields[i].id == secrets[k])
				x->request.fields[i].dropped = true;
}

void heads_write_request(struct exchange *x, struct buf *to)
{
	struct head *h = &x->request;
	buf_add(to, h->method_text);
	buf_addc(to, ' ');
	write_target(x, to);
	buf_add(to, SPAN(" HTTP/1.1\r\nHost: "));
	buf_add(to, x->target.authority);
	buf_add(to, SPAN("\r\n"));
	hop_drop_request(h);
	relay_keep_credentials(x);
	behalf_keep_credentials(x);
	struct field *host = head_find(h, FIELD_HOST);
	if (host)
		host->dropped = true;
	drop_secrets_of_trace(x);
	if (is_published(x))
		publish_drop_forged(x);
	write_max_forwards(x, to);
	head_copy_fields(h, to);
	if (x->request_framing.kind == BODY_CHUNKED)
		buf_add(to, SPAN("Transfer-Encoding: chunked\r\n"));
	if (x->upgrade) {
		buf_add(to, SPAN("Connection: Upgrade\r\nUpgrade: "));
		buf_add(to, head_value(h, FIELD_UPGRADE));
		buf_add(to, SPAN("\r\n"));
	}
	if (x->route.via_header)
		via_add(to, h->minor, span_of(x->settings->pseudonym));
	if (is_published(x))
		publish_write_request(x, to);
	if (x->conn->authorization)
		buf_adds(to, x->conn->authorization);
	if (to_parent(x)) {
		buf_add(to, SPAN("Fairlead-Exchange: "));
		buf_adds(to, x->record.id);
		buf_add(to, SPAN("\r\n"));
	}
	buf_add(to, SPAN("\r\n"));
}

static void write_status_line(const struct head *h, struct buf *to)
{
	buf_add(to, SPAN("HTTP/1.1 "));
	buf_addu(to, h->status);
	buf_addc(to, ' ');
	buf_add(to, h->reason);
	buf_add(to, SPAN("\r\n"));
}

static void write_connection(struct exchange *x, struct buf *to)
{
	bool close = x->close_client;
	if (close && x->proxy_support)
		buf_add(to, SPAN("Connection: close, Proxy-Support\r\n"));
	else if (close)
		buf_add(to, SPAN("Connection: close\r\n"));
	else if (x->request.minor == 0 && x->proxy_support)
		buf_add(to, SPAN("Connection: keep-alive, Proxy-Support\r\n"));
	else if (x->request.minor == 0)
		buf_add(to, SPAN("Connection: keep-alive\r\n"));
	else if (x->proxy_support)
		buf_add(to, SPAN("Connection: Proxy-Support\r\n"));
	/* R4559 6: this proxy keeps the connection, so a sign-in by NTLM or Negotiate may begin. */
	if (x->proxy_support)
		buf_add(to, SPAN("Proxy-Support: Session-Based-Authentication\r\n"));
}

void heads_write_response(struct exchange *x, struct buf *to)
{
	struct head *h = &x->response;
	write_status_line(h, to);
	if (is_published(x))
		publish_write_response(x, to);
	head_copy_fields(h, to); /* hop fields were dropped when the answer was judged */
	if (!head_has(h, FIELD_DATE)) {
		buf_add(to, SPAN("Date: "));
		buf_add(to, http_date(clock_civil_us() / 1000000));
		buf_add(to, SPAN("\r\n"));
	}
	if (x->route.via_header && !is_published(x))
		via_add(to, h->minor, span_of(x->settings->pseudonym));
	enum body_kind kind = x->response_framing.kind;
	if ((kind == BODY_CHUNKED || kind == BODY_UNTIL_CLOSE) && x->request.minor == 1)
		buf_add(to, SPAN("Transfer-Encoding: chunked\r\n"));
	if (x->auth_info)
		buf_adds(to, x->auth_info);
	write_connection(x, to);
	buf_add(to, SPAN("\r\n"));
}

void heads_write_interim(struct exchange *x, struct buf *to)
{
	struct head *h = &x->response;
	hop_drop_response(h);
	write_status_line(h, to);
	head_copy_fields(h, to);
	buf_add(to, SPAN("\r\n"));
}
