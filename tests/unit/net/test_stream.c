/* Streams: the traps of edge-triggered readiness, deadlines, splicing. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

typedef void pair_fn(int fds[2]);

static struct span text_of(const struct lent *l)
{
	return span_make(l->p + l->start, lent_length(l));
}

static void write_raw(int fd, const char *text)
{
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* ---- Questions and answers */

static int answer(void *arg)
{
	struct stream *s = arg;
	struct lent l = {0};
	int n;
	while ((n = stream_read(s, &l, NEVER)) > 0) {
		CHECK(stream_write_span(s, text_of(&l), NEVER) == 0);
		lent_give_back(&l);
	}
	CHECK(n == 0);
	CHECK(!l.p);
	CHECK(stream_end_write(s) == 0);
	return 0;
}

static void ask(void *arg)
{
	struct stream one, two;
	struct lent l = {0};
	struct task t;
	stream_pair(&one, &two, (pair_fn *)arg);
	CHECK(task_start(&t, answer, &two) == 0);
	for (int i = 0; i < 500; i++) {
		char text[16];
		int n = snprintf(text, sizeof(text), "question %d", i);
		CHECK(stream_write_span(&one, span_make(text, (size_t)n), NEVER) == 0);
		CHECK(stream_read(&one, &l, worker_now() + 5000) == n);
		CHECK(span_eq(text_of(&l), span_make(text, (size_t)n)));
		lent_give_back(&l);
	}
	CHECK(stream_is_quiet(&one));
	CHECK(stream_end_write(&one) == 0);
	CHECK(stream_read(&one, &l, worker_now() + 5000) == 0);
	CHECK(!stream_is_quiet(&one));
	CHECK(task_join(&t) == 0);
	CHECK(one.bytes_in == one.bytes_out && two.bytes_in == one.bytes_out);
	stream_close(&one);
	stream_close(&two);
	stream_close(&two);
}

static void questions_are_answered(void **state)
{
	on_worker(ask, tcp_pair);
	on_worker(ask, local_pair);
}

/* ---- Edges */

static void read_end_with_data(void *arg)
{
	int fds[2];
	struct stream s;
	struct lent l = {0};
	tcp_pair(fds);
	CHECK(stream_open(&s, fds[0]) == 0);
	write_raw(fds[1], "last words");
	close(fds[1]);
	usleep(20000);
	/* One edge brings the data and the end. */
	CHECK(stream_read(&s, &l, worker_now() + 2000) == 10);
	CHECK(stream_read(&s, &l, worker_now() + 2000) == 0);
	CHECK(stream_read(&s, &l, worker_now() + 2000) == 0);
	CHECK(lent_length(&l) == 10);
	lent_give_back(&l);
	stream_close(&s);
}

static void the_end_may_come_with_the_data(void **state)
{
	on_worker(read_end_with_data, NULL);
}

static void read_end_after_short_read(void *arg)
{
	int fds[2];
	struct stream s;
	struct lent l = {0};
	tcp_pair(fds);
	CHECK(stream_open(&s, fds[0]) == 0);
	write_raw(fds[1], "words");
	CHECK(stream_read(&s, &l, worker_now() + 2000) == 5);
	CHECK(stream_read_now(&s, &l) == -EAGAIN);
	CHECK(stream_is_quiet(&s));
	close(fds[1]);
	CHECK(stream_read(&s, &l, worker_now() + 2000) == 0);
	lent_give_back(&l);
	/* Nothing was lent for the end alone. */
	CHECK(stream_read_now(&s, &l) == 0 && !l.p);
	stream_close(&s);
}

static void the_end_may_come_after_a_short_read(void **state)
{
	on_worker(read_end_after_short_read, NULL);
}

