/* One pass over the bytes. What is written grows by one character at a time, decoded and encoded again; when a
 * segment ends, it is dropped (empty, "."), takes its forerunner along (".."), or is looked over for what other
 * programs would read differently. Everything written is looked at once more at most, so the work is linear. */
#include "site/path.h"

#include "base/encode.h"
#include "site/look.h"
#include "site/percent.h"

static const struct path_fault_row rows[PATH_FAULT_LIMIT] = {
#define X(id, name, status, substatus, sentence) [PATH_##id] = {name, status, substatus, sentence},
	PATH_FAULTS(X)
#undef X
};

const struct path_fault_row *path_fault_row(enum path_fault f)
{
	ASSERT(f > PATH_OK && f < PATH_FAULT_LIMIT);
	return &rows[f];
}

struct span path_of_target(struct span target, struct span *query, bool *has_query)
{
	const char *mark = target.n ? memchr(target.p, '?', target.n) : NULL;
	size_t n = mark ? (size_t)(mark - target.p) : target.n;
	*has_query = mark != NULL;
	*query = mark ? span_make(mark + 1, target.n - n - 1) : SPAN_NONE;
	return span_make(target.p, n);
}

/* ---- Characters */

struct writing {
	char *out;
	size_t room, n;
	size_t segment; /* where the present one begins, behind its slash */
	bool odd;       /* the present one holds something that needs a closer look */
	bool encoded_slashes;
};

static bool is_unreserved(unsigned c)
{
	return c < 0x80 && (lex_is((char)c, LEX_ALPHA | LEX_DIGIT) || (c && strchr("-._~", (int)c)));
}

/* Written out it means something, or may, to an application; encoded it does not. So the two are not the same. */
static bool is_kept_as_sent(unsigned c)
{
	return c && strchr("!$&'()*+,;=:@", (int)c);
}

static enum path_fault put(struct writing *w, char c)
{
	if (w->n == w->room)
		return PATH_TOO_LONG;
	w->out[w->n++] = c;
	return PATH_OK;
}

static enum path_fault put_encoded(struct writing *w, unsigned byte)
{
	static const char digits[] = "0123456789ABCDEF";
	if (w->room - w->n < 3)
		return PATH_TOO_LONG;
	w->odd = true;
	w->out[w->n++] = '%';
	w->out[w->n++] = digits[byte >> 4];
	w->out[w->n++] = digits[byte & 15];
	return PATH_OK;
}

/* The byte at the front of `s`, which may be spelled %XX, and in *n how many bytes that takes; -1 for a bad escape. */
static int byte_at(struct span s, size_t *n)
{
	*n = 1;
	if (s.p[0] != '%')
		return (unsigned char)s.p[0];
	if (!percent_is_whole(s))
		return -1;
	*n = 3;
	return (int)percent_byte(s.p);
}

/* A character outside of ASCII: its bytes may come written out or encoded, even mixed. Adds what they take to *at. */
static enum path_fault put_utf8(struct writing *w, struct span raw, size_t *at)
{
	unsigned char bytes[4] = {0};
	size_t n = 0, ends[4] = {0}, i = *at, taken;
	for (int c; n < 4 && i < raw.n && (c = byte_at(span_make(raw.p + i, raw.n - i), &taken)) >= 0x80; n++) {
		bytes[n] = (unsigned char)c;
		ends[n] = i += taken;
	}
	size_t whole = utf8_length(bytes, n);
	if (whole == 0)
		return PATH_UTF8;
	if (whole == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0)
		return PATH_CONTROL;
	*at = ends[whole - 1];
	enum path_fault fault = PATH_OK;
	for (size_t k = 0; k < whole && !fault; k++)
		fault = put_encoded(w, bytes[k]);
	return fault;
}

/* A character of ASCII that is no slash written out. */
static enum path_fault put_ascii(struct writing *w, unsigned c, bool was_encoded)
{
	if (is_unreserved(c))
		return put(w, (char)c);
	if (c < 0x20 || c == 0x7f)
		return PATH_CONTROL;
	if (c == '\\')
		return PATH_BACKSLASH;
	if (c == '/' && !w->encoded_slashes)
		return PATH_SLASH;
	if (was_encoded || !is_kept_as_sent(c))
		return put_encoded(w, c);
	w->odd |= c == ';' || c == ':' || c == '(';
	return put(w, (char)c);
}

static enum path_fault bad_escape(struct span s)
{
	return s.n >= 2 && (s.p[1] | 0x20) == 'u' ? PATH_PERCENT_U : PATH_PERCENT;
}

/* ---- Segments */

/* "%25" before what an escape would go on with: decoded once more, it is another path. */
static bool is_escaped_twice(struct span s)
{
	if (s.n < 5 || s.p[0] != '%' || s.p[1] != '2' || s.p[2] != '5')
		return false;
	size_t u = (s.p[3] | 0x20) == 'u';
	return s.n >= 5 + u && lex_is(s.p[3 + u], LEX_HEX) && lex_is(s.p[4 + u], LEX_HEX);
}

static bool is_encoded_slash(struct span s)
{
	return s.n >= 3 && s.p[0] == '%' && s.p[1] == '2' && s.p[2] == 'F';
}

