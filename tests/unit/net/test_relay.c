/* Relays: bulk both ways, half-close, what is held when idle, and every way to end. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "net/relay.h"
#include "net/worker_internal.h"

enum { BULK = 64 * 1024 * 1024, BLOCK = 64 * 1024 };

/* A relay between two streams whose far ends the test holds. */
struct tunnel {
	struct stream client, server; /* the far ends */
	struct relay *relay;
	struct relay_result result;
	struct fiber *waits;
	bool over;
};

static void tunnel_over(const struct relay_result *r, void *arg)
{
	struct tunnel *t = arg;
	CHECK(!t->over);
	t->result = *r;
	t->over = true;
	fiber_wake(t->waits);
}

static void tunnel_make(struct tunnel *t, void (*pair)(int fds[2]), struct span client_first, struct span server_first,
                        int64_t idle_ms)
{
	struct stream near_client, near_server;
	*t = (struct tunnel){.waits = fiber_self()};
	stream_pair(&t->client, &near_client, pair);
	stream_pair(&t->server, &near_server, pair);
	CHECK(relay_start(&near_client, client_first, &near_server, server_first, idle_ms, tunnel_over, t, &t->relay) == 0);
	CHECK(!stream_is_open(&near_client) && !stream_is_open(&near_server));
	stream_close(&near_client);
	stream_close(&near_server);
}

static enum relay_end tunnel_end(struct tunnel *t)
{
	mono_ms deadline = worker_now() + 20000;
	while (!t->over)
		CHECK(fiber_wait(deadline) == 0);
	stream_close(&t->client);
	stream_close(&t->server);
	return t->result.end;
}

static void say(struct stream *s, const char *text)
{
	CHECK(stream_write_span(s, span_of(text), worker_now() + 5000) == 0);
}

static void hear(struct stream *s, const char *text)
{
	struct lent l = {0};
	while (lent_length(&l) < strlen(text))
		CHECK(stream_read(s, &l, worker_now() + 5000) > 0);
	CHECK(span_eq(span_make(l.p, lent_length(&l)), span_of(text)));
	lent_give_back(&l);
}

static void hear_end(struct stream *s)
{
	struct lent l = {0};
	CHECK(stream_read(s, &l, worker_now() + 5000) == 0);
}

/* ---- Bulk */

struct flow {
	struct stream *s;
	uint64_t seed, sum, n;
};

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static int pour(void *arg)
{
	struct flow *f = arg;
	uint64_t *block = malloc(BLOCK);
	for (uint64_t sent = 0; sent < f->n; sent += BLOCK) {
		for (size_t i = 0; i < BLOCK / 8; i++) {
			block[i] = next_random(&f->seed);
			f->sum = f->sum * 31 + block[i];
		}
		CHECK(stream_write_span(f->s, span_make((char *)block, BLOCK), worker_now() + 20000) == 0);
	}
	free(block);
	return stream_end_write(f->s);
}

static int drink(void *arg)
{
	struct flow *f = arg;
	struct lent l = {0};
	int n;
	while ((n = stream_read(f->s, &l, worker_now() + 20000)) > 0) {
		while (lent_length(&l) >= 8) {
			uint64_t word;
			memcpy(&word, l.p + l.start, 8);
			f->sum = f->sum * 31 + word;
			l.start += 8;
			f->n += 8;
		}
	}
	CHECK(n == 0 && lent_length(&l) == 0);
	lent_give_back(&l);
	return 0;
}

