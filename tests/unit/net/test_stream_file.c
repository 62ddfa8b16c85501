/* Files onto streams, plain and TLS: every byte once, and what happens when file, reader or disk fail. */
#include "net/stream_file.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/counters.h"
#include "net/offload.h"
#include "net/tls.h"
#include "tls_server.h"

enum { LARGE = 3 * 1024 * 1024 + 777 };

static char folder[] = "/tmp/fairlead-file-XXXXXX";
static char file_name[64], certificate_file[64], key_file[64];
static struct identity identity;

static char file_byte(uint64_t at)
{
	return (char)(at * 31 + (at >> 12));
}

static int open_file(uint64_t size)
{
	int fd = open(file_name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char piece[4096];
	CHECK(fd >= 0);
	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < sizeof(piece) ? (size_t)(size - at) : sizeof(piece);
		for (size_t i = 0; i < n; i++)
			piece[i] = file_byte(at + i);
		CHECK(write(fd, piece, n) == (ssize_t)n);
		at += n;
	}
	return fd;
}

/* ---- One transfer */

struct sent {
	struct stream from, to;
	struct span head;
	struct file_part part;
	bool tls;
};

static int receive(void *arg)
{
	struct sent *t = arg;
	uint64_t got = 0, whole = t->head.n + t->part.length;
	struct lent l;
	lent_init(&l);
	while (got < whole) {
		CHECK(stream_read(&t->to, &l, worker_now() + 20000) > 0);
		for (uint32_t i = l.start; i < l.end; i++, got++)
			CHECK(l.p[i] == (got < t->head.n ? t->head.p[got] : file_byte(t->part.from + got - t->head.n)));
		l.start = l.end;
		if (got < whole / 16 && fiber_sleep(1) != 0) /* the sender has to wait */
			break;
	}
	lent_give_back(&l);
	CHECK(got == whole && stream_read_now(&t->to, &l) == -EAGAIN);
	return 0;
}

static int shake_client(void *arg)
{
	struct sent *t = arg;
	struct tls_client_settings settings = {.verify = false};
	struct tls_client *c;
	char *none, why[256];
	CHECK(tls_client_new(&settings, &c, &none) == 0);
	CHECK(tls_connect(&t->to, c, "a.example", worker_now() + 5000, why, sizeof(why)) == 0);
	tls_client_free(c);
	return 0;
}

static void open_both(struct sent *t)
{
	struct tls_server *server;
	struct task client;
	char *none, why[256];
	stream_pair(&t->from, &t->to, tcp_pair);
	if (!t->tls)
		return;
	CHECK(tls_server_new(certificate_file, key_file, &server, &none) == 0);
	CHECK(task_start(&client, shake_client, t) == 0);
	CHECK(tls_accept(&t->from, server, worker_now() + 5000, why, sizeof(why)) == 0);
	CHECK(task_join(&client) == 0);
	tls_server_free(server);
}

static void close_both(struct sent *t)
{
	stream_close(&t->from);
	stream_close(&t->to);
}

static void send_and_receive(void *arg)
{
	struct sent *t = arg;
	struct task receiver;
	open_both(t);
	uint64_t before = t->from.bytes_out;
	CHECK(task_start(&receiver, receive, t) == 0);
	CHECK(stream_send_file(&t->from, t->head, &t->part) == 0);
	CHECK(t->from.bytes_out - before == t->head.n + t->part.length);
	CHECK(task_join(&receiver) == 0);
	close_both(t);
}

static void pass(uint64_t size, struct file_part part, struct span head, bool tls)
{
	struct sent t = {.head = head, .part = part, .tls = tls};
	t.part.fd = open_file(size);
	t.part.idle_ms = 10000;
	on_worker(send_and_receive, &t);
	close(t.part.fd);
}

static void every_length_arrives(void **state)
{
	static const uint64_t lengths[] = {0, 1, 1000, LENT_SIZE - 4, LENT_SIZE - 3, LENT_SIZE, LENT_SIZE + 1, 300000};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		for (int tls = 0; tls < 2; tls++) {
			pass(lengths[i], (struct file_part){.length = lengths[i]}, SPAN("head"), tls);
			pass(lengths[i], (struct file_part){.length = lengths[i]}, SPAN_NONE, tls);
		}
	}
}

static void a_part_is_sent_from_where_it_begins(void **state)
{
	struct offload_lane *lane;
	assert_int_equal(offload_lane_new("disk", 1, 4, &lane), 0);
	for (int tls = 0; tls < 2; tls++) {
		pass(LARGE, (struct file_part){.length = LARGE, .lane = lane}, SPAN("head"), tls);
		pass(LARGE, (struct file_part){.from = 70001, .length = 2000000, .lane = lane}, SPAN("head"), tls);
		pass(LARGE, (struct file_part){.from = LARGE - 1, .length = 1}, SPAN("head"), tls);
	}
	offload_lane_free(lane);
}

