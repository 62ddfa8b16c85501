#include "proxy/client.h"

#include <stdlib.h>

#include "base/counters.h"
#include "base/log.h"
#include "net/fiber.h"
#include "net/proxy_protocol.h"
#include "net/socket_owner.h"
#include "net/tls.h"
#include "proxy/client_auth.h"
#include "route/access.h"

enum { FIBER_RETRY_MS = 50, DRAIN_GRACE_MS = 1000, PEEK_AGAIN_MS = 5, TLS_HANDSHAKE_BYTE = 0x16 };

static void client_end(struct client *client)
{
	COUNT_ADD(client_connections, -1);
	COUNT_ADD(client_bytes_in_total, (int64_t)client->stream.bytes_in);
	COUNT_ADD(client_bytes_out_total, (int64_t)client->stream.bytes_out);
	timer_stop(&client->timer);
	list_remove(&client->link);
	service_self()->client_count--;
	pin_set_fini(&client->pins);
	client_auth_ended(&client->auth);
	client_auth_fini(&client->auth);
	if (stream_is_open(&client->stream))
		stream_close(&client->stream);
	free(client);
}

/* Whose connection it is: what it says of those behind it is believed of this address, not of the balancer that brought it. */
static void come_from(struct client *client, const struct addr *source)
{
	struct lease *lease = lease_take();
	const struct listen_settings *listen = service_listen_settings(lease, client->port);
	client->from = *source;
	client->intermediary = listen && access_is_intermediary(listen, source);
	lease_drop(lease);
}

/* The PROXY protocol's header, from balancers that are named. It is looked at before it is taken, since what follows may be TLS. 0, or -errno:
 * the connection ends. */
static int read_proxy_header(struct client *client, mono_ms deadline)
{
	char bytes[PROXY_HEADER_MOST];
	struct proxy_header header;
	for (;;) {
		int got = stream_peek(&client->stream, bytes, sizeof(bytes), deadline);
		if (got <= 0)
			return got ? got : -ECONNRESET;
		int n = proxy_header_parse(span_make(bytes, (size_t)got), &header);
		if (n == 0 && worker_now() < deadline) { /* the rest raises no edge while this is unread */
			int told = fiber_sleep(PEEK_AGAIN_MS);
			if (told)
				return told;
			continue;
		}
		if (n <= 0 || recv(client->stream.watch.fd, bytes, (size_t)n, 0) != n) {
			log_event(LOG_WARNING,
			          "a connection from an address named in proxy-protocol-from began without a valid PROXY header");
			return -EPROTO;
		}
		if (!header.local)
			come_from(client, &header.source);
		client->proxy_header = false;
		return 0;
	}
}

/* Which site's certificate the client has asked for by name. Other settings may hold when it asks for a page. */
static void note_certificate(struct client *client, const struct listen_settings *listen)
{
	unsigned tag = tls_stream_tag(&client->stream);
	if (listen->role == ROLE_SITE && tag > 0)
		client->certificate = hash_bytes(span_of(listen->sites[tag - 1]->tls.certificate));
}

/* TLS, where the listener has it. Who speaks plain HTTP there gets an answer that says so. 0, or -errno: the connection ends. */
static int begin_tls(struct client *client, mono_ms deadline)
{
	unsigned char first;
	char why[256];
	struct lease *lease = lease_take();
	const struct listen_settings *listen = service_listen_settings(lease, client->port);
	int error = -ECONNRESET;
	if (listen && lease->edition->listen_tls[listen->index]) {
		int got = stream_peek(&client->stream, &first, 1, deadline);
		client->plain_on_tls = got == 1 && first != TLS_HANDSHAKE_BYTE;
		error = got <= 0 ? (got ? got : -ECONNRESET) : 0;
		if (!error && !client->plain_on_tls)
			error = tls_accept(&client->stream, lease->edition->listen_tls[listen->index], deadline, why, sizeof(why));
		if (!error && !client->plain_on_tls)
			note_certificate(client, listen);
		if (error && got > 0) {
			COUNT(client_tls_failures_total);
			log_event(LOG_DEBUG, "TLS with a client failed: %s", why);
		}
	}
	client->tls_wanted = false;
	lease_drop(lease);
	return error;
}

/* What comes before the first exchange. */
static int begin_connection(struct client *client)
{
	const struct timeout_settings *timeouts = &service_self()->lease->settings->timeouts;
	mono_ms deadline = clock_after(worker_now(), timeouts->head);
	int error = client->proxy_header ? read_proxy_header(client, deadline) : 0;
	return !error && client->tls_wanted ? begin_tls(client, deadline) : error;
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
	if ((client->proxy_header || client->tls_wanted) && begin_connection(client) != 0)
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
	if (client_auth_in_handshake(&client->auth) && service_self()->lease->settings->timeouts.sign_in_leg < idle_ms)
		idle_ms = service_self()->lease->settings->timeouts.sign_in_leg;
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

const struct addr *client_local(struct client *client)
{
	socklen_t n = sizeof(client->local);
	if (client->local.sa.sa_family == AF_UNSPEC && getsockname(client->stream.watch.fd, &client->local.sa, &n) != 0)
		client->local = (struct addr){0};
	return &client->local;
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
	client->tls_wanted = listen->tls.on;
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
