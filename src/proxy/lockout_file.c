/* The file is read and written whole. A file that is damaged is put aside as lockout.damaged, and a new one begun: then no secret counts as proven, so
 * that each has one attempt, one at a time, until it is accepted. */
#include "proxy/lockout_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/log.h"

enum { SALT = 16, SEAL = 32, TEXT_MOST = 64 * 1024, LINE_MOST = 256 };
/* scrypt's N and r: 32 MiB and about 0.1 s of a processor for each guess. */
enum { SCRYPT_N = 1 << 15, SCRYPT_R = 8, SCRYPT_P = 1, SCRYPT_MEMORY = 64 << 20 };

struct table {
	unsigned char salt[SALT];
	struct lockout_record records[LOCKOUT_RECORDS_MOST];
	unsigned count;
};

/* The salt stays for the life of the process, also when the file goes: what is in memory was marked with it. */
static unsigned char process_salt[SALT];
static bool have_salt;
static pthread_mutex_t salt_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool complained;

static int say(const char *directory, const char *what, int error)
{
	if (!atomic_exchange(&complained, true))
		log_event(LOG_WARNING,
		          "the lock-out guard cannot %s %s/lockout: %s; until it can, a restart forgets which credentials for "
		          "parents were refused (see state-directory)",
		          what, directory, strerror(-error));
	return error;
}

static int settle_salt(unsigned char of_file[SALT], bool in_file)
{
	int error = 0;
	pthread_mutex_lock(&salt_lock);
	if (!have_salt && in_file)
		memcpy(process_salt, of_file, SALT);
	else if (!have_salt && RAND_bytes(process_salt, SALT) != 1)
		error = -EIO;
	have_salt = have_salt || !error;
	if (!in_file)
		memcpy(of_file, process_salt, SALT);
	pthread_mutex_unlock(&salt_lock);
	return error;
}

/* ---- the text */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `n` bytes, and nothing behind them. */
static bool read_hex(struct span text, unsigned char *out, size_t n)
{
	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static void seal_of(struct span text, unsigned char seal[SEAL])
{
	ASSERT(EVP_Digest(text.p, text.n, seal, NULL, EVP_sha256(), NULL) == 1);
}

static void write_text(const struct table *t, struct buf *to)
{
	unsigned char seal[SEAL];
	buf_adds(to, "fairlead lockout 1\nsalt ");
	encode_hex(to, t->salt, SALT);
	buf_addc(to, '\n');
	for (unsigned i = 0; i < t->count; i++) {
		const struct lockout_record *r = &t->records[i];
		buf_adds(to, "secret ");
		encode_hex(to, r->mark, LOCKOUT_MARK);
		buf_addf(to, " %d %d %u %" PRId64 " %" PRId64 "\n", r->proven, r->flying, r->refusals, r->window, r->last);
	}
	if (buf_error(to))
		return;
	seal_of(buf_span(to), seal);
	buf_adds(to, "seal ");
	encode_hex(to, seal, SEAL);
	buf_addc(to, '\n');
}

static bool read_number(struct span *rest, uint64_t most, uint64_t *out)
{
	struct span word;
	return span_next(rest, ' ', &word) && span_to_u64(word, most, out) == 0;
}

static bool read_record(const char *line, struct lockout_record *r)
{
	struct span rest = span_of(line), word;
	uint64_t proven, flying, refusals, window, last;
	if (!span_next(&rest, ' ', &word) || !span_eq(word, SPAN("secret")) || !span_next(&rest, ' ', &word) ||
	    !read_hex(word, r->mark, LOCKOUT_MARK))
		return false;
	if (!read_number(&rest, 1, &proven) || !read_number(&rest, 1, &flying) ||
	    !read_number(&rest, UINT_MAX, &refusals) || !read_number(&rest, INT64_MAX, &window) ||
	    !read_number(&rest, INT64_MAX, &last) || rest.n > 0)
		return false;
	r->proven = proven == 1;
	r->flying = flying == 1;
	r->refusals = (unsigned)refusals;
	r->window = (int64_t)window;
	r->last = (int64_t)last;
	return true;
}

/* What was written whole by write_text(), or false. */
static bool read_table(char *text, struct table *t)
{
	unsigned char seal[SEAL], sealed[SEAL];
	char *last = strstr(text, "\nseal "), *save = NULL;
	if (!last || strlen(last) != strlen("\nseal ") + 2 * (size_t)SEAL + 1 || last[strlen(last) - 1] != '\n')
		return false;
	seal_of(span_make(text, (size_t)(last + 1 - text)), seal);
	last[strlen(last) - 1] = '\0';
	if (!read_hex(span_of(last + strlen("\nseal ")), sealed, SEAL) || memcmp(seal, sealed, SEAL) != 0)
		return false;
	*last = '\0';
	char *line = strtok_r(text, "\n", &save);
	if (!line || strcmp(line, "fairlead lockout 1") != 0)
		return false;
	line = strtok_r(NULL, "\n", &save);
	if (!line || strncmp(line, "salt ", 5) != 0 || !read_hex(span_of(line + 5), t->salt, SALT))
		return false;
	while ((line = strtok_r(NULL, "\n", &save)) != NULL)
		if (t->count == LOCKOUT_RECORDS_MOST || !read_record(line, &t->records[t->count++]))
			return false;
	return true;
}

/* ---- the file */

static int path_of(char out[PATH_MAX], const char *directory, const char *ending)
{
	int n = snprintf(out, PATH_MAX, "%s/lockout%s", directory, ending);
	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* With what leads to it, for our eyes alone. */
static int make_directory(const char *directory)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s", directory) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	for (char *slash = path; slash;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			return -errno;
		if (slash)
			*slash = '/';
	}
	return 0;
}

