#include "auth/accounts_file.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

DEFINE_AUTO(accounts_text, struct accounts_text *, accounts_text_unref);

static int failed(struct buf *why, const char *path, const char *what, int error)
{
	buf_addf(why, "%s %s: %s", path, what, strerror(error));
	return -error;
}

static bool folder_of(const char *path, char folder[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (n >= PATH_MAX)
		return false;
	memcpy(folder, slash ? path : ".", slash ? n : 1);
	folder[slash ? n : 1] = '\0';
	if (slash && n == 0)
		memcpy(folder, "/", 2);
	return true;
}

/* ---- reading */

/* Ours, or root's; root also reads what belongs to whom the folder belongs: the account that the service runs as. */
static bool owner_will_do(const char *path, const struct stat *about)
{
	char folder[PATH_MAX];
	struct stat above;
	if (about->st_uid == geteuid() || about->st_uid == 0)
		return true;
	return geteuid() == 0 && folder_of(path, folder) && stat(folder, &above) == 0 && above.st_uid == about->st_uid;
}

static int check_mode(const char *path, const struct stat *about, struct buf *why)
{
	if (!S_ISREG(about->st_mode)) {
		buf_addf(why, "%s is no plain file", path);
		return -EINVAL;
	}
	if (about->st_mode & 077) {
		buf_addf(why,
		         "%s is open to others than its owner (mode %04o), and it holds what signs users in: chmod 0600 it",
		         path, (unsigned)about->st_mode & 07777);
		return -EPERM;
	}
	if (!owner_will_do(path, about)) {
		buf_addf(why, "%s belongs to user %u, neither to us (%u) nor to root: chown it", path, (unsigned)about->st_uid,
		         (unsigned)geteuid());
		return -EPERM;
	}
	if (about->st_size > ACCOUNTS_TEXT_MOST) {
		buf_addf(why, "%s is larger than 64 MB: this is not an accounts file", path);
		return -EFBIG;
	}
	return 0;
}

static int read_text(int fd, struct buf *text)
{
	for (;;) {
		if (buf_reserve(text, 65536))
			return buf_error(text);
		ssize_t n = read(fd, text->p + text->n, text->capacity - text->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		text->n += (size_t)n;
	}
}

static void wipe(struct buf *text)
{
	if (text->p)
		OPENSSL_cleanse(text->p, text->capacity);
}

static int read_opened(int fd, const char *path, struct accounts_text **out, struct stat *seen, struct buf *why)
{
	AUTO(buf) struct buf text = {0};
	if (fstat(fd, seen) != 0)
		return failed(why, path, "cannot be read", errno);
	int error = check_mode(path, seen, why);
	if (error)
		return error;
	buf_init(&text, ACCOUNTS_TEXT_MOST + 65536);
	/* Room for all of it at once: a buffer that grows leaves copies behind. */
	error = buf_reserve(&text, (size_t)seen->st_size + 65536);
	if (!error)
		error = read_text(fd, &text);
	if (error)
		failed(why, path, "cannot be read", -error);
	else
		error = accounts_text_read(path, buf_span(&text), out, why);
	wipe(&text);
	return error;
}

int accounts_file_read(const char *path, struct accounts_text **out, struct stat *seen, struct buf *why)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0)
		return read_opened(fd, path, out, seen, why);
	int error = errno;
	memset(seen, 0, sizeof(*seen));
	if (error == ENOENT)
		buf_addf(why, "%s does not exist: `fairlead account add NAME --file %s` makes it", path, path);
	else
		failed(why, path, "cannot be read", error);
	return -error;
}

/* ---- changing */

static void now_text(char out[32])
{
	time_t now = time(NULL);
	struct tm utc;
	gmtime_r(&now, &utc);
	strftime(out, 32, "%Y%m%dT%H%M%SZ", &utc);
}

/* Cuts the list in `text` at its commas. */
static int split_groups(char *text, const char **groups, unsigned *count, struct buf *why)
{
	struct span rest = span_of(text), group;
	for (*count = 0; rest.n && span_next(&rest, ',', &group);) {
		const char *wrong = account_name_fault(group);
		if (wrong || *count == ACCOUNT_GROUPS_MOST) {
			buf_addf(why, "the group name \"%.*s\" will not do: %s", SPAN_ARG(group),
			         wrong ? wrong : "more than 256 groups");
			return -EINVAL;
		}
		groups[(*count)++] = group.p;
	}
	rest = span_of(text);
	while (rest.n && span_next(&rest, ',', &group))
		((char *)group.p)[group.n] = '\0';
	return 0;
}

