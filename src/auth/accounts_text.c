#include "auth/accounts_text.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/encode.h"

/* A name in a sentence: as much of it as leaves room for the sentence. */
enum { NAME_SHOWN = 64 };
#define SHOWN(name) (int)((name).n < NAME_SHOWN ? (name).n : NAME_SHOWN), (name).p

DEFINE_AUTO(accounts_text, struct accounts_text *, accounts_text_unref);

enum field { NAME, FLAGS, HASH_NT, HASH_CRYPT, GROUPS, CHANGED, FIELDS };

const char *account_name_fault(struct span name)
{
	char folded[NAME_MOST];
	if (name.n == 0)
		return "it is empty";
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		if (c < 0x20 || c == 0x7f || strchr(":,\\/@\"", c))
			return "it may not contain : , \\ / @ \" or control characters";
	}
	if (name.p[0] == '#' || name.p[0] == ' ' || name.p[name.n - 1] == ' ')
		return "it may not begin with # or a space, nor end with a space";
	return name_fold(name, folded) < 0 ? "it is not UTF-8, or longer than 256 bytes" : NULL;
}

/* ---- one line */

struct line {
	const char *file;
	size_t number;
	struct span fields[FIELDS];
	struct buf *why;
};

static int fault(const struct line *l, const char *what)
{
	buf_addf(l->why, "%s:%zu: %s", l->file, l->number, what);
	return -EINVAL;
}

