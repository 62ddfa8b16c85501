#include "net/resolve_hosts.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* Rows sorted by name, then as they stood in the file: block lists of 100,000 lines cost one array and no node each. */
struct row {
	struct span name;
	struct addr addr;
	size_t place;
};

struct hosts {
	char *text;
	struct row *rows;
	size_t count, room;
};

enum { LARGEST_FILE = 64 << 20, LOOK_EVERY_MS = 1000 };

static struct {
	pthread_mutex_t lock;
	char path[PATH_MAX];
	struct hosts *now; /* NULL: none, or it cannot be read */
	struct stat as_read;
	mono_ms looked;
} file = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void hosts_free(struct hosts *h)
{
	if (!h)
		return;
	free(h->text);
	free(h->rows);
	free(h);
}
DEFINE_AUTO(hosts, struct hosts *, hosts_free);

static int by_name(struct span a, struct span b)
{
	int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
	return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int row_order(const void *one, const void *two)
{
	const struct row *a = one, *b = two;
	int order = by_name(a->name, b->name);
	return order ? order : (a->place > b->place) - (a->place < b->place);
}

static int add_row(struct hosts *h, struct span name, const struct addr *addr)
{
	if (h->count == h->room) {
		size_t room = h->room ? 2 * h->room : 64;
		struct row *rows = reallocarray(h->rows, room, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		h->rows = rows;
		h->room = room;
	}
	h->rows[h->count] = (struct row){.name = name, .addr = *addr, .place = h->count};
	h->count++;
	return 0;
}

static struct span next_word(struct span *line)
{
	static const char space[] = " \t\r";
	size_t start = 0, end;
	while (start < line->n && strchr(space, line->p[start]))
		start++;
	for (end = start; end < line->n && !strchr(space, line->p[end]);)
		end++;
	struct span word = span_make(line->p + start, end - start);
	*line = span_make(line->p + end, line->n - end);
	return word;
}

/* "192.0.2.1 www.example www # the web server". Lines with something else in front (zones, garbage) are passed over. */
static int parse_line(struct hosts *h, struct span line)
{
	const char *remark = line.n ? memchr(line.p, '#', line.n) : NULL;
	if (remark)
		line.n = (size_t)(remark - line.p);
	struct addr addr;
	if (addr_parse(next_word(&line), 0, &addr) < 0)
		return 0;
	for (struct span name; (name = next_word(&line)).n;) {
		int rc = add_row(h, name, &addr);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int parse(struct hosts *h, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h->text[i] = h->text[i] ? ascii_lower(h->text[i]) : ' ';
	for (size_t start = 0; start < n;) {
		const char *end = memchr(h->text + start, '\n', n - start);
		size_t length = end ? (size_t)(end - h->text) - start : n - start;
		int rc = parse_line(h, span_make(h->text + start, length));
		if (rc < 0)
			return rc;
		start += length + 1;
	}
	if (h->count)
		qsort(h->rows, h->count, sizeof(*h->rows), row_order);
	return 0;
}

/* What is in the file now; NULL when it cannot be read. */
static struct hosts *hosts_read(const char *path, struct stat *as_read)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, as_read) < 0 || !S_ISREG(as_read->st_mode) || as_read->st_size > LARGEST_FILE)
		return NULL;
	size_t room = (size_t)as_read->st_size, n = 0;
	AUTO(hosts) struct hosts *h = calloc(1, sizeof(*h));
	if (!h || !(h->text = malloc(room + 1)))
		return NULL;
	for (ssize_t got; n < room && (got = read(fd, h->text + n, room - n)) > 0;)
		n += (size_t)got;
	return parse(h, n) == 0 ? TAKE(h) : NULL;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Reads it with the lock held, so that no worker asks a server for a name that the file has. */
int resolve_hosts_file(const char *path)
{
	if (strlen(path) >= sizeof(file.path))
		return -ENAMETOOLONG;
	pthread_mutex_lock(&file.lock);
	if (strcmp(path, file.path) != 0) {
		strcpy(file.path, path);
		hosts_free(file.now);
		file.as_read = (struct stat){0};
		file.now = hosts_read(path, &file.as_read);
		file.looked = clock_mono();
	} else {
		file.looked = 0; /* a reload: the next asker looks */
	}
	pthread_mutex_unlock(&file.lock);
	return 0;
}

/* The file is read outside the lock; only one asker a second comes here. */
static void look_again(void)
{
	char path[PATH_MAX];
	struct stat st = {0}, as_read;
	pthread_mutex_lock(&file.lock);
	strcpy(path, file.path);
	as_read = file.as_read;
	pthread_mutex_unlock(&file.lock);
	if (stat(path, &st) == 0 && same_file(&st, &as_read))
		return;
	st = (struct stat){0};
	AUTO(hosts) struct hosts *fresh = hosts_read(path, &st);
	pthread_mutex_lock(&file.lock);
	if (strcmp(path, file.path) == 0) {
		struct hosts *old = file.now;
		file.now = fresh;
		file.as_read = st;
		fresh = old;
	}
	pthread_mutex_unlock(&file.lock);
}

static void look_if_due(void)
{
	mono_ms now = clock_mono();
	pthread_mutex_lock(&file.lock);
	bool due = file.path[0] && now - file.looked >= LOOK_EVERY_MS;
	if (due)
		file.looked = now;
	pthread_mutex_unlock(&file.lock);
	if (due)
		look_again();
}

static size_t first_row(const struct hosts *h, struct span name)
{
	size_t low = 0, high = h->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (by_name(h->rows[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool resolve_hosts_find(struct span name, struct resolved *out)
{
	look_if_due();
	out->count = 0;
	pthread_mutex_lock(&file.lock);
	const struct hosts *h = file.now;
	for (size_t i = h ? first_row(h, name) : 0; h && i < h->count && span_eq(h->rows[i].name, name); i++) {
		if (out->count < RESOLVE_MOST)
			out->addrs[out->count++] = h->rows[i].addr;
	}
	pthread_mutex_unlock(&file.lock);
	return out->count > 0;
}
