#include "console/views.h"

#include <stdlib.h>

#include "base/counters.h"
#include "console/process.h"
#include "proxy/explain.h"
#include "proxy/failures.h"
#include "proxy/members.h"

static void name_and_number(struct sheet *s, const char *name, int64_t n)
{
	sheet_string(s, name);
	sheet_number(s, n);
}

static void name_and_string(struct sheet *s, const char *name, const char *text)
{
	sheet_string(s, name);
	sheet_string(s, text);
}

static void fill_process(const struct responder_request *request, struct sheet *s)
{
	const struct settings *settings = request->settings;
	struct process_figures p;
	process_read(&p);
	name_and_string(s, "state", request->draining ? "draining" : "serving");
	name_and_string(s, "version", FAIRLEAD_VERSION);
	name_and_string(s, "settings", settings->source);
	name_and_string(s, "pseudonym", settings->pseudonym);
	name_and_number(s, "workers", settings->workers);
	name_and_number(s, "uptime in s", p.up_s);
	name_and_number(s, "processor time in ms", p.cpu_ms);
	name_and_number(s, "memory in KiB", p.resident / 1024);
	name_and_number(s, "descriptors", p.descriptors);
	name_and_number(s, "descriptors at most", p.descriptors_most);
	name_and_number(s, "threads", p.threads);
}

static void fill_listeners(const struct responder_request *request, struct sheet *s)
{
	const struct settings *settings = request->settings;
	for (unsigned i = 0; i < settings->listen_count; i++) {
		const struct listen_settings *l = &settings->listens[i];
		sheet_string(s, l->address);
		sheet_string(s, listen_role_name(l->role));
		sheet_string(s, l->name);
		sheet_number(s, l->clients.count);
		sheet_number(s, l->intermediaries.count);
	}
}

/* Whether it answers, as far as is known, and for how many seconds so. */
static void tell_state(const struct member_state *m, struct sheet *s)
{
	mono_ms now = clock_mono(), since = m ? m->since : 0;
	sheet_string(s, !m ? NULL : member_is_down(m, now) ? "down" : member_refuses(m, now) ? "refuses us" : "up");
	if (since)
		sheet_number(s, (now - since) / 1000);
	else
		sheet_string(s, NULL);
}

static void fill_upstreams(const struct responder_request *request, struct sheet *s)
{
	const struct settings *settings = request->settings;
	for (unsigned i = 0; i < settings_hop_count(settings); i++) {
		const struct upstream_settings *u = settings_hop(settings, i);
		for (unsigned k = 0; k < u->member_count; k++) {
			sheet_string(s, u->name);
			sheet_string(s, u->members[k].address);
			sheet_yes_no(s, u->members[k].backup);
			sheet_yes_no(s, u->tls.on);
			sheet_yes_no(s, u->or_direct);
			tell_state(request->members ? &request->members[i][k] : NULL, s);
		}
	}
}

/* The list as it is written in the settings, its end left out if it is very long. */
static void sheet_patterns(struct sheet *s, const struct pattern_list *list)
{
	char room[512];
	struct buf to;
	buf_over(&to, room, sizeof(room));
	for (unsigned i = 0; i < list->count; i++) {
		if (to.n + strlen(list->items[i].text) + strlen(", , ...") > sizeof(room)) {
			buf_adds(&to, ", ...");
			break;
		}
		buf_adds(&to, i ? ", " : "");
		buf_adds(&to, list->items[i].text);
	}
	sheet_text(s, buf_span(&to));
}

static void fill_routes(const struct responder_request *request, struct sheet *s)
{
	const struct settings *settings = request->settings;
	for (unsigned i = 0; i < settings->route_count; i++) {
		const struct route_settings *r = &settings->routes[i];
		sheet_patterns(s, &r->to);
		sheet_string(s, r->via == VIA_DIRECT ? "direct" : r->upstream->name);
		sheet_yes_no(s, r->pin);
		sheet_yes_no(s, r->via_header);
		sheet_number(s, r->where.line);
	}
}

/* "negotiate, ntlm" */
static void sheet_schemes(struct sheet *s, const struct sign_on_list *l)
{
	char room[128];
	struct buf to;
	buf_over(&to, room, sizeof(room));
	sign_on_write(l, &to);
	sheet_text(s, buf_span(&to));
}

