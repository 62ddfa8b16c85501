/* The grammar of RFC 9110 section 11 lets a comma part both challenges and their parameters, so a challenge ends where an
 * item of the list is a token that no '=' follows. Whatever fits nowhere is skipped up to the next comma. */
#include "auth/challenge.h"

static const struct {
	struct span name;
	enum auth_scheme scheme;
	const char *text;
} schemes[] = {
	{{"Basic", 5}, SCHEME_BASIC, "Basic"},
	{{"Digest", 6}, SCHEME_DIGEST, "Digest"},
	{{"NTLM", 4}, SCHEME_NTLM, "NTLM"},
	{{"Negotiate", 9}, SCHEME_NEGOTIATE, "Negotiate"},
	{{"Kerberos", 8}, SCHEME_KERBEROS, "Kerberos"},
	{{"Bearer", 6}, SCHEME_BEARER, "Bearer"},
};

enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

static enum auth_scheme scheme_of(struct span name)
{
	for (unsigned i = 0; i < SCHEMES; i++)
		if (span_eq_nocase(name, schemes[i].name))
			return schemes[i].scheme;
	return SCHEME_OTHER;
}

const char *scheme_name(enum auth_scheme s)
{
	for (unsigned i = 0; i < SCHEMES; i++)
		if (schemes[i].scheme == s)
			return schemes[i].text;
	return "other";
}

bool scheme_is_connection_bound(const struct challenge *c)
{
	return c->scheme == SCHEME_NTLM || c->scheme == SCHEME_NEGOTIATE || c->scheme == SCHEME_KERBEROS ||
	       span_starts_nocase(c->name, SPAN("Nego"));
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool is_token_char(char c)
{
	return is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void advance(struct span *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

static void skip_blanks(struct span *s)
{
	while (s->n && is_blank(s->p[0]))
		advance(s, 1);
}

static struct span take_token(struct span *s)
{
	size_t n = 0;
	while (n < s->n && is_token_char(s->p[n]))
		n++;
	struct span token = span_make(s->p, n);
	advance(s, n);
	return token;
}

/* How many bytes of a token68 stand at the front, its '=' at the end included. */
static size_t token68_length(struct span s)
{
	size_t n = 0;
	while (n < s.n && (is_alnum(s.p[n]) || (s.p[n] && strchr("-._~+/", s.p[n]))))
		n++;
	if (n == 0)
		return 0;
	while (n < s.n && s.p[n] == '=')
		n++;
	return n;
}

/* Behind an opening quote; the closing one is taken too. */
static void skip_quoted(struct span *s)
{
	while (s->n && s->p[0] != '"')
		advance(s, s->p[0] == '\\' && s->n > 1 ? 2 : 1);
	if (s->n)
		advance(s, 1);
}

static void skip_to_comma(struct span *s)
{
	while (s->n && s->p[0] != ',') {
		bool quote = s->p[0] == '"';
		advance(s, 1);
		if (quote)
			skip_quoted(s);
	}
}

static void skip_commas(struct span *s)
{
	while (s->n && (s->p[0] == ',' || is_blank(s->p[0])))
		advance(s, 1);
}

/* True if a parameter, name and '=', begins here. */
static bool at_parameter(struct span s)
{
	struct span name = take_token(&s);
	skip_blanks(&s);
	return name.n && s.n && s.p[0] == '=';
}

/* All parameters from here on, with the commas between them; *rest ends before the next challenge. */
static struct span take_parameters(struct span *rest)
{
	const char *start = rest->p, *end = rest->p;
	struct span at = *rest;
	while (at_parameter(at)) {
		skip_to_comma(&at);
		end = at.p;
		*rest = at;
		skip_commas(&at);
	}
	return span_trim(span_make(start, (size_t)(end - start)));
}

static bool ends_item(struct span s)
{
	skip_blanks(&s);
	return s.n == 0 || s.p[0] == ',';
}

/* Behind a scheme's name and its blank. */
static void take_token_or_parameters(struct span *rest, struct challenge *out)
{
	size_t n = token68_length(*rest);
	if (n && ends_item(span_make(rest->p + n, rest->n - n))) {
		out->token = span_make(rest->p, n);
		advance(rest, n);
	} else {
		out->parameters = take_parameters(rest);
	}
	skip_to_comma(rest);
}

bool challenge_next(struct span *rest, struct challenge *out)
{
	for (;;) {
		skip_commas(rest);
		if (rest->n == 0)
			return false;
		bool orphan = at_parameter(*rest);
		struct span name = take_token(rest);
		bool blank = rest->n && is_blank(rest->p[0]);
		if (name.n == 0 || orphan || !(blank || ends_item(*rest))) {
			skip_to_comma(rest);
			continue;
		}
		*out = (struct challenge){.scheme = scheme_of(name), .name = name};
		skip_blanks(rest);
		if (rest->n && rest->p[0] != ',')
			take_token_or_parameters(rest, out);
		return true;
	}
}

/* Of a scheme that signs in a connection the whole rest counts as its token, well-formed or not: what we cannot read, the
 * server may, and it must not pass for a request without a token. */
bool credentials_parse(struct span value, struct challenge *out)
{
	struct span rest = span_trim(value);
	struct span name = take_token(&rest);
	if (name.n == 0 || (rest.n && !is_blank(rest.p[0])))
		return false;
	*out = (struct challenge){.scheme = scheme_of(name), .name = name};
	rest = span_trim(rest);
	if (rest.n && (scheme_is_connection_bound(out) || token68_length(rest) == rest.n))
		out->token = rest;
	else if (rest.n)
		out->parameters = rest;
	return true;
}
