#include "proxy/access_log.h"

#include <string.h>
#include <time.h>

#include "base/encode.h"
#include "proxy/access_log.def"
#include "proxy/explain.h"

/* A value longer than this is cut and ends in "...": a line must stay readable for the programs that take it apart. */
enum { VALUE_MOST = 4096 };

struct line {
	const struct record *record;
	const struct end_row *row;
	int64_t duration_us;
	struct buf *to;
	bool json;
	bool query;
};

/* ---- Values ----------------------------------------------------------------------------------------------------- */

static void put_none(struct line *l)
{
	if (l->json)
		buf_add(l->to, SPAN("null"));
	else
		buf_addc(l->to, '-');
}

static void put_number(struct line *l, uint64_t n)
{
	buf_addu(l->to, n);
}

/* Text that needs no escaping: made by us from digits, letters and a few marks. */
static void put_word(struct line *l, struct span word)
{
	if (l->json)
		buf_addc(l->to, '"');
	buf_add(l->to, word);
	if (l->json)
		buf_addc(l->to, '"');
}

static void put_escaped(struct line *l, struct span s)
{
	bool cut = s.n > VALUE_MOST;
	if (s.n == 0)
		return;
	if (cut)
		s.n = VALUE_MOST - 3;
	if (l->json)
		encode_json(l->to, s);
	else
		encode_w3c(l->to, s);
	if (cut)
		buf_add(l->to, SPAN("..."));
}

static void put_pair(struct line *l, struct span one, struct span two)
{
	if (one.n + two.n == 0) {
		put_none(l);
		return;
	}
	if (l->json)
		buf_addc(l->to, '"');
	put_escaped(l, one);
	put_escaped(l, two);
	if (l->json)
		buf_addc(l->to, '"');
}

static void put_text(struct line *l, struct span s)
{
	put_pair(l, s, SPAN_NONE);
}

static void put_string(struct line *l, const char *text)
{
	put_pair(l, span_of(text), SPAN_NONE);
}

static void put_target(struct line *l, struct span uri)
{
	struct shown_target t = target_shown(uri, l->query);
	put_pair(l, t.before, t.after);
}

/* ---- Addresses and times without printf --------------------------------------------------------------------------- */

static char *add_small(char *at, unsigned n)
{
	if (n >= 100)
		*at++ = (char)('0' + n / 100);
	if (n >= 10)
		*at++ = (char)('0' + n / 10 % 10);
	*at++ = (char)('0' + n % 10);
	return at;
}

static void put_addr(struct line *l, const struct addr *a, bool with_port)
{
	char text[ADDR_TEXT], *at = text;
	struct addr plain = *a;
	addr_unmap(&plain);
	if (plain.sa.sa_family == AF_UNSPEC) {
		put_none(l);
		return;
	}
	if (plain.sa.sa_family != AF_INET) {
		addr_format(&plain, with_port, text);
		put_word(l, span_of(text));
		return;
	}
	const unsigned char *b = (const unsigned char *)&plain.v4.sin_addr;
	for (int i = 0; i < 4; i++) {
		at = add_small(at, b[i]);
		*at++ = i < 3 ? '.' : ':';
	}
	struct buf port;
	buf_over(&port, at, 5);
	buf_addu(&port, addr_port(&plain));
	put_word(l, span_make(text, with_port ? (size_t)(at - text) + port.n : (size_t)(at - text) - 1));
}

struct civil_text {
	int64_t second;
	char text[32]; /* "2026-11-22 01:35:02" */
};

static const char *civil_text(int64_t second)
{
	static _Thread_local struct civil_text now = {.second = INT64_MIN};
	if (second != now.second) {
		struct tm tm;
		time_t t = (time_t)second;
		gmtime_r(&t, &tm);
		strftime(now.text, sizeof(now.text), "%Y-%m-%d %H:%M:%S", &tm);
		now.second = second;
	}
	return now.text;
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
	put_text(l, l->record->user);
}

static void field_method(struct line *l)
{
	put_text(l, l->record->method);
}

static void field_uri(struct line *l)
{
	put_target(l, l->record->uri);
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
	put_text(l, l->record->host);
}

static void field_user_agent(struct line *l)
{
	put_text(l, l->record->user_agent);
}

static void field_referer(struct line *l)
{
	put_target(l, l->record->referer);
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
	put_string(l, l->record->hop);
}

static void field_server(struct line *l)
{
	put_addr(l, &l->record->server, true);
}

/* Numbers that start at 1, so that 0 says that there was none. */
static void put_if_any(struct line *l, uint64_t n)
{
	if (n)
		put_number(l, n);
	else
		put_none(l);
}

static void field_received_status(struct line *l)
{
	put_if_any(l, l->record->received_status);
}

static void field_pin(struct line *l)
{
	put_string(l, l->record->pin);
}

static void field_leg(struct line *l)
{
	put_string(l, l->record->leg);
}

static void field_proxy_leg(struct line *l)
{
	put_string(l, l->record->proxy_leg);
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
	else if (l->json)
		buf_adds(l->to, l->record->reused ? "true" : "false");
	else
		buf_adds(l->to, l->record->reused ? "yes" : "no");
}

static void field_end(struct line *l)
{
	put_word(l, span_of(l->row->name));
}

static void field_id(struct line *l)
{
	put_text(l, span_make(l->record->id, strnlen(l->record->id, sizeof(l->record->id))));
}

static void field_error(struct line *l)
{
	put_string(l, l->record->error ? strerrorname_np(-l->record->error) : NULL);
}

static void field_rule(struct line *l)
{
	put_string(l, l->record->rule);
}

static void field_detail(struct line *l)
{
	put_string(l, l->record->detail);
}

/* ---- The line ------------------------------------------------------------------------------------------------------ */

static const struct {
	struct span key; /* with what stands before a value in JSON */
	void (*put)(struct line *l);
} fields[] = {
#define X(id, name, sentence) {{",\"" name "\":", sizeof(name) + 3}, field_##id},
	ACCESS_FIELDS(X)
#undef X
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

const struct access_field *access_log_fields(unsigned *count)
{
	static const struct access_field list[] = {
#define X(id, name, sentence) {name, sentence},
		ACCESS_FIELDS(X)
#undef X
	};
	*count = FIELDS;
	return list;
}

const char *access_log_header(const struct log_settings *s)
{
#define X(id, name, sentence) " " name
	static const char header[] = "#Software: Fairlead " FAIRLEAD_VERSION
								 "\n#Version: 1.0\n#Date: %s\n#Fields:" ACCESS_FIELDS(X) "\n";
#undef X
	return s->format == LOG_W3C ? header : NULL;
}

void access_log_line(const struct log_settings *s, const struct record *r, int64_t duration_us, struct buf *to)
{
	struct line l = {.record = r,
	                 .row = &end_reason_table[r->end],
	                 .duration_us = duration_us,
	                 .to = to,
	                 .json = s->format == LOG_JSON,
	                 .query = s->query};
	for (size_t i = 0; i < FIELDS; i++) {
		if (l.json)
			buf_add(to, i ? fields[i].key : span_make("{\"date\":", 8));
		else if (i)
			buf_addc(to, ' ');
		fields[i].put(&l);
	}
	if (l.json)
		buf_addc(to, '}');
}
