#include "proxy/credentials.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "proxy/lockout.h"

enum { TEXT_MOST = 4096, NT_HASH_DIGITS = 32, DIGEST = 32, KEYTAB_MOST = 256 * 1024 };

void credentials_fini(struct credentials *c)
{
	if (c->text) {
		OPENSSL_cleanse(c->text, c->text_n);
		free(c->text);
	}
	OPENSSL_cleanse(c->nt_hash, sizeof(c->nt_hash));
	identity_unref(c->who);
	*c = (struct credentials){0};
}

/* The first line of a file that nobody else can read. Its length, or -errno. */
static int read_secret(const char *path, char *out, size_t room, char *why, size_t n)
{
	struct stat about;
	__attribute__((cleanup(auto_release_fd))) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &about) != 0) {
		int error = -errno;
		snprintf(why, n, "%s cannot be read: %s", path, strerror(-error));
		return error;
	}
	if (about.st_mode & 077) {
		snprintf(why, n, "%s is open to other users: chmod 600 %s", path, path);
		return -EACCES;
	}
	ssize_t got = read(fd, out, room - 1);
	if (got <= 0) {
		snprintf(why, n, "%s is empty", path);
		return got < 0 ? -errno : -EINVAL;
	}
	out[got] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	return (int)strlen(out);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'                             ? c - '0'
	       : ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f' ? ascii_lower(c) - 'a' + 10
	                                                        : -1;
}

static int parse_nt_hash(const char *text, unsigned char out[16])
{
	if (strlen(text) != NT_HASH_DIGITS)
		return -EINVAL;
	for (size_t i = 0; i < 16; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

/* One that was typed in, and stands in no file. */
static int copy_secret(const char *secret, char *out, size_t room, char *why, size_t n)
{
	size_t length = strlen(secret);
	if (length >= room) {
		snprintf(why, n, "the password is too long");
		return -EINVAL;
	}
	memcpy(out, secret, length + 1);
	return (int)length;
}

/* CORP\alice is two words; alice@corp.example stays one. */
static void name_account(struct credentials *c, char *account)
{
	char *backslash = strchr(account, '\\');
	c->with.domain = "";
	c->with.user = c->with.principal = account;
	if (!backslash)
		return;
	*backslash = '\0';
	c->with.domain = account;
	c->with.user = c->with.principal = backslash + 1;
}

static const char *secret_path(const struct credentials_settings *s, char *room, size_t n)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (s->password_file || s->nt_hash_file)
		return s->password_file ? s->password_file : s->nt_hash_file;
	if (!s->systemd_credential || !folder)
		return NULL;
	snprintf(room, n, "%s/%s", folder, s->systemd_credential);
	return room;
}

/* A keytab is a secret like a password: with a key that is not the account's any more it locks it as well. */
static int digest_keytab(const char *path, struct credentials *c, char *at, char *why, size_t n)
{
	__attribute__((cleanup(auto_release_fd))) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes = fd >= 0 ? malloc(KEYTAB_MOST) : NULL;
	ssize_t got = bytes ? read(fd, bytes, KEYTAB_MOST) : -1;
	int error = fd < 0 || got < 0 ? -errno : 0;
	if (error)
		snprintf(why, n, "the keytab %s cannot be read: %s", path, strerror(-error));
	else if (EVP_Digest(bytes, (size_t)got, (unsigned char *)at, NULL, EVP_sha256(), NULL) != 1)
		error = -ENOMEM;
	if (bytes)
		OPENSSL_cleanse(bytes, KEYTAB_MOST);
	free(bytes);
	c->secret = span_make(at, DIGEST);
	return error;
}

static int take_ticket(const struct credentials_settings *s, struct credentials *c)
{
	c->is_ticket = true;
	c->secret = span_of(s->ccache);
	return 0;
}

uint64_t credentials_generation(const struct credentials_settings *s)
{
	char path[4096];
	struct stat about;
	const char *file = secret_path(s, path, sizeof(path));
	if (!file)
		file = s->keytab;
	if (!file || stat(file, &about) != 0)
		return 0;
	uint64_t marks[] = {about.st_dev,
	                    about.st_ino,
	                    (uint64_t)about.st_size,
	                    (uint64_t)about.st_mtim.tv_sec,
	                    (uint64_t)about.st_mtim.tv_nsec,
	                    (uint64_t)about.st_ctim.tv_sec,
	                    (uint64_t)about.st_ctim.tv_nsec};
	return hash_bytes(span_make((const char *)marks, sizeof(marks))) | 1;
}

static int load_secret(const struct credentials_settings *s, struct credentials *c, char *at, size_t room, char *why,
                       size_t n)
{
	char path[4096];
	const char *file = secret_path(s, path, sizeof(path));
	if (!file && !s->secret)
		return s->keytab ? digest_keytab(s->keytab, c, at, why, n) : take_ticket(s, c);
	int length = file ? read_secret(file, at, room, why, n) : copy_secret(s->secret, at, room, why, n);
	if (length < 0)
		return length;
	c->secret = span_make(at, (size_t)length);
	if (!s->nt_hash_file || s->password_file) {
		c->with.password = at;
		return 0;
	}
	int error = parse_nt_hash(at, c->nt_hash);
	if (error)
		snprintf(why, n, "%s does not hold an NT hash, 32 hexadecimal digits", file);
	c->with.nt_hash = c->nt_hash;
	return error;
}

int credentials_load(const struct credentials_settings *s, const char *host, struct credentials *c, char *why, size_t n)
{
	*c = (struct credentials){.text_n = 3 * TEXT_MOST};
	c->text = calloc(1, c->text_n);
	if (!c->text)
		return -ENOMEM;
	char *account = c->text, *spn = c->text + TEXT_MOST, *secret = c->text + 2 * TEXT_MOST;
	snprintf(account, TEXT_MOST, "%s", s->account ? s->account : "");
	name_account(c, account);
	if (s->spn)
		snprintf(spn, TEXT_MOST, "%s", s->spn);
	else
		snprintf(spn, TEXT_MOST, "HTTP/%s", host);
	c->with.spn = spn;
	c->with.keytab = s->keytab;
	c->with.ccache = s->ccache;
	int error = load_secret(s, c, secret, TEXT_MOST, why, n);
	c->account = span_of(s->account);
	c->fingerprint = lockout_fingerprint(c->account, c->secret);
	if (error)
		credentials_fini(c);
	return error;
}