static int changed_account(const struct account *before, const struct account_change *c, struct account *after,
                           char *groups, const char **group_room, const char *now, struct buf *why)
{
	*after = before ? *before : (struct account){.name = c->name};
	after->changed = now;
	if (c->password_hash) {
		after->password_hash = c->password_hash;
		after->has_nt_hash = true;
		memcpy(after->nt_hash, c->nt_hash, NT_HASH);
	}
	if (c->disabled >= 0)
		after->disabled = c->disabled;
	if (!groups)
		return 0;
	after->groups = group_room;
	return split_groups(groups, group_room, &after->group_count, why);
}

static void write_all(struct buf *to, const struct accounts_text *t, const struct account *before,
                      const struct account *after)
{
	accounts_text_header(to);
	for (size_t i = 0; t && i < t->count; i++) {
		if (&t->list[i] != before)
			account_write(to, &t->list[i]);
		else if (after)
			account_write(to, after);
	}
	if (after && !before)
		account_write(to, after);
}

static int apply(const struct accounts_text *t, const char *path, const struct account_change *c, struct buf *to,
                 struct buf *why)
{
	const struct account *before = accounts_text_find(t, span_of(c->name));
	AUTO(heap) char *groups = c->groups ? strdup(c->groups) : NULL;
	const char *group_room[ACCOUNT_GROUPS_MOST];
	struct account after;
	char now[32];
	if (c->what == ACCOUNT_ADD && before) {
		buf_addf(why, "%s has an account %s already: `fairlead account set` changes it", path, before->name);
		return -EEXIST;
	}
	if (c->what != ACCOUNT_ADD && !before) {
		buf_addf(why, "%s has no account %s", path, c->name);
		return -ENOENT;
	}
	now_text(now);
	int error = 0;
	if (c->what != ACCOUNT_REMOVE)
		error = changed_account(before, c, &after, groups, group_room, now, why);
	if (!error)
		write_all(to, t, before, c->what == ACCOUNT_REMOVE ? NULL : &after);
	OPENSSL_cleanse(&after, sizeof(after));
	return error ? error : buf_error(to);
}

static int write_text(int fd, struct span text)
{
	while (text.n) {
		ssize_t n = write(fd, text.p, text.n);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			text = span_make(text.p + n, text.n - (size_t)n);
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

static int sync_folder(const char *path)
{
	char folder[PATH_MAX];
	if (!folder_of(path, folder))
		return -ENAMETOOLONG;
	AUTO(fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
}

/* Beside the old one, with its owner, then in its place: whoever reads sees the old or the new file, never half of one. */
static int replace(const char *path, struct span text, const struct stat *old)
{
	char beside[PATH_MAX];
	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside))
		return -ENAMETOOLONG;
	AUTO(fd) int fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int error = write_text(fd, text);
	if (!error && geteuid() == 0 && fchown(fd, old->st_uid, old->st_gid) != 0)
		error = -errno;
	if (!error && rename(beside, path) != 0)
		error = -errno;
	if (error)
		unlink(beside);
	return error ? error : sync_folder(path);
}

static int begin_file(const char *path)
{
	char folder[PATH_MAX];
	struct stat above;
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (geteuid() == 0 && folder_of(path, folder) && stat(folder, &above) == 0 &&
	    fchown(fd, above.st_uid, above.st_gid) != 0)
		return -errno;
	return 0;
}

/* The file that has this name once the lock is held: another program may have put a new one in its place while we waited. */
static int open_locked(const char *path, bool make)
{
	for (;;) {
		struct stat ours, named;
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0 && errno == ENOENT && make) {
			int error = begin_file(path);
			if (error)
				return error;
			continue;
		}
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX) == 0 && fstat(fd, &ours) == 0 && stat(path, &named) == 0 &&
		    ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
			return fd;
		close(fd);
	}
}

int accounts_file_change(const char *path, const struct account_change *change, struct buf *why)
{
	AUTO(accounts_text) struct accounts_text *t = NULL, *after = NULL;
	AUTO(buf) struct buf text = {0};
	AUTO(heap) char *real = realpath(path, NULL); /* a link stays a link */
	struct stat old;
	const char *wrong = account_name_fault(span_of(change->name));
	if (wrong) {
		buf_addf(why, "\"%s\" will not do as a name: %s", change->name, wrong);
		return -EINVAL;
	}
	path = real ? real : path;
	AUTO(fd) int lock = open_locked(path, change->what == ACCOUNT_ADD);
	if (lock < 0)
		return failed(why, path, "cannot be changed", -lock);
	int error = read_opened(lock, path, &t, &old, why);
	if (error)
		return error;
	buf_init(&text, ACCOUNTS_TEXT_MOST);
	error = buf_reserve(&text, t->byte_count + ACCOUNTS_LINE_MOST);
	if (!error)
		error = apply(t, path, change, &text, why);
	if (!error) /* what we write is what we read */
		error = accounts_text_read(path, buf_span(&text), &after, why);
	if (!error && (error = replace(path, buf_span(&text), &old)) != 0)
		failed(why, path, "cannot be replaced", -error);
	wipe(&text);
	return error;
}
