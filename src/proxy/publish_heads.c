/* What an application behind a published site is told of its client, and what it says that the client must see otherwise.
 *
 * The application believes whatever stands in these fields, so that nothing in them may come from the client: X-Forwarded-*, Forwarded, X-Remote-*
 * and their likes are taken out in every spelling that a server behind might read as one of them (CGI makes '_' of '-'), and only then written by us. */
#include "proxy/publish.h"

#include "http/hop.h"

enum { OUR_LINES = 2048 };

/* ---- towards the application */

/* As a CGI environment sees names: case does not count, and everything but letters and digits is alike. */
static char seen_by_cgi(char c)
{
	char letter = (char)(c | 0x20);
	if (letter >= 'a' && letter <= 'z')
		return letter;
	return c >= '0' && c <= '9' ? c : '-';
}

static bool name_begins(struct span name, struct span like)
{
	if (name.n < like.n)
		return false;
	for (size_t i = 0; i < like.n; i++)
		if (seen_by_cgi(name.p[i]) != like.p[i])
			return false;
	return true;
}

static bool name_is(struct span name, struct span like)
{
	return name.n == like.n && name_begins(name, like);
}

/* Names that applications believe to come from the server in front of them: Fairlead, or one that did its work before. */
static bool is_ours_to_say(struct span name)
{
	static const struct span families[] = {
		SPAN("x-forwarded"),  SPAN("x-remote"),       SPAN("x-original-"),           SPAN("x-auth-request-"),
		SPAN("x-ssl-client"), SPAN("ssl-client"),     SPAN("x-client-cert"),         SPAN("x-authenticated-"),
		SPAN("x-arr-"),       SPAN("ms-aspnetcore-"), SPAN("x-ms-client-principal"),
	};
	static const struct span whole[] = {
		SPAN("forwarded"),      SPAN("x-real-ip"),       SPAN("x-client-ip"),         SPAN("client-ip"),
		SPAN("true-client-ip"), SPAN("remote-user"),     SPAN("remote-groups"),       SPAN("remote-addr"),
		SPAN("remote-host"),    SPAN("auth-user"),       SPAN("x-auth-user"),         SPAN("auth-type"),
		SPAN("x-webauth-user"), SPAN("x-rewrite-url"),   SPAN("x-cluster-client-ip"), SPAN("x-host"),
		SPAN("proxy"),          SPAN("front-end-https"), SPAN("logon-user"),          SPAN("x-logon-user"),
	};
	if (name.n == 0 || !strchr("xfrcstlapm", seen_by_cgi(name.p[0]))) /* most names are looked at no further */
		return false;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (name_begins(name, families[i]))
			return true;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (name_is(name, whole[i]))
			return true;
	return false;
}

/* Known fields have one spelling; "Content_Length" and its likes would be taken for the real ones. */
bool publish_is_forged(struct span name)
{
	return is_ours_to_say(name) || memchr(name.p, '_', name.n) != NULL;
}

void publish_drop_forged(struct exchange *x)
{
	for (unsigned i = 0; i < x->request.count; i++) {
		struct field *f = &x->request.fields[i];
		bool known = f->id != FIELD_OTHER && f->id != FIELD_FORWARDED && f->id != FIELD_X_FORWARDED_FOR;
		bool consumed = f->id == FIELD_AUTHORIZATION && !x->credentials_pass;
		if (consumed || (!known && publish_is_forged(field_name(f))))
			f->dropped = true;
	}
}

/* UTF-8 as it is; control bytes, '%' and ',' percent-encoded, so that a list can be taken apart again. */
static void add_name(struct buf *to, const char *name)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;
		if (c < 0x20 || c == 0x7f || c == '%' || c == ',')
			buf_addf(to, "%%%02X", c);
		else
			buf_addc(to, (char)c);
	}
}

