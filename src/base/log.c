/* Logs: see log.h.
 *
 * Every thread has a buffer of two halves under a lock that only the writer thread ever contends for, and only for the
 * moment of exchanging the halves. Lines of several logs lie mixed in a half, each behind a small record; the writer
 * gathers neighbours of one log into one write. */
#include "base/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/list.h"
#include "base/log_file.h"

enum {
	HALF_SIZE = 64 * 1024,
	LINE_MOST = 20 * 1024, /* a longer one is cut */
	GATHER_MS = 100,
	EVENT_MOST = 1024,
	CLOSE_WAIT_MS = 1000,
	LAST_MOMENT_MS = 500,
};

struct record {
	struct log *log;
	uint32_t length; /* of the text behind it, its end of line included */
};

struct half {
	char *p;
	size_t n;
};

struct thread_buffer {
	pthread_mutex_t lock;
	struct half filling, writing;
	bool orphan; /* its thread has ended */
	struct link link;
};

static struct {
	pthread_mutex_t lock; /* of all below but `idle` */
	pthread_cond_t wake, passed;
	pthread_t thread;
	struct link buffers;
	bool running, hurry, reopen, stopping, exited;
	mono_ms stop_at;      /* monotonic ms: what is not written by then is lost */
	uint64_t asked, done; /* passes over all buffers */
	atomic_bool idle;     /* waits until somebody rings */
} writer = {.lock = PTHREAD_MUTEX_INITIALIZER,
            .wake = PTHREAD_COND_INITIALIZER,
            .passed = PTHREAD_COND_INITIALIZER,
            .buffers = {&writer.buffers, &writer.buffers}};

/* The open logs, under a lock of their own: reopening may take its time, and log_line() must not feel it. */
static struct {
	pthread_mutex_t lock;
	struct link list;
} logs = {.lock = PTHREAD_MUTEX_INITIALIZER, .list = {&logs.list, &logs.list}};

static __thread struct thread_buffer *mine;
static pthread_key_t at_thread_end;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static struct {
	_Atomic(struct log *) log;
	atomic_int level;
} events = {.level = LOG_INFO};

/* ---- Handing in */

static void thread_ends(void *buffer)
{
	struct thread_buffer *b = buffer;
	mine = NULL;
	pthread_mutex_lock(&b->lock);
	b->orphan = true;
	pthread_mutex_unlock(&b->lock);
}

static void make_key(void)
{
	if (pthread_key_create(&at_thread_end, thread_ends) != 0)
		die("no thread key for the logs");
}

static struct thread_buffer *buffer_new(void)
{
	pthread_once(&key_once, make_key);
	struct thread_buffer *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->filling.p = malloc(HALF_SIZE);
	b->writing.p = malloc(HALF_SIZE);
	if (!b->filling.p || !b->writing.p) {
		free(b->filling.p);
		free(b->writing.p);
		free(b);
		return NULL;
	}
	pthread_mutex_init(&b->lock, NULL);
	pthread_mutex_lock(&writer.lock);
	list_push(&writer.buffers, &b->link);
	pthread_mutex_unlock(&writer.lock);
	pthread_setspecific(at_thread_end, b);
	return b;
}

static void buffer_free(struct thread_buffer *b)
{
	pthread_mutex_destroy(&b->lock);
	free(b->filling.p);
	free(b->writing.p);
	free(b);
}

/* Rings the writer when it waits for a first line, or when a half has got past its middle. */
static void ring(bool hurry)
{
	if (!hurry && !atomic_load_explicit(&writer.idle, memory_order_seq_cst))
		return;
	if (!hurry && !atomic_exchange(&writer.idle, false))
		return;
	pthread_mutex_lock(&writer.lock);
	writer.hurry |= hurry;
	atomic_store(&writer.idle, false);
	pthread_cond_signal(&writer.wake);
	pthread_mutex_unlock(&writer.lock);
}

static bool put(struct thread_buffer *b, struct log *log, struct span line, bool *hurry)
{
	struct half *h = &b->filling;
	struct record record = {log, (uint32_t)line.n + 1};
	if (h->n + sizeof(record) + record.length > HALF_SIZE)
		return false;
	bool below = h->n < HALF_SIZE / 2;
	memcpy(h->p + h->n, &record, sizeof(record));
	if (line.n)
		memcpy(h->p + h->n + sizeof(record), line.p, line.n);
	h->n += sizeof(record) + record.length;
	h->p[h->n - 1] = '\n';
	*hurry = below && h->n >= HALF_SIZE / 2;
	return true;
}