static void a_long_head_goes_before_it(void **state)
{
	static char head[3 * LENT_SIZE + 5];
	memset(head, 'h', sizeof(head));
	for (int tls = 0; tls < 2; tls++)
		pass(100000, (struct file_part){.length = 100000}, span_make(head, sizeof(head)), tls);
}

static void send_and_look(void *arg)
{
	struct sent *t = arg;
	struct iovec pieces[] = {{(char[]){"one"}, 3}, {NULL, 0}, {(char[]){"two"}, 3}, {NULL, 0}};
	int unsent;
	open_both(t);
	stream_tune(&t->from, 0); /* without delay, as all of ours */
	CHECK(stream_send_file(&t->from, t->head, &t->part) == 0);
	CHECK(ioctl(t->from.watch.fd, SIOCOUTQNSD, &unsent) == 0 && unsent == 0);
	CHECK(stream_write(&t->from, pieces, 4, worker_now() + 1000) == 0);
	CHECK(ioctl(t->from.watch.fd, SIOCOUTQNSD, &unsent) == 0 && unsent == 0);
	close_both(t);
}

static void nothing_is_left_waiting_for_more(void **state)
{
	static const uint64_t lengths[] = {0, 1, LENT_SIZE - 4, LENT_SIZE, 30000};
	static char head[LENT_SIZE + 5];
	memset(head, 'h', sizeof(head));
	for (size_t i = 0; i < 2 * sizeof(lengths) / sizeof(*lengths); i++) {
		struct sent t = {.part = {.length = lengths[i / 2], .idle_ms = 5000}, .tls = i % 2, .head = SPAN("head")};
		t.part.fd = open_file(t.part.length);
		on_worker(send_and_look, &t);
		t.head = span_make(head, sizeof(head));
		on_worker(send_and_look, &t);
		close(t.part.fd);
	}
}

/* ---- Not in memory */

/* Asked without touching a page: even a read that must not wait sets the disk going. */
static bool is_forgotten(int fd)
{
	static unsigned char pages[LARGE / 4096 + 1];
	void *p = mmap(NULL, LARGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && mincore(p, LARGE, pages) == 0 && munmap(p, LARGE) == 0);
	for (size_t i = 0; i < sizeof(pages); i++) {
		if (pages[i] & 1)
			return false;
	}
	return true;
}

