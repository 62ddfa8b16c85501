/* c-ares reads a UDP socket until it is empty but a TCP socket only once a call, and our readiness is edge-triggered: so
 * pump() asks the kernel after each call whether something is left. */
#include "net/resolve_channel.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

enum {
	FIRST_TIMEOUT_MS = 500, /* doubled at each try */
	MOST_TRIES = 6,
	RECEIVE_BUFFER = 1 << 20,
	MOST_ROUNDS = 64,
};

struct dns_socket {
	struct watch watch;
	struct link in;
	struct deferred deferred;
	struct channel *channel;
	unsigned sweep;
	bool wants_out, closed;
};

/* ---- Sockets and timeouts. */

void channel_asked(struct channel *c)
{
	struct timeval left;
	if (c->ending)
		return;
	if (ares_timeout(c->ares, NULL, &left))
		timer_set(&c->timer, clock_after(clock_mono(), (int64_t)left.tv_sec * 1000 + left.tv_usec / 1000 + 1));
	else
		timer_stop(&c->timer);
}

static bool still_ready(struct dns_socket *s, bool *in, bool *out)
{
	struct pollfd p = {.fd = s->watch.fd, .events = (short)(POLLIN | (s->wants_out ? POLLOUT : 0))};
	if (s->closed || poll(&p, 1, 0) <= 0)
		return false;
	*in = p.revents & (POLLIN | POLLERR | POLLHUP);
	*out = s->wants_out && (p.revents & (POLLOUT | POLLERR | POLLHUP));
	return *in || *out;
}

/* False when there is more to read than a fair share. */
static bool pump(struct dns_socket *s)
{
	bool in, out;
	s->watch.ready = 0;
	for (int round = 0; still_ready(s, &in, &out); round++) {
		if (round == MOST_ROUNDS)
			return false;
		int fd = s->watch.fd;
		ares_process_fd(s->channel->ares, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
	}
	return true;
}

static void socket_ready(struct watch *w)
{
	struct dns_socket *s = CONTAINER_OF(w, struct dns_socket, watch);
	struct channel *c = s->channel;
	if (s->closed)
		return;
	if (pump(s))
		channel_asked(c);
	else
		timer_set(&c->timer, clock_mono() + 1);
}

static struct dns_socket *not_yet_swept(struct channel *c)
{
	struct dns_socket *s;
	LIST_EACH(s, &c->sockets, struct dns_socket, in) {
		if (s->sweep != c->sweep)
			return s;
	}
	return NULL;
}

/* Any call into c-ares may open and close sockets. */
static void sweep(struct channel *c)
{
	bool all = true;
	c->sweep++;
	for (struct dns_socket *s; all && (s = not_yet_swept(c));) {
		s->sweep = c->sweep;
		all = pump(s);
	}
	if (all)
		channel_asked(c);
	else
		timer_set(&c->timer, clock_mono() + 1);
}

/* A try has timed out, or pump() stopped early. */
static void timer_due(struct timer *t)
{
	struct channel *c = CONTAINER_OF(t, struct channel, timer);
	ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	sweep(c);
}

static void sweep_later(struct later *l)
{
	sweep(CONTAINER_OF(l, struct channel, write_soon));
}

static void socket_release(struct deferred *deferred)
{
	free(CONTAINER_OF(deferred, struct dns_socket, deferred));
}

static void socket_close(struct dns_socket *s)
{
	s->closed = true;
	list_remove(&s->in);
	watch_forget(&s->watch); /* c-ares closes the descriptor next */
	worker_defer(&s->deferred, socket_release);
}

static void socket_open(struct channel *c, int fd, bool wants_out)
{
	struct dns_socket *s = calloc(1, sizeof(*s));
	if (!s)
		return; /* the question will time out */
	s->channel = c;
	s->wants_out = wants_out;
	list_init(&s->in);
	s->watch.on_ready = socket_ready;
	if (watch_add(&s->watch, fd) < 0) {
		free(s);
		return;
	}
	list_push(&c->sockets, &s->in);
}

/* c-ares opened a socket, closes one (neither direction), or waits for something else. */
static void socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct channel *c = arg;
	struct dns_socket *s;
	LIST_EACH(s, &c->sockets, struct dns_socket, in) {
		if (s->watch.fd != fd)
			continue;
		if (!readable && !writable)
			socket_close(s);
		else if (writable && !s->wants_out)
			worker_later(&c->write_soon); /* it may have been writable for long: no edge will say so again */
		s->wants_out = writable;
		return;
	}
	if (readable || writable)
		socket_open(c, fd, writable);
}

/* ---- Beginning and end. */

/* c-ares would search the list for names with dots too, so it gets none and the list is kept here. */
static void take_search_list(struct channel *c)
{
	ares_channel probe;
	struct ares_options found;
	int mask;
	if (ares_init(&probe) != ARES_SUCCESS)
		return;
	if (ares_save_options(probe, &found, &mask) == ARES_SUCCESS) {
		for (int i = 0; i < found.ndomains && c->domain_count < MOST_DOMAINS; i++) {
			size_t n = strlen(found.domains[i]);
			if (n && n < NAME_ROOM && (c->domains[c->domain_count] = strdup(found.domains[i])))
				c->domain_count++;
		}
		ares_destroy_options(&found);
	}
	ares_destroy(probe);
}

static int tries_within(int64_t timeout_ms)
{
	int tries = 1;
	for (int64_t covered = FIRST_TIMEOUT_MS; covered < timeout_ms && tries < MOST_TRIES; tries++)
		covered = 2 * covered + FIRST_TIMEOUT_MS;
	return tries;
}

static int set_up(struct channel *c, const struct resolve_settings *settings)
{
	char lookups[] = "b"; /* servers only: the hosts file is ours */
	struct ares_options options = {
		.timeout = FIRST_TIMEOUT_MS,
		.tries = tries_within(settings->timeout_ms),
		.socket_receive_buffer_size = RECEIVE_BUFFER,
		.sock_state_cb = socket_state,
		.sock_state_cb_data = c,
		.lookups = lookups,
		.ndomains = 0,
	};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_RCVBUF | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS |
	           ARES_OPT_DOMAINS;
	int status = ares_init_options(&c->ares, &options, mask);
	if (status != ARES_SUCCESS)
		return status == ARES_ENOMEM ? -ENOMEM : -EINVAL;
	if (settings->servers && ares_set_servers_ports_csv(c->ares, settings->servers) != ARES_SUCCESS) {
		ares_destroy(c->ares);
		return -EINVAL;
	}
	return 0;
}

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void)
{
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		die("c-ares cannot be started");
}

int channel_open(struct channel *c, const struct resolve_settings *settings)
{
	pthread_once(&library_once, start_library);
	*c = (struct channel){0};
	list_init(&c->sockets);
	timer_init(&c->timer, timer_due);
	later_init(&c->write_soon, sweep_later);
	int rc = set_up(c, settings);
	if (rc == 0)
		take_search_list(c);
	return rc;
}

void channel_close(struct channel *c)
{
	c->ending = true;
	ares_destroy(c->ares);
	timer_stop(&c->timer);
	list_remove(&c->write_soon.link);
	for (unsigned i = 0; i < c->domain_count; i++)
		free(c->domains[i]);
}
