#include "config/scan.h"

#include <stdio.h>

/* An unquoted word ends at these; a slash that begins a comment ends it too. */
static const char word_ends[] = " #\"'\t\n\r={}()+,";

void scanner_init(struct scanner *s, const char *file, struct span text, struct arena *memory, struct complaints *c)
{
	*s = (struct scanner){.text = text, .file = file, .line = 1, .memory = memory, .complaints = c};
}

static char byte_at(const struct scanner *s, size_t at)
{
	return at < s->text.n ? s->text.p[at] : '\0';
}

static bool at_end(const struct scanner *s)
{
	return s->at >= s->text.n;
}

static struct written here(const struct scanner *s)
{
	return (struct written){s->file, s->line};
}

static const char *kept(const char *text)
{
	return text ? text : "this value is too long";
}

/* The first thing wrong with a token is the one that is told. */
#define FAULT(s, t, ...)                                                 \
	do {                                                                 \
		if (!(t)->problem)                                               \
			(t)->problem = kept(arena_printf((s)->memory, __VA_ARGS__)); \
	} while (0)

static void next_line(struct scanner *s)
{
	s->line++;
	s->line_at = s->at;
}

static void skip_block_comment(struct scanner *s)
{
	struct written began = here(s);
	for (s->at += 2; !at_end(s); s->at++) {
		if (byte_at(s, s->at) == '*' && byte_at(s, s->at + 1) == '/') {
			s->at += 2;
			return;
		}
		if (byte_at(s, s->at) == '\n') {
			s->line++;
			s->line_at = s->at + 1;
		}
	}
	if (s->complaints)
		complain(s->complaints, COMPLAINT_ERROR, began,
		         "the comment that begins here with /* has no end: close it with */");
}

static void skip_blanks(struct scanner *s)
{
	while (!at_end(s)) {
		char c = byte_at(s, s->at), then = byte_at(s, s->at + 1);
		if (c == '\n') {
			s->at++;
			next_line(s);
		} else if (c == ' ' || c == '\t' || c == '\r') {
			s->at++;
		} else if (c == '#' || (c == '/' && then == '/')) {
			while (!at_end(s) && byte_at(s, s->at) != '\n')
				s->at++;
		} else if (c == '/' && then == '*') {
			skip_block_comment(s);
		} else {
			return;
		}
	}
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static const char variable_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

/* "${NAME}" or "${NAME:-otherwise}": appends its value. */
static void expand_variable(struct scanner *s, struct span inside, struct token *t, struct buf *value)
{
	char name[256];
	const char *cut = inside.n ? memmem(inside.p, inside.n, ":-", 2) : NULL;
	size_t n = cut ? (size_t)(cut - inside.p) : inside.n;
	snprintf(name, sizeof(name), "%.*s", (int)n, inside.p ? inside.p : "");
	if (n == 0 || n >= sizeof(name) || strspn(name, variable_characters) != n) {
		FAULT(s, t, "${%.*s}: the name of a variable is letters, digits and _", (int)n, inside.p ? inside.p : "");
		return;
	}
	const char *found = getenv(name);
	if (found || cut)
		buf_add(value, found ? span_of(found) : span_make(cut + 2, inside.n - n - 2));
	else
		FAULT(s, t, "the environment has no variable %s: set it, or write ${%s:-VALUE} to have a value without it",
		      name, name);
}

/* The inside of the quotes that begin at s->at, up to the closing quote or the end of the line. A backslash takes what
 * follows along, even the end of the line: such a text is refused as a whole. */
static struct span quoted_text(const struct scanner *s, char quote)
{
	size_t at = s->at + 1;
	while (at < s->text.n && byte_at(s, at) != quote && byte_at(s, at) != '\n')
		at += byte_at(s, at) == '\\' && at + 1 < s->text.n ? 2 : 1;
	return span_make(s->text.p + s->at + 1, at - s->at - 1);
}

/* A pair of backslash and character; returns how many bytes it took. */
static size_t take_escape(struct scanner *s, struct span text, size_t i, char quote, struct token *t, struct buf *value)
{
	char escaped = i + 1 < text.n ? text.p[i + 1] : '\n';
	bool known = escaped == '\\' || escaped == quote || (quote == '"' && escaped == '$');
	if (known) {
		buf_addc(value, escaped);
		return 2;
	}
	if (escaped == '\n' || escaped == '\r') {
		FAULT(s, t, "a backslash at the end of the line: a value ends on its line");
		return 2;
	}
	if (quote == '\'') { /* single quotes keep what they do not know */
		buf_addc(value, '\\');
		return 1;
	}
	if (is_control(escaped))
		return 1;
	FAULT(s, t,
	      "unknown escape \\%c in \"%.*s\": between double quotes a backslash may only stand before \" \\ or $; "
	      "write the value in single quotes: '%.*s'",
	      escaped, SPAN_ARG(text), SPAN_ARG(text));
	return 2;
}

static size_t take_variable(struct scanner *s, struct span text, size_t i, struct token *t, struct buf *value)
{
	const char *close = memchr(text.p + i, '}', text.n - i);
	if (!close) {
		FAULT(s, t, "${ without its }: write \\$ for a dollar sign");
		return text.n - i;
	}
	size_t n = (size_t)(close - (text.p + i)) + 1;
	expand_variable(s, span_make(text.p + i + 2, n - 3), t, value);
	return n;
}

static void decode(struct scanner *s, struct span text, char quote, struct token *t, struct buf *value)
{
	for (size_t i = 0; i < text.n;) {
		if (text.p[i] == '\\') {
			i += take_escape(s, text, i, quote, t, value);
		} else if (quote == '"' && text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '{') {
			i += take_variable(s, text, i, t, value);
		} else {
			buf_addc(value, text.p[i++]);
		}
	}
}

/* Keeps the decoded value, once it is known to be free of control characters (a variable may bring them too). */
static void keep_value(struct scanner *s, struct token *t, struct buf *value)
{
	for (size_t i = 0; i < value->n; i++)
		if (is_control(value->p[i]))
			FAULT(s, t, "a control character (byte 0x%02x) in a value: take it out", (unsigned char)value->p[i]);
	t->value = arena_dup(s->memory, buf_span(value)).p;
	if (!buf_error(value) && t->value)
		return;
	FAULT(s, t, "this value is too long: %zu bytes", t->raw.n);
	t->value = "";
}

static void scan_string(struct scanner *s, struct token *t, struct buf *value)
{
	char quote = byte_at(s, s->at);
	struct span text = quoted_text(s, quote);
	bool closed = s->at + 1 + text.n < s->text.n && byte_at(s, s->at + 1 + text.n) == quote;
	t->kind = TOKEN_STRING;
	t->raw = span_make(text.p - 1, text.n + 1 + closed);
	decode(s, text, quote, t, value);
	if (!closed)
		FAULT(s, t, "the text that begins with %c has no closing %c on this line", quote, quote);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '\n')
			continue;
		s->line++;
		s->line_at = s->at + 1 + i + 1;
	}
	s->at += t->raw.n;
}