/* Held by who reads and writes, so that two processes do not undo each other's change. The lock's descriptor, or -errno. */
static int take_lock(const char *directory)
{
	char path[PATH_MAX];
	int error = path_of(path, directory, ".lock");
	if (!error && access(directory, F_OK) != 0)
		error = make_directory(directory);
	if (error)
		return error;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static void put_aside(const char *path, const char *directory)
{
	char aside[PATH_MAX];
	if (path_of(aside, directory, ".damaged") == 0 && rename(path, aside) == 0)
		log_event(
			LOG_WARNING,
			"the lock-out guard's %s is damaged: it is begun anew, the old one is %s; each secret has one attempt "
			"until it is accepted",
			path, aside);
}

/* Its text, terminated; what is too long is cut, and its seal does not fit any more. */
static int read_file(const char *path, struct buf *text)
{
	__attribute__((cleanup(auto_release_fd))) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (buf_reserve(text, TEXT_MOST))
		return buf_error(text);
	ssize_t n = read(fd, text->p, TEXT_MOST - 1);
	if (n < 0)
		return -errno;
	text->p[n] = '\0';
	return 0;
}

/* With the lock held. A file that is not there is an empty table. */
static int load(const char *directory, struct table *t)
{
	AUTO(buf) struct buf text;
	char path[PATH_MAX];
	buf_init(&text, TEXT_MOST);
	*t = (struct table){0};
	int error = path_of(path, directory, "");
	if (!error)
		error = read_file(path, &text);
	if (error && error != -ENOENT)
		return error;
	bool whole = !error && read_table(text.p, t);
	if (!error && !whole) {
		put_aside(path, directory);
		*t = (struct table){0};
	}
	return settle_salt(t->salt, whole);
}

static int save(const char *directory, const struct table *t)
{
	AUTO(buf) struct buf text;
	char path[PATH_MAX], beside[PATH_MAX];
	buf_init(&text, TEXT_MOST);
	write_text(t, &text);
	int error = buf_error(&text) ? buf_error(&text) : path_of(path, directory, "");
	if (!error)
		error = path_of(beside, directory, ".new");
	if (error)
		return error;
	__attribute__((cleanup(auto_release_fd))) int fd = open(
		beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text.p, text.n);
	error = n < 0 ? -errno : (size_t)n < text.n ? -ENOSPC : fsync(fd) != 0 ? -errno : 0;
	if (!error && rename(beside, path) != 0)
		error = -errno;
	if (error)
		unlink(beside);
	return error;
}

/* ---- */

/* What cannot be read is no reason to forget within this process. */
static int find_salt(const char *directory, unsigned char salt[SALT])
{
	struct table *t = malloc(sizeof(*t));
	__attribute__((cleanup(auto_release_fd))) int lock = take_lock(directory);
	int error = !t ? -ENOMEM : lock < 0 || load(directory, t) != 0 ? settle_salt(t->salt, false) : 0;
	if (!error)
		memcpy(salt, t->salt, SALT);
	free(t);
	return error;
}

int lockout_file_mark(const char *directory, struct span account, struct span secret, unsigned char mark[LOCKOUT_MARK])
{
	unsigned char salt[SALT];
	size_t n = account.n + 1 + secret.n;
	char *both = calloc(1, n);
	int error = both ? find_salt(directory, salt) : -ENOMEM;
	if (!error) {
		memcpy(both, account.n ? account.p : "", account.n);
		memcpy(both + account.n + 1, secret.n ? secret.p : "", secret.n);
		if (EVP_PBE_scrypt(both, n, salt, SALT, SCRYPT_N, SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY, mark, LOCKOUT_MARK) != 1)
			error = -ENOMEM;
		OPENSSL_cleanse(both, n);
	}
	free(both);
	return error;
}

static struct lockout_record *record_of(struct table *t, const unsigned char mark[LOCKOUT_MARK])
{
	for (unsigned i = 0; i < t->count; i++)
		if (CRYPTO_memcmp(t->records[i].mark, mark, LOCKOUT_MARK) == 0)
			return &t->records[i];
	return NULL;
}

int lockout_file_find(const char *directory, const unsigned char mark[LOCKOUT_MARK], struct lockout_record *out)
{
	struct table *t = malloc(sizeof(*t));
	__attribute__((cleanup(auto_release_fd))) int lock = take_lock(directory);
	int error = !t ? -ENOMEM : lock < 0 ? lock : load(directory, t);
	if (error) {
		free(t);
		return say(directory, "read", error);
	}
	const struct lockout_record *r = record_of(t, mark);
	if (r)
		*out = *r;
	free(t);
	return r ? 0 : -ENOENT;
}

static struct lockout_record *room_for(struct table *t)
{
	struct lockout_record *oldest = &t->records[0];
	if (t->count < LOCKOUT_RECORDS_MOST)
		return &t->records[t->count++];
	for (unsigned i = 1; i < t->count; i++)
		if (t->records[i].last < oldest->last)
			oldest = &t->records[i];
	return oldest;
}

int lockout_file_store(const char *directory, const struct lockout_record *record)
{
	struct table *t = malloc(sizeof(*t));
	__attribute__((cleanup(auto_release_fd))) int lock = take_lock(directory);
	int error = !t ? -ENOMEM : lock < 0 ? lock : load(directory, t);
	if (!error) {
		struct lockout_record *r = record_of(t, record->mark);
		*(r ? r : room_for(t)) = *record;
		error = save(directory, t);
	}
	free(t);
	if (error)
		return say(directory, "write", error);
	atomic_store(&complained, false);
	return 0;
}
