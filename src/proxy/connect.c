/* CONNECT: the pin's connection, one from the pool, or a new one; a parent's members in their order. */
#include <inttypes.h>

#include "base/counters.h"
#include "base/log.h"
#include "net/dial.h"
#include "proxy/behalf_auth.h"
#include "proxy/forward.h"
#include "proxy/relay_auth.h"
#include "proxy/upstream_auth.h"

static bool candidate_allowed(const struct addr *candidate, void *arg)
{
	struct exchange *x = arg;
	return access_address_allowed(&x->question, candidate);
}

static enum end_reason reason_of_dial(const struct dial *d, int error)
{
	if (d->tried == 0) {
		switch (error) {
		case -ENOENT:
		case -EINVAL:
			return END_DNS_NOT_FOUND;
		case -ETIMEDOUT:
			return END_DNS_TIMEOUT;
		case -EHOSTUNREACH:
			return END_DNS_FAILED;
		}
	}
	switch (error) {
	case -ECONNREFUSED:
		return END_CONNECT_REFUSED;
	case -ETIMEDOUT:
		return END_CONNECT_TIMEOUT;
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		return END_CONNECT_UNREACHABLE;
	case -EMFILE:
	case -ENFILE:
		return END_OUT_OF_DESCRIPTORS;
	case -ENOMEM:
		return END_OUT_OF_MEMORY;
	case -ECANCELED:
		return END_DRAINING;
	}
	return END_CONNECT_FAILED;
}

/* The pool's key: everything that makes two connections to somewhere differ. Member and TLS settings of a parent stand for themselves
 * through its name and the edition they belong to. */
static struct upstream_server *server_for(struct exchange *x, const struct member_settings *member)
{
	char key[2048], name[300];
	struct buf k, n;
	buf_over(&k, key, sizeof(key));
	buf_over(&n, name, sizeof(name) - 1);
	if (!member) {
		buf_add(&k, SPAN("direct|"));
		buf_add(&k, x->origin_key);
		buf_add(&n, x->origin_key);
	} else {
		buf_addf(&k, "%s|%s|%s|", x->route.upstream->is_application ? "application" : "parent", x->route.upstream->name,
		         member->address);
		if (x->route.upstream->tls.on)
			buf_addf(&k, "tls %" PRIu64, x->lease->edition->number);
		if (upstream_relays(x->route.upstream))
			buf_adds(&k, "|relayed");
		if (upstream_signs_in(x->route.upstream))
			buf_addf(&k, "|signed in %" PRIu64, x->lease->edition->number);
		behalf_write_key(x, &k);
		buf_adds(&n, member->address);
	}
	if (k.error || n.error)
		return NULL;
	name[n.n] = '\0';
	return upstream_server_get(&service_self()->pool, buf_span(&k), buf_span(&n));
}

static int shake_hands(struct exchange *x, const struct member_settings *member, struct upstream_conn *conn)
{
	struct tls_client *tls = x->lease->edition->tls[x->route.upstream->index];
	char *why = arena_alloc(&x->arena, 256);
	if (!tls || !why)
		return -ENOMEM;
	int error = tls_connect(&conn->stream, tls, member->host,
	                        clock_after(worker_now(), x->settings->timeouts.handshake), why, 256);
	if (error)
		x->record.detail = why;
	return error;
}

/* For one that is known to be down, and tried because all are, not longer than a probe would wait. */
static mono_ms dial_deadline(const struct exchange *x, const struct member_settings *member)
{
	const struct upstream_settings *u = x->route.upstream;
	int64_t most = x->settings->timeouts.connect;
	if (member && u->probe && u->probe_timeout < most &&
	    member_is_down(&x->lease->edition->members[u->index][member - u->members], worker_now()))
		most = u->probe_timeout;
	return clock_after(worker_now(), most);
}

/* Dials one place. STEP_SEND with x->conn, or the step that ends the exchange, told by *reason. */
static bool dial_one(struct exchange *x, const struct member_settings *member, struct upstream_server *server,
                     enum end_reason *reason, int *error)
{
	struct dial d = {.host = member ? span_of(member->host) : x->host_folded,
	                 .port = member ? member->port : x->target.port,
	                 .deadline = dial_deadline(x, member),
	                 .allowed = member ? NULL : candidate_allowed,
	                 .allowed_arg = x,
	                 .keepalive_s = (unsigned)(x->settings->timeouts.tcp_keepalive / 1000)};
	struct upstream_conn *conn = upstream_conn_new(server);
	if (!conn) {
		*reason = END_OUT_OF_MEMORY;
		*error = -ENOMEM;
		return false;
	}
	conn->relays = member && upstream_relays(x->route.upstream);
	*error = dial(&d, &conn->stream);
	x->record.server = conn->addr = d.connected;
	if (*error == 0 && member && x->route.upstream->tls.on) {
		*error = shake_hands(x, member, conn);
		if (*error) {
			*reason = *error == -ETIMEDOUT      ? END_CONNECT_TIMEOUT
			          : *error == -EKEYREJECTED ? END_TLS_CERTIFICATE
			                                    : END_TLS_FAILED;
			upstream_conn_end(conn);
			return false;
		}
	}
	if (*error) {
		*reason = d.refused_by_rule ? END_ADDRESS_PROTECTED : reason_of_dial(&d, *error);
		upstream_conn_end(conn);
		return false;
	}
	COUNT(server_connections_total);
	if (member && upstream_signs_in(x->route.upstream) && !upstream_sign_in(x, member, conn, reason, error)) {
		upstream_conn_end(conn);
		return false;
	}
	x->conn = conn;
	return true;
}

