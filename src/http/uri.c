#include "http/uri.h"

#include <arpa/inet.h>

#include "http/lex.h"
#include "http/scan.h"

static bool v6_is_valid(struct span host)
{
	char copy[INET6_ADDRSTRLEN + 1];
	struct in6_addr unused;
	if (host.n >= sizeof(copy) || host.n == 0 || memchr(host.p, '\0', host.n))
		return false;
	memcpy(copy, host.p, host.n);
	copy[host.n] = '\0';
	return inet_pton(AF_INET6, copy, &unused) == 1;
}

bool host_is_valid(struct span host, bool v6)
{
	if (v6)
		return v6_is_valid(host);
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n > 253 || !lex_all(host, LEX_HOST))
		return false;
	size_t label = 0; /* where it begins */
	for (size_t i = 0; i <= host.n; i++) {
		if (i < host.n && host.p[i] != '.')
			continue;
		if (i == label || i - label > 63)
			return false;
		label = i + 1;
	}
	return true;
}

static bool label_is_number(struct span label)
{
	if (label.n >= 2 && label.p[0] == '0' && (label.p[1] | 0x20) == 'x')
		return label.n == 2 || lex_all(span_make(label.p + 2, label.n - 2), LEX_HEX);
	return lex_all(label, LEX_DIGIT);
}

/* No top-level domain is a number, so the last label decides, as browsers do (WHATWG URL, "ends in a number"). */
bool host_is_numeric(struct span host)
{
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	size_t start = host.n;
	while (start > 0 && host.p[start - 1] != '.')
		start--;
	return label_is_number(span_make(host.p + start, host.n - start));
}

size_t host_fold(struct span host, char out[256])
{
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n == 0 || host.n > 255)
		return 0;
	for (size_t i = 0; i < host.n; i++)
		out[i] = ascii_lower(host.p[i]);
	out[host.n] = '\0';
	return host.n;
}

/* 1 to 65535 without leading zeros: what nobody reads differently. */
static bool port_parse(struct span text, uint16_t *port)
{
	uint64_t n;
	if (text.n > 5 || span_to_u64(text, UINT16_MAX, &n) != 0 || text.p[0] == '0')
		return false;
	*port = (uint16_t)n;
	return true;
}

enum parse_fault authority_parse(struct span text, struct span *host, bool *v6, uint16_t *port, bool *port_given)
{
	*v6 = text.n && text.p[0] == '[';
	*port = 0;
	if (text.n == 0)
		return PARSE_AUTHORITY;
	if (memchr(text.p, '@', text.n))
		return PARSE_USERINFO;
	const char *host_end = memchr(text.p, *v6 ? ']' : ':', text.n);
	if (*v6 && !host_end)
		return PARSE_AUTHORITY;
	if (!host_end)
		host_end = text.p + text.n;
	*host = span_make(text.p + *v6, (size_t)(host_end - text.p) - *v6);
	struct span rest = span_make(host_end + *v6, text.n - (size_t)(host_end - text.p) - *v6);
	*port_given = rest.n > 0;
	if (rest.n && (rest.p[0] != ':' || !port_parse(span_make(rest.p + 1, rest.n - 1), port)))
		return PARSE_AUTHORITY;
	return host_is_valid(*host, *v6) ? PARSE_OK : PARSE_AUTHORITY;
}

static uint16_t default_port(struct span scheme)
{
	if (span_eq_nocase(scheme, SPAN("http")) || span_eq_nocase(scheme, SPAN("ws")))
		return 80;
	if (span_eq_nocase(scheme, SPAN("https")) || span_eq_nocase(scheme, SPAN("wss")))
		return 443;
	return span_eq_nocase(scheme, SPAN("ftp")) ? 21 : 0;
}

static enum parse_fault parse_authority_of(struct target *out)
{
	return authority_parse(out->authority, &out->host, &out->host_is_v6, &out->port, &out->port_given);
}

static enum parse_fault parse_absolute(struct span text, struct target *out)
{
	size_t n = lex_run(text, LEX_SCHEME);
	if (n == 0 || n == text.n || text.p[n] != ':' || !lex_is(text.p[0], LEX_ALPHA))
		return PARSE_TARGET;
	out->scheme = span_make(text.p, n);
	struct span rest = span_make(text.p + n + 1, text.n - n - 1);
	if (rest.n < 2 || rest.p[0] != '/' || rest.p[1] != '/')
		return default_port(out->scheme) ? PARSE_TARGET : PARSE_SCHEME;
	rest = span_make(rest.p + 2, rest.n - 2);
	size_t end = 0;
	while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
		end++;
	out->form = TARGET_ABSOLUTE;
	out->authority = span_make(rest.p, end);
	out->path = span_make(rest.p + end, rest.n - end);
	enum parse_fault fault = parse_authority_of(out);
	if (!fault && !out->port_given)
		out->port = default_port(out->scheme);
	return fault;
}

enum parse_fault target_parse(const struct head *request, struct target *out)
{
	struct span text = request->target;
	*out = (struct target){.form = TARGET_ORIGIN};
	if (text.n == 0 || scan_target(text.p, text.p + text.n) != text.p + text.n)
		return PARSE_TARGET;
	if (request->method == METHOD_CONNECT) {
		out->form = TARGET_AUTHORITY;
		out->authority = text;
		enum parse_fault fault = parse_authority_of(out);
		return fault || out->port_given ? fault : PARSE_AUTHORITY;
	}
	if (text.p[0] == '/') {
		out->path = text;
		return PARSE_OK;
	}
	if (text.n == 1 && text.p[0] == '*') {
		out->form = TARGET_ASTERISK;
		return request->method == METHOD_OPTIONS ? PARSE_OK : PARSE_TARGET;
	}
	return parse_absolute(text, out);
}