/* False where the page cache keeps it all the same: a file system in memory. */
static bool forget_pages(int fd)
{
	for (int i = 0; i < 20; i++) {
		CHECK(fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
		if (is_forgotten(fd))
			return true;
		usleep(10000); /* some are still held by whoever wrote them */
	}
	return false;
}

static void what_is_on_the_disk_is_read_ahead_by_another_thread(void **state)
{
	struct offload_lane *lane;
	assert_int_equal(offload_lane_new("disk", 1, 4, &lane), 0);
	for (int tls = 0; tls < 2; tls++) {
		struct sent t = {.tls = tls, .head = SPAN("head"), .part = {.length = LARGE, .lane = lane, .idle_ms = 10000}};
		t.part.fd = open_file(LARGE);
		bool forgotten = forget_pages(t.part.fd);
		int64_t before = counter_read(COUNTER_file_read_aheads_total);
		on_worker(send_and_receive, &t);
		if (forgotten)
			assert_true(counter_read(COUNTER_file_read_aheads_total) > before);
		close(t.part.fd);
	}
	offload_lane_free(lane);
}

static void hold_the_lane(void *arg)
{
	atomic_bool *held = arg;
	while (atomic_load(held))
		usleep(1000);
}

static void let_go(void *arg)
{
}

struct stuck {
	struct sent t;
	struct offload_lane *lane;
	atomic_bool held;
};

static int occupy(void *arg)
{
	struct stuck *s = arg;
	return offload(s->lane, hold_the_lane, &s->held, let_go, NEVER);
}

static void wait_for_the_disk(void *arg)
{
	struct stuck *s = arg;
	struct task holder;
	stream_pair(&s->t.from, &s->t.to, tcp_pair);
	CHECK(task_start(&holder, occupy, s) == 0);
	CHECK(fiber_sleep(30) == 0);
	CHECK(stream_send_file(&s->t.from, SPAN("head"), &s->t.part) == -ETIMEDOUT);
	atomic_store(&s->held, false);
	CHECK(task_join(&holder) == 0);
	close_both(&s->t);
}

static void a_disk_that_hangs_ends_the_transfer_in_time(void **state)
{
	struct stuck s = {.t.part = {.length = LARGE, .idle_ms = 100}, .held = true};
	assert_int_equal(offload_lane_new("disk", 1, 4, &s.lane), 0);
	s.t.part.lane = s.lane;
	s.t.part.fd = open_file(LARGE);
	if (forget_pages(s.t.part.fd))
		on_worker(wait_for_the_disk, &s);
	close(s.t.part.fd);
	offload_lane_free(s.lane);
}

/* ---- What fails */

static void send_too_much(void *arg)
{
	struct sent *t = arg;
	open_both(t);
	CHECK(stream_send_file(&t->from, t->head, &t->part) == -EIO);
	close_both(t);
}

static void a_file_that_became_shorter_is_an_error(void **state)
{
	static const uint64_t lengths[] = {5001, 60000};
	for (int tls = 0; tls < 2; tls++) {
		for (size_t i = 0; i < 2; i++) {
			struct sent t = {.tls = tls, .part = {.length = lengths[i], .idle_ms = 1000}};
			t.part.fd = open_file(lengths[i] - 1);
			on_worker(send_too_much, &t);
			close(t.part.fd);
		}
	}
}

static void send_to_nobody(void *arg)
{
	struct sent *t = arg;
	open_both(t);
	mono_ms before = clock_mono();
	CHECK(stream_send_file(&t->from, t->head, &t->part) == -ETIMEDOUT);
	CHECK(clock_mono() - before >= 80 && clock_mono() - before < 2000);
	stream_close(&t->to);
	int r = stream_send_file(&t->from, t->head, &t->part);
	CHECK(r == -EPIPE || r == -ECONNRESET);
	close_both(t);
}

static void a_reader_that_stops_ends_it(void **state)
{
	for (int tls = 0; tls < 2; tls++) {
		struct sent t = {.tls = tls, .head = SPAN("head"), .part = {.length = 64 << 20, .idle_ms = 100}};
		t.part.fd = open_file(0);
		assert_int_equal(ftruncate(t.part.fd, 64 << 20), 0);
		on_worker(send_to_nobody, &t);
		close(t.part.fd);
	}
}

struct turns {
	unsigned count;
	bool over;
};

static int count_turns(void *arg)
{
	struct turns *t = arg;
	for (; !t->over; t->count++)
		fiber_yield();
	return 0;
}

static int swallow(void *arg)
{
	struct stream *s = arg;
	struct lent l;
	int n;
	lent_init(&l);
	while ((n = stream_read(s, &l, NEVER)) > 0)
		l.start = l.end;
	lent_give_back(&l);
	return n;
}

static void send_beside_others(void *arg)
{
	struct sent *t = arg;
	struct task other, reader;
	struct turns turns = {0};
	open_both(t);
	CHECK(task_start(&other, count_turns, &turns) == 0);
	CHECK(task_start(&reader, swallow, &t->to) == 0);
	CHECK(stream_send_file(&t->from, t->head, &t->part) == 0);
	CHECK(turns.count > 100);
	turns.over = true;
	CHECK(task_join(&other) == 0);
	CHECK(stream_end_write(&t->from) == 0 && task_join(&reader) == 0);
	close_both(t);
}

static void others_get_their_turn(void **state)
{
	for (int tls = 0; tls < 2; tls++) {
		struct sent t = {.tls = tls, .part = {.length = 64 << 20, .idle_ms = 5000}};
		t.part.fd = open_file(0);
		assert_int_equal(ftruncate(t.part.fd, 64 << 20), 0);
		on_worker(send_beside_others, &t);
		close(t.part.fd);
	}
}

static void make_files(void)
{
	CHECK(mkdtemp(folder));
	snprintf(file_name, sizeof(file_name), "%s/file", folder);
	snprintf(certificate_file, sizeof(certificate_file), "%s/a.pem", folder);
	snprintf(key_file, sizeof(key_file), "%s/a.key", folder);
	identity = make_identity("a.example", "DNS:a.example", NULL, -1, 30);
	write_identity(&identity, certificate_file, key_file);
}

static void remove_files(void)
{
	identity_free(&identity);
	unlink(file_name);
	unlink(certificate_file);
	unlink(key_file);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_arrives),
		cmocka_unit_test(a_part_is_sent_from_where_it_begins),
		cmocka_unit_test(a_long_head_goes_before_it),
		cmocka_unit_test(nothing_is_left_waiting_for_more),
		cmocka_unit_test(what_is_on_the_disk_is_read_ahead_by_another_thread),
		cmocka_unit_test(a_disk_that_hangs_ends_the_transfer_in_time),
		cmocka_unit_test(a_file_that_became_shorter_is_an_error),
		cmocka_unit_test(a_reader_that_stops_ends_it),
		cmocka_unit_test(others_get_their_turn),
	};
	signal(SIGPIPE, SIG_IGN);
	make_files();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	remove_files();
	return failed;
}