void log_line(struct log *log, struct span line)
{
	bool hurry = false;
	if (!log)
		return;
	COUNT(log_lines_total);
	if (!mine && !(mine = buffer_new())) {
		COUNT(log_lines_lost_total);
		return;
	}
	if (line.n > LINE_MOST)
		line.n = LINE_MOST;
	pthread_mutex_lock(&mine->lock);
	bool taken = put(mine, log, line, &hurry);
	pthread_mutex_unlock(&mine->lock);
	if (!taken)
		COUNT(log_lines_lost_total);
	ring(hurry);
}

/* ---- The writer thread */

static mono_ms give_up_at(void)
{
	pthread_mutex_lock(&writer.lock);
	mono_ms at = writer.stopping ? writer.stop_at : clock_mono() + LOG_FILE_PATIENCE_MS;
	pthread_mutex_unlock(&writer.lock);
	return at;
}

/* Writes a half out, neighbouring lines of one log together. */
static void write_half(struct half *h)
{
	struct iovec pieces[LOG_FILE_PIECES];
	int count = 0;
	struct log *log = NULL;
	for (size_t at = 0; at < h->n;) {
		struct record record;
		memcpy(&record, h->p + at, sizeof(record));
		if (count == LOG_FILE_PIECES || (count > 0 && record.log != log)) {
			log_file_write(log, pieces, count, give_up_at());
			count = 0;
		}
		log = record.log;
		pieces[count++] = (struct iovec){h->p + at + sizeof(record), record.length};
		at += sizeof(record) + record.length;
	}
	if (count > 0)
		log_file_write(log, pieces, count, give_up_at());
	h->n = 0;
}

/* One look at every buffer. True when there was something. The list only grows at its end while the lock is away. */
static bool pass(void)
{
	bool found = false;
	pthread_mutex_lock(&writer.lock);
	for (struct link *l = writer.buffers.next; l != &writer.buffers;) {
		struct thread_buffer *b = CONTAINER_OF(l, struct thread_buffer, link);
		pthread_mutex_lock(&b->lock);
		struct half full = b->filling;
		b->filling = b->writing;
		b->writing = full;
		bool orphan = b->orphan;
		pthread_mutex_unlock(&b->lock);
		if (full.n) {
			pthread_mutex_unlock(&writer.lock);
			found = true;
			write_half(&b->writing);
			pthread_mutex_lock(&writer.lock);
		}
		l = l->next;
		if (orphan) {
			list_remove(&b->link);
			buffer_free(b);
		}
	}
	pthread_mutex_unlock(&writer.lock);
	return found;
}

static void reopen_logs(void)
{
	struct log *log;
	pthread_mutex_lock(&writer.lock);
	writer.reopen = false;
	pthread_mutex_unlock(&writer.lock);
	pthread_mutex_lock(&logs.lock);
	LIST_EACH(log, &logs.list, struct log, link) {
		int r = log_file_reopen(log);
		if (r != 0)
			fprintf(stderr, "fairlead: cannot open the log %s anew: %s\n", log->path, strerror(-r));
	}
	pthread_mutex_unlock(&logs.lock);
}

static struct timespec after(int wait_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return until;
}

/* Lets lines gather, or waits for a first one. */
static void rest(bool found)
{
	pthread_mutex_lock(&writer.lock);
	if (!found) {
		atomic_store(&writer.idle, true);
		/* A line that came before `idle` was set rang nobody. */
		pthread_mutex_unlock(&writer.lock);
		if (pass())
			atomic_store(&writer.idle, false);
		pthread_mutex_lock(&writer.lock);
	}
	while (atomic_load(&writer.idle) && !writer.stopping && !writer.reopen && writer.asked == writer.done)
		pthread_cond_wait(&writer.wake, &writer.lock);
	atomic_store(&writer.idle, false);
	struct timespec until = after(GATHER_MS);
	int r = 0;
	while (r == 0 && !writer.hurry && !writer.stopping && !writer.reopen && writer.asked == writer.done)
		r = pthread_cond_timedwait(&writer.wake, &writer.lock, &until);
	writer.hurry = false;
	pthread_mutex_unlock(&writer.lock);
}

