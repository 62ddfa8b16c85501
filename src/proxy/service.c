#include "proxy/service.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "proxy/access_log.h"
#include "proxy/client.h"
#include "proxy/probe.h"
#include "proxy/tunnel.h"

static _Thread_local struct service *mine;

struct service *service_self(void)
{
	return mine;
}

static struct lease *lease_new(struct edition *edition)
{
	struct lease *lease = calloc(1, sizeof(*lease));
	if (!lease)
		return NULL;
	ref_take(&edition->ref);
	lease->edition = edition;
	lease->settings = edition->settings;
	lease->users = 1; /* the service itself */
	return lease;
}

static void lease_free(struct lease *lease)
{
	edition_unref(lease->edition);
	free(lease);
}

struct lease *lease_take(void)
{
	mine->lease->users++;
	return mine->lease;
}

void lease_drop(struct lease *lease)
{
	if (--lease->users == 0)
		lease_free(lease);
}

static int take_into_use(struct edition *edition)
{
	struct lease *lease = lease_new(edition);
	if (!lease)
		return -ENOMEM;
	if (mine->lease)
		lease_drop(mine->lease);
	mine->lease = lease;
	if (mine->index == 0) {
		prober_stop(mine->prober);
		mine->prober = prober_start(edition);
	}
	const struct limit_settings *limits = &edition->settings->limits;
	upstream_pool_limits(&mine->pool, (unsigned)limits->pool_idle, (unsigned)limits->pool_idle_per_server,
	                     edition->settings->timeouts.pool_idle);
	return 0;
}

static void cut_everything(void *unused)
{
	service_cut();
	upstream_pool_empty(&mine->pool);
}

static void service_end(void *unused)
{
	struct client *client;
	LIST_EACH(client, &mine->clients, struct client, link)
		client_cut(client);
	prober_stop(mine->prober);
	upstream_pool_fini(&mine->pool);
	if (mine->lease)
		lease_drop(mine->lease);
	free(mine);
	mine = NULL;
}

int service_start(unsigned index, struct edition *edition, const struct process *process)
{
	mine = calloc(1, sizeof(*mine));
	if (!mine)
		return -ENOMEM;
	mine->index = index;
	mine->process = process;
	list_init(&mine->clients);
	list_init(&mine->tunnels);
	upstream_pool_init(&mine->pool);
	worker_on_stop(cut_everything, NULL);
	worker_on_end(service_end, NULL);
	return take_into_use(edition);
}

void service_adopt(struct edition *edition)
{
	if (take_into_use(edition) != 0)
		log_event(LOG_ERROR, "worker %u has no memory for the new settings and keeps the old ones", mine->index);
}

int service_listen(struct port *port)
{
	return listener_start(port->listener, client_accepted, port);
}

const struct listen_settings *service_listen_settings(const struct lease *lease, const struct port *port)
{
	const struct settings *s = lease->settings;
	for (unsigned i = 0; i < s->listen_count; i++)
		if (strcmp(s->listens[i].address, port->address) == 0)
			return &s->listens[i];
	return NULL;
}

uint64_t service_number(void)
{
	return (uint64_t)mine->index << 40 | ++mine->numbers;
}

static char *put_hex(char *to, uint64_t value, unsigned digits)
{
	for (unsigned i = digits; i-- > 0;) {
		to[i] = "0123456789abcdef"[value & 15];
		value >>= 4;
	}
	return to + digits;
}

/* "1f3a9c-02-0000002a": process, worker, number. */
void service_exchange_id(char out[], size_t n)
{
	ASSERT(n >= 20);
	char *at = put_hex(out, mine->process->id, 6);
	*at++ = '-';
	at = put_hex(at, mine->index, 2);
	*at++ = '-';
	at = put_hex(at, ++mine->numbers, 8);
	*at = '\0';
}

const struct responder *service_responder(enum listen_role role)
{
	const struct responder *const *r = mine->process->responders;
	while ((*r)->role != role)
		r++;
	return *r;
}

void service_log(const struct lease *lease, const struct record *r)
{
	static _Thread_local char line[ACCESS_LINE]; /* no wait while it is in use; a fiber's stack would keep its pages */
	const struct edition *e = lease->edition;
	bool own = r->site && e->site_logs[r->site->index];
	struct log *log = own ? e->site_logs[r->site->index] : e->access_log;
	struct buf b;
	if (!log)
		return;
	buf_over(&b, line, sizeof(line));
	access_log_line(own ? &r->site->log : &lease->settings->access_log, r, clock_mono_us() - r->began_mono_us, &b);
	log_line(log, buf_span(&b));
}

void service_drain(void)
{
	struct client *client;
	mine->draining = true;
	upstream_pool_limits(&mine->pool, 0, 0, 0);
	upstream_pool_empty(&mine->pool);
	LIST_EACH(client, &mine->clients, struct client, link)
		client_drain(client);
}

void service_cut(void)
{
	struct client *client;
	LIST_EACH(client, &mine->clients, struct client, link)
		client_cut(client);
	tunnels_cut(&mine->tunnels);
}

unsigned service_left(void)
{
	unsigned n = 0;
	struct client *client;
	LIST_EACH(client, &mine->clients, struct client, link)
		n += !client->console;
	for (struct link *l = mine->tunnels.next; l != &mine->tunnels; l = l->next)
		n++;
	return n;
}