static void pour_both_ways(void *arg)
{
	struct tunnel t;
	tunnel_make(&t, (void (*)(int *))arg, SPAN_NONE, SPAN_NONE, 20000);
	struct flow up = {&t.client, 88172645463325252ull, 0, BULK}, down = {&t.server, 362436069ull, 0, BULK};
	struct flow up_end = {&t.server, 0, 0, 0}, down_end = {&t.client, 0, 0, 0};
	struct task tasks[4];
	CHECK(task_start(&tasks[0], pour, &up) == 0 && task_start(&tasks[1], pour, &down) == 0);
	CHECK(task_start(&tasks[2], drink, &up_end) == 0 && task_start(&tasks[3], drink, &down_end) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(task_join(&tasks[i]) == 0);
	CHECK(tunnel_end(&t) == RELAY_DONE);
	CHECK(up_end.n == BULK && up_end.sum == up.sum);
	CHECK(down_end.n == BULK && down_end.sum == down.sum);
	CHECK(t.result.to_server == BULK && t.result.to_client == BULK);
	/* It went through pipes, and they were given back. */
	CHECK(worker_self()->pipes_spare > 0);
	CHECK(worker_self()->pipes_lent == 0);
}

static void bulk_arrives_whole_both_ways(void **state)
{
	on_worker(pour_both_ways, tcp_pair);
	on_worker(pour_both_ways, local_pair);
}

/* ---- Conversation, first bytes, half-close */

static void converse(void *arg)
{
	struct tunnel t;
	tunnel_make(&t, tcp_pair, SPAN("hello "), SPAN("welcome"), 20000);
	hear(&t.client, "welcome");
	say(&t.client, "server");
	hear(&t.server, "hello server");
	for (int i = 0; i < 100; i++) {
		say(&t.client, "ping");
		hear(&t.server, "ping");
		say(&t.server, "pong");
		hear(&t.client, "pong");
	}
	CHECK(worker_self()->pipes_spare == 0);
	CHECK(stream_end_write(&t.client) == 0);
	hear_end(&t.server);
	say(&t.server, "I am not done");
	hear(&t.client, "I am not done");
	CHECK(!t.over);
	CHECK(stream_end_write(&t.server) == 0);
	hear_end(&t.client);
	CHECK(tunnel_end(&t) == RELAY_DONE);
	CHECK(t.result.to_server == 12 + 400 && t.result.to_client == 7 + 400 + 13);

	tunnel_make(&t, tcp_pair, SPAN_NONE, SPAN_NONE, 20000);
	say(&t.server, "bye");
	CHECK(stream_end_write(&t.server) == 0);
	hear(&t.client, "bye");
	hear_end(&t.client);
	say(&t.client, "not yet");
	hear(&t.server, "not yet");
	CHECK(stream_end_write(&t.client) == 0);
	CHECK(tunnel_end(&t) == RELAY_DONE);
}

static void each_side_may_end_first(void **state)
{
	on_worker(converse, NULL);
}

static void long_first_bytes(void *arg)
{
	struct tunnel t;
	size_t n = 300 * 1024;
	char *first = malloc(n);
	memset(first, 'f', n);
	tunnel_make(&t, local_pair, span_make(first, n), SPAN_NONE, 20000);
	memset(first, 0, n);
	free(first);
	struct lent l = {0};
	for (size_t got = 0; got < n; l.start = l.end) {
		CHECK(stream_read(&t.server, &l, worker_now() + 5000) > 0);
		for (uint32_t i = l.start; i < l.end; i++)
			CHECK(l.p[i] == 'f');
		got += lent_length(&l);
	}
	lent_give_back(&l);
	relay_stop(t.relay);
	CHECK(tunnel_end(&t) == RELAY_TOLD);
	CHECK(t.result.to_server == n);
}

static void first_bytes_may_be_many(void **state)
{
	on_worker(long_first_bytes, NULL);
}

/* ---- A reader that is slow holds up its own direction alone */

static void jam_one_direction(void *arg)
{
	static char junk[1 << 20];
	struct tunnel t;
	tunnel_make(&t, tcp_pair, SPAN_NONE, SPAN_NONE, 20000);
	int r = 0;
	uint64_t sent = 0;
	while ((r = stream_write_span(&t.server, span_make(junk, sizeof(junk)), worker_now() + 100)) == 0)
		;
	CHECK(r == -ETIMEDOUT);
	sent = t.server.bytes_out;
	say(&t.client, "still here");
	hear(&t.server, "still here");
	struct lent l = {0};
	CHECK(stream_end_write(&t.server) == 0);
	while (stream_read(&t.client, &l, worker_now() + 5000) > 0)
		l.start = l.end;
	lent_give_back(&l);
	CHECK(t.client.bytes_in == sent);
	CHECK(stream_end_write(&t.client) == 0);
	CHECK(tunnel_end(&t) == RELAY_DONE);
}

static void a_jam_stops_one_direction_only(void **state)
{
	on_worker(jam_one_direction, NULL);
}

/* ---- The other ends */

static void be_idle(void *arg)
{
	struct tunnel t;
	tunnel_make(&t, tcp_pair, SPAN_NONE, SPAN_NONE, 500);
	mono_ms begin = clock_mono();
	for (int i = 0; i < 4; i++) {
		CHECK(fiber_sleep(200) == 0);
		say(&t.client, "x");
		hear(&t.server, "x");
	}
	mono_ms last = clock_mono();
	CHECK(tunnel_end(&t) == RELAY_IDLE);
	CHECK(clock_mono() - last >= 490 && clock_mono() - begin >= 1290);
	CHECK(t.result.lasted_ms >= 1290);
}

static void silence_ends_it(void **state)
{
	on_worker(be_idle, NULL);
}

static void reset_stream(struct stream *s)
{
	struct linger now = {1, 0};
	setsockopt(s->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	stream_close(s);
}

static void reset_sides(void *arg)
{
	struct tunnel t;
	tunnel_make(&t, tcp_pair, SPAN_NONE, SPAN_NONE, 20000);
	reset_stream(&t.client);
	CHECK(tunnel_end(&t) == RELAY_CLIENT_FAILED);
	tunnel_make(&t, tcp_pair, SPAN_NONE, SPAN_NONE, 20000);
	reset_stream(&t.server);
	CHECK(tunnel_end(&t) == RELAY_SERVER_FAILED);
}

static void a_reset_names_its_side(void **state)
{
	on_worker(reset_sides, NULL);
}

/* The server says why it will read no more, and hangs up on what is still coming. */
static void answer_and_hang_up(void *arg)
{
	static char junk[1 << 20];
	struct tunnel t;
	tunnel_make(&t, tcp_pair, SPAN_NONE, SPAN_NONE, 20000);
	int r = 0;
	while (r == 0)
		r = stream_write_span(&t.client, span_make(junk, sizeof(junk)), worker_now() + 50);
	say(&t.server, "413 too large");
	stream_close(&t.server);
	hear(&t.client, "413 too large");
	CHECK(tunnel_end(&t) == RELAY_SERVER_FAILED);
}

static void last_words_of_a_server_are_delivered(void **state)
{
	on_worker(answer_and_hang_up, NULL);
}

static struct tunnel left_open;

static void leave_open(void *arg)
{
	tunnel_make(&left_open, tcp_pair, SPAN_NONE, SPAN_NONE, 0);
	say(&left_open.client, "x");
	hear(&left_open.server, "x");
	/* Still open on all sides when the worker is stopped. */
}

static void stopping_the_worker_tells_relays(void **state)
{
	on_worker(leave_open, NULL);
	close(left_open.client.watch.fd);
	close(left_open.server.watch.fd);
	assert_true(left_open.over);
	assert_int_equal(left_open.result.end, RELAY_TOLD);
}

/* ---- Memory */

enum { IDLE_TUNNELS = 2000 };

static long resident(void)
{
	long size, pages;
	FILE *f = fopen("/proc/self/statm", "r");
	CHECK(f && fscanf(f, "%ld %ld", &size, &pages) == 2);
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static void count_the_end(const struct relay_result *r, void *arg)
{
	++*(int *)arg;
}

static void hold_idle_tunnels(void *arg)
{
	int *far = malloc(2 * IDLE_TUNNELS * sizeof(*far));
	struct relay **all = calloc(IDLE_TUNNELS, sizeof(*all));
	int ended = 0;
	/* The table of descriptors and the first pools are nobody's in particular. */
	long before = 0;
	for (int i = 0; i < IDLE_TUNNELS; i++) {
		int c[2], s[2];
		struct stream client, server;
		local_pair(c);
		local_pair(s);
		CHECK(stream_open(&client, c[0]) == 0 && stream_open(&server, s[0]) == 0);
		CHECK(relay_start(&client, SPAN_NONE, &server, SPAN_NONE, 60000, count_the_end, &ended, &all[i]) == 0);
		far[2 * i] = c[1];
		far[2 * i + 1] = s[1];
		/* Every tunnel has carried something. */
		char x[5];
		CHECK(write(c[1], "hello", 5) == 5);
		for (ssize_t got = 0, n; got<5; got += n> 0 ? n : 0) {
			n = read(s[1], x, 5);
			fiber_yield();
		}
		if (i == IDLE_TUNNELS / 10)
			before = resident();
	}
	long each = (resident() - before) / (IDLE_TUNNELS - IDLE_TUNNELS / 10);
	printf("    %ld bytes of resident memory an idle tunnel\n", each);
#if !defined(FAIRLEAD_ASAN) && !defined(FAIRLEAD_TSAN)
	CHECK(each < 1024);
#endif
	CHECK(worker_self()->pipes_lent == 0);
	for (int i = 0; i < IDLE_TUNNELS; i++) {
		relay_stop(all[i]);
		close(far[2 * i]);
		close(far[2 * i + 1]);
	}
	CHECK(ended == IDLE_TUNNELS);
	free(far);
	free(all);
}

static void an_idle_tunnel_is_small(void **state)
{
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < 4 * IDLE_TUNNELS + 100)
		skip();
	on_worker(hold_idle_tunnels, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bulk_arrives_whole_both_ways),
		cmocka_unit_test(each_side_may_end_first),
		cmocka_unit_test(first_bytes_may_be_many),
		cmocka_unit_test(a_jam_stops_one_direction_only),
		cmocka_unit_test(silence_ends_it),
		cmocka_unit_test(a_reset_names_its_side),
		cmocka_unit_test(last_words_of_a_server_are_delivered),
		cmocka_unit_test(stopping_the_worker_tells_relays),
		cmocka_unit_test(an_idle_tunnel_is_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