static void *writer_main(void *arg)
{
	(void)arg;
	counters_attach();
	for (;;) {
		pthread_mutex_lock(&writer.lock);
		uint64_t asked = writer.asked;
		bool last = writer.stopping, reopen = writer.reopen;
		pthread_mutex_unlock(&writer.lock);
		bool found = pass();
		if (reopen)
			reopen_logs();
		pthread_mutex_lock(&writer.lock);
		writer.done = asked;
		pthread_cond_broadcast(&writer.passed);
		if (last)
			break;
		pthread_mutex_unlock(&writer.lock);
		rest(found);
	}
	counters_detach();
	writer.exited = true;
	pthread_cond_broadcast(&writer.passed);
	pthread_mutex_unlock(&writer.lock);
	return NULL;
}

int log_writer_start(void)
{
	sigset_t all, before;
	ASSERT(!writer.running);
	pthread_once(&key_once, make_key);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&writer.thread, NULL, writer_main, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	writer.running = r == 0;
	if (r == 0)
		pthread_setname_np(writer.thread, "log-writer");
	return -r;
}

void log_writer_stop(int wait_ms)
{
	if (!writer.running)
		return;
	struct timespec until = after(wait_ms + LAST_MOMENT_MS); /* it gives up by itself at `stop_at` */
	pthread_mutex_lock(&writer.lock);
	writer.stop_at = clock_mono() + wait_ms;
	writer.stopping = true;
	pthread_cond_signal(&writer.wake);
	while (!writer.exited && pthread_cond_timedwait(&writer.passed, &writer.lock, &until) == 0)
		;
	bool exited = writer.exited;
	pthread_mutex_unlock(&writer.lock);
	/* A thread that hangs in a dead disk is left to the end of the process. */
	if (!exited) {
		pthread_detach(writer.thread);
		return;
	}
	pthread_join(writer.thread, NULL);
	writer.running = writer.stopping = writer.exited = false;
}

/* ---- Logs */

int log_open(const char *path, const char *header, struct log **out)
{
	int r = log_file_open(path, header, out);
	if (r != 0)
		return r;
	pthread_mutex_lock(&logs.lock);
	list_push(&logs.list, &(*out)->link);
	pthread_mutex_unlock(&logs.lock);
	return 0;
}

void log_close(struct log *log)
{
	if (!log)
		return;
	struct log *expected = log;
	atomic_compare_exchange_strong(&events.log, &expected, NULL);
	struct timespec until = after(CLOSE_WAIT_MS);
	pthread_mutex_lock(&writer.lock);
	uint64_t wanted = ++writer.asked;
	pthread_cond_signal(&writer.wake);
	int r = 0;
	while (writer.running && !writer.exited && r == 0 && writer.done < wanted)
		r = pthread_cond_timedwait(&writer.passed, &writer.lock, &until);
	bool unused = !writer.running || writer.exited || writer.done >= wanted;
	pthread_mutex_unlock(&writer.lock);
	pthread_mutex_lock(&logs.lock);
	list_remove(&log->link);
	pthread_mutex_unlock(&logs.lock);
	/* Still in use by a writer that hangs: better a leak than a crash. */
	if (unused)
		log_file_close(log);
}

void log_reopen_all(void)
{
	pthread_mutex_lock(&writer.lock);
	writer.reopen = true;
	pthread_cond_signal(&writer.wake);
	pthread_mutex_unlock(&writer.lock);
}

/* ---- Events */

static const char *const level_names[] = {"error", "warning", "info", "debug"};

int log_level_of(struct span name)
{
	for (int i = 0; i <= LOG_DEBUG; i++) {
		if (span_eq(name, span_of(level_names[i])))
			return i;
	}
	return -EINVAL;
}

void log_events_to(struct log *log, enum log_level level)
{
	atomic_store(&events.level, (int)level);
	atomic_store(&events.log, log);
}

void log_event(enum log_level level, const char *format, ...)
{
	char text[EVENT_MOST];
	va_list ap;
	if ((int)level > atomic_load_explicit(&events.level, memory_order_relaxed))
		return;
	int64_t us = clock_civil_us();
	size_t n = log_file_time(text, us / 1000000);
	n += (size_t)snprintf(text + n, sizeof(text) - n, ".%03d %s: ", (int)(us / 1000 % 1000), level_names[level]);
	va_start(ap, format);
	int more = vsnprintf(text + n, sizeof(text) - n, format, ap);
	va_end(ap);
	if (more < 0)
		return;
	n = (size_t)more < sizeof(text) - n ? n + (size_t)more : sizeof(text) - 1;
	/* Whoever sends us text must not begin a line of his own. */
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = ' ';
	}
	struct log *log = atomic_load(&events.log);
	if (log)
		log_line(log, span_make(text, n));
	else
		fprintf(stderr, "%.*s\n", (int)n, text);
}