/* "(S(...))": ASP.NET takes it for a session kept without cookies, and leaves it out of the path. */
static bool begins_with_modifier(struct span s)
{
	uint32_t looks[3] = {0};
	for (int i = 0; i < 3 && s.n; i++)
		looks[i] = look_next(&s);
	return looks[0] == '(' && looks[1] >= 'a' && looks[1] <= 'z' && looks[2] == '(';
}

/* One character at the front of *rest, in the light of the one before it. */
static enum path_fault check_character(struct span *rest, uint32_t before, uint32_t *look)
{
	bool outside_ascii = rest->p[0] == '%' && percent_byte(rest->p) >= 0x80;
	if (is_escaped_twice(*rest))
		return PATH_DOUBLE_ESCAPE;
	*look = look_next(rest);
	if (outside_ascii && (*look == '/' || *look == '\\'))
		return PATH_LOOKALIKE;
	return before == ':' && *look == '$' ? PATH_STREAM : PATH_OK;
}

/* Looks over the piece of a segment at the front of *rest, up to an encoded slash or the end. `last`: it ends the
 * path, so that nothing would move up if a program dropped it. */
static enum path_fault check_piece(struct span *rest, bool last)
{
	bool filled = false, solid = false, parameters = false;
	if (begins_with_modifier(*rest))
		return PATH_MODIFIER;
	for (uint32_t before = 0, look = 0; rest->n && !is_encoded_slash(*rest); before = look) {
		enum path_fault fault = check_character(rest, before, &look);
		if (fault)
			return fault;
		parameters |= look == ';';
		filled |= !parameters && look_is_filling(look);
		solid |= !parameters && !look_is_filling(look);
	}
	bool ends_path = last && rest->n == 0;
	return !solid && (filled || (parameters && !ends_path)) ? PATH_DOTS : PATH_OK;
}

static enum path_fault check_segment(const struct writing *w, bool last)
{
	struct span rest = span_make(w->out + w->segment, w->n - w->segment);
	enum path_fault fault = check_piece(&rest, last);
	while (!fault && rest.n) {
		rest = span_make(rest.p + 3, rest.n - 3);
		fault = check_piece(&rest, last);
	}
	return fault;
}

static enum path_fault climb(struct writing *w)
{
	if (w->segment == 1)
		return PATH_ABOVE_ROOT;
	w->n = w->segment - 1; /* at the slash behind the segment above */
	while (w->out[w->n - 1] != '/')
		w->n--;
	return PATH_OK;
}

static enum path_fault end_segment(struct writing *w, bool last)
{
	struct span segment = span_make(w->out + w->segment, w->n - w->segment);
	enum path_fault fault = PATH_OK;
	if (segment.n == 1 && segment.p[0] == '.')
		w->n = w->segment;
	else if (segment.n == 2 && memcmp(segment.p, "..", 2) == 0)
		fault = climb(w);
	else if (segment.n && (w->odd || segment.p[0] == '.'))
		fault = check_segment(w, last);
	if (!fault && !last && w->out[w->n - 1] != '/')
		fault = put(w, '/');
	w->segment = w->n;
	w->odd = false;
	return fault;
}

enum path_fault path_normalize(struct span raw, bool encoded_slashes, char *out, size_t room, size_t *n)
{
	struct writing w = {.out = out, .room = room, .encoded_slashes = encoded_slashes};
	if (raw.n && raw.p[0] != '/')
		return PATH_FORM;
	enum path_fault fault = put(&w, '/');
	w.segment = w.n;
	for (size_t i = 1, taken; i < raw.n && !fault;) {
		int c = byte_at(span_make(raw.p + i, raw.n - i), &taken);
		if (c < 0)
			return bad_escape(span_make(raw.p + i, raw.n - i));
		if (c >= 0x80) {
			fault = put_utf8(&w, raw, &i);
			continue;
		}
		fault = c == '/' && taken == 1 ? end_segment(&w, false) : put_ascii(&w, (unsigned)c, taken == 3);
		i += taken;
	}
	if (!fault)
		fault = end_segment(&w, true);
	*n = w.n;
	return fault;
}

int path_decode(struct span normal, char *out, size_t room, size_t *n)
{
	*n = 0;
	for (size_t i = 0, taken; i < normal.n; i += taken) {
		int c = byte_at(span_make(normal.p + i, normal.n - i), &taken);
		if (c <= 0 || (c == '/' && taken == 3))
			return -EINVAL;
		if (*n == room)
			return -ENAMETOOLONG;
		out[(*n)++] = (char)c;
	}
	return 0;
}

/* ---- Directories */

static bool segment_has_one_spelling(struct span segment)
{
	uint32_t look = 0;
	while (segment.n) {
		look = look_next(&segment);
		if (look == ';' || look == '/' || look_is_joined(look))
			return false;
	}
	return !look_is_filling(look);
}

bool path_prefix_is_normal(struct span prefix)
{
	char again[1024];
	size_t n, depth = 0;
	if (prefix.n == 0 || prefix.p[prefix.n - 1] != '/' || path_normalize(prefix, false, again, sizeof(again), &n) ||
	    !span_eq(span_make(again, n), prefix))
		return false;
	for (size_t i = 1, end; i < prefix.n; i = end + 1) {
		end = i;
		while (prefix.p[end] != '/')
			end++;
		if (!segment_has_one_spelling(span_make(prefix.p + i, end - i)) || ++depth > PATH_DEPTH)
			return false;
	}
	return true;
}
