#include "console/metrics.h"

#include "base/counters.h"
#include "console/process.h"
#include "proxy/end_reason.h"
#include "proxy/members.h"

/* Help texts and label values here are our own words without line ends, quotes or backslashes: nothing is to be escaped. */
static void describe(struct buf *to, const char *prefix, const char *name, const char *type, const char *help)
{
	buf_adds(to, "# HELP ");
	buf_adds(to, prefix);
	buf_adds(to, name);
	buf_addc(to, ' ');
	buf_adds(to, help);
	buf_adds(to, "\n# TYPE ");
	buf_adds(to, prefix);
	buf_adds(to, name);
	buf_addc(to, ' ');
	buf_adds(to, type);
	buf_addc(to, '\n');
}

static void sample(struct buf *to, const char *prefix, const char *name, int64_t value)
{
	buf_adds(to, prefix);
	buf_adds(to, name);
	buf_addc(to, ' ');
	if (value < 0)
		buf_addc(to, '-');
	buf_addu(to, value < 0 ? -(uint64_t)value : (uint64_t)value);
	buf_addc(to, '\n');
}

static void one(struct buf *to, const char *prefix, const char *name, const char *type, const char *help, int64_t value)
{
	describe(to, prefix, name, type, help);
	sample(to, prefix, name, value);
}

static void add_counters(struct buf *to)
{
	for (int i = 0; i < COUNTER_LIMIT; i++) {
		const struct counter_description *c = &counter_table[i];
		one(to, "fairlead_", c->name, c->kind == COUNTER_GAUGE ? "gauge" : "counter", c->sentence, counter_read(i));
	}
}

static void add_ends(struct buf *to)
{
	describe(to, "fairlead_", "exchange_ends_total", "counter", "how exchanges ended");
	for (int i = 0; i < END_LIMIT; i++) {
		buf_adds(to, "fairlead_exchange_ends_total{reason=\"");
		buf_adds(to, end_reason_table[i].name);
		buf_adds(to, "\"} ");
		buf_addu(to, (uint64_t)end_reason_counted(i));
		buf_addc(to, '\n');
	}
}

/* Somebody's own words as the value of a label. */
static void label(struct buf *to, const char *name, const char *value)
{
	buf_addf(to, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_addc(to, '\\');
		buf_addc(to, *value);
	}
	buf_addc(to, '"');
}

static void member_up(struct buf *to, const struct upstream_settings *u, unsigned at, const struct member_state *m)
{
	buf_adds(to, "fairlead_member_up{");
	label(to, "upstream", u->name);
	buf_addc(to, ',');
	label(to, "member", u->members[at].address);
	buf_addf(to, "} %d\n", !member_is_down(m, clock_mono()));
}

static void add_members(const struct responder_request *request, struct buf *to)
{
	const struct settings *s = request->settings;
	if (!request->members || !settings_hop_count(s))
		return;
	describe(to, "fairlead_", "member_up", "gauge",
	         "1 while a member of an upstream or application answers, as far as is known");
	for (unsigned i = 0; i < settings_hop_count(s); i++)
		for (unsigned k = 0; k < settings_hop(s, i)->member_count; k++)
			member_up(to, settings_hop(s, i), k, &request->members[i][k]);
}

/* Names that collectors know from every program (Prometheus' standard process metrics). What the system did not say is left out. */
static void add_process(struct buf *to)
{
	struct process_figures p;
	process_read(&p);
	struct {
		const char *name, *help;
		int64_t value;
	} figures[] = {
		{"start_time_seconds", "when the process began, in seconds since 1970", p.started_s},
		{"resident_memory_bytes", "memory in use", p.resident},
		{"virtual_memory_bytes", "address space in use", p.virtual},
		{"open_fds", "open descriptors", p.descriptors},
		{"max_fds", "descriptors at most", p.descriptors_most},
		{"threads", "threads", p.threads},
	};
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		if (figures[i].value >= 0)
			one(to, "process_", figures[i].name, "gauge", figures[i].help, figures[i].value);
	if (p.up_s >= 0)
		one(to, "fairlead_", "uptime_seconds", "gauge", "seconds since the process began", p.up_s);
	if (p.cpu_ms >= 0) {
		describe(to, "process_", "cpu_seconds_total", "counter", "processor time used");
		buf_addf(to, "process_cpu_seconds_total %lld.%03lld\n", (long long)p.cpu_ms / 1000, (long long)p.cpu_ms % 1000);
	}
}

void metrics_write(const struct responder_request *request, struct buf *to)
{
	describe(to, "fairlead_", "build_info", "gauge", "the version that runs; always 1");
	buf_adds(to, "fairlead_build_info{version=\"" FAIRLEAD_VERSION "\"} 1\n");
	one(to, "fairlead_", "draining", "gauge", "1 while the process is being stopped", request->draining);
	one(to, "fairlead_", "workers", "gauge", "worker threads", request->settings->workers);
	add_counters(to);
	add_ends(to);
	add_members(request, to);
	add_process(to);
}
