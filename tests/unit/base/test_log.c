/* Logs: order, rotation, several threads, and what a pipe that nobody empties costs: lines, never time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"

static char folder[64];

static int make_folder(void **state)
{
	strcpy(folder, "/tmp/log-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	return log_writer_start();
}

static int drop_folder(void **state)
{
	char command[128];
	log_writer_stop(1000);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static const char *path_of(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static char *content_of(const char *name)
{
	FILE *f = fopen(path_of(name), "r");
	assert_non_null(f);
	char *text = calloc(1, 4 << 20);
	assert_true(fread(text, 1, (4 << 20) - 1, f) < (4 << 20) - 1);
	fclose(f);
	return text;
}

static void number(struct log *log, const char *who, int i)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %d", who, i);
	log_line(log, span_make(line, (size_t)n));
}

static void lines_come_out_in_order(void **state)
{
	struct log *one, *two;
	struct stat st;
	assert_int_equal(log_open(path_of("one"), "#Fields: a b\n#Date: %s", &one), 0);
	assert_int_equal(log_open(path_of("two"), NULL, &two), 0);
	assert_int_equal(stat(path_of("one"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	for (int i = 0; i < 500; i++) {
		number(one, "one", i);
		if (i % 3 == 0)
			number(two, "two", i);
	}
	log_line(one, SPAN(""));
	log_line(NULL, SPAN("nowhere"));
	log_close(one);
	log_close(two);
	log_close(NULL);
	char *text = content_of("one"), *at = text;
	int year, n;
	assert_int_equal(strncmp(at, "#Fields: a b\n#Date: 20", 22), 0);
	assert_int_equal(sscanf(at, "#Fields: a b\n#Date: %d-%*d-%*d %*d:%*d:%*d\n%n", &year, &n), 1);
	at += n;
	for (int i = 0; i < 500; i++, at += n) {
		int got = -1;
		assert_int_equal(sscanf(at, "one %d\n%n", &got, &n), 1);
		assert_int_equal(got, i);
	}
	assert_string_equal(at, "");
	free(text);
	text = content_of("two");
	assert_int_equal(strncmp(text, "two 0\ntwo 3\n", 12), 0);
	assert_int_equal(strlen(text) > 1000, 1);
	free(text);
}

static void *write_many(void *log)
{
	counters_attach();
	for (int i = 0; i < 5000; i++) {
		number(log, "thread", i);
		if (i % 500 == 0)
			usleep(20000);
	}
	counters_detach();
	return NULL;
}

static void many_threads_lose_nothing(void **state)
{
	pthread_t threads[4];
	struct log *log;
	int64_t lost = counter_read(COUNTER_log_lines_lost_total), lines = counter_read(COUNTER_log_lines_total);
	assert_int_equal(log_open(path_of("many"), NULL, &log), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, log), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	log_close(log);
	assert_int_equal(counter_read(COUNTER_log_lines_lost_total), lost);
	assert_int_equal(counter_read(COUNTER_log_lines_total), lines + 20000);
	char *text = content_of("many");
	int found = 0;
	for (char *at = text; (at = strchr(at, '\n')); at++)
		found++;
	assert_int_equal(found, 20000);
	free(text);
}

static void a_line_comes_out_without_being_asked_for(void **state)
{
	struct log *log;
	assert_int_equal(log_open(path_of("soon"), NULL, &log), 0);
	for (int round = 1; round < 4; round++) {
		log_line(log, SPAN("x"));
		usleep(400000);
		char *text = content_of("soon");
		assert_int_equal(strlen(text), 2 * round);
		free(text);
	}
	log_close(log);
}

static void a_rotated_log_begins_anew(void **state)
{
	struct log *log;
	char old[128];
	assert_int_equal(log_open(path_of("turn"), "#head", &log), 0);
	log_line(log, SPAN("before"));
	usleep(300000);
	snprintf(old, sizeof(old), "%s/turn.1", folder);
	assert_int_equal(rename(path_of("turn"), old), 0);
	log_reopen_all();
	usleep(300000);
	log_line(log, SPAN("after"));
	log_close(log);
	char *text = content_of("turn");
	assert_string_equal(text, "#head\nafter\n");
	free(text);
	text = content_of("turn.1");
	assert_string_equal(text, "#head\nbefore\n");
	free(text);
}

static void a_log_that_cannot_be_opened_says_so(void **state)
{
	struct log *log = NULL;
	assert_int_equal(log_open("/nonexistent/log", NULL, &log), -ENOENT);
	assert_null(log);
}

static void a_full_disk_loses_lines_and_counts_them(void **state)
{
	struct log *log;
	int64_t lost = counter_read(COUNTER_log_lines_lost_total);
	assert_int_equal(log_open("/dev/full", NULL, &log), 0);
	for (int i = 0; i < 100; i++)
		number(log, "lost", i);
	log_close(log);
	assert_int_equal(counter_read(COUNTER_log_lines_lost_total), lost + 100);
}

static void a_pipe_that_nobody_empties_holds_nobody_up(void **state)
{
	struct log *log, *file;
	static char line[1000];
	memset(line, 'x', sizeof(line));
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	int reader = open(path_of("fifo"), O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	assert_int_equal(log_open(path_of("fifo"), NULL, &log), 0);
	assert_int_equal(log_open(path_of("beside"), NULL, &file), 0);
	int64_t lost = counter_read(COUNTER_log_lines_lost_total), longest = 0;
	for (int i = 0; i < 5000; i++) {
		int64_t before = clock_mono_us();
		log_line(log, span_make(line, sizeof(line)));
		int64_t took = clock_mono_us() - before;
		longest = took > longest ? took : longest;
		if (i % 50 == 0)
			usleep(5000);
	}
	/* Far below the writer's patience with a pipe; a busy machine takes its share. */
	assert_true(longest < 40000);
	log_line(file, SPAN("not held up"));
	log_close(file);
	char *text = content_of("beside");
	assert_string_equal(text, "not held up\n");
	free(text);

	/* What did get out is whole lines, or lines that were cut and ended. */
	char *got = calloc(1, 6 << 20);
	ssize_t n, all = 0;
	while ((n = read(reader, got + all, 65536)) > 0)
		all += n;
	log_line(log, SPAN("the last"));
	log_close(log);
	while ((n = read(reader, got + all, 65536)) > 0)
		all += n;
	int whole = 0;
	for (char *at = got, *end; (end = strchr(at, '\n')); at = end + 1)
		whole += end - at == (ssize_t)sizeof(line);
	assert_true(whole > 50);
	assert_string_equal(strrchr(got, 't') - strlen("the las"), "the last\n");
	assert_int_equal(counter_read(COUNTER_log_lines_lost_total) - lost, 5000 - whole);
	free(got);
	close(reader);
}