static void note_connection(struct exchange *x)
{
	struct record *r = &x->record;
	r->server = x->conn->addr;
	r->server_connection = x->conn->number;
	r->reused = x->conn_reused;
	r->next_hop = arena_dup(&x->arena, span_of(x->conn->server->name));
	x->conn->exchanges++;
}

/* Whether the request needs a connection of its own: a token that begins a sign-in never goes over one from the pool, nor does what
 * becomes a tunnel. */
static bool needs_fresh(const struct exchange *x)
{
	return x->leg.bound || x->relayed.credentials || x->upgrade || x->retried || x->request.method == METHOD_CONNECT;
}

/* This worker's share of the connections that a member may be given: all together make up what is set, but nobody's clients are left without any.
 * 0: no limit. */
static unsigned quota(const struct exchange *x, const struct member_settings *member)
{
	unsigned most = member ? x->route.upstream->connections : 0, workers = x->settings->workers;
	unsigned share = most / workers + (worker_index() < most % workers);
	return most && share == 0 ? 1 : share;
}

/* One signed in with a secret that has changed since, or too long ago, ends here. */
static struct upstream_conn *take_pooled(struct exchange *x, struct upstream_server *server)
{
	struct upstream_conn *conn;
	while ((conn = upstream_pool_take(server)) != NULL && !upstream_sign_in_holds(x, conn)) {
		COUNT(parent_sign_ins_ended_total);
		upstream_conn_end(conn);
	}
	return conn;
}

/* Whether the connection would be signed in by us, and could just as well be another's when that is done with it. */
static bool may_share_sign_in(const struct exchange *x, const struct member_settings *member)
{
	return member && upstream_signs_in(x->route.upstream) && !needs_fresh(x);
}

/* A pooled connection, or room for a new one. False: *reason. */
static bool find_place(struct exchange *x, const struct member_settings *member, struct upstream_server *server,
                       enum end_reason *reason, int *error)
{
	unsigned most = quota(x, member);
	mono_ms deadline = clock_after(worker_now(), x->settings->timeouts.connect);
	*error = may_share_sign_in(x, member) ? upstream_server_wait_to_sign_in(server, deadline) : 0;
	if (!*error && most)
		*error = upstream_server_wait(server, most, needs_fresh(x), deadline);
	if (*error) {
		*reason = *error == -ETIMEDOUT ? END_TOO_BUSY : END_DRAINING;
		return false;
	}
	x->conn = needs_fresh(x) ? NULL : take_pooled(x, server);
	x->conn_reused = x->conn != NULL;
	if (x->conn)
		COUNT(server_connections_reused_total);
	return true;
}

/* Descriptors that idle connections hold are better used for a request. */
static bool dial_or_make_room(struct exchange *x, const struct member_settings *member, struct upstream_server *server,
                              enum end_reason *reason, int *error)
{
	if (dial_one(x, member, server, reason, error))
		return true;
	if (*reason != END_OUT_OF_DESCRIPTORS || service_self()->pool.idle_count == 0)
		return false;
	upstream_pool_empty(&service_self()->pool);
	return dial_one(x, member, server, reason, error);
}

static bool make_new(struct exchange *x, const struct member_settings *member, struct upstream_server *server,
                     enum end_reason *reason, int *error)
{
	bool signs_in = may_share_sign_in(x, member);
	if (signs_in)
		upstream_server_begin_sign_in(server);
	bool ok = dial_or_make_room(x, member, server, reason, error);
	if (signs_in)
		upstream_server_end_sign_in(server);
	return ok;
}

static bool reach(struct exchange *x, const struct member_settings *member, enum end_reason *reason, int *error)
{
	struct upstream_server *server = server_for(x, member);
	*reason = END_OUT_OF_MEMORY;
	*error = -ENOMEM;
	if (!server)
		return false;
	bool ok = find_place(x, member, server, reason, error) && (x->conn || make_new(x, member, server, reason, error));
	upstream_server_put(server);
	return ok;
}

static enum step refuse_protected(struct exchange *x)
{
	struct access_answer answer;
	access_explain_address(&x->question, &x->record.server, &x->arena, &answer);
	return refuse_access(x, END_ADDRESS_PROTECTED, &answer);
}

static enum step connect_direct(struct exchange *x)
{
	enum end_reason reason = END_INTERNAL;
	int error = 0;
	if (reach(x, NULL, &reason, &error))
		return STEP_SEND;
	if (reason == END_ADDRESS_PROTECTED)
		return refuse_protected(x);
	return end_with(x, reason, error, NULL);
}

static bool is_about_sign_in(enum end_reason r)
{
	return end_reason_table[r].number == 12201;
}

