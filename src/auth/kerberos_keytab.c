/* What a keytab has, for `fairlead check` and for the start. */
#include <krb5/krb5.h>
#include <limits.h>
#include <stdio.h>

#include "auth/kerberos.h"

struct each {
	void (*entry)(struct each *e, krb5_context krb, const krb5_keytab_entry *entry, const char *principal);
	struct buf *out;
	const char *host;
	unsigned found;
};

static int fault(krb5_context krb, krb5_error_code error, const char *path, struct buf *out)
{
	const char *text = krb5_get_error_message(krb, error);
	if (out)
		buf_addf(out, "%s: %s", path, text);
	krb5_free_error_message(krb, text);
	return error == ENOENT || error == EACCES || error == ENOMEM ? -(int)error : -EINVAL;
}

static int walk_entries(krb5_context krb, krb5_keytab keytab, const char *path, struct each *each)
{
	krb5_kt_cursor cursor;
	krb5_keytab_entry entry;
	krb5_error_code error = krb5_kt_start_seq_get(krb, keytab, &cursor);
	if (error)
		return fault(krb, error, path, each->out);
	while ((error = krb5_kt_next_entry(krb, keytab, &entry, &cursor)) == 0) {
		char *principal = NULL;
		if (krb5_unparse_name(krb, entry.principal, &principal) == 0)
			each->entry(each, krb, &entry, principal);
		krb5_free_unparsed_name(krb, principal);
		krb5_free_keytab_entry_contents(krb, &entry);
	}
	krb5_kt_end_seq_get(krb, keytab, &cursor);
	return error == KRB5_KT_END ? 0 : fault(krb, error, path, each->out);
}

static int walk(const char *path, struct each *each)
{
	char name[PATH_MAX + 8];
	krb5_context krb;
	krb5_keytab keytab;
	krb5_error_code error = krb5_init_context(&krb);
	if (error) {
		if (each->out)
			buf_adds(each->out, "Kerberos itself does not start: is krb5.conf all right?");
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "FILE:%s", path);
	error = krb5_kt_resolve(krb, name, &keytab);
	int result = error ? fault(krb, error, path, each->out) : walk_entries(krb, keytab, path, each);
	if (!error)
		krb5_kt_close(krb, keytab);
	krb5_free_context(krb);
	return result;
}

static void list_entry(struct each *e, krb5_context krb, const krb5_keytab_entry *entry, const char *principal)
{
	char enctype[64];
	if (krb5_enctype_to_name(entry->key.enctype, FALSE, enctype, sizeof(enctype)) != 0)
		snprintf(enctype, sizeof(enctype), "enctype %d", (int)entry->key.enctype);
	buf_addf(e->out, "%s, key version %u, %s\n", principal, (unsigned)entry->vno, enctype);
}

int kerberos_keytab_list(const char *path, struct buf *out)
{
	struct each each = {.entry = list_entry, .out = out};
	return walk(path, &each);
}

/* "HTTP/host@REALM"; Windows does not tell cases apart in either part. */
static void match_host(struct each *e, krb5_context krb, const krb5_keytab_entry *entry, const char *principal)
{
	struct span rest = span_of(principal), wanted = span_of(e->host);
	if (!span_starts_nocase(rest, SPAN("HTTP/")))
		return;
	rest = span_make(rest.p + 5, rest.n - 5);
	const char *at = memchr(rest.p, '@', rest.n);
	if (at && span_eq_nocase(span_make(rest.p, (size_t)(at - rest.p)), wanted))
		e->found++;
}

int kerberos_keytab_serves(const char *path, const char *host)
{
	struct each each = {.entry = match_host, .host = host};
	int error = walk(path, &each);
	return error ? error : each.found > 0;
}
