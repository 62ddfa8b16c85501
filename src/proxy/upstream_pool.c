#include "proxy/upstream_pool.h"

#include <stdlib.h>

#include "base/counters.h"
#include "net/fiber.h"

enum {
	SERVERS_MOST = 1 << 20,
	SIGN_INS_AT_ONCE = 16, /* by one worker, to one server */
};

static void discard(struct upstream_conn *conn)
{
	struct upstream_pool *pool = conn->server->pool;
	list_remove(&conn->link);
	list_remove(&conn->by_age);
	conn->server->idle_count--;
	pool->idle_count--;
	COUNT_ADD(server_connections_idle, -1);
	upstream_conn_end(conn);
}

static struct upstream_conn *oldest(struct upstream_pool *pool)
{
	return list_empty(&pool->by_age) ? NULL : CONTAINER_OF(pool->by_age.next, struct upstream_conn, by_age);
}

/* Closes what has been idle too long and waits for the next one's turn. */
static void age(struct timer *t)
{
	struct upstream_pool *pool = CONTAINER_OF(t, struct upstream_pool, ageing);
	struct upstream_conn *conn;
	while ((conn = oldest(pool)) && conn->idle_since + pool->idle_ms <= worker_now())
		discard(conn);
	if (conn)
		timer_set(&pool->ageing, conn->idle_since + pool->idle_ms);
}

void upstream_pool_init(struct upstream_pool *pool)
{
	*pool = (struct upstream_pool){.most_idle = 1024, .most_idle_per_server = 256, .idle_ms = 60000};
	map_init(&pool->servers, SERVERS_MOST);
	list_init(&pool->by_age);
	timer_init(&pool->ageing, age);
}

void upstream_pool_fini(struct upstream_pool *pool)
{
	upstream_pool_empty(pool);
	timer_stop(&pool->ageing);
	map_fini(&pool->servers);
}

void upstream_pool_limits(struct upstream_pool *pool, unsigned most_idle, unsigned most_idle_per_server,
                          int64_t idle_ms)
{
	pool->most_idle = most_idle;
	pool->most_idle_per_server = most_idle_per_server;
	pool->idle_ms = idle_ms;
}

struct upstream_server *upstream_server_get(struct upstream_pool *pool, struct span key, struct span name)
{
	struct upstream_server *server = map_get(&pool->servers, key);
	if (server) {
		server->references++;
		return server;
	}
	server = calloc(1, sizeof(*server) + key.n + name.n + 1);
	if (!server)
		return NULL;
	char *text = (char *)(server + 1);
	memcpy(text, key.p, key.n);
	memcpy(text + key.n, name.p, name.n);
	server->pool = pool;
	server->references = 1;
	server->key = span_make(text, key.n);
	server->name = text + key.n;
	list_init(&server->idle);
	list_init(&server->waiting);
	list_init(&server->to_sign_in);
	if (map_put(&pool->servers, server->key, server, NULL) != 0) {
		free(server);
		return NULL;
	}
	return server;
}

void upstream_server_put(struct upstream_server *server)
{
	if (--server->references > 0)
		return;
	map_remove(&server->pool->servers, server->key);
	free(server);
}

/* Something happened on an idle connection: the server closed it, or says what nobody asked for. */
static void idle_conn_stirred(struct watch *w)
{
	struct upstream_conn *conn = CONTAINER_OF(w, struct upstream_conn, stream.watch);
	if (!stream_is_quiet(&conn->stream))
		discard(conn);
}

struct upstream_conn *upstream_pool_take(struct upstream_server *server)
{
	while (!list_empty(&server->idle)) {
		struct upstream_conn *conn = CONTAINER_OF(server->idle.next, struct upstream_conn, link);
		if (!stream_is_quiet(&conn->stream)) {
			discard(conn);
			continue;
		}
		list_remove(&conn->link);
		list_remove(&conn->by_age);
		server->idle_count--;
		server->pool->idle_count--;
		COUNT_ADD(server_connections_idle, -1);
		conn->stream.watch.on_ready = NULL;
		return conn;
	}
	return NULL;
}

struct waiter {
	struct link link;
	struct fiber *fiber;
};

static void wake_first(struct link *waiting)
{
	struct link *first = list_pop(waiting);
	if (first)
		fiber_wake(CONTAINER_OF(first, struct waiter, link)->fiber);
}

/* Waits to be woken. What came too late for us is the next one's. */
static int wait_among(struct link *waiting, mono_ms deadline)
{
	struct waiter waiter = {.fiber = fiber_self()};
	list_push(waiting, &waiter.link);
	int result = fiber_wait(deadline);
	if (result != 0 && list_empty(&waiter.link))
		wake_first(waiting);
	list_remove(&waiter.link);
	return result;
}

void upstream_server_stir(struct upstream_server *server)
{
	wake_first(&server->waiting);
}

void upstream_server_enter(struct upstream_server *server)
{
	server->references++;
	server->open_count++;
}

void upstream_server_leave(struct upstream_server *server)
{
	server->open_count--;
	upstream_server_stir(server);
	upstream_server_put(server);
}

int upstream_server_wait(struct upstream_server *server, unsigned most, bool fresh, mono_ms deadline)
{
	int result = 0;
	while (result == 0 && server->open_count >= most && (fresh || server->idle_count == 0)) {
		if (server->idle_count > 0) {
			discard(CONTAINER_OF(server->idle.prev, struct upstream_conn, link));
			continue;
		}
		result = wait_among(&server->waiting, deadline);
	}
	return result;
}

int upstream_server_wait_to_sign_in(struct upstream_server *server, mono_ms deadline)
{
	int result = 0;
	while (result == 0 && server->signing_in >= SIGN_INS_AT_ONCE && server->idle_count == 0)
		result = wait_among(&server->to_sign_in, deadline);
	return result;
}

void upstream_server_begin_sign_in(struct upstream_server *server)
{
	server->signing_in++;
}

void upstream_server_end_sign_in(struct upstream_server *server)
{
	server->signing_in--;
	wake_first(&server->to_sign_in);
}

void upstream_pool_give(struct upstream_conn *conn)
{
	struct upstream_server *server = conn->server;
	struct upstream_pool *pool = server->pool;
	ASSERT(!conn->tainted);
	if (!stream_has_settled(&conn->stream) || pool->most_idle == 0 || pool->most_idle_per_server == 0) {
		upstream_conn_end(conn);
		return;
	}
	if (server->idle_count >= pool->most_idle_per_server)
		discard(CONTAINER_OF(server->idle.prev, struct upstream_conn, link));
	else if (pool->idle_count >= pool->most_idle)
		discard(oldest(pool));
	conn->idle_since = worker_now();
	conn->stream.watch.on_ready = idle_conn_stirred;
	list_push_front(&server->idle, &conn->link);
	list_push(&pool->by_age, &conn->by_age);
	server->idle_count++;
	pool->idle_count++;
	COUNT_ADD(server_connections_idle, 1);
	if (pool->ageing.when == NEVER)
		timer_set(&pool->ageing, conn->idle_since + pool->idle_ms);
	upstream_server_stir(server);
	wake_first(&server->to_sign_in);
}

void upstream_pool_empty(struct upstream_pool *pool)
{
	struct upstream_conn *conn;
	while ((conn = oldest(pool)))
		discard(conn);
}
