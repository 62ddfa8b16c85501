#include "proxy/access_log.h"

#include "proxy/access_log.def"
#include "proxy/explain.h"
#include "proxy/log_text.h"

struct line {
	char *at; /* there is room for the most that the table allows */
	const struct record *record;
	const struct end_row *row;
	int64_t duration_us;
	enum log_text format;
	bool query;
	size_t whole_most; /* of the values that are written whole or not at all */
};

enum log_field {
#define X(id, name, most, sentence) LOG_FIELD_##id,
	ACCESS_FIELDS(X)
#undef X
};

/* The most bytes that a value of a field may take, quotes not counted. */
static const size_t most[] = {
#define X(id, name, bytes, sentence) bytes,
	ACCESS_FIELDS(X)
#undef X
};

/* Between values in JSON there stand the name with quotes, colon, comma, and two quotes. */
#define X(id, name, bytes, sentence) +(bytes) + (int)sizeof(name) + 6
_Static_assert(2 ACCESS_FIELDS(X) <= ACCESS_LINE, "a line of the longest values has room");
#undef X

/* GoAccess reads no longer lines, their end included: it would take the rest for another one. */
enum { IIS_LINE = 4095 };

/* IIS writes "..." for a value that is longer than 4096 bytes. So do we for the four that are ours to bound, and for
 * shorter ones where the line would be too long otherwise. What is written whole may take a few bytes of room more
 * than its length. */
enum { WHOLE_MOST = 4096, WHOLE_LEAST = 256, WHOLE_VALUES = 4, WHOLE_SPARE = 16, BACKSLASH_SPARE = 2 };

#define X(id, name, bytes, sentence) +(bytes) + 1 + BACKSLASH_SPARE
_Static_assert(sizeof("#Remark: ") IIS_FIELDS(X) + WHOLE_SPARE <= ACCESS_LINE, "so has one in the format of IIS");
_Static_assert(sizeof("#Remark: ") IIS_FIELDS(X) - WHOLE_VALUES * (WHOLE_MOST - WHOLE_LEAST) <= IIS_LINE,
               "which can be made short enough");
#undef X

/* ---- Kinds of values */

static void put_none(struct line *l)
{
	if (l->format == LOG_TEXT_JSON)
		l->at = add_span(l->at, SPAN("null"));
	else
		*l->at++ = '-';
}

static void put_quote(struct line *l)
{
	if (l->format == LOG_TEXT_JSON)
		*l->at++ = '"';
}

static void put_number(struct line *l, uint64_t n)
{
	l->at = add_number(l->at, n);
}

/* Numbers that start at 1, so that 0 says that there was none. */
static void put_if_any(struct line *l, uint64_t n)
{
	if (n)
		put_number(l, n);
	else
		put_none(l);
}

/* Text of ours that needs no escaping. */
static void put_word(struct line *l, struct span word)
{
	put_quote(l);
	l->at = add_span(l->at, word);
	put_quote(l);
}

static void put_text(struct line *l, enum log_field f, struct span s)
{
	if (s.n == 0) {
		put_none(l);
		return;
	}
	put_quote(l);
	l->at = add_escaped(l->at, s, l->format, most[f]);
	put_quote(l);
}

static void put_target(struct line *l, enum log_field f, struct span uri)
{
	struct shown_target t = target_shown(uri, l->query);
	if (t.before.n == 0) {
		put_text(l, f, t.after);
		return;
	}
	put_quote(l);
	char *begin = l->at;
	l->at = add_escaped(begin, t.before, l->format, most[f] / 2);
	l->at = add_escaped(l->at, t.after, l->format, most[f] - (size_t)(l->at - begin));
	put_quote(l);
}

/* As IIS: whole or not at all. */
static void put_whole(struct line *l, struct span before, struct span after)
{
	if (before.n + after.n > l->whole_most) {
		l->at = add_span(l->at, SPAN("..."));
	} else if (before.n + after.n == 0) {
		put_none(l);
	} else {
		l->at = add_escaped(l->at, before, l->format, before.n + WHOLE_SPARE);
		l->at = add_escaped(l->at, after, l->format, after.n + WHOLE_SPARE);
	}
}

static void put_addr(struct line *l, const struct addr *a, bool with_port)
{
	if (a->sa.sa_family == AF_UNSPEC) {
		put_none(l);
		return;
	}
	put_quote(l);
	l->at = add_addr(l->at, a, with_port);
	put_quote(l);
}

/* ---- Fields: one function each, in the order of the table ------------------------------------------------------------ */

static int64_t end_second(const struct line *l)
{
	return (l->record->began_civil_us + l->duration_us) / 1000000;
}

static void field_date(struct line *l)
{
	put_word(l, span_make(civil_text(end_second(l)), 10));
}

static void field_time(struct line *l)
{
	put_word(l, span_make(civil_text(end_second(l)) + 11, 8));
}

static void field_client_ip(struct line *l)
{
	put_addr(l, &l->record->client, false);
}

