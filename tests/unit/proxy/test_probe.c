/* A member whose health path says no is left out although it answers, and comes back when it says yes. */
#include "net/engine.h"

#include <pthread.h>
#include <stdlib.h>

#include "proxy/edition.h"
#include "proxy/probe.h"

/* ---- a server whose answer to every request is `status`, on a thread of the test's own */

static atomic_int status, asked;
static char last_request[512];

static void *serve(void *arg)
{
	int listener = *(int *)arg;
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		ssize_t n = read(fd, last_request, sizeof(last_request) - 1);
		char answer[128];
		int length = snprintf(answer, sizeof(answer), "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n",
		                      atomic_load(&status));
		last_request[n > 0 ? n : 0] = '\0';
		atomic_fetch_add(&asked, 1);
		if (atomic_load(&status) && write(fd, answer, (size_t)length) != length)
			abort();
		close(fd);
	}
}

static int listen_somewhere(uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, size) == 0 && listen(fd, 16) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&a, &size) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* ---- an edition with one upstream of one member */

static struct member_settings member = {.address = "127.0.0.1", .host = "127.0.0.1"};
static struct upstream_settings upstream = {
	.name = "hr", .members = &member, .member_count = 1, .probe = 50, .probe_timeout = 1000};
static struct settings *settings;
static struct member_state state;
static struct member_state *states[] = {&state};
static struct tls_client *plain[] = {NULL};
static struct edition edition = {.members = states, .tls = plain};

static void wait_for(bool down)
{
	for (int i = 0; i < 250 && member_is_down(&state, worker_now()) != down; i++)
		CHECK(fiber_sleep(20) == 0);
	CHECK(member_is_down(&state, worker_now()) == down);
}

static void wait_for_questions(int more)
{
	int before = atomic_load(&asked);
	for (int i = 0; i < 250 && atomic_load(&asked) - before < more; i++)
		CHECK(fiber_sleep(20) == 0);
	CHECK(atomic_load(&asked) - before >= more);
}

static void probe_health(void *arg)
{
	upstream.health = "/health?deep=1";
	atomic_store(&status, 200);
	struct prober *p = prober_start(&edition);
	CHECK(p);
	wait_for_questions(2);
	CHECK(!member_is_down(&state, worker_now()));
	CHECK(strncmp(last_request, "GET /health?deep=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n", 46) == 0);
	atomic_store(&status, 503);
	wait_for(true);
	atomic_store(&status, 204);
	wait_for(false);
	atomic_store(&status, 0); /* closes without a word */
	wait_for(true);
	prober_stop(p);
}

static void probe_failed_only(void *arg)
{
	upstream.health = NULL;
	state = (struct member_state){0};
	struct prober *p = prober_start(&edition);
	CHECK(p);
	int before = atomic_load(&asked);
	CHECK(fiber_sleep(300) == 0);
	CHECK(atomic_load(&asked) == before);
	member_failed(&upstream, &state, 0, "test", worker_now());
	wait_for(false);
	CHECK(state.since > 0);
	prober_stop(p);
	member_failed(&upstream, &state, 0, "test", worker_now());
	CHECK(fiber_sleep(300) == 0);
	CHECK(member_is_down(&state, worker_now()));
}

static void a_member_is_up_while_its_health_path_says_so(void **unused)
{
	on_worker(probe_health, NULL);
}

static void without_a_health_path_only_those_that_failed_are_probed(void **unused)
{
	on_worker(probe_failed_only, NULL);
}

static void nothing_to_probe_is_no_prober(void **unused)
{
	upstream.probe = 0;
	assert_null(prober_start(&edition));
	upstream.probe = 50;
}

static void what_was_known_outlives_a_reload(void **unused)
{
	struct member_settings both[] = {{.address = "a:1"}, {.address = "b:1"}};
	struct upstream_settings before = {.members = both, .member_count = 2, .probe = 50};
	struct upstream_settings after = {.members = &both[1], .member_count = 1};
	struct member_state known[2] = {{0}, {.down_until = NEVER, .since = 5}}, next = {0};
	members_inherit(&after, &next, &before, known, 100);
	assert_true(member_is_down(&next, 100));
	assert_true(next.down_until != NEVER); /* nobody probes any more: a request will */
	assert_int_equal(next.since, 5);
	members_inherit(&before, known, &after, &next, 100);
	assert_false(member_is_down(&known[0], 100));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_is_up_while_its_health_path_says_so),
		cmocka_unit_test(without_a_health_path_only_those_that_failed_are_probed),
		cmocka_unit_test(nothing_to_probe_is_no_prober),
		cmocka_unit_test(what_was_known_outlives_a_reload),
	};
	struct complaints c;
	pthread_t thread;
	complaints_init(&c);
	CHECK(settings_load(NULL, &settings, &c) == 0);
	complaints_fini(&c);
	int listener = listen_somewhere(&member.port);
	CHECK(pthread_create(&thread, NULL, serve, &listener) == 0);
	settings->upstreams = &upstream;
	settings->upstream_count = 1;
	edition.settings = settings;
	ref_init(&edition.ref); /* never the last: it is not on the heap */
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
	settings_unref(settings);
	return failed;
}
