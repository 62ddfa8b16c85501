#include "site/directory.h"

#include "site/look.h"

/* ---- Segments of a path */

/* As far as prefixes can go; made once, held against each prefix. */
struct segments {
	struct span path;
	unsigned count;
	struct {
		struct span name; /* without parameters, dots and blanks at its end */
		size_t end;       /* where the next one begins */
	} at[PATH_DEPTH];
};

/* 1 or 3 for a slash or an encoded one at the front, else 0. */
static size_t slash_length(struct span s)
{
	if (s.n && s.p[0] == '/')
		return 1;
	return s.n >= 3 && memcmp(s.p, "%2F", 3) == 0 ? 3 : 0;
}

static struct span behind(struct span s, size_t n)
{
	return span_make(s.p + n, s.n - n);
}

/* Takes a segment and what separates it from the next one off the front of *rest; gives what of it is a name. */
static struct span take_segment(struct span *rest)
{
	const char *begin = rest->p, *solid = begin;
	bool parameters = false;
	while (rest->n && !slash_length(*rest)) {
		uint32_t look = look_next(rest);
		parameters |= look == ';';
		if (!parameters && !look_is_filling(look))
			solid = rest->p;
	}
	size_t slash = slash_length(*rest);
	*rest = behind(*rest, slash);
	if (slash == 3 && rest->n && rest->p[0] == '/') /* or the prefix and this one would stand side by side */
		*rest = behind(*rest, 1);
	return span_make(begin, (size_t)(solid - begin));
}

static void split(struct span path, struct segments *out)
{
	struct span rest = behind(path, 1);
	out->path = path;
	out->count = 0;
	while (rest.n && out->count < PATH_DEPTH) {
		if (slash_length(rest)) { /* encoded slashes side by side */
			rest = behind(rest, slash_length(rest));
			continue;
		}
		out->at[out->count].name = take_segment(&rest);
		out->at[out->count++].end = path.n - rest.n;
	}
}

enum comparison { OTHER, SAME, SAME_IF_COMPOSED };

static enum comparison compare(struct span name, struct span own)
{
	while (name.n && own.n) {
		uint32_t theirs = look_next(&name), ours = look_next(&own);
		if (theirs != ours)
			return ours >= 0x80 && name.n && look_is_joined(look_next(&name)) ? SAME_IF_COMPOSED : OTHER;
	}
	return name.n == 0 && own.n == 0 ? SAME : OTHER;
}

/* ---- 8.3 short names (MS-FSCC 2.1.5.2.1): "LONGNA~1.EXT", or with two letters and a hash, "LO1A2B~1.EXT" */

/* Whether the file system would give a name a second, short one: it is none itself. */
static bool needs_short_name(struct span own)
{
	size_t base = 0, extension = 0, dots = 0;
	while (own.n) {
		uint32_t look = look_next(&own);
		if (look == '.')
			dots++;
		else if (look >= 0x80 || (look && strchr(" +,;=[]", (int)look)))
			return true;
		else
			(*(dots ? &extension : &base))++;
	}
	return base == 0 || base > 8 || extension > 3 || dots > 1;
}

enum { SHORT_NAME = 12 };

/* Up to 8 letters, the last of them a tilde and digits, and at most an extension of 3. In *letters how many stand
 * before the tilde. */
static bool is_short_name(const uint32_t *looks, size_t n, size_t *letters)
{
	size_t i = 0, tilde, extension;
	while (i < n && looks[i] != '~')
		i++;
	tilde = *letters = i++;
	while (i < n && looks[i] >= '0' && looks[i] <= '9')
		i++;
	extension = i < n && looks[i] == '.' ? n - i : 0;
	return tilde > 0 && i > tilde + 1 && i <= 8 && i + extension == n && extension <= 4;
}

/* Only the first two letters are sure to be the long name's, without its blanks and dots; what is not ASCII there
 * may be anything here. */
static bool could_be_short_for(struct span name, struct span own)
{
	uint32_t looks[SHORT_NAME];
	size_t n = 0, letters;
	while (name.n && n < SHORT_NAME)
		looks[n++] = look_next(&name);
	if (name.n || !is_short_name(looks, n, &letters) || !needs_short_name(own))
		return false;
	for (size_t i = 0; i < letters && i < 2 && own.n;) {
		uint32_t look = look_next(&own);
		if (look_is_filling(look))
			continue;
		if (look < 0x80 && look != looks[i] && !(looks[i] == '_' && look && strchr("+,;=[]", (int)look)))
			return false;
		i++;
	}
	return true;
}

/* ---- Prefixes */

/* How far a path goes along with a prefix. */
struct match {
	bool found;
	size_t end; /* where the rest of the path begins: behind the slash, if there is one */
};

static enum path_fault try_prefix(const struct segments *path, struct span prefix, struct match *out)
{
	struct span rest = behind(prefix, 1), own;
	*out = (struct match){.end = 1};
	for (unsigned i = 0; rest.n; i++) {
		own = rest;
		own.n = (size_t)((const char *)memchr(rest.p, '/', rest.n) - rest.p);
		rest = behind(rest, own.n + 1);
		if (i == path->count)
			return PATH_OK;
		enum comparison c = compare(path->at[i].name, own);
		if (c == SAME_IF_COMPOSED)
			return PATH_DECOMPOSED;
		if (c == OTHER)
			return could_be_short_for(path->at[i].name, own) ? PATH_SHORT_NAME : PATH_OK;
		out->end = path->at[i].end;
	}
	out->found = true;
	return PATH_OK;
}

/* Writes the prefix over what it matched. */
static enum path_fault rewrite(struct span prefix, size_t end, char *path, size_t *n, size_t room)
{
	/* "/secure" alone is the directory, too, and stays without a slash: the application says what it wants. */
	if (end == *n && prefix.n > 1 && path[end - 1] != '/')
		prefix.n--;
	if (prefix.n == end && memcmp(path, prefix.p, end) == 0)
		return PATH_OK;
	if (*n - end > room || prefix.n > room - (*n - end))
		return PATH_TOO_LONG;
	memmove(path + prefix.n, path + end, *n - end);
	memcpy(path, prefix.p, prefix.n);
	*n += prefix.n - end;
	return PATH_OK;
}

const struct directory_settings *directory_find(const struct site_settings *site, char *path, size_t *n, size_t room,
                                                enum path_fault *fault)
{
	struct segments segments;
	struct match match;
	*fault = PATH_OK;
	split(span_make(path, *n), &segments);
	for (unsigned i = 0; i < site->directory_count; i++) { /* the longest prefix first */
		struct span prefix = span_of(site->directories[i].prefix);
		*fault = try_prefix(&segments, prefix, &match);
		if (*fault == PATH_OK && match.found)
			*fault = rewrite(prefix, match.end, path, n, room);
		if (*fault != PATH_OK)
			return NULL;
		if (match.found)
			return &site->directories[i];
	}
	return NULL;
}
