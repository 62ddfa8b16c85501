/* A timer looks at all members; each probe is a fiber that ends with it, so nothing waits while all are up. */
#include "proxy/probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/counters.h"
#include "base/log.h"
#include "http/head.h"
#include "net/dial.h"
#include "net/fiber.h"
#include "proxy/edition.h"

enum {
	AT_ONCE_MOST = 64, /* probes under way; the others wait for their turn */
	TICK_LEAST_MS = 50,
	FIELDS_HERE = 64,
	WHY = 256,
};

/* One member. */
struct probe {
	struct prober *prober;
	const struct upstream_settings *upstream;
	struct member_state *members; /* of the upstream */
	struct tls_client *tls;       /* NULL: plain */
	unsigned at;
	mono_ms next;
	struct fiber *fiber; /* NULL: not under way */
	bool asking;
};

struct prober {
	struct edition *edition;
	struct timer timer;
	int64_t tick;
	unsigned users; /* the service and the probes under way */
	unsigned asking, first;
	bool stopped;
	unsigned count;
	struct probe probes[];
};

static void prober_drop(struct prober *p)
{
	if (--p->users > 0)
		return;
	edition_unref(p->edition);
	free(p);
}

/* ---- one probe */

/* Reads until a whole head has come: its length, or -errno. */
static int read_head(struct stream *s, struct lent *in, const struct head_limits *limits, mono_ms deadline)
{
	size_t scanned = 0;
	for (;;) {
		int got = stream_read(s, in, deadline);
		if (got <= 0)
			return got ? got : -ECONNRESET;
		int n = head_find_end(span_make(in->p + in->start, lent_length(in)), &scanned, limits);
		if (n)
			return n > 0 ? n : -EPROTO;
	}
}

/* The status of the answer to GET `health`, or -errno. */
static int ask_health(struct stream *s, const struct upstream_settings *u, const struct member_settings *m,
                      mono_ms deadline)
{
	char request[2048];
	struct field fields[FIELDS_HERE];
	struct head_limits limits = head_limits_default;
	struct head h;
	struct lent in;
	struct buf b;
	buf_over(&b, request, sizeof(request));
	buf_addf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: fairlead/" FAIRLEAD_VERSION " (probe)\r\n", u->health,
	         m->address);
	buf_adds(&b, "Accept: */*\r\nConnection: close\r\n\r\n");
	limits.fields = FIELDS_HERE;
	lent_init(&in);
	int n = b.error ? b.error : stream_write_span(s, buf_span(&b), deadline);
	if (!n)
		n = read_head(s, &in, &limits, deadline);
	if (n > 0 && head_parse_response(&h, span_make(in.p + in.start, (size_t)n), fields, &limits) != PARSE_OK)
		n = -EPROTO;
	lent_give_back(&in);
	return n > 0 ? h.status : n;
}

static int ask_path(struct stream *s, const struct upstream_settings *u, const struct member_settings *m,
                    mono_ms deadline, char *why, size_t n)
{
	int status = ask_health(s, u, m, deadline);
	if (status >= 200 && status < 400)
		return 0;
	if (status > 0)
		snprintf(why, n, "GET %s: status %d", u->health, status);
	else
		snprintf(why, n, "GET %s: %s", u->health, strerror(-status));
	return status > 0 ? -ENODATA : status;
}

/* 0: the member answers. Else -errno, with `why` filled; -ENODATA: its health path says no. */
static int ask(const struct probe *p, char *why, size_t n)
{
	const struct upstream_settings *u = p->upstream;
	const struct member_settings *m = &u->members[p->at];
	mono_ms deadline = clock_after(worker_now(), u->probe_timeout);
	struct stream s = {.watch = {.fd = -1}};
	struct dial d = {.host = span_of(m->host), .port = m->port, .deadline = deadline};
	int error = dial(&d, &s);
	if (!error && p->tls)
		error = tls_connect(&s, p->tls, m->host, deadline, why, n);
	if (!error && u->health)
		error = ask_path(&s, u, m, deadline, why, n);
	if (error && !*why)
		snprintf(why, n, "%s", strerror(-error));
	if (stream_is_open(&s))
		stream_close(&s);
	return error;
}

/* What is wrong with us says nothing about the member. */
static bool is_our_own(int error)
{
	return error == -ECANCELED || error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

static void probe_run(void *arg)
{
	struct probe *p = arg;
	char why[WHY] = "";
	p->fiber = fiber_self();
	int error = p->prober->stopped ? -ECANCELED : ask(p, why, sizeof(why));
	COUNT(member_probes_total);
	if (!error)
		member_answered(p->upstream, p->members, p->at, worker_now());
	else if (!is_our_own(error))
		member_failed(p->upstream, p->members, p->at, why, worker_now());
	p->fiber = NULL;
	p->asking = false;
	p->next = clock_after(worker_now(), p->upstream->probe);
	p->prober->asking--;
	prober_drop(p->prober);
}

/* ---- all of them */

static bool is_due(const struct probe *p, mono_ms now)
{
	return !p->asking && p->next <= now && (p->upstream->health || member_is_down(&p->members[p->at], now));
}

static void look_around(struct timer *t)
{
	struct prober *p = CONTAINER_OF(t, struct prober, timer);
	unsigned i = 0;
	ASSERT(p->count > 0);
	for (; i < p->count && p->asking < AT_ONCE_MOST; i++) {
		struct probe *it = &p->probes[(p->first + i) % p->count];
		if (!is_due(it, worker_now()))
			continue;
		it->asking = true;
		p->asking++;
		p->users++;
		if (fiber_run(probe_run, it) != 0) {
			it->asking = false;
			p->asking--;
			p->users--;
			break;
		}
	}
	p->first = (p->first + i) % p->count;
	timer_set(&p->timer, clock_after(worker_now(), p->tick));
}

static unsigned count_members(const struct settings *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < settings_hop_count(s); i++)
		n += settings_hop(s, i)->probe ? settings_hop(s, i)->member_count : 0;
	return n;
}

static void add_members(struct prober *p, const struct upstream_settings *u, struct member_state *members,
                        struct tls_client *tls)
{
	if (!u->probe)
		return;
	p->tick = u->probe < p->tick ? u->probe : p->tick;
	for (unsigned i = 0; i < u->member_count; i++)
		p->probes[p->count++] = (struct probe){.prober = p, .upstream = u, .members = members, .tls = tls, .at = i};
}

struct prober *prober_start(struct edition *edition)
{
	const struct settings *s = edition->settings;
	unsigned n = count_members(s);
	struct prober *p = n ? calloc(1, sizeof(*p) + n * sizeof(*p->probes)) : NULL;
	if (!p) {
		if (n)
			log_event(LOG_ERROR, "members of upstreams are not probed: no memory");
		return NULL;
	}
	p->edition = edition_ref(edition);
	p->users = 1;
	p->tick = INT64_MAX;
	timer_init(&p->timer, look_around);
	for (unsigned i = 0; i < settings_hop_count(s); i++)
		add_members(p, settings_hop(s, i), edition->members[i], edition->tls[i]);
	p->tick = p->tick < TICK_LEAST_MS ? TICK_LEAST_MS : p->tick;
	timer_set(&p->timer, clock_after(worker_now(), p->tick));
	return p;
}

void prober_stop(struct prober *p)
{
	if (!p)
		return;
	p->stopped = true;
	timer_stop(&p->timer);
	for (unsigned i = 0; i < p->count; i++)
		if (p->probes[i].fiber)
			fiber_cancel(p->probes[i].fiber);
	prober_drop(p);
}
