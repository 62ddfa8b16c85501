#include "proxy/explain.h"

/* Names that clients send are cut here; no host is longer (RFC 1035). */
enum { NAME_SHOWN = 255 };

bool record_through_parent(const struct record *r)
{
	return r->hop && strcmp(r->hop, "direct") != 0;
}

static struct span cut(struct span s)
{
	return s.n > NAME_SHOWN ? span_make(s.p, NAME_SHOWN) : s;
}

static void add_capital(struct buf *to, bool capital, const char *text)
{
	buf_addc(to, capital ? (char)(text[0] & ~0x20) : text[0]);
	buf_adds(to, text + 1);
}

static void add_hop(const struct record *r, enum audience who, bool capital, struct buf *to)
{
	if (!r) {
		add_capital(to, capital, "the next hop");
		return;
	}
	bool parent = record_through_parent(r);
	struct span name = parent ? span_of(r->hop) : r->host;
	add_capital(to, capital, r->application ? "the application" : parent ? "the parent" : "the site");
	if (name.n) {
		buf_addc(to, ' ');
		buf_add(to, cut(name));
	}
	if (parent && who == FOR_ADMINISTRATOR && r->next_hop.n &&
	    !r->application) { /* what lies behind a site is nobody's business */
		buf_adds(to, " (");
		buf_add(to, cut(r->next_hop));
		buf_addc(to, ')');
	}
}

void explain(const struct record *r, const char *sentence, enum audience who, struct buf *to)
{
	const char *at = sentence;
	while (*at) {
		if (strncmp(at, "{hop}", 5) == 0) {
			add_hop(r, who, at == sentence, to);
			at += 5;
		} else if (strncmp(at, "{site}", 6) == 0) {
			if (r && r->host.n)
				buf_add(to, cut(r->host));
			else
				add_capital(to, at == sentence, "that site");
			at += 6;
		} else {
			size_t n = 1 + strcspn(at + 1, "{");
			buf_add(to, span_make(at, n));
			at += n;
		}
	}
}

static bool is_slash(char c)
{
	return c == '/' || c == '\\';
}

static bool ends_path(char c)
{
	return c == '?' || c == '#';
}

/* Where an authority begins: behind "scheme:" and its slashes, however many there are, since what is shown here may be
 * a target that the parser refused. */
static size_t authority_begin(struct span uri)
{
	size_t at = 0;
	if (is_slash(uri.p[0]))
		return uri.n > 1 && is_slash(uri.p[1]) ? 2 : uri.n; /* a path, unless it is meant to be "//host/path" */
	while (at < uri.n && uri.p[at] != ':' && uri.p[at] != '@' && !is_slash(uri.p[at]) && !ends_path(uri.p[at]))
		at++;
	if (at + 1 >= uri.n || uri.p[at] != ':' || !is_slash(uri.p[at + 1]))
		return 0;
	for (at++; at < uri.n && is_slash(uri.p[at]);)
		at++;
	return at;
}

static size_t path_end(struct span uri)
{
	const char *question = memchr(uri.p, '?', uri.n);
	size_t n = question ? (size_t)(question - uri.p) : uri.n;
	const char *fragment = memchr(uri.p, '#', n);
	return fragment ? (size_t)(fragment - uri.p) : n;
}

struct shown_target target_shown(struct span uri, bool query)
{
	if (uri.n && !query)
		uri.n = path_end(uri);
	if (uri.n == 0 || !memchr(uri.p, '@', uri.n))
		return (struct shown_target){.after = uri};
	size_t begin = authority_begin(uri), name = begin;
	for (size_t at = begin; at < uri.n && !is_slash(uri.p[at]) && !ends_path(uri.p[at]); at++)
		if (uri.p[at] == '@')
			name = at + 1;
	return (struct shown_target){span_make(uri.p, begin), span_make(uri.p + name, uri.n - name)};
}

struct span target_stem(struct span uri)
{
	struct span whole = uri.n ? target_shown(uri, false).after : uri;
	size_t at = uri.n ? authority_begin(uri) : 0;
	if (at == 0 || is_slash(uri.p[0]))
		return whole;
	uri.n = path_end(uri);
	while (at < uri.n && !is_slash(uri.p[at]))
		at++;
	return at < uri.n ? span_make(uri.p + at, uri.n - at) : SPAN("/");
}

struct span target_query(struct span uri)
{
	const char *question = uri.n ? memchr(uri.p, '?', uri.n) : NULL;
	return question ? span_make(question + 1, uri.n - (size_t)(question + 1 - uri.p)) : SPAN_NONE;
}