static void write_user(struct exchange *x, struct buf *to)
{
	const struct identity *who = x->who;
	buf_add(to, SPAN("X-Remote-User: "));
	switch (x->place.directory->user_format) {
	case USER_UPN:
		if (who->upn) {
			add_name(to, who->upn);
			break;
		}
		add_name(to, who->name);
		if (*who->domain) {
			buf_addc(to, '@');
			add_name(to, who->domain);
		}
		break;
	case USER_NAME:
		add_name(to, who->name);
		break;
	default:
		add_name(to, who->shown);
	}
	buf_add(to, SPAN("\r\n"));
	if (who->group_count == 0)
		return;
	buf_add(to, SPAN("X-Remote-Groups: "));
	for (unsigned i = 0; i < who->group_count; i++) {
		if (i > 0)
			buf_add(to, SPAN(", "));
		add_name(to, who->groups[i]);
	}
	buf_add(to, SPAN("\r\n"));
}

/* How the client speaks to whoever is first on our side: to us, or to a named balancer that ends TLS before us. */
static bool came_over_tls(const struct exchange *x)
{
	struct field *said = x->client->intermediary ? head_find_name(&x->request, SPAN("X-Forwarded-Proto")) : NULL;
	return x->client->stream.tls || (said && span_eq_nocase(field_value(said), SPAN("https")));
}

/* The port to which the client spoke then. */
static unsigned port_of_client(const struct exchange *x)
{
	struct field *said = x->client->intermediary ? head_find_name(&x->request, SPAN("X-Forwarded-Port")) : NULL;
	uint64_t port;
	if (said && span_to_u64(field_value(said), UINT16_MAX, &port) == 0 && port > 0)
		return (unsigned)port;
	return came_over_tls(x) && !x->client->stream.tls ? 443 : addr_port(&x->listen->addr);
}

/* What a named balancer in front says of its client stands first; from anybody else it is not believed. */
static void write_way(struct exchange *x, struct buf *to)
{
	char from[ADDR_TEXT];
	bool tls = came_over_tls(x);
	addr_format(&x->client->from, false, from);
	bool v6 = strchr(from, ':') != NULL;
	buf_add(to, SPAN("X-Forwarded-For: "));
	for (unsigned i = 0; x->client->intermediary && i < x->request.count; i++) {
		const struct field *before = &x->request.fields[i];
		if (before->id != FIELD_X_FORWARDED_FOR || field_value(before).n == 0)
			continue;
		buf_add(to, field_value(before));
		buf_add(to, SPAN(", "));
	}
	buf_adds(to, from);
	buf_addf(to, "\r\nX-Forwarded-Proto: %s\r\nX-Forwarded-Port: %u\r\n", tls ? "https" : "http", port_of_client(x));
	if (x->target.authority.n) {
		buf_add(to, SPAN("X-Forwarded-Host: "));
		buf_add(to, x->target.authority);
		buf_add(to, SPAN("\r\n"));
	}
	buf_addf(to, v6 ? "Forwarded: for=\"[%s]\";proto=%s" : "Forwarded: for=%s;proto=%s", from, tls ? "https" : "http");
	if (x->target.authority.n) {
		buf_add(to, SPAN(";host=\""));
		buf_add(to, x->target.authority);
		buf_addc(to, '"');
	}
	buf_add(to, SPAN("\r\n"));
}

void publish_write_request(struct exchange *x, struct buf *to)
{
	write_way(x, to);
	if (x->who)
		write_user(x, to);
}

/* ---- towards the client */

/* "http://AUTHORITY/rest" into its parts. */
static bool split_url(struct span url, bool *tls, struct span *authority, struct span *rest)
{
	*tls = span_starts_nocase(url, SPAN("https://"));
	if (!*tls && !span_starts_nocase(url, SPAN("http://")))
		return false;
	size_t skip = *tls ? 8 : 7;
	struct span behind = span_make(url.p + skip, url.n - skip);
	size_t n = 0;
	while (n < behind.n && !strchr("/?#", behind.p[n]))
		n++;
	*authority = span_make(behind.p, n);
	*rest = span_make(behind.p + n, behind.n - n);
	return true;
}

