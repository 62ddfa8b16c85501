/* Connecting, over loopback alone. A blackhole is a listener whose accept queue is full: the kernel drops further SYNs. */
#include "net/dial.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/counters.h"
#include "engine.h"

static char hosts_path[] = "/tmp/fairlead-dial-hosts-XXXXXX";

static const struct resolve_settings settings = {
	.servers = "127.0.0.1:9", .hosts_file = hosts_path, .timeout_ms = 1000, .negative_ms = 1000, .longest_ms = 1000};

/* ---- Listeners */

enum { FILLERS = 4 };

struct place {
	int fd;
	uint16_t port;
	int fillers[FILLERS];
};

static bool try_listen(struct place *p, const char *address, uint16_t port, int backlog)
{
	struct addr a;
	int on = 1;
	socklen_t size;
	CHECK(addr_parse(span_of(address), port, &a) == 0);
	p->fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a.sa.sa_family == AF_INET6)
		setsockopt(p->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	setsockopt(p->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	size = addr_length(&a);
	for (int i = 0; i < FILLERS; i++)
		p->fillers[i] = -1;
	if (p->fd < 0 || bind(p->fd, &a.sa, size) < 0) {
		close(p->fd);
		return false;
	}
	CHECK(listen(p->fd, backlog) == 0 && getsockname(p->fd, &a.sa, &size) == 0);
	p->port = addr_port(&a);
	return true;
}

static void listen_at(struct place *p, const char *address, uint16_t port)
{
	CHECK(try_listen(p, address, port, 16));
}

static void blackhole_at(struct place *p, const char *address, uint16_t port)
{
	struct addr a;
	CHECK(try_listen(p, address, port, 0));
	CHECK(addr_parse(span_of(address), p->port, &a) == 0);
	for (int i = 0; i < FILLERS; i++) {
		p->fillers[i] = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(p->fillers[i], &a.sa, addr_length(&a));
	}
	usleep(20000);
}

static void leave(struct place *p)
{
	for (int i = 0; i < FILLERS; i++) {
		if (p->fillers[i] >= 0)
			close(p->fillers[i]);
	}
	close(p->fd);
}

/* A port where nobody listens, on any loopback address. */
static uint16_t quiet_port(void)
{
	struct place p;
	listen_at(&p, "127.0.0.1", 0);
	leave(&p);
	return p.port;
}

static bool have_six(void)
{
	struct place p;
	if (!try_listen(&p, "::1", 0, 1))
		return false;
	leave(&p);
	return true;
}

static void hosts(const char *text)
{
	FILE *f = fopen(hosts_path, "w");
	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
	CHECK(resolve_start(&settings) == 0);
}

/* ---- Helpers of the dialler */

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;
	CHECK(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static struct dial to(const char *host, uint16_t port, int64_t within_ms)
{
	return (struct dial){.host = span_of(host), .port = port, .deadline = worker_now() + within_ms};
}

static bool is_at(const struct addr *a, const char *text)
{
	char one[ADDR_TEXT];
	addr_format(a, false, one);
	return strcmp(one, text) == 0;
}

/* Both directions work and the stream waits for what is not there yet. */
static void talk(struct stream *s, struct place *at)
{
	struct lent l;
	char got[8];
	lent_init(&l);
	int fd = accept(at->fd, NULL, NULL);
	CHECK(fd >= 0);
	CHECK(stream_write_span(s, SPAN("ping"), worker_now() + 1000) == 0);
	CHECK(recv(fd, got, sizeof(got), 0) == 4);
	CHECK(stream_read_now(s, &l) == -EAGAIN && stream_is_quiet(s));
	CHECK(send(fd, "pong!", 5, 0) == 5);
	CHECK(stream_read(s, &l, worker_now() + 1000) == 5 && memcmp(l.p + l.start, "pong!", 5) == 0);
	close(fd);
	l.start = l.end;
	CHECK(stream_read(s, &l, worker_now() + 1000) == 0);
	lent_give_back(&l);
}

#define TEST(name)                          \
	static void name##_on_fiber(void *arg); \
	static void name(void **state)          \
	{                                       \
		on_worker(name##_on_fiber, state);  \
	}                                       \
	static void name##_on_fiber(void *arg)

/* ---- One address */

TEST(a_literal_is_connected)
{
	struct place p;
	struct stream s;
	int on = 0, idle = 0;
	socklen_t size = sizeof(on);
	listen_at(&p, "127.0.0.1", 0);
	struct dial d = to("127.0.0.1", p.port, 1000);
	d.keepalive_s = 77;
	CHECK(dial(&d, &s) == 0);
	CHECK(d.tried == 1 && is_at(&d.connected, "127.0.0.1") && addr_port(&d.connected) == p.port && !d.refused_by_rule);
	CHECK(getsockopt(s.watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0 && on);
	CHECK(getsockopt(s.watch.fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size) == 0 && idle == 77);
	talk(&s, &p);
	stream_close(&s);
	leave(&p);
}

TEST(a_refusal_is_told)
{
	struct stream s;
	int64_t failures = counter_read(COUNTER_dial_failures_total);
	int files = open_files();
	struct dial d = to("127.0.0.1", quiet_port(), 1000);
	CHECK(dial(&d, &s) == -ECONNREFUSED);
	CHECK(d.tried == 1 && is_at(&d.connected, "127.0.0.1") && !stream_is_open(&s));
	CHECK(open_files() == files && counter_read(COUNTER_dial_failures_total) == failures + 1);
}

TEST(a_name_that_is_none_is_not_tried)
{
	struct stream s;
	struct dial d = to("2130706433", 80, 1000);
	CHECK(dial(&d, &s) == -EINVAL && d.tried == 0 && d.connected.sa.sa_family == AF_UNSPEC);
}

TEST(the_source_address_is_bound)
{
	struct place p;
	struct stream s;
	struct addr source, seen;
	socklen_t size = sizeof(seen);
	listen_at(&p, "127.0.0.1", 0);
	CHECK(addr_parse(SPAN("127.0.0.5"), 0, &source) == 0);
	struct dial d = to("127.0.0.1", p.port, 1000);
	d.source = &source;
	CHECK(dial(&d, &s) == 0);
	int fd = accept(p.fd, &seen.sa, &size);
	CHECK(fd >= 0 && is_at(&seen, "127.0.0.5"));
	close(fd);
	stream_close(&s);
	d = to("::1", p.port, 1000);
	d.source = &source;
	CHECK(dial(&d, &s) == -EADDRNOTAVAIL);
	leave(&p);
}

TEST(no_descriptor_left_is_told)
{
	struct place p;
	struct stream s;
	struct rlimit before, none;
	listen_at(&p, "127.0.0.1", 0);
	int lowest = dup(0);
	CHECK(lowest >= 0 && close(lowest) == 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
	none = before;
	none.rlim_cur = (rlim_t)lowest;
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	struct dial d = to("127.0.0.1", p.port, 1000);
	CHECK(dial(&d, &s) == -EMFILE);
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
	d = to("127.0.0.1", p.port, 1000);
	CHECK(dial(&d, &s) == 0);
	stream_close(&s);
	leave(&p);
}

/* ---- Several */

TEST(ipv6_goes_first)
{
	struct place six, four;
	struct stream s;
	if (!have_six())
		return;
	listen_at(&six, "::1", 0);
	listen_at(&four, "127.0.0.1", six.port);
	hosts("127.0.0.1 two.test\n::1 two.test\n");
	struct dial d = to("two.test", six.port, 1000);
	CHECK(dial(&d, &s) == 0 && d.tried == 1 && is_at(&d.connected, "::1"));
	talk(&s, &six);
	stream_close(&s);
	leave(&six);
	leave(&four);
}

TEST(a_refusal_makes_the_next_begin_at_once)
{
	struct place last;
	struct stream s;
	listen_at(&last, "127.0.0.3", 0);
	hosts("127.0.0.1 three.test\n127.0.0.2 three.test\n127.0.0.3 three.test\n::1 three.test\n");
	struct dial d = to("three.test", last.port, 1000);
	int files = open_files();
	mono_ms before = clock_mono();
	CHECK(dial(&d, &s) == 0 && d.tried == 4 && is_at(&d.connected, "127.0.0.3"));
	CHECK(clock_mono() - before < 150 && open_files() == files + 1);
	talk(&s, &last);
	stream_close(&s);
	leave(&last);
	d = to("three.test", quiet_port(), 1000);
	CHECK(dial(&d, &s) == -ECONNREFUSED && d.tried == 4 && open_files() == files - 1);
}

TEST(silence_makes_the_next_begin_after_a_quarter_second)
{
	struct place hole, good;
	struct stream s;
	blackhole_at(&hole, "127.0.0.2", 0);
	listen_at(&good, "127.0.0.3", hole.port);
	hosts("127.0.0.2 silent.test\n127.0.0.3 silent.test\n");
	int files = open_files();
	struct dial d = to("silent.test", hole.port, 3000);
	mono_ms before = clock_mono();
	CHECK(dial(&d, &s) == 0 && d.tried == 2 && is_at(&d.connected, "127.0.0.3"));
	mono_ms took = clock_mono() - before;
	CHECK(took >= 230 && took < 600 && d.connect_us >= 230000);
	CHECK(open_files() == files + 1);
	talk(&s, &good);
	stream_close(&s);
	leave(&hole);
	leave(&good);
}

static void drain_fiber(void *arg)
{
	const struct place *p = arg;
	CHECK(fiber_sleep(500) == 0);
	for (int fd; (fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
		close(fd);
}

TEST(the_first_may_still_win_after_the_second_began)
{
	struct place slow, hole;
	struct stream s;
	blackhole_at(&slow, "127.0.0.2", 0);
	blackhole_at(&hole, "127.0.0.3", slow.port);
	/* The queue stays full until somebody accepts; then the SYN that is sent again after a second is taken. */
	for (int i = 0; i < FILLERS; i++) {
		close(slow.fillers[i]);
		slow.fillers[i] = -1;
	}
	CHECK(fcntl(slow.fd, F_SETFL, O_NONBLOCK) == 0 && fiber_start(drain_fiber, &slow) == 0);
	hosts("127.0.0.2 late.test\n127.0.0.3 late.test\n");
	int files = open_files();
	struct dial d = to("late.test", slow.port, 4000);
	mono_ms before = clock_mono();
	CHECK(dial(&d, &s) == 0 && d.tried == 2 && is_at(&d.connected, "127.0.0.2"));
	CHECK(clock_mono() - before >= 700 && open_files() == files + 1);
	CHECK(fcntl(slow.fd, F_SETFL, 0) == 0);
	talk(&s, &slow);
	stream_close(&s);
	leave(&slow);
	leave(&hole);
}

TEST(the_deadline_ends_the_race)
{
	struct place hole;
	struct stream s;
	char text[1000] = "";
	blackhole_at(&hole, "127.0.0.2", 0);
	for (int i = 0; i < 12; i++)
		strcat(text, "127.0.0.2 deep.test\n");
	hosts(text);
	int files = open_files();
	struct dial d = to("127.0.0.2", hole.port, 150);
	mono_ms before = clock_mono();
	CHECK(dial(&d, &s) == -ETIMEDOUT && d.tried == 1 && is_at(&d.connected, "127.0.0.2"));
	CHECK(clock_mono() - before >= 130 && clock_mono() - before < 400);
	d = to("deep.test", hole.port, 2600);
	CHECK(dial(&d, &s) == -ETIMEDOUT && d.tried == 8); /* no more at once */
	CHECK(open_files() == files && !stream_is_open(&s));
	leave(&hole);
}

static struct fiber *dialler;
static int dialler_said;

static void dial_silence(void *arg)
{
	struct stream s;
	struct dial d = to("silence.test", *(uint16_t *)arg, 10000);
	dialler = fiber_self();
	dialler_said = dial(&d, &s);
	CHECK(!stream_is_open(&s));
}

TEST(a_fiber_told_to_end_stops_dialling)
{
	struct place one, two;
	blackhole_at(&one, "127.0.0.2", 0);
	blackhole_at(&two, "127.0.0.3", one.port);
	hosts("127.0.0.2 silence.test\n127.0.0.3 silence.test\n");
	int files = open_files();
	CHECK(fiber_start(dial_silence, &one.port) == 0);
	CHECK(fiber_sleep(400) == 0 && open_files() == files + 2);
	fiber_cancel(dialler);
	CHECK(fiber_sleep(20) == 0);
	CHECK(dialler_said == -ECANCELED && open_files() == files);
	leave(&one);
	leave(&two);
}

/* ---- Rules about addresses */

struct rule {
	const char *refused;
	int asked;
};

static bool not_that_one(const struct addr *a, void *arg)
{
	struct rule *r = arg;
	r->asked++;
	return !is_at(a, r->refused);
}

static bool nothing_but_eight(const struct addr *a, void *arg)
{
	return is_at(a, "127.0.0.8");
}

TEST(an_address_that_is_not_allowed_is_never_connected)
{
	struct place p, eight;
	struct stream s;
	listen_at(&p, "127.0.0.1", 0);
	listen_at(&eight, "127.0.0.8", p.port);
	hosts("127.0.0.1 rule.test\n127.0.0.7 rule.test\n127.0.0.8 rule.test\n127.0.0.1 all.test\n127.0.0.7 all.test\n");
	struct dial d = to("rule.test", p.port, 1000);
	d.allowed = nothing_but_eight;
	CHECK(dial(&d, &s) == 0 && d.tried == 1 && is_at(&d.connected, "127.0.0.8") && !d.refused_by_rule);
	stream_close(&s);
	d = to("all.test", p.port, 1000);
	d.allowed = nothing_but_eight;
	CHECK(dial(&d, &s) == -EACCES && d.tried == 0 && d.refused_by_rule && is_at(&d.connected, "127.0.0.1"));
	CHECK(fcntl(p.fd, F_SETFL, O_NONBLOCK) == 0 && accept(p.fd, NULL, NULL) < 0 && errno == EAGAIN);
	leave(&p);
	leave(&eight);
}

TEST(other_ways_to_write_an_address_are_asked_about_too)
{
	static const char *const ways[] = {"127.0.0.1",       "::ffff:127.0.0.1", "[::ffff:7f00:1]",
	                                   "64:ff9b::7f00:1", "0.0.0.0",          "::ffff:0.0.0.0"};
	struct place p;
	struct stream s;
	listen_at(&p, "127.0.0.1", 0);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct rule r = {.refused = "127.0.0.1"};
		struct dial d = to(ways[i], p.port, 1000);
		d.allowed = not_that_one;
		d.allowed_arg = &r;
		CHECK(dial(&d, &s) == -EACCES && r.asked >= 1 && d.refused_by_rule && d.tried == 0);
	}
	CHECK(fcntl(p.fd, F_SETFL, O_NONBLOCK) == 0 && accept(p.fd, NULL, NULL) < 0 && errno == EAGAIN);
	leave(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_literal_is_connected),
		cmocka_unit_test(a_refusal_is_told),
		cmocka_unit_test(a_name_that_is_none_is_not_tried),
		cmocka_unit_test(the_source_address_is_bound),
		cmocka_unit_test(no_descriptor_left_is_told),
		cmocka_unit_test(ipv6_goes_first),
		cmocka_unit_test(a_refusal_makes_the_next_begin_at_once),
		cmocka_unit_test(silence_makes_the_next_begin_after_a_quarter_second),
		cmocka_unit_test(the_first_may_still_win_after_the_second_began),
		cmocka_unit_test(the_deadline_ends_the_race),
		cmocka_unit_test(a_fiber_told_to_end_stops_dialling),
		cmocka_unit_test(an_address_that_is_not_allowed_is_never_connected),
		cmocka_unit_test(other_ways_to_write_an_address_are_asked_about_too),
	};
	int fd = mkstemp(hosts_path);
	if (fd < 0)
		return 1;
	close(fd);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(hosts_path);
	return rc;
}
