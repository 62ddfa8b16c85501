/* Reads a settings file into a snapshot: outline (what stands where), reader (values, by libconfuse and the table), then what
 * must hold between them (sense.c). */
#include "config/settings.h"

#include "config/outline.h"
#include "config/reader.h"
#include "config/sense.h"
#include "config/table.h"

enum { SNAPSHOT_CEILING = 256 << 20 };

/* Files without any `listen` get the embedded ones, unless they publish a site, which names its own. */
static bool has_listen(const struct outline *o)
{
	for (const struct entry *e = o->root.children; e; e = e->next)
		if (e->row && (strcmp(e->row->name, "listen") == 0 || strcmp(e->row->name, "site") == 0))
			return true;
	return false;
}

/* The text of each rule as one line, from the outline. */
static void keep_rule_texts(struct reader *r, struct outline *o)
{
	unsigned i = 0;
	for (const struct entry *e = o->root.children; e; e = e->next) {
		if (!e->row || strcmp(e->row->name, "access") != 0)
			continue;
		struct span text = span_trim(span_make(o->text.p + e->from, e->to - e->from));
		r->settings->access[i++].text = arena_dup(r->memory, text).p;
	}
}

static struct settings *settings_new(const char *source)
{
	struct settings *s = calloc(1, sizeof(*s));
	struct arena *memory = malloc(sizeof(*memory));
	if (!s || !memory) {
		free(s);
		free(memory);
		return NULL;
	}
	arena_init(memory, SNAPSHOT_CEILING);
	ref_init(&s->ref);
	s->memory = memory;
	s->source = source;
	return s;
}

/* Where settings come from. */
struct origin {
	const char *file; /* NULL: not a file */
	struct span text; /* then this, or nothing: the embedded defaults */
	const char *secret;
};

static bool outline_of(struct outline *o, const struct settings *s, const struct origin *from)
{
	if (from->file)
		return outline_file(o, s->source);
	if (from->text.n)
		outline_text(o, s->source, from->text);
	return true;
}

static bool has_secret(const struct credentials_settings *k)
{
	return k->password_file || k->nt_hash_file || k->systemd_credential || k->keytab || k->ccache;
}

static void hand_out_secret(struct settings *s, const char *secret)
{
	for (unsigned i = 0; i < s->upstream_count; i++)
		if (s->upstreams[i].credentials.on && !has_secret(&s->upstreams[i].credentials))
			s->upstreams[i].credentials.secret = secret;
}

static int read_into(struct settings *s, const struct origin *from, struct complaints *c)
{
	struct reader r = {.settings = s, .memory = s->memory, .complaints = c};
	struct outline o;
	outline_init(&o, s->memory, c);
	bool good = outline_of(&o, s, from);
	unsigned errors = c->errors;
	if (good && !has_listen(&o)) {
		if (from->file && !errors)
			complain(c, COMPLAINT_WARNING, (struct written){s->source, 0},
			         "no listen block: a proxy at 127.0.0.1:3128 and a console at "
			         "127.0.0.1:3129 will be opened; write listen \"ADDRESS\" { } for others");
		outline_text(&o, "embedded defaults", span_of(settings_embedded));
	}
	good = good && reader_read(&r, &o);
	if (good) {
		keep_rule_texts(&r, &o);
		hand_out_secret(s, from->secret);
		settings_make_sense(s, &o.root, c);
	}
	outline_fini(&o);
	if (r.starved)
		return -ENOMEM;
	if (!good && c->errors == 0)
		complain(c, COMPLAINT_ERROR, (struct written){s->source, 0}, "%s is too large", s->source);
	return c->errors == 0 ? 0 : -EINVAL;
}

static int load(const char *name, const struct origin *from, struct settings **out, struct complaints *c)
{
	AUTO(settings) struct settings *s = settings_new(name);
	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->source = arena_dup(s->memory, span_of(name)).p;
	int error = s->source ? read_into(s, from, c) : -ENOMEM;
	if (error)
		return error;
	*out = TAKE(s);
	return 0;
}

int settings_load(const char *file, struct settings **out, struct complaints *c)
{
	return load(file ? file : "embedded defaults", &(struct origin){.file = file}, out, c);
}

int settings_load_text(const char *name, struct span text, const char *secret, struct settings **out,
                       struct complaints *c)
{
	return load(name, &(struct origin){.text = text, .secret = secret}, out, c);
}

struct settings *settings_ref(struct settings *s)
{
	if (s)
		ref_take(&s->ref);
	return s;
}

bool sign_on_lists(const struct sign_on_list *l, enum sign_on_scheme which)
{
	return l->count && memchr(l->items, which, l->count);
}

void sign_on_write(const struct sign_on_list *l, struct buf *to)
{
	static const char *const names[SIGN_ON_LIMIT] = {
		[SIGN_ON_ANONYMOUS] = "anonymous", [SIGN_ON_BASIC] = "basic", [SIGN_ON_NTLM] = "ntlm",
		[SIGN_ON_NEGOTIATE] = "negotiate", [SIGN_ON_RELAY] = "relay", [SIGN_ON_BEHALF] = "on-behalf"};
	for (unsigned i = 0; i < l->count; i++)
		buf_addf(to, "%s%s", i ? ", " : "", names[l->items[i]]);
}

const char *listen_role_name(enum listen_role role)
{
	static const char *const names[] = {[ROLE_PROXY] = "proxy", [ROLE_CONSOLE] = "console", [ROLE_SITE] = "site"};
	return names[role];
}

unsigned settings_hop_count(const struct settings *s)
{
	return s->upstream_count + s->application_count;
}

const struct upstream_settings *settings_hop(const struct settings *s, unsigned i)
{
	return i < s->upstream_count ? &s->upstreams[i] : &s->applications[i - s->upstream_count];
}

void settings_unref(struct settings *s)
{
	if (!s || !ref_drop(&s->ref))
		return;
	arena_fini(s->memory);
	free(s->memory);
	free(s);
}