static int split(struct line *l, struct span text)
{
	for (unsigned i = 0; i < FIELDS; i++) {
		const char *end = memchr(text.p, ':', text.n);
		if ((end == NULL) != (i == FIELDS - 1)) {
			buf_addf(l->why, "%s:%zu: an account has %u fields separated by colons: %s", l->file, l->number, FIELDS,
			         "name:flags:NT hash:yescrypt hash:groups:changed");
			return -EINVAL;
		}
		l->fields[i] = span_make(text.p, end ? (size_t)(end - text.p) : text.n);
		if (end)
			text = span_make(end + 1, text.n - l->fields[i].n - 1);
	}
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

static bool is_none(struct span s)
{
	return span_eq(s, SPAN("-"));
}

static int read_nt_hash(const struct line *l, struct account *a)
{
	struct span hex = l->fields[HASH_NT];
	if (is_none(hex))
		return 0;
	if (hex.n != 2 * NT_HASH)
		return fault(l, "the NT hash is not 32 hexadecimal digits, nor -");
	for (size_t i = 0; i < NT_HASH; i++) {
		int high = hex_digit(hex.p[2 * i]), low = hex_digit(hex.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return fault(l, "the NT hash is not 32 hexadecimal digits, nor -");
		a->nt_hash[i] = (unsigned char)(high << 4 | low);
	}
	a->has_nt_hash = true;
	return 0;
}

static int read_password_hash(const struct line *l, struct account *a)
{
	struct span hash = l->fields[HASH_CRYPT];
	if (is_none(hash))
		return 0;
	if (!span_starts_nocase(hash, SPAN("$y$")))
		return fault(l, "the fourth field is no yescrypt hash ($y$...), nor -");
	for (size_t i = 0; i < hash.n; i++)
		if (hash.p[i] <= ' ' || hash.p[i] > '~')
			return fault(l, "the yescrypt hash has a character that no hash has");
	a->password_hash = hash.p;
	return 0;
}

static int read_groups(const struct line *l, struct account *a, const char **room, size_t *used)
{
	struct span rest = l->fields[GROUPS], group;
	a->groups = room + *used;
	while (rest.n && span_next(&rest, ',', &group)) {
		const char *wrong = account_name_fault(group);
		if (wrong) {
			buf_addf(l->why, "%s:%zu: the group name \"%.*s\" will not do: %s", l->file, l->number, SHOWN(group),
			         wrong);
			return -EINVAL;
		}
		if (a->group_count == ACCOUNT_GROUPS_MOST)
			return fault(l, "more than 256 groups");
		room[(*used)++] = group.p;
		a->group_count++;
	}
	return 0;
}

static int read_flags(const struct line *l, struct account *a)
{
	a->disabled = span_eq(l->fields[FLAGS], SPAN("disabled"));
	return a->disabled || span_eq(l->fields[FLAGS], SPAN("enabled"))
	           ? 0
	           : fault(l, "flags is neither enabled nor disabled");
}

static int read_name(const struct line *l, struct account *a)
{
	const char *wrong = account_name_fault(l->fields[NAME]);
	if (!wrong) {
		a->name = l->fields[NAME].p;
		return 0;
	}
	buf_addf(l->why, "%s:%zu: the name will not do: %s", l->file, l->number, wrong);
	return -EINVAL;
}

static int read_changed(const struct line *l, struct account *a)
{
	static const char shape[] = "dddddddd"
								"T"
								"dddddd"
								"Z";
	struct span when = l->fields[CHANGED];
	bool fine = when.n == sizeof(shape) - 1;
	for (size_t i = 0; fine && i < when.n; i++)
		fine = shape[i] == 'd' ? when.p[i] >= '0' && when.p[i] <= '9' : when.p[i] == shape[i];
	a->changed = when.p;
	return fine ? 0 : fault(l, "changed is not a time like 20261122T021500Z");
}

/* Fields and groups end where their separators stand: those become terminators, once the whole line has been read. */
static void terminate(const struct line *l, struct account *a)
{
	for (unsigned i = 0; i < FIELDS; i++)
		((char *)l->fields[i].p)[l->fields[i].n] = '\0';
	struct span rest = l->fields[GROUPS], group;
	while (rest.n && span_next(&rest, ',', &group))
		((char *)group.p)[group.n] = '\0';
}

/* ---- the whole */

static int keep(struct accounts_text *t, const struct line *l, struct span text, char **folded, size_t *groups_used)
{
	struct account *a = &t->list[t->count];
	void *before = NULL;
	int error = read_name(l, a);
	if (!error)
		error = read_flags(l, a);
	if (!error)
		error = read_nt_hash(l, a);
	if (!error)
		error = read_password_hash(l, a);
	if (!error)
		error = read_groups(l, a, t->groups, groups_used);
	if (!error)
		error = read_changed(l, a);
	if (error)
		return error;
	char key[NAME_MOST];
	int n = name_fold(l->fields[NAME], key);
	memcpy(*folded, key, (size_t)n);
	a->folded = span_make(*folded, (size_t)n);
	*folded += n;
	a->generation = hash_bytes(text) | 1;
	if (map_get(&t->by_name, a->folded))
		return fault(l, "this name is there already: case does not tell accounts apart");
	terminate(l, a);
	t->count++;
	return map_put(&t->by_name, a->folded, a, &before);
}

static int read_lines(struct accounts_text *t, const char *file, struct span text, char *folded, struct buf *why)
{
	size_t groups_used = 0;
	for (size_t number = 1; text.n; number++) {
		const char *end = memchr(text.p, '\n', text.n);
		struct line l = {.file = file, .number = number, .why = why};
		struct span line = span_make(text.p, end ? (size_t)(end - text.p) : text.n);
		text = end ? span_make(end + 1, text.n - line.n - 1) : SPAN_NONE;
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (line.n > ACCOUNTS_LINE_MOST)
			return fault(&l, "the line is longer than 16384 bytes");
		if (memchr(line.p, '\0', line.n))
			return fault(&l, "a NUL byte: this is not an accounts file");
		int error = split(&l, line);
		if (!error)
			error = keep(t, &l, line, &folded, &groups_used);
		if (error)
			return error;
	}
	return 0;
}

static size_t count_of(struct span text, char wanted)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == wanted;
	return n;
}

int accounts_text_read(const char *file, struct span text, struct accounts_text **out, struct buf *why)
{
	AUTO(accounts_text) struct accounts_text *t = calloc(1, sizeof(*t));
	size_t lines = count_of(text, '\n') + 1, groups = lines + count_of(text, ',');
	if (!t)
		return -ENOMEM;
	ref_init(&t->ref);
	map_init(&t->by_name, lines);
	/* The text, a terminator, and folded names: one of them may be half as long again as the name it is made from. */
	t->byte_count = text.n + 1 + 2 * text.n;
	t->bytes = malloc(t->byte_count);
	t->list = calloc(lines, sizeof(*t->list));
	t->groups = calloc(groups, sizeof(*t->groups));
	if (!t->bytes || !t->list || !t->groups)
		return -ENOMEM;
	memcpy(t->bytes, text.n ? text.p : "", text.n);
	t->bytes[text.n] = '\0';
	int error = read_lines(t, file, span_make(t->bytes, text.n), t->bytes + text.n + 1, why);
	if (error)
		return error;
	*out = TAKE(t);
	return 0;
}

struct accounts_text *accounts_text_ref(struct accounts_text *t)
{
	ref_take(&t->ref);
	return t;
}

void accounts_text_unref(struct accounts_text *t)
{
	if (!t || !ref_drop(&t->ref))
		return;
	map_fini(&t->by_name);
	if (t->bytes)
		OPENSSL_cleanse(t->bytes, t->byte_count);
	for (size_t i = 0; i < t->count; i++)
		OPENSSL_cleanse(t->list[i].nt_hash, NT_HASH);
	free(t->bytes);
	free(t->list);
	free(t->groups);
	free(t);
}

const struct account *accounts_text_find(const struct accounts_text *t, struct span name)
{
	char folded[NAME_MOST];
	int n = name_fold(name, folded);
	return n > 0 ? map_get(&t->by_name, span_make(folded, (size_t)n)) : NULL;
}

void accounts_text_header(struct buf *to)
{
	buf_adds(to, "# Accounts of Fairlead. Change them with `fairlead account`; the form is in fairlead(1).\n"
	             "# name:flags:NT hash:yescrypt hash:groups:changed\n");
}

void account_write(struct buf *to, const struct account *a)
{
	buf_addf(to, "%s:%s:", a->name, a->disabled ? "disabled" : "enabled");
	if (a->has_nt_hash)
		encode_hex(to, a->nt_hash, NT_HASH);
	else
		buf_addc(to, '-');
	buf_addf(to, ":%s:", a->password_hash ? a->password_hash : "-");
	for (unsigned i = 0; i < a->group_count; i++)
		buf_addf(to, "%s%s", i ? "," : "", a->groups[i]);
	buf_addf(to, ":%s\n", a->changed);
}
