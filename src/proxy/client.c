#include "proxy/client.h"

#include <stdlib.h>

#include "base/counters.h"
#include "base/log.h"
#include "net/fiber.h"
#include "net/proxy_protocol.h"
#include "net/socket_owner.h"
#include "proxy/client_auth.h"
#include "route/access.h"

enum { FIBER_RETRY_MS = 50, DRAIN_GRACE_MS = 1000 };

static void client_end(struct client *client)
{
	COUNT_ADD(client_connections, -1);
	COUNT_ADD(client_bytes_in_total, (int64_t)client->stream.bytes_in);
	COUNT_ADD(client_bytes_out_total, (int64_t)client->stream.bytes_out);
	timer_stop(&client->timer);
	list_remove(&client->link);
	service_self()->client_count--;
	pin_set_fini(&client->pins);
	client_auth_fini(&client->auth);
	if (stream_is_open(&client->stream))
		stream_close(&client->stream);
	free(client);
}

/* The PROXY protocol's header, from balancers that are named. 0, or -errno: the connection ends. */
static int read_proxy_header(struct client *client, struct lent *in, int64_t wait_ms)
{
	mono_ms deadline = clock_after(worker_now(), wait_ms);
	for (;;) {
		struct proxy_header header;
		int n = in->p ? proxy_header_parse(span_make(in->p + in->start, lent_length(in)), &header) : 0;
		if (n < 0) {
			log_event(LOG_WARNING,
			          "a connection from an address named in proxy-protocol-from began without a valid PROXY header");
			return n;
		}
		if (n > 0) {
			in->start += (uint32_t)n;
			if (!header.local)
				client->from = header.source;
			client->proxy_header = false;
			return 0;
		}
		int got = stream_read(&client->stream, in, deadline);
		if (got <= 0)
			return got ? got : -ECONNRESET;
	}
}

static void client_rest(struct client *client, int64_t idle_ms);

/* The life of a client connection while it has something to say: exchanges, one after the other. */
static void client_serve(void *arg)
{
	struct client *client = arg;
	struct lent in;
	enum exchange_next next = NEXT_REST;
	lent_init(&in);
	client->fiber = fiber_self();
	int64_t idle_ms = service_self()->lease->settings->timeouts.idle;
	if (client->proxy_header && read_proxy_header(client, &in, service_self()->lease->settings->timeouts.head) != 0)
		next = NEXT_END;
	while (next != NEXT_END) {
		next = exchange_run(client, &in);
		if (next == NEXT_EXCHANGE && lent_length(&in) == 0 && stream_is_quiet(&client->stream))
			next = NEXT_REST;
		if (next == NEXT_REST || next == NEXT_TUNNEL)
			break;
	}
	lent_give_back(&in);
	client->fiber = NULL;
	if (next == NEXT_REST && (!client->close_soon || pin_set_in_handshake(&client->pins)))
		client_rest(client, idle_ms);
	else
		client_end(client);
}

static void client_wants_fiber(struct client *client)
{
	if (client->fiber)
		return;
	client->stream.watch.on_ready = NULL;
	if (fiber_run(client_serve, client) != 0)
		timer_set(&client->timer, worker_now() + FIBER_RETRY_MS); /* all are busy: a moment later */
}

static void idle_client_stirred(struct watch *w)
{
	if (w->ready & (READY_IN | READY_HUP)) /* not only that one may write */
		client_wants_fiber(CONTAINER_OF(w, struct client, stream.watch));
}

static void client_timer(struct timer *t)
{
	struct client *client = CONTAINER_OF(t, struct client, timer);
	if (client->fiber)
		return;
	if (client->stream.watch.on_ready == NULL)
		client_wants_fiber(client);
	else
		client_end(client);
}

/* Back to a struct and a registration. Its bytes may have come between the last read and now. */
static void client_rest(struct client *client, int64_t idle_ms)
{
	client->stream.watch.on_ready = idle_client_stirred;
	timer_set(&client->timer, clock_after(worker_now(), idle_ms));
}

static void refuse_connection(int fd)
{
	COUNT(client_connections_refused_total);
	close(fd);
}

/* Root may do all that our user may, so that it is no stranger: package managers and daemons run as root. */
static bool is_same_user(int fd)
{
	uid_t owner;
	return socket_owner_of_client(fd, &owner) == 0 && (owner == geteuid() || owner == 0);
}

void client_accepted(int fd, const struct addr *from, void *arg)
{
	struct port *port = arg;
	struct service *service = service_self();
	const struct listen_settings *listen = service_listen_settings(service->lease, port);
	const struct settings *settings = service->lease->settings;
	if (!listen || service->client_count >= settings->limits.connections / settings->workers + 1) {
		refuse_connection(fd);
		return;
	}
	struct client *client = calloc(1, sizeof(*client));
	if (!client || stream_open(&client->stream, fd) != 0) {
		free(client);
		refuse_connection(fd);
		return;
	}
	COUNT(client_connections_total);
	COUNT_ADD(client_connections, 1);
	client->port = port;
	client->from = *from;
	client->number = service_number();
	client->console = listen->role == ROLE_CONSOLE;
	client->close_soon = service->draining && !client->console;
	client->same_user = listen->same_user && is_same_user(fd);
	client->intermediary = access_is_intermediary(listen, from);
	for (unsigned i = 0; i < listen->proxy_protocol_from.count; i++)
		client->proxy_header |= network_has(&listen->proxy_protocol_from.items[i], from);
	pin_set_init(&client->pins);
	timer_init(&client->timer, client_timer);
	list_push(&service->clients, &client->link);
	service->client_count++;
	client_rest(client, settings->timeouts.idle);
}

void client_drain(struct client *client)
{
	if (client->console)
		return;
	client->close_soon = true;
	if (client->fiber || !client->stream.watch.on_ready || pin_set_in_handshake(&client->pins))
		return;
	if (client->requests > 0)
		client_end(client);
	else /* just accepted: its request may be on the way */
		timer_set(&client->timer, worker_now() + DRAIN_GRACE_MS);
}

void client_cut(struct client *client)
{
	client->close_soon = client->cut = true;
	if (client->fiber)
		fiber_cancel(client->fiber);
	else
		client_end(client);
}