static void stopping_waits_no_longer_than_told(void **state)
{
	struct log *log;
	static char line[1000];
	int reader = open(path_of("fifo"), O_RDONLY | O_NONBLOCK);
	assert_int_equal(log_open(path_of("fifo"), NULL, &log), 0);
	for (int i = 0; i < 100; i++)
		log_line(log, span_make(line, sizeof(line)));
	usleep(300000);
	log_line(log, SPAN("no room for this"));
	mono_ms before = clock_mono();
	log_writer_stop(200);
	assert_true(clock_mono() - before < 1500);
	log_close(log);
	close(reader);
	assert_int_equal(log_writer_start(), 0);
}

static void events_have_a_level_and_one_line(void **state)
{
	struct log *log;
	assert_int_equal(log_open(path_of("events"), NULL, &log), 0);
	log_events_to(log, LOG_WARNING);
	log_event(LOG_ERROR, "cannot bind to %s: %s", "127.0.0.1:1", "in use\nfaked line");
	log_event(LOG_WARNING, "low");
	log_event(LOG_INFO, "not wanted");
	log_events_to(NULL, LOG_ERROR);
	log_close(log);
	char *text = content_of("events");
	char *second = strchr(text, '\n') + 1;
	assert_non_null(strstr(text, " error: cannot bind to 127.0.0.1:1: in use faked line\n"));
	assert_non_null(strstr(second, " warning: low\n"));
	assert_null(strstr(text, "not wanted"));
	free(text);
	assert_int_equal(log_level_of(SPAN("debug")), LOG_DEBUG);
	assert_int_equal(log_level_of(SPAN("loud")), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_out_in_order),
		cmocka_unit_test(many_threads_lose_nothing),
		cmocka_unit_test(a_line_comes_out_without_being_asked_for),
		cmocka_unit_test(a_rotated_log_begins_anew),
		cmocka_unit_test(a_log_that_cannot_be_opened_says_so),
		cmocka_unit_test(a_full_disk_loses_lines_and_counts_them),
		cmocka_unit_test(a_pipe_that_nobody_empties_holds_nobody_up),
		cmocka_unit_test(stopping_waits_no_longer_than_told),
		cmocka_unit_test(events_have_a_level_and_one_line),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