static void read_full_buffers(void *arg)
{
	int fds[2];
	struct stream s;
	struct lent l = {0};
	char *sent = malloc(3 * LENT_SIZE);
	size_t got = 0;
	tcp_pair(fds);
	for (size_t i = 0; i < 3 * LENT_SIZE; i++)
		sent[i] = (char)(i * 7 + i / 251);
	CHECK(stream_open(&s, fds[0]) == 0);
	CHECK(write(fds[1], sent, 3 * LENT_SIZE) == 3 * LENT_SIZE);
	close(fds[1]);
	/* A full read leaves the bit: the next one asks without waiting for an edge that will not come. */
	while (got < 3 * LENT_SIZE) {
		int n = stream_read(&s, &l, worker_now() + 2000);
		CHECK(n > 0 && memcmp(l.p + l.start, sent + got, lent_length(&l)) == 0);
		got += (size_t)n;
		l.start = l.end;
	}
	CHECK(stream_read(&s, &l, worker_now() + 2000) == 0);
	lent_give_back(&l);
	stream_close(&s);
	free(sent);
}

static void full_buffers_are_read_on(void **state)
{
	on_worker(read_full_buffers, NULL);
}

static void fill_a_buffer(void *arg)
{
	int fds[2];
	struct stream s;
	struct lent l = {0};
	static const char junk[LENT_SIZE];
	local_pair(fds);
	CHECK(stream_open(&s, fds[0]) == 0);
	CHECK(write(fds[1], junk, LENT_SIZE) == LENT_SIZE);
	write_raw(fds[1], "tail");
	while (lent_length(&l) < LENT_SIZE)
		CHECK(stream_read(&s, &l, worker_now() + 2000) > 0);
	CHECK(stream_read(&s, &l, worker_now() + 2000) == -ENOBUFS);
	CHECK(lent_grow(&l, 2 * LENT_SIZE) == 0);
	CHECK(stream_read(&s, &l, worker_now() + 2000) == 4);
	CHECK(memcmp(l.p + LENT_SIZE, "tail", 4) == 0);
	/* What was consumed makes room. */
	l.start = LENT_SIZE;
	CHECK(lent_grow(&l, LENT_SIZE) == 0 && lent_length(&l) == 4 && memcmp(l.p, "tail", 4) == 0);
	l.end = l.size;
	l.start = l.size - 4;
	memcpy(l.p + l.start, "rest", 4);
	write_raw(fds[1], "more");
	CHECK(stream_read(&s, &l, worker_now() + 2000) == 4);
	CHECK(span_eq(text_of(&l), SPAN("restmore")));
	lent_give_back(&l);
	close(fds[1]);
	stream_close(&s);
}

static void a_full_buffer_is_told(void **state)
{
	on_worker(fill_a_buffer, NULL);
}

/* ---- A slow reader */

enum { BULK = 24 * 1024 * 1024 };

static char bulk_byte(size_t at)
{
	return (char)(at ^ at >> 8 ^ at >> 16);
}

static int read_slowly(void *arg)
{
	struct stream *s = arg;
	struct lent l = {0};
	size_t got = 0;
	for (unsigned reads = 0;; reads++) {
		int n = stream_read(s, &l, worker_now() + 5000);
		CHECK(n >= 0);
		if (n == 0)
			break;
		for (uint32_t i = l.start; i < l.end; i++, got++)
			CHECK(l.p[i] == bulk_byte(got));
		lent_give_back(&l);
		if (reads % 256 == 0)
			CHECK(fiber_sleep(20) == 0);
	}
	CHECK(got == BULK);
	return 0;
}

static void write_much(void *arg)
{
	struct stream one, two;
	struct task t;
	char *all = malloc(BULK);
	for (size_t i = 0; i < BULK; i++)
		all[i] = bulk_byte(i);
	stream_pair(&one, &two, (pair_fn *)arg);
	CHECK(task_start(&t, read_slowly, &two) == 0);
	struct iovec iov[4] = {{all, 1}, {all + 1, 0}, {all + 1, BULK / 2}, {all + 1 + BULK / 2, BULK - 1 - BULK / 2}};
	CHECK(stream_write(&one, iov, 4, NEVER) == 0);
	CHECK(stream_end_write(&one) == 0);
	CHECK(task_join(&t) == 0);
	stream_close(&one);
	stream_close(&two);
	free(all);
}