static void field_client_port(struct line *l)
{
	if (l->record->client.sa.sa_family == AF_UNSPEC)
		put_none(l);
	else
		put_number(l, addr_port(&l->record->client));
}

static void field_user(struct line *l)
{
	put_text(l, LOG_FIELD_user, l->record->user);
}

static void field_method(struct line *l)
{
	put_text(l, LOG_FIELD_method, l->record->method);
}

static void field_uri(struct line *l)
{
	put_target(l, LOG_FIELD_uri, l->record->uri);
}

static void field_version(struct line *l)
{
	if (l->record->method.n)
		put_word(l, l->record->minor ? SPAN("HTTP/1.1") : SPAN("HTTP/1.0"));
	else
		put_none(l);
}

static void field_host(struct line *l)
{
	put_text(l, LOG_FIELD_host, l->record->host);
}

static void field_user_agent(struct line *l)
{
	put_text(l, LOG_FIELD_user_agent, l->record->user_agent);
}

static void field_referer(struct line *l)
{
	put_target(l, LOG_FIELD_referer, l->record->referer);
}

static void field_status(struct line *l)
{
	put_number(l, l->record->status);
}

static void field_substatus(struct line *l)
{
	put_number(l, l->record->substatus ? l->record->substatus : l->row->substatus);
}

static void field_win32(struct line *l)
{
	put_number(l, l->record->win32 ? l->record->win32 : l->row->win32);
}

static void field_bytes_out(struct line *l)
{
	put_number(l, l->record->bytes_out);
}

static void field_bytes_in(struct line *l)
{
	put_number(l, l->record->bytes_in);
}

static void field_duration(struct line *l)
{
	put_number(l, l->duration_us > 0 ? (uint64_t)l->duration_us / 1000 : 0);
}

static void field_hop(struct line *l)
{
	put_text(l, LOG_FIELD_hop, span_of(l->record->hop));
}

static void field_server(struct line *l)
{
	put_addr(l, &l->record->server, true);
}

static void field_received_status(struct line *l)
{
	put_if_any(l, l->record->received_status);
}

static void field_pin(struct line *l)
{
	put_text(l, LOG_FIELD_pin, span_of(l->record->pin));
}

static void field_leg(struct line *l)
{
	put_text(l, LOG_FIELD_leg, span_of(l->record->leg));
}

static void field_proxy_leg(struct line *l)
{
	put_text(l, LOG_FIELD_proxy_leg, span_of(l->record->proxy_leg));
}

static void field_client_connection(struct line *l)
{
	put_if_any(l, l->record->client_connection);
}

static void field_request(struct line *l)
{
	put_if_any(l, l->record->request_on_connection);
}

static void field_server_connection(struct line *l)
{
	put_if_any(l, l->record->server_connection);
}

static void field_reused(struct line *l)
{
	if (!l->record->server_connection)
		put_none(l);
	else if (l->format == LOG_TEXT_JSON)
		l->at = add_span(l->at, l->record->reused ? SPAN("true") : SPAN("false"));
	else
		l->at = add_span(l->at, l->record->reused ? SPAN("yes") : SPAN("no"));
}

static void field_end(struct line *l)
{
	put_word(l, span_of(l->row->name));
}

static void field_id(struct line *l)
{
	put_text(l, LOG_FIELD_id, span_make(l->record->id, strnlen(l->record->id, sizeof(l->record->id))));
}

static void field_error(struct line *l)
{
	put_text(l, LOG_FIELD_error, span_of(l->record->error ? strerrorname_np(-l->record->error) : NULL));
}

static void field_rule(struct line *l)
{
	put_text(l, LOG_FIELD_rule, span_of(l->record->rule));
}

static void field_detail(struct line *l)
{
	put_text(l, LOG_FIELD_detail, span_of(l->record->detail));
}

/* ---- Fields of the format of IIS alone */

static void field_local_ip(struct line *l)
{
	put_addr(l, &l->record->local, false);
}

static void field_local_port(struct line *l)
{
	if (l->record->local.sa.sa_family == AF_UNSPEC)
		put_none(l);
	else
		put_number(l, addr_port(&l->record->local));
}

static void field_stem(struct line *l)
{
	const struct record *r = l->record;
	put_whole(l, r->stem.n ? r->stem : target_stem(r->uri), SPAN_NONE);
}

static void field_query(struct line *l)
{
	const struct record *r = l->record;
	struct span query = r->stem.n ? r->query : target_query(r->uri);
	put_whole(l, l->query ? query : SPAN_NONE, SPAN_NONE);
}

static void field_whole_user_agent(struct line *l)
{
	put_whole(l, l->record->user_agent, SPAN_NONE);
}

static void field_whole_referer(struct line *l)
{
	struct shown_target t = target_shown(l->record->referer, l->query);
	put_whole(l, t.before, t.after);
}

/* Request routing of IIS writes 400.604 when the client has gone before it was told anything. */
static void field_told_status(struct line *l)
{
	put_number(l, l->record->status ? l->record->status : 400);
}

static void field_told_substatus(struct line *l)
{
	if (l->record->status)
		field_substatus(l);
	else
		put_number(l, 604);
}