/* The first member's word against our sign-in: what is said if no other takes it either. */
struct refusal {
	enum end_reason reason;
	int error;
	const char *detail;
	struct span hop;
};

/* After a member that did not let us sign in: it answers, so it is not down. */
static void note_refusal(struct exchange *x, unsigned at, enum end_reason reason, int error, struct refusal *first)
{
	const struct upstream_settings *u = x->route.upstream;
	if (!first->hop.p)
		*first = (struct refusal){reason, error, x->record.detail, span_of(u->members[at].address)};
	x->member_refused = true;
	x->parent_asked = x->goes_unsigned = x->asked_first = x->parent_challenges = false;
	x->probe = x->first_scheme = 0;
	if (reason != END_PARENT_SIGN_IN_HELD)
		member_refused(x->lease->edition->members[u->index], at, reason == END_PARENT_REFUSED_US, worker_now());
	COUNT(upstream_failovers_total);
}

/* One from the pool says nothing about the present. */
static void note_success(struct exchange *x, unsigned at)
{
	const struct upstream_settings *u = x->route.upstream;
	struct member_state *members = x->lease->edition->members[u->index];
	if (x->member_refused) /* by another */
		x->record.detail = NULL;
	if (x->conn_reused)
		return;
	if (!u->health) /* else a connection is not enough */
		member_answered(u, members, at, worker_now());
	if (member_refuses(&members[at], worker_now()))
		members[at].refuses_until = 0;
}

static void note_failure(struct exchange *x, unsigned at, enum end_reason reason)
{
	const struct upstream_settings *u = x->route.upstream;
	if (reason == END_TOO_BUSY) /* not down: its connections are all in use */
		return;
	x->record.next_hop = span_of(u->members[at].address);
	member_failed(u, x->lease->edition->members[u->index], at, end_reason_table[reason].name, worker_now());
	COUNT(upstream_failovers_total);
}

static bool is_ours(enum end_reason reason, int error)
{
	return error == -ECANCELED || reason == END_OUT_OF_DESCRIPTORS || reason == END_OUT_OF_MEMORY;
}

static enum step no_member_left(struct exchange *x, unsigned tried, const struct refusal *first, enum end_reason reason,
                                int error)
{
	if (first->hop.p) {
		x->record.next_hop = first->hop;
		x->record.detail = first->detail;
		return end_with(x, first->reason, first->error, NULL);
	}
	if (tried > 1)
		reason = x->route.via == VIA_APPLICATION ? END_SITE_NO_SERVER : END_NO_MEMBER;
	if (!x->route.upstream->or_direct)
		return end_with(x, reason, error, NULL);
	x->route.via = VIA_DIRECT;
	x->record.hop = "direct";
	return connect_direct(x);
}

/* The members in the order in which they are tried: those that failed or refused us a moment ago come last. Clients whom a balancer brings to a
 * published site are shared out by the addresses that it says. */
static unsigned members_in_order(const struct exchange *x, unsigned order[MEMBERS_MOST])
{
	const struct upstream_settings *u = x->route.upstream;
	const struct member_state *members = x->lease->edition->members[u->index];
	bool last[MEMBERS_MOST];
	for (unsigned i = 0; i < u->member_count; i++)
		last[i] = member_is_down(&members[i], worker_now()) || member_refuses(&members[i], worker_now());
	return upstream_order(u, &x->record.client, last, order);
}

static enum step connect_parent(struct exchange *x)
{
	const struct upstream_settings *u = x->route.upstream;
	struct member_state *members = x->lease->edition->members[u->index];
	unsigned order[MEMBERS_MOST], count = members_in_order(x, order);
	enum end_reason reason = END_NO_MEMBER;
	struct refusal first = {0};
	int error = 0;
	for (unsigned i = 0; i < count; i++) {
		struct member_state *state = &members[order[i]];
		if (u->or_direct && u->probe && member_is_down(state, worker_now())) /* the prober will say when it answers */
			continue;
		if (reach(x, &u->members[order[i]], &reason, &error)) {
			note_success(x, order[i]);
			return STEP_SEND;
		}
		if (x->dial_again) {
			x->dial_again = false;
			i--;
		} else if (is_ours(reason, error)) {
			return end_with(x, reason, error, NULL);
		} else if (!is_about_sign_in(reason)) {
			note_failure(x, order[i], reason);
		} else if (u->next_when_refused) {
			note_refusal(x, order[i], reason, error, &first);
		} else {
			return end_with(x, reason, error, NULL);
		}
	}
	return no_member_left(x, count, &first, reason, error);
}

enum step connect_hop(struct exchange *x)
{
	enum step next = STEP_SEND;
	if (!x->conn) /* else it is the pin's */
		next = x->route.via == VIA_DIRECT ? connect_direct(x) : connect_parent(x);
	if (next != STEP_SEND)
		return next;
	note_connection(x);
	if (x->request.method == METHOD_CONNECT && x->route.via == VIA_DIRECT)
		return STEP_OPEN_TUNNEL; /* there is nobody to ask */
	return STEP_SEND;
}