static void partial_writes_go_on(void **state)
{
	on_worker(write_much, tcp_pair);
	on_worker(write_much, local_pair);
}

/* ---- Waiting that ends otherwise */

static void wait_in_vain(void *arg)
{
	static char junk[1 << 20];
	struct stream one, two;
	struct lent l = {0};
	stream_pair(&one, &two, tcp_pair);
	CHECK(stream_read(&one, &l, worker_now() + 40) == -ETIMEDOUT);
	CHECK(!l.p);
	int r = 0;
	for (int i = 0; r == 0 && i < 100; i++)
		r = stream_write_span(&one, span_make(junk, sizeof(junk)), worker_now() + 60);
	CHECK(r == -ETIMEDOUT);
	stream_close(&one);
	stream_close(&two);
}

static void deadlines_end_reads_and_writes(void **state)
{
	on_worker(wait_in_vain, NULL);
}

static int read_once(void *arg)
{
	struct lent l = {0};
	int n = stream_read(arg, &l, NEVER);
	lent_give_back(&l);
	return n;
}

static int write_for_ever(void *arg)
{
	static char junk[1 << 20];
	int r;
	while ((r = stream_write_span(arg, span_make(junk, sizeof(junk)), NEVER)) == 0)
		;
	return r;
}

static void reset(int fd)
{
	struct linger now = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void hang_up_on_waiters(void *arg)
{
	int fds[2];
	struct stream s;
	struct task reader, writer;
	tcp_pair(fds);
	CHECK(stream_open(&s, fds[0]) == 0);
	CHECK(task_start(&reader, read_once, &s) == 0);
	CHECK(task_start(&writer, write_for_ever, &s) == 0);
	CHECK(fiber_sleep(50) == 0);
	CHECK(!task_done(&reader) && !task_done(&writer));
	reset(fds[1]);
	CHECK(task_join(&reader) == -ECONNRESET || reader.result == 0);
	CHECK(task_join(&writer) == -ECONNRESET || writer.result == -EPIPE);
	stream_close(&s);
}

static void cancel_a_reader(void *arg)
{
	struct stream one, two;
	struct task reader;
	stream_pair(&one, &two, tcp_pair);
	CHECK(task_start(&reader, read_once, &one) == 0);
	CHECK(fiber_sleep(20) == 0);
	task_cancel(&reader);
	CHECK(task_join(&reader) == -ECANCELED);
	stream_close(&one);
	stream_close(&two);
}

static void a_hang_up_wakes_those_that_wait(void **state)
{
	on_worker(hang_up_on_waiters, NULL);
	on_worker(cancel_a_reader, NULL);
}

static void wait_for_two(void *arg)
{
	int a[2], b[2], which;
	struct stream one, two;
	struct lent l = {0};
	tcp_pair(a);
	tcp_pair(b);
	CHECK(stream_open(&one, a[0]) == 0 && stream_open(&two, b[0]) == 0);
	CHECK(stream_wait_either(&one, &two, worker_now() + 30, &which) == -ETIMEDOUT);
	write_raw(b[1], "x");
	CHECK(stream_wait_either(&one, &two, worker_now() + 2000, &which) == 0 && which == 2);
	CHECK(stream_read(&two, &l, NEVER) == 1);
	close(a[1]);
	CHECK(stream_wait_either(&one, &two, worker_now() + 2000, &which) == 0 && which == 1);
	CHECK(stream_wait_in(&one, worker_now() + 2000) == 0);
	CHECK(stream_wait_in(&two, worker_now() + 20) == -ETIMEDOUT);
	lent_give_back(&l);
	close(b[1]);
	stream_close(&one);
	stream_close(&two);
}

static void either_stream_wakes(void **state)
{
	on_worker(wait_for_two, NULL);
}

/* ---- A descriptor that is used again in the same batch must not get its predecessor's events */

static int stale_events;

static void must_not_be_called(struct watch *w)
{
	if (w->ready & READY_HUP)
		stale_events++;
}

struct reuse {
	struct watch first, second, third;
	int far_third;
	bool done;
	struct fiber *waits;
};

static void replace_the_other(struct watch *w)
{
	struct reuse *u = CONTAINER_OF(w, struct reuse, first);
	if (!(w->ready & READY_HUP) || u->done)
		return;
	int fd = u->second.fd, fds[2];
	watch_remove(&u->second);
	close(fd);
	local_pair(fds);
	int far = fds[0] == fd ? fds[1] : fds[0], near = fds[0] == fd ? fds[0] : fds[1];
	if (near != fd) {
		CHECK(dup2(near, fd) == fd);
		close(near);
	}
	u->third.on_ready = must_not_be_called;
	CHECK(watch_add(&u->third, fd) == 0);
	u->far_third = far;
	u->done = true;
	fiber_wake(u->waits);
}

static void reuse_a_descriptor(void *arg)
{
	int a[2], b[2];
	struct reuse u = {.waits = fiber_self()};
	local_pair(a);
	local_pair(b);
	/* Both fire in one batch, the first one first. */
	u.first.on_ready = replace_the_other;
	u.second.on_ready = must_not_be_called;
	CHECK(watch_add(&u.first, a[0]) == 0 && watch_add(&u.second, b[0]) == 0);
	CHECK(fiber_sleep(20) == 0);
	close(a[1]);
	close(b[1]);
	while (!u.done)
		CHECK(fiber_wait(worker_now() + 2000) == 0);
	CHECK(fiber_sleep(20) == 0);
	CHECK(stale_events == 0);
	CHECK(!(u.third.ready & READY_HUP));
	watch_remove(&u.first);
	watch_remove(&u.third);
	close(u.first.fd);
	close(u.third.fd);
	close(u.far_third);
}

static void a_new_watch_gets_no_old_event(void **state)
{
	on_worker(reuse_a_descriptor, NULL);
}

/* ---- Splicing */

struct flow {
	struct stream *s;
	size_t n;
};

static int send_bulk(void *arg)
{
	struct flow *f = arg;
	char block[8192];
	for (size_t at = 0; at < f->n;) {
		size_t n = f->n - at < sizeof(block) ? f->n - at : sizeof(block);
		for (size_t i = 0; i < n; i++)
			block[i] = bulk_byte(at + i);
		int r = stream_write_span(f->s, span_make(block, n), worker_now() + 5000);
		if (r != 0)
			return r;
		at += n;
	}
	return 0;
}

static void splice_through(void *arg)
{
	struct stream from_far, from, to, to_far;
	struct task sender, receiver;
	bool sink;
	stream_pair(&from_far, &from, tcp_pair);
	stream_pair(&to, &to_far, tcp_pair);
	struct flow f = {&from_far, BULK + 100};
	CHECK(task_start(&sender, send_bulk, &f) == 0);
	CHECK(task_start(&receiver, read_slowly, &to_far) == 0);
	CHECK(stream_splice(&from, &to, BULK, 5000, 5000, &sink) == BULK);
	CHECK(stream_end_write(&to) == 0);
	CHECK(task_join(&sender) == 0 && task_join(&receiver) == 0);
	/* Not a byte more than asked for has left the source. */
	struct lent l = {0};
	CHECK(!stream_has_settled(&from));
	CHECK(stream_read(&from, &l, worker_now() + 1000) == 100);
	CHECK(l.p[0] == bulk_byte(BULK));
	lent_give_back(&l);
	CHECK(to.bytes_out == BULK && from.bytes_in == BULK + 100);
	CHECK(stream_has_settled(&from));
	CHECK(stream_splice(&from, &to, 10, 40, 5000, &sink) == -ETIMEDOUT && !sink);
	stream_close(&from_far);
	CHECK(stream_splice(&from, &to, 10, 1000, 1000, &sink) == 0);
	stream_close(&from);
	stream_close(&to);
	stream_close(&to_far);
}

/* Whoever took all there was, and no more, does not know it: the connection could seem to have something left. */
static void splice_all_there_is(void *arg)
{
	struct stream from_far, from, to, to_far;
	struct task sender, receiver;
	bool sink;
	stream_pair(&from_far, &from, tcp_pair);
	stream_pair(&to, &to_far, tcp_pair);
	struct flow f = {&from_far, BULK};
	CHECK(task_start(&sender, send_bulk, &f) == 0);
	CHECK(task_start(&receiver, read_slowly, &to_far) == 0);
	CHECK(stream_splice(&from, &to, BULK, 5000, 5000, &sink) == BULK);
	CHECK(stream_has_settled(&from) && stream_is_quiet(&from));
	CHECK(stream_end_write(&to) == 0);
	CHECK(task_join(&sender) == 0 && task_join(&receiver) == 0);
	CHECK(stream_write_span(&from_far, SPAN("x"), worker_now() + 1000) == 0);
	CHECK(stream_wait_in(&from, worker_now() + 1000) == 0 && !stream_has_settled(&from));
	stream_close(&from_far);
	stream_close(&from);
	stream_close(&to);
	stream_close(&to_far);
}

static void a_stream_of_which_all_was_spliced_is_quiet(void **state)
{
	on_worker(splice_all_there_is, NULL);
}

static void splicing_moves_exactly_what_was_asked(void **state)
{
	on_worker(splice_through, NULL);
}

static void splice_into_a_failure(void *arg)
{
	struct stream from_far, from, to, to_far;
	struct task sender;
	bool sink;
	stream_pair(&from_far, &from, tcp_pair);
	stream_pair(&to, &to_far, tcp_pair);
	struct flow f = {&from_far, BULK};
	CHECK(task_start(&sender, send_bulk, &f) == 0);
	/* Nobody reads: the pipe holds bytes when the time is over, and nothing may follow them; whoever sent them may be answered. */
	CHECK(stream_splice(&from, &to, BULK, 5000, 100, &sink) == -ETIMEDOUT && sink);
	CHECK(stream_write_span(&to, SPAN("x"), worker_now() + 1000) == -EPIPE);
	CHECK(stream_write_span(&from, SPAN("why"), worker_now() + 1000) == 0);
	stream_close(&from);
	CHECK(task_join(&sender) != 0);
	stream_close(&to);
	stream_close(&from_far);
	stream_close(&to_far);
}

static void splicing_into_a_failure_leaves_the_sender_to_be_answered(void **state)
{
	on_worker(splice_into_a_failure, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_are_answered),
		cmocka_unit_test(the_end_may_come_with_the_data),
		cmocka_unit_test(the_end_may_come_after_a_short_read),
		cmocka_unit_test(full_buffers_are_read_on),
		cmocka_unit_test(a_full_buffer_is_told),
		cmocka_unit_test(partial_writes_go_on),
		cmocka_unit_test(deadlines_end_reads_and_writes),
		cmocka_unit_test(a_hang_up_wakes_those_that_wait),
		cmocka_unit_test(either_stream_wakes),
		cmocka_unit_test(a_new_watch_gets_no_old_event),
		cmocka_unit_test(splicing_moves_exactly_what_was_asked),
		cmocka_unit_test(a_stream_of_which_all_was_spliced_is_quiet),
		cmocka_unit_test(splicing_into_a_failure_leaves_the_sender_to_be_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