/* Methods that GoAccess and others count. Not those of http/head.h: this is about who reads the log. */
static bool is_counted(struct span method)
{
	static const char *const known[] = {
		"GET",    "POST",     "HEAD",  "OPTIONS", "PUT",         "DELETE",     "CONNECT",    "PATCH",  "TRACE",
		"COPY",   "MOVE",     "LOCK",  "UNLOCK",  "MKCOL",       "PROPFIND",   "PROPPATCH",  "REPORT", "CHECKIN",
		"UPDATE", "CHECKOUT", "LABEL", "MERGE",   "MKWORKSPACE", "MKACTIVITY", "UNCHECKOUT",
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (span_eq(method, span_of(known[i])))
			return true;
	return false;
}

/* What readers of a web server's log would reject is kept as a remark, which they all skip: no request was
 * understood, or its method is not one they know. IIS has a separate log for the former. */
static bool is_remark(const struct record *r)
{
	return !is_counted(r->method) || r->client.sa.sa_family == AF_UNSPEC;
}

/* ---- The line */

static const struct {
	struct span key; /* what stands before the value in JSON */
	void (*put)(struct line *l);
} fields[] = {
#define X(id, name, most, sentence) {{",\"" name "\":", sizeof(name) + 3}, field_##id},
	ACCESS_FIELDS(X)
#undef X
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static void (*const iis_fields[])(struct line *l) = {
#define X(id, name, most, sentence) field_##id,
	IIS_FIELDS(X)
#undef X
};
enum { IIS_FIELDS_COUNT = sizeof(iis_fields) / sizeof(iis_fields[0]) };

const struct access_field *access_log_iis_fields(unsigned *count)
{
	static const struct access_field list[] = {
#define X(id, name, most, sentence) {name, sentence},
		IIS_FIELDS(X)
#undef X
	};
	*count = IIS_FIELDS_COUNT;
	return list;
}

const struct access_field *access_log_fields(unsigned *count)
{
	static const struct access_field list[] = {
#define X(id, name, most, sentence) {name, sentence},
		ACCESS_FIELDS(X)
#undef X
	};
	*count = FIELDS;
	return list;
}

const char *access_log_header(const struct log_settings *s)
{
#define HEADER "#Software: Fairlead " FAIRLEAD_VERSION "\n#Version: 1.0\n#Date: %s\n#Fields:"
#define X(id, name, most, sentence) " " name
	static const char w3c[] = HEADER ACCESS_FIELDS(X) "\n", iis[] = HEADER IIS_FIELDS(X) "\n";
#undef X
#undef HEADER
	return s->format == LOG_W3C ? w3c : s->format == LOG_IIS ? iis : NULL;
}

static void put_json(struct line *l)
{
	char *begin = l->at;
	for (size_t i = 0; i < FIELDS; i++) {
		l->at = add_span(l->at, fields[i].key);
		fields[i].put(l);
	}
	*begin = '{'; /* in place of the first comma */
	*l->at++ = '}';
}

static void put_w3c(struct line *l)
{
	for (size_t i = 0; i < FIELDS; i++) {
		fields[i].put(l);
		*l->at++ = ' ';
	}
	l->at--;
}

/* Columns of a remark have tabs between them: AWStats would take a line with as many words as its own columns for
 * one, mark or not. */
static void put_iis_fields(struct line *l)
{
	char separator = ' ';
	if (is_remark(l->record)) {
		l->at = add_span(l->at, SPAN("#Remark: "));
		separator = '\t';
	}
	for (size_t i = 0; i < IIS_FIELDS_COUNT; i++) {
		iis_fields[i](l);
		if (l->at[-1] == '\\') /* GoAccess would take the blank behind it for a part of the value */
			l->at = add_span(l->at - 1, SPAN("%5C"));
		*l->at++ = separator;
	}
	l->at--;
}

static void put_iis(struct line *l)
{
	char *begin = l->at;
	put_iis_fields(l);
	for (l->whole_most = WHOLE_MOST / 2; l->at - begin >= IIS_LINE; l->whole_most /= 2) {
		ASSERT(l->whole_most >= WHOLE_LEAST);
		l->at = begin;
		put_iis_fields(l);
	}
}

void access_log_line(const struct log_settings *s, const struct record *r, int64_t duration_us, struct buf *to)
{
	if (buf_reserve(to, ACCESS_LINE) != 0)
		return;
	struct line l = {.at = to->p + to->n,
	                 .record = r,
	                 .row = &end_reason_table[r->end],
	                 .duration_us = duration_us,
	                 .format = s->format == LOG_JSON ? LOG_TEXT_JSON : LOG_TEXT_W3C,
	                 .query = s->query,
	                 .whole_most = WHOLE_MOST};
	if (s->format == LOG_JSON)
		put_json(&l);
	else if (s->format == LOG_IIS)
		put_iis(&l);
	else
		put_w3c(&l);
	to->n = (size_t)(l.at - to->p);
	ASSERT(to->n <= to->capacity);
}