/* Every directory as it is in force, once everything is inherited. */
static void fill_sites(const struct responder_request *request, struct sheet *s)
{
	const struct settings *settings = request->settings;
	for (unsigned i = 0; i < settings->site_count; i++)
		for (unsigned k = settings->sites[i].directory_count; k-- > 0;) {
			const struct directory_settings *d = &settings->sites[i].directories[k];
			sheet_string(s, settings->sites[i].host);
			sheet_string(s, d->prefix);
			sheet_schemes(s, &d->sign_on.schemes);
			sheet_yes_no(s, d->users.count || d->groups.count);
			sheet_yes_no(s, d->tls == DIRECTORY_TLS_REQUIRED);
			sheet_string(s, d->application ? d->application->name : NULL);
			sheet_string(s, d->files);
			sheet_number(s, d->where.line);
		}
}

static void fill_access(const struct responder_request *request, struct sheet *s)
{
	const struct settings *settings = request->settings;
	for (unsigned i = 0; i < settings->access_count; i++) {
		sheet_string(s, settings->access[i].action == ACCESS_ALLOW ? "allow" : "deny");
		sheet_string(s, settings->access[i].text);
		sheet_number(s, settings->access[i].where.line);
	}
}

static void fill_counters(const struct responder_request *request, struct sheet *s)
{
	for (int i = 0; i < COUNTER_LIMIT; i++) {
		sheet_string(s, counter_table[i].name);
		sheet_number(s, counter_read(i));
		sheet_string(s, counter_table[i].sentence);
	}
}

/* A sentence of the table of ends, of no exchange in particular. */
static void sheet_sentence(struct sheet *s, const char *sentence)
{
	char room[SENTENCE];
	struct buf b;
	buf_over(&b, room, sizeof(room));
	explain(NULL, sentence, FOR_ADMINISTRATOR, &b);
	sheet_text(s, buf_span(&b));
}

static void fill_ends_that_came(const struct responder_request *request, struct sheet *s)
{
	for (int i = 0; i < END_LIMIT; i++) {
		if (end_reason_counted(i) == 0)
			continue;
		sheet_string(s, end_reason_table[i].name);
		sheet_number(s, end_reason_counted(i));
		sheet_sentence(s, end_reason_table[i].administrator);
	}
}

static void fill_ends(const struct responder_request *request, struct sheet *s)
{
	for (int i = 0; i < END_LIMIT; i++) {
		const struct end_row *row = &end_reason_table[i];
		sheet_string(s, row->name);
		sheet_number(s, end_reason_counted(i));
		sheet_number(s, row->status);
		if (row->number)
			sheet_number(s, row->number);
		else
			sheet_string(s, NULL);
		sheet_string(s, row->error_type);
		sheet_sentence(s, row->administrator);
		sheet_sentence(s, row->remedy);
	}
}

/* The latest; the lock is held no longer than it takes to copy them. */
static void fill_refused(const struct responder_request *request, struct sheet *s)
{
	enum { ROWS = 100 };
	const struct settings *settings = request->settings;
	struct failures_limits limits = {(unsigned)settings->limits.sign_in_failures, settings->timeouts.sign_in_failures,
	                                 (unsigned)settings->limits.sign_in_pairs};
	struct failures_row *rows = calloc(ROWS, sizeof(*rows));
	unsigned n = rows ? failures_refused(&limits, clock_mono(), rows, ROWS) : 0;
	for (unsigned i = 0; i < n; i++) {
		sheet_string(s, rows[i].user);
		sheet_string(s, rows[i].from);
		sheet_number(s, rows[i].failures);
		sheet_number(s, rows[i].left_ms / 1000);
	}
	free(rows);
}

const struct view views[] = {
	{"process", "This process", true, {"what", "value"}, fill_process},
	{"listeners", "Listeners", true, {"address", "role", "name", "clients", "intermediaries"}, fill_listeners},
	{"sites",
     "Published sites, directory by directory",
     true,
     {"site", "directory", "sign-on", "named-users", "require-tls", "application", "files", "line"},
     fill_sites},
	{"upstreams",
     "Parents and applications",
     true,
     {"upstream", "member", "backup", "tls", "or-direct", "state", "for-s"},
     fill_upstreams},
	{"routes", "Routes, the first that matches wins", true, {"to", "via", "pin", "via-header", "line"}, fill_routes},
	{"access", "Access rules, the first that matches wins", true, {"action", "rule", "line"}, fill_access},
	{"refused-sign-ins",
     "Accounts that failed too often from one address, refused there for now",
     true,
     {"account", "address", "failures", "for-s"},
     fill_refused},
	{"ended", "How exchanges ended", true, {"reason", "count", "meaning"}, fill_ends_that_came},
	{"counters", "Counters", true, {"name", "value", "meaning"}, fill_counters},
	{"ends",
     "All ends of an exchange",
     false,
     {"reason", "count", "status", "number", "error", "meaning", "remedy"},
     fill_ends},
};
const unsigned view_count = sizeof(views) / sizeof(views[0]);