/* me${NAME}: libconfuse would see a word, braces and another word. */
static void take_variable_in_word(struct scanner *s, struct token *t)
{
	FAULT(s, t, "a variable inside of an unquoted word: put quotes around the value");
	while (!at_end(s) && byte_at(s, s->at) != '}' && byte_at(s, s->at) != '\n')
		s->at++;
	if (byte_at(s, s->at) == '}')
		s->at++;
}

static void scan_word(struct scanner *s, struct token *t, struct buf *value)
{
	size_t from = s->at;
	for (; !at_end(s) && !strchr(word_ends, byte_at(s, s->at)); s->at++)
		if (byte_at(s, s->at) == '/' && (byte_at(s, s->at + 1) == '/' || byte_at(s, s->at + 1) == '*'))
			break;
	struct span word = span_make(s->text.p + from, s->at - from);
	t->kind = TOKEN_WORD;
	if (word.n > 0 && word.p[word.n - 1] == '$' && byte_at(s, s->at) == '{')
		take_variable_in_word(s, t);
	while (word.n > 0 && word.p[word.n - 1] == ';') {
		FAULT(s, t, "a semicolon: settings end without one; take it out");
		word.n--;
	}
	if (word.n && memchr(word.p, '\\', word.n))
		FAULT(s, t, "a backslash in an unquoted value: write '%.*s' in single quotes", SPAN_ARG(word));
	t->raw = word;
	buf_add(value, word);
}

/* An unquoted ${NAME} is a value by itself. */
static bool scan_bare_variable(struct scanner *s, struct token *t, struct buf *value)
{
	if (byte_at(s, s->at) != '$' || byte_at(s, s->at + 1) != '{')
		return false;
	struct span rest = span_make(s->text.p + s->at, s->text.n - s->at);
	const char *close = memchr(rest.p, '}', rest.n), *end = memchr(rest.p, '\n', rest.n);
	if (!close || (end && end < close))
		return false;
	t->kind = TOKEN_STRING;
	t->raw = span_make(rest.p, (size_t)(close - rest.p) + 1);
	expand_variable(s, span_make(rest.p + 2, t->raw.n - 3), t, value);
	s->at += t->raw.n;
	return true;
}

static bool scan_sign(struct scanner *s, struct token *t)
{
	static const struct {
		char sign;
		enum token_kind kind;
	} signs[] = {{'=', TOKEN_EQUALS}, {'{', TOKEN_OPEN}, {'}', TOKEN_CLOSE},
	             {',', TOKEN_COMMA},  {'(', TOKEN_LEFT}, {')', TOKEN_RIGHT}};
	char c = byte_at(s, s->at);
	t->raw = span_make(s->text.p + s->at, 1);
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (signs[i].sign != c)
			continue;
		t->kind = signs[i].kind;
		s->at++;
		return true;
	}
	if (c != '+')
		return false;
	t->kind = TOKEN_ADD;
	t->raw.n = byte_at(s, s->at + 1) == '=' ? 2 : 1;
	s->at += t->raw.n;
	return true;
}

void scan_next(struct scanner *s, struct token *out)
{
	char memory[8192];
	struct buf value;
	buf_over(&value, memory, sizeof(memory));
	skip_blanks(s);
	*out = (struct token){.line = s->line, .column = (int)(s->at - s->line_at), .value = ""};
	if (at_end(s) || scan_sign(s, out))
		return;
	char c = byte_at(s, s->at);
	if (c == '"' || c == '\'')
		scan_string(s, out, &value);
	else if (!scan_bare_variable(s, out, &value))
		scan_word(s, out, &value);
	keep_value(s, out, &value);
}
