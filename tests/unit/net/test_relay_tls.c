/* A relay whose one side is TLS: copied, never spliced, and its half-close is close_notify. */
#include "tls_server.h"

#include "net/dial.h"
#include "net/relay.h"
#include "net/worker_internal.h"

enum { BULK = 8 * 1024 * 1024 };

static struct tls_server server;

struct tunnel {
	struct stream far;
	struct relay_result result;
	struct fiber *waits;
	bool over;
};

static void tunnel_over(const struct relay_result *r, void *arg)
{
	struct tunnel *t = arg;
	t->result = *r;
	t->over = true;
	fiber_wake(t->waits);
}

static void connect_to_server(struct stream *s, struct tls_client *client)
{
	char why[256];
	struct dial d = {.host = SPAN("127.0.0.1"), .port = server.port, .deadline = worker_now() + 5000};
	CHECK(dial(&d, s) == 0);
	CHECK(tls_connect(s, client, "a.example", worker_now() + 5000, why, sizeof(why)) == 0);
}

static char byte_at(size_t at)
{
	return (char)(at ^ at >> 8 ^ at >> 16);
}

static int pour(void *arg)
{
	char block[20000];
	for (size_t at = 0; at < BULK;) {
		size_t n = BULK - at < sizeof(block) ? BULK - at : sizeof(block);
		for (size_t i = 0; i < n; i++)
			block[i] = byte_at(at + i);
		struct iovec pieces[] = {{block, 10}, {block + 10, 0}, {block + 10, 90}, {block + 100, n - 100}};
		CHECK(stream_write(arg, pieces, 4, worker_now() + 20000) == 0);
		at += n;
	}
	return stream_end_write(arg);
}

static void drink(struct stream *s)
{
	struct lent l = {0};
	size_t got = 0;
	int n;
	while ((n = stream_read(s, &l, worker_now() + 20000)) > 0) {
		for (; l.start < l.end; l.start++, got++)
			CHECK(l.p[l.start] == byte_at(got));
	}
	CHECK(n == 0 && got == BULK);
	lent_give_back(&l);
}

static void pour_and_drink(void *arg)
{
	struct tls_client_settings settings = {.verify = false};
	struct tls_client *client;
	struct stream near, tls;
	struct tunnel t = {.waits = fiber_self()};
	struct relay *relay;
	struct task pouring;
	char *why;
	CHECK(tls_client_new(&settings, &client, &why) == 0);
	connect_to_server(&tls, client);
	stream_pair(&t.far, &near, tcp_pair);
	CHECK(relay_start(&near, SPAN_NONE, &tls, SPAN_NONE, 20000, tunnel_over, &t, &relay) == 0);
	CHECK(!tls.tls);
	CHECK(task_start(&pouring, pour, &t.far) == 0);
	drink(&t.far);
	CHECK(task_join(&pouring) == 0);
	while (!t.over)
		CHECK(fiber_wait(worker_now() + 20000) == 0);
	CHECK(t.result.end == RELAY_DONE);
	CHECK(t.result.to_server == BULK && t.result.to_client == BULK);
	CHECK(worker_self()->pipes_spare == 0);
	stream_close(&t.far);
	tls_client_free(client);
}

static void a_relay_carries_tls(void **state)
{
	struct identity i = make_identity("a.example", "DNS:a.example", NULL, -1, 1);
	tls_server_open(&server, ECHO, &i);
	tls_server_run(&server);
	on_worker(pour_and_drink, NULL);
	tls_server_stop(&server);
	identity_free(&i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_relay_carries_tls)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
