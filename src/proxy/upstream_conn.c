#include "proxy/upstream_conn.h"

#include <stdlib.h>

#include "base/counters.h"
#include "proxy/lockout.h"
#include "proxy/pin.h"
#include "proxy/service.h"
#include "proxy/upstream_pool.h"

struct upstream_conn *upstream_conn_new(struct upstream_server *server)
{
	struct upstream_conn *conn = calloc(1, sizeof(*conn));
	if (!conn)
		return NULL;
	conn->stream.watch.fd = -1;
	list_init(&conn->link);
	list_init(&conn->by_age);
	conn->server = server;
	upstream_server_enter(server);
	conn->number = service_number();
	COUNT_ADD(server_connections, 1);
	return conn;
}

void upstream_conn_end(struct upstream_conn *conn)
{
	if (!conn)
		return;
	COUNT_ADD(server_bytes_in_total, (int64_t)conn->stream.bytes_in);
	COUNT_ADD(server_bytes_out_total, (int64_t)conn->stream.bytes_out);
	COUNT_ADD(server_connections, -1);
	if (stream_is_open(&conn->stream))
		stream_close(&conn->stream);
	if (conn->on_trial && lockout_tell(conn->on_trial, LOCKOUT_UNDECIDED, worker_now())) /* no answer came */
		lockout_save(conn->on_trial, service_self()->lease->settings->state_directory);
	if (conn->authorization) {
		explicit_bzero(conn->authorization, strlen(conn->authorization));
		free(conn->authorization);
	}
	upstream_server_leave(conn->server);
	free(conn);
}

/* While a connection rests in a pin nothing may come from the server: whatever does (an end, a stray byte, a 408) ends it. */
static void resting_conn_stirred(struct watch *w)
{
	struct upstream_conn *conn = CONTAINER_OF(w, struct upstream_conn, stream.watch);
	if (!stream_is_quiet(&conn->stream))
		pin_tell(conn->pin, PIN_EVENT_SERVER_CLOSED);
}

void upstream_conn_rest(struct upstream_conn *conn, struct pin *pin)
{
	conn->pin = pin;
	conn->stream.watch.on_ready = resting_conn_stirred;
}

void upstream_conn_wake(struct upstream_conn *conn)
{
	conn->pin = NULL;
	conn->stream.watch.on_ready = NULL;
}
