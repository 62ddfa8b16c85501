/* What one worker needs to serve: the settings in force, its pool, its clients and tunnels, the logs.
 *
 * Owner: one a worker, made in service_start(). Threads: its worker, except where said. A reload gives every worker a new edition; who works
 * keeps the one it began with (lease). */
#ifndef FAIRLEAD_PROXY_SERVICE_H
#define FAIRLEAD_PROXY_SERVICE_H

#include "base/ref.h"
#include "config/settings.h"
#include "net/listener.h"
#include "net/tls.h"
#include "proxy/edition.h"
#include "proxy/record.h"
#include "proxy/responder.h"
#include "proxy/upstream_pool.h"

enum { RESPONDERS_MOST = 4 };

/* One worker's counted hold on an edition: no atomic operation an exchange. */
struct lease {
	struct edition *edition;
	const struct settings *settings;
	unsigned users;
};

/* A listening address: the same object through all reloads. */
struct port {
	struct port *next;
	struct listener *listener;
	char *address; /* as in the settings */
	bool removed;  /* drained after a reload */
};

/* What all workers share for as long as the process lives. */
struct process {
	uint32_t id;                               /* the random part of exchange ids */
	const struct responder *const *responders; /* ends with NULL; one for each role but the proxy's */
	struct offload_lane *disk_lane;            /* for files that are not in memory */
};

struct service {
	unsigned index;
	struct lease *lease; /* the one in force */
	struct upstream_pool pool;
	struct link clients;
	unsigned client_count;
	struct link tunnels;
	bool draining;
	uint64_t numbers; /* last number given out */
	const struct process *process;
	struct prober *prober; /* of the first worker; NULL: nothing to probe */
};

struct service *service_self(void);

/* In a worker's start function. 0 or -errno. */
MUST_CHECK int service_start(unsigned index, struct edition *edition, const struct process *process);
/* Takes a new edition into use for what begins from now on. */
void service_adopt(struct edition *edition);
/* Listens on this port from now on (once per worker and port). */
MUST_CHECK int service_listen(struct port *port);
/* What this address is under the settings in force, or NULL: not there any more. */
const struct listen_settings *service_listen_settings(const struct lease *lease, const struct port *port);

/* Who answers at listeners of this role. */
const struct responder *service_responder(enum listen_role role);

/* The access log's line of an exchange or tunnel that has ended now. */
void service_log(const struct lease *lease, const struct record *r);

struct lease *lease_take(void);
void lease_drop(struct lease *lease);

/* Unique in the process. */
uint64_t service_number(void);
void service_exchange_id(char out[], size_t n);

/* Stop: no new work, idle clients closed at once; what is under way goes on. */
void service_drain(void);
/* The drain's time is up: everything is cut. */
void service_cut(void);
/* Clients and tunnels left, those of the console apart. */
unsigned service_left(void);

#endif