static bool is_member(const struct exchange *x, struct span authority)
{
	const struct upstream_settings *u = x->route.upstream;
	for (unsigned i = 0; i < u->member_count; i++) {
		const struct member_settings *m = &u->members[i];
		if (span_eq_nocase(authority, span_of(m->address)) ||
		    (m->port == (u->tls.on ? 443 : 80) && span_eq_nocase(authority, span_of(m->host))))
			return true;
	}
	return false;
}

/* A redirection to the application's own address, or to ours by the scheme that it is spoken to in, leads to where the client came. To ours by
 * the other scheme it is meant so: an application that wants its clients to use https says that. */
static void write_location(struct exchange *x, struct field *f, struct buf *to)
{
	struct span authority, rest, ours = x->target.authority;
	bool tls;
	if (ours.n == 0 || !split_url(field_value(f), &tls, &authority, &rest))
		return;
	if (!is_member(x, authority) && !(span_eq_nocase(authority, ours) && tls == x->route.upstream->tls.on))
		return;
	f->dropped = true;
	buf_add(to, field_name(f));
	buf_adds(to, came_over_tls(x) ? ": https://" : ": http://");
	buf_add(to, ours);
	buf_add(to, rest);
	buf_add(to, SPAN("\r\n"));
}

/* Whether a cookie's attribute is a Domain that names a member: our client would refuse the whole cookie. */
static bool is_foreign_domain(const struct exchange *x, struct span attribute)
{
	struct span name, value = attribute;
	if (!span_next(&value, '=', &name) || !span_eq_nocase(span_trim(name), SPAN("domain")))
		return false;
	value = span_trim(value);
	if (value.n && value.p[0] == '.')
		value = span_make(value.p + 1, value.n - 1);
	for (unsigned i = 0; i < x->route.upstream->member_count; i++)
		if (span_eq_nocase(value, span_of(x->route.upstream->members[i].host)))
			return true;
	return false;
}

/* Without the attribute the cookie is the host's that the client knows. */
static void write_cookie(struct exchange *x, struct field *f, struct buf *to)
{
	struct span rest = field_value(f), one;
	bool foreign = false;
	while (span_next(&rest, ';', &one))
		foreign |= is_foreign_domain(x, one);
	if (!foreign)
		return;
	f->dropped = true;
	buf_add(to, field_name(f));
	rest = field_value(f);
	for (const char *before = ": "; span_next(&rest, ';', &one); before = "; ") {
		if (is_foreign_domain(x, one))
			continue;
		buf_adds(to, before);
		buf_add(to, span_trim(one));
	}
	buf_add(to, SPAN("\r\n"));
}

void publish_write_response(struct exchange *x, struct buf *to)
{
	struct head *h = &x->response;
	for (unsigned i = 0; i < h->count; i++) {
		struct field *f = &h->fields[i];
		if (f->dropped)
			continue;
		if (f->id == FIELD_LOCATION ||
		    (f->id == FIELD_OTHER && span_eq_nocase(field_name(f), SPAN("Content-Location"))))
			write_location(x, f, to);
		else if (f->id == FIELD_SET_COOKIE)
			write_cookie(x, f, to);
	}
}

size_t publish_room(const struct exchange *x, const struct head *h)
{
	size_t n = OUR_LINES + 4 * x->target.authority.n + x->place.path.n + h->raw.n;
	if (!x->who)
		return n;
	n += 3 * (strlen(x->who->shown) + (x->who->upn ? strlen(x->who->upn) : 0) + strlen(x->who->name));
	for (unsigned i = 0; i < x->who->group_count; i++)
		n += 3 * strlen(x->who->groups[i]) + 2;
	return n;
}
