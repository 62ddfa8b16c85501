#include "proxy/tunnel.h"

#include <stdlib.h>

#include "base/counters.h"
#include "http/hop.h"
#include "proxy/forward.h"
#include "proxy/heads.h"
#include "proxy/relay_auth.h"
#include "proxy/upstream_pool.h"

struct tunnel {
	struct link link;
	struct relay *relay;
	struct lease *lease;
	struct upstream_server *server; /* among whose connections it counts */
	uint64_t bytes_in, bytes_out;   /* before the relay began */
	bool cut;
	struct record record;
	char text[]; /* what the record's spans point to */
};

/* The record outlives the exchange: its texts move into one block with it. */
static struct tunnel *tunnel_new(const struct record *r)
{
	struct span hop = span_of(r->hop);
	size_t n = r->method.n + r->uri.n + r->stem.n + r->query.n + r->host.n + r->user_agent.n + r->user.n +
	           r->next_hop.n + hop.n + 1;
	struct tunnel *t = calloc(1, sizeof(*t) + n);
	if (!t)
		return NULL;
	char *at = t->text;
	t->record = *r;
	t->record.method = span_keep(&at, r->method);
	t->record.uri = span_keep(&at, r->uri);
	t->record.stem = span_keep(&at, r->stem);
	t->record.query = span_keep(&at, r->query);
	t->record.host = span_keep(&at, r->host);
	t->record.user_agent = span_keep(&at, r->user_agent);
	t->record.user = span_keep(&at, r->user);
	t->record.next_hop = span_keep(&at, r->next_hop);
	t->record.referer = SPAN_NONE;
	t->record.detail = t->record.rule = t->record.remedy = NULL;
	t->record.hop = span_keep(&at, hop).p;
	list_init(&t->link);
	return t;
}

static enum end_reason reason_of(const struct tunnel *t, const struct relay_result *result)
{
	if (t->cut || result->end == RELAY_TOLD)
		return END_TUNNEL_CUT;
	return result->end == RELAY_IDLE ? END_TUNNEL_IDLE : END_TUNNEL_CLOSED;
}

static void tunnel_ended(const struct relay_result *result, void *arg)
{
	struct tunnel *t = arg;
	struct record *r = &t->record;
	COUNT_ADD(tunnels, -1);
	COUNT_ADD(tunnel_bytes_total, (int64_t)(result->to_server + result->to_client));
	r->end = reason_of(t, result);
	r->bytes_in = t->bytes_in + result->to_server;
	r->bytes_out = t->bytes_out + result->to_client;
	end_reason_count(r->end);
	service_log(t->lease, r);
	list_remove(&t->link);
	lease_drop(t->lease);
	upstream_server_leave(t->server);
	free(t);
}

int tunnel_start(struct exchange *x, struct upstream_conn *conn, struct span client_first, struct span server_first)
{
	struct tunnel *t = tunnel_new(&x->record);
	if (!t)
		return -ENOMEM;
	t->bytes_in = x->client->stream.bytes_in - x->in_before - lent_length(x->in);
	t->bytes_out = x->client->stream.bytes_out - x->out_before;
	t->lease = lease_take();
	int error = relay_start(&x->client->stream, client_first, &conn->stream, server_first, x->settings->timeouts.tunnel,
	                        tunnel_ended, t, &t->relay);
	if (error) {
		lease_drop(t->lease);
		free(t);
		return error;
	}
	t->server = conn->server;
	upstream_server_enter(t->server);
	COUNT(tunnels_total);
	COUNT_ADD(tunnels, 1);
	list_push(&service_self()->tunnels, &t->link);
	return 0;
}

void tunnels_cut(struct link *tunnels)
{
	struct tunnel *t;
	LIST_EACH(t, tunnels, struct tunnel, link) {
		t->cut = true;
		relay_stop(t->relay);
	}
}

/* ---- OPEN_TUNNEL */

static void write_consent(struct exchange *x, struct buf *to)
{
	if (x->request.method == METHOD_CONNECT) {
		buf_add(to, SPAN("HTTP/1.1 200 Connection established\r\n"));
		relay_write_challenges(x, to);
		buf_add(to, SPAN("\r\n"));
		return;
	}
	buf_add(to, SPAN("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "));
	buf_add(to, head_value(&x->response, FIELD_UPGRADE));
	buf_add(to, SPAN("\r\n"));
	hop_drop_response(&x->response);
	head_copy_fields(&x->response, to);
	buf_add(to, SPAN("\r\n"));
}

enum step open_tunnel(struct exchange *x)
{
	struct buf b;
	struct upstream_conn *conn = TAKE(x->conn);
	if (x->pin && x->pin->conn == conn)
		pin_give_up(x->pin);
	x->pin = NULL;
	x->record.status = x->request.method == METHOD_CONNECT ? 200 : 101;
	buf_init(&b, LENT_SIZE + x->response.raw.n);
	write_consent(x, &b);
	int error = b.error ? b.error
	                    : stream_write_span(&x->client->stream, buf_span(&b),
	                                        clock_after(worker_now(), x->settings->timeouts.write));
	buf_fini(&b);
	x->answer_begun = true;
	if (!error)
		error = tunnel_start(x, conn, span_make(x->in->p ? x->in->p + x->in->start : "", lent_length(x->in)),
		                     span_make(x->out.p ? x->out.p + x->out.start : "", lent_length(&x->out)));
	upstream_conn_end(conn); /* its stream, if all went well, has moved on */
	if (error)
		return cut_with(x, error == -ENOMEM ? END_OUT_OF_MEMORY : END_CLIENT_CLOSED, error);
	COUNT(exchanges_total);
	COUNT_ADD(exchanges, -1);
	x->next = NEXT_TUNNEL;
	return STEP_OVER;
}
