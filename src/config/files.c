/* The files and folders that settings name: are they there, and may we use them? */
#include "config/settings.h"

#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>

static void check_readable(const char *what, const char *path, struct written where, struct complaints *c)
{
	struct stat about;
	if (!path)
		return;
	if (access(path, R_OK) != 0 || stat(path, &about) != 0)
		complain(c, COMPLAINT_ERROR, where, "%s \"%s\" cannot be read: %s", what, path, strerror(errno));
	else if (S_ISDIR(about.st_mode))
		complain(c, COMPLAINT_ERROR, where, "%s \"%s\" is a directory: name a file in it", what, path);
}

static void check_secret(const char *what, const char *path, struct written where, struct complaints *c)
{
	struct stat about;
	check_readable(what, path, where, c);
	if (path && stat(path, &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & (S_IRWXO | S_IWGRP)))
		complain(c, COMPLAINT_WARNING, where, "%s \"%s\" is open to other users: chmod 600 %s", what, path, path);
}

/* The log itself where it exists; else its folder, in which it will be made. */
static void check_log(const char *what, const struct log_settings *log, struct complaints *c)
{
	struct stat about;
	char folder[4096];
	if (strcmp(log->file, "-") == 0)
		return;
	if (stat(log->file, &about) == 0 && S_ISDIR(about.st_mode)) {
		complain(c, COMPLAINT_ERROR, log->where, "%s \"%s\" is a directory: name a file in it", what, log->file);
		return;
	}
	snprintf(folder, sizeof(folder), "%s", log->file);
	const char *place = access(log->file, F_OK) == 0 ? log->file : dirname(folder);
	if (access(place, W_OK) != 0)
		complain(c, COMPLAINT_ERROR, log->where, "%s \"%s\" cannot be written: %s: %s", what, log->file, place,
		         strerror(errno));
}

static void check_folder(const struct directory_settings *d, struct complaints *c)
{
	struct stat about;
	if (!d->files)
		return;
	if (access(d->files, X_OK) != 0 || stat(d->files, &about) != 0)
		complain(c, COMPLAINT_ERROR, d->where, "files \"%s\" cannot be entered: %s", d->files, strerror(errno));
	else if (!S_ISDIR(about.st_mode))
		complain(c, COMPLAINT_ERROR, d->where, "files \"%s\" is no folder", d->files);
}

static void check_site(const struct site_settings *site, struct complaints *c)
{
	check_readable("certificate", site->tls.certificate, site->tls.where, c);
	check_secret("key", site->tls.key, site->tls.where, c);
	if (site->log.on)
		check_log("site log: file", &site->log, c);
	for (unsigned i = 0; i < site->directory_count; i++)
		check_folder(&site->directories[i], c);
}

/* It, or what it will be made in. Only who signs in to parents keeps something there. */
static void check_state_directory(const struct settings *s, struct complaints *c)
{
	bool wanted = false;
	char path[4096];
	for (unsigned i = 0; i < s->upstream_count; i++)
		wanted |= s->upstreams[i].credentials.on;
	snprintf(path, sizeof(path), "%s", s->state_directory);
	while (access(path, F_OK) != 0 && strlen(path) > 1) {
		const char *above = dirname(path);
		memmove(path, above, strlen(above) + 1);
	}
	if (wanted && access(path, W_OK | X_OK) != 0)
		complain(c, COMPLAINT_WARNING, (struct written){s->source, 0},
		         "state-directory \"%s\" cannot be written (%s: %s): a restart forgets which credentials a parent has "
		         "refused, and tries them once more",
		         s->state_directory, path, strerror(errno));
}

bool settings_log_access(const struct settings *s)
{
	return strcmp(s->access_log.file, "none") != 0;
}

void settings_check_files(const struct settings *s, struct complaints *c)
{
	for (unsigned i = 0; i < s->listen_count; i++) {
		const struct listen_tls_settings *t = &s->listens[i].tls;
		check_readable("certificate", t->certificate, t->where, c);
		check_secret("key", t->key, t->where, c);
	}
	for (unsigned i = 0; i < s->upstream_count; i++) {
		const struct upstream_settings *u = &s->upstreams[i];
		check_readable("ca", u->tls.ca, u->tls.where, c);
		check_readable("certificate", u->tls.certificate, u->tls.where, c);
		check_secret("key", u->tls.key, u->tls.where, c);
	}
	for (unsigned i = 0; i < s->upstream_count; i++) {
		const struct credentials_settings *k = &s->upstreams[i].credentials;
		check_secret("password-file", k->password_file, k->where, c);
		check_secret("nt-hash-file", k->nt_hash_file, k->where, c);
		check_secret("keytab", k->keytab, k->where, c);
	}
	for (unsigned i = 0; i < s->application_count; i++) {
		const struct upstream_settings *a = &s->applications[i];
		check_readable("ca", a->tls.ca, a->tls.where, c);
		check_readable("certificate", a->tls.certificate, a->tls.where, c);
		check_secret("key", a->tls.key, a->tls.where, c);
	}
	for (unsigned i = 0; i < s->site_count; i++)
		check_site(&s->sites[i], c);
	for (unsigned i = 0; i < s->accounts_count; i++)
		check_secret("accounts file", s->accounts[i].file, s->accounts[i].where, c);
	check_secret("keytab", s->kerberos.on ? s->kerberos.keytab : NULL, s->kerberos.where, c);
	check_readable("hosts-file", s->resolver.hosts_file, s->resolver.where, c);
	check_state_directory(s, c);
	if (settings_log_access(s))
		check_log("log access: file", &s->access_log, c);
	check_log("log events: file", &s->events_log, c);
}
