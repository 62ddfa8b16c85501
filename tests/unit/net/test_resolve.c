/* Names to addresses against a DNS server of our own. The cache is the process's, so every test has names of its own. */
#include "net/resolve.h"

#include "base/counters.h"
#include "fake_dns.h"
#include "net/resolve_cache.h"

static char hosts_path[] = "/tmp/fairlead-hosts-XXXXXX";

static struct resolve_settings settings_for(const struct fake_dns *d)
{
	return (struct resolve_settings){
		.servers = d ? d->address : "127.0.0.1:9",
		.hosts_file = hosts_path,
		.timeout_ms = 3000,
		.negative_ms = 300,
		.longest_ms = 60000,
		.cache_entries = 1000,
	};
}

static int ask(const char *name, struct resolved *out)
{
	return resolve(span_of(name), 80, worker_now() + 5000, out);
}

static bool has(const struct resolved *r, const char *text)
{
	char one[ADDR_TEXT];
	for (unsigned i = 0; i < r->count; i++) {
		addr_format(&r->addrs[i], false, one);
		if (strcmp(one, text) == 0 && addr_port(&r->addrs[i]) == 80)
			return true;
	}
	return false;
}

/* A worker whose resolver asks a server with these names. */
struct scene {
	struct fake_name *names;
	size_t count;
	void (*body)(struct scene *s);
	struct resolve_settings settings;
	struct fake_dns dns;
};

static void scene_fiber(void *arg)
{
	struct scene *s = arg;
	CHECK(resolve_start(&s->settings) == 0);
	s->body(s);
}

#define RUN(scene_names, scene_body, ...)                                                                         \
	do {                                                                                                          \
		struct scene s = {                                                                                        \
			.names = (scene_names), .count = sizeof(scene_names) / sizeof(*(scene_names)), .body = (scene_body)}; \
		fake_dns_start(&s.dns, s.names, s.count);                                                                 \
		s.settings = settings_for(&s.dns);                                                                        \
		__VA_ARGS__;                                                                                              \
		on_worker(scene_fiber, &s);                                                                               \
		fake_dns_stop(&s.dns);                                                                                    \
	} while (0)

/* ---- What needs no server */

static void ask_literals(void *arg)
{
	struct resolved r;
	CHECK(ask("192.0.2.7", &r) == 0 && r.count == 1 && has(&r, "192.0.2.7"));
	CHECK(ask("[2001:db8::7]", &r) == 0 && r.count == 1 && has(&r, "2001:db8::7"));
	CHECK(ask("2001:db8::7", &r) == 0 && r.count == 1 && has(&r, "2001:db8::7"));
}

static void a_literal_is_its_own_answer(void **state)
{
	on_worker(ask_literals, NULL);
}

static struct fake_name tricks[] = {{.name = "127.1", .a = "127.0.0.1"}};

static void ask_tricks(struct scene *s)
{
	static const char *const refused[] = {
		"127.1",
		"127.0.1",
		"2130706433",
		"017700000001",
		"0177.0.0.1",
		"0x7f000001",
		"0x7f.1",
		"0X7F.0.0.1",
		"0x",
		"1.2.3.4.5",
		"256.1.1.1",
		"www.example.1",
		"a.0x10",
		"",
		".",
		"a..b",
		".a",
		"www.example.",
		"a b",
		"a/b",
		"a%00b",
		"fe80::1%lo",
		"[::1",
		"::1]",
		"w\xc3\xa4lder.example",
		"a\nb",
		"*.example",
		"a123456789012345678901234567890123456789012345678901234567890123.example",
	};
	struct resolved r;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		if (ask(refused[i], &r) != -EINVAL || r.count != 0) {
			fprintf(stderr, "taken for a name: \"%s\"\n", refused[i]);
			CHECK(false);
		}
	}
	char name[256];
	memset(name, 'a', sizeof(name));
	for (size_t i = 50; i < sizeof(name); i += 50)
		name[i] = '.';
	CHECK(resolve(span_make(name, 254), 80, NEVER, &r) == -EINVAL);
	CHECK(atomic_load(&s->dns.asked) == 0);
	CHECK(resolve(span_make(name, 253), 80, NEVER, &r) == -ENOENT);
	CHECK(atomic_load(&s->dns.asked) == 2);
}

static void numbers_and_malformed_names_are_refused_unasked(void **state)
{
	RUN(tricks, ask_tricks, (void)0);
}

static struct fake_name no_localhost[] = {{.name = "localhost", .a = "192.0.2.66"},
                                          {.name = "x.localhost", .a = "192.0.2.66"}};

static void ask_localhost(struct scene *s)
{
	static const char *const names[] = {"localhost", "LocalHost", "x.localhost", "a.b.LOCALHOST"};
	for (size_t i = 0; i < 4; i++) {
		struct resolved r;
		CHECK(ask(names[i], &r) == 0 && r.count == 2 && has(&r, "127.0.0.1") && has(&r, "::1"));
	}
	CHECK(atomic_load(&s->dns.asked) == 0);
}

static void localhost_is_loopback_whatever_servers_say(void **state)
{
	RUN(no_localhost, ask_localhost, (void)0);
}

static void write_hosts(const char *text)
{
	char fresh[64];
	snprintf(fresh, sizeof(fresh), "%s.new", hosts_path);
	FILE *f = fopen(fresh, "w");
	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0 && rename(fresh, hosts_path) == 0);
}

static struct fake_name in_hosts[] = {{.name = "intra.test", .a = "192.0.2.1", .ttl = 60},
                                      {.name = "gone.test", .a = "192.0.2.2", .ttl = 60}};

static void ask_hosts(struct scene *s)
{
	struct resolved r;
	CHECK(ask("intra.test", &r) == 0 && r.count == 2 && has(&r, "10.0.0.1") && has(&r, "2001:db8::1"));
	CHECK(ask("Alias.Test", &r) == 0 && r.count == 1 && has(&r, "10.0.0.1"));
	CHECK(ask("gone.test", &r) == 0 && has(&r, "10.0.0.2"));
	CHECK(ask("last.test", &r) == 0 && has(&r, "10.0.0.3"));
	CHECK(ask("remark.test", &r) == -ENOENT);
	CHECK(atomic_load(&s->dns.asked) == 2);
	write_hosts("10.0.0.9 intra.test\n");
	CHECK(fiber_sleep(1100) == 0);
	CHECK(ask("intra.test", &r) == 0 && r.count == 1 && has(&r, "10.0.0.9"));
	CHECK(ask("gone.test", &r) == 0 && has(&r, "192.0.2.2"));
	CHECK(unlink(hosts_path) == 0 && fiber_sleep(1100) == 0);
	CHECK(ask("intra.test", &r) == 0 && has(&r, "192.0.2.1"));
	write_hosts("");
}

static void the_hosts_file_comes_first_and_its_changes_are_seen(void **state)
{
	write_hosts("# 10.0.0.7 remark.test\n10.0.0.1\tintra.test alias.test # remark.test\n\n2001:db8::1 INTRA.test\r\n"
	            "nonsense intra.test\nfe80::1%eth0 intra.test\n 10.0.0.2 gone.test\n10.0.0.3 last.test");
	RUN(in_hosts, ask_hosts, (void)0);
}

/* ---- Questions and their cache */

static struct fake_name both[] = {{.name = "both.test", .a = "192.0.2.1 192.0.2.2", .aaaa = "2001:db8::1", .ttl = 60},
                                  {.name = "four.test", .a = "192.0.2.4", .ttl = 60},
                                  {.name = "six.test", .aaaa = "2001:db8::6", .ttl = 60}};

static void ask_both(struct scene *s)
{
	struct resolved r;
	int64_t before = counter_read(COUNTER_dns_lookups_total);
	for (int i = 0; i < 3; i++)
		CHECK(ask("Both.test", &r) == 0 && r.count == 3 && has(&r, "192.0.2.2") && has(&r, "2001:db8::1"));
	CHECK(both[0].asked_a == 1 && both[0].asked_aaaa == 1);
	CHECK(ask("four.test", &r) == 0 && r.count == 1 && has(&r, "192.0.2.4"));
	CHECK(ask("six.test", &r) == 0 && r.count == 1 && has(&r, "2001:db8::6"));
	CHECK(counter_read(COUNTER_dns_lookups_total) == before + 3);
}

static void both_families_are_asked_once_and_cached(void **state)
{
	RUN(both, ask_both, (void)0);
}

static struct fake_name negative[] = {{.name = "nodata.test", .ttl = 60},
                                      {.name = "failing.test", .rcode_a = DNS_SERVFAIL, .rcode_aaaa = DNS_SERVFAIL},
                                      {.name = "refused.test", .rcode_a = DNS_REFUSED, .rcode_aaaa = DNS_REFUSED}};

static void ask_negative(struct scene *s)
{
	struct resolved r;
	CHECK(ask("nosuch.test", &r) == -ENOENT && ask("nosuch.test", &r) == -ENOENT && r.count == 0);
	CHECK(atomic_load(&s->dns.asked) == 2);
	CHECK(ask("nodata.test", &r) == -ENOENT && ask("nodata.test", &r) == -ENOENT);
	CHECK(atomic_load(&s->dns.asked) == 4);
	CHECK(fiber_sleep(s->settings.negative_ms + 20) == 0);
	CHECK(ask("nosuch.test", &r) == -ENOENT);
	CHECK(atomic_load(&s->dns.asked) == 6);
	int64_t before = counter_read(COUNTER_dns_failures_total);
	CHECK(ask("failing.test", &r) == -EHOSTUNREACH);
	int asked = atomic_load(&s->dns.asked);
	CHECK(ask("failing.test", &r) == -EHOSTUNREACH && atomic_load(&s->dns.asked) == asked);
	CHECK(ask("refused.test", &r) == -EHOSTUNREACH);
	CHECK(counter_read(COUNTER_dns_failures_total) == before + 2);
	CHECK(fiber_sleep(1050) == 0);
	CHECK(ask("failing.test", &r) == -EHOSTUNREACH && atomic_load(&s->dns.asked) > asked);
}

static void what_does_not_exist_is_believed_for_a_while(void **state)
{
	RUN(negative, ask_negative, (void)0);
}

static struct fake_name expiring[] = {{.name = "second.test", .a = "192.0.2.1", .ttl = 1},
                                      {.name = "long.test", .a = "192.0.2.1", .ttl = 3600}};

static void ask_expiring(struct scene *s)
{
	struct resolved r;
	CHECK(ask("second.test", &r) == 0 && ask("long.test", &r) == 0);
	atomic_store(&expiring[0].a, "192.0.2.9");
	atomic_store(&expiring[1].a, "192.0.2.9");
	CHECK(fiber_sleep(300) == 0);
	CHECK(ask("second.test", &r) == 0 && has(&r, "192.0.2.1"));
	CHECK(ask("long.test", &r) == 0 && has(&r, "192.0.2.1"));
	CHECK(fiber_sleep(800) == 0);
	CHECK(ask("second.test", &r) == 0 && has(&r, "192.0.2.9"));
	CHECK(ask("long.test", &r) == 0 && has(&r, "192.0.2.1"));
	CHECK(fiber_sleep(1000) == 0);
	CHECK(ask("long.test", &r) == 0 && has(&r, "192.0.2.9"));
}

static void an_answer_lives_as_long_as_it_says_and_no_longer_than_we_allow(void **state)
{
	RUN(expiring, ask_expiring, s.settings.longest_ms = 2000);
}

static struct fake_name many[] = {{.name = "m0.test", .a = "192.0.2.1", .ttl = 60},
                                  {.name = "m1.test", .a = "192.0.2.1", .ttl = 60},
                                  {.name = "m2.test", .a = "192.0.2.1", .ttl = 60},
                                  {.name = "m3.test", .a = "192.0.2.1", .ttl = 60}};

static void ask_many(struct scene *s)
{
	struct resolved r;
	CHECK(resolve_cache_count() <= 3);
	CHECK(ask("m0.test", &r) == 0 && ask("m1.test", &r) == 0 && ask("m2.test", &r) == 0);
	CHECK(ask("m0.test", &r) == 0 && many[0].asked_a == 1);
	CHECK(ask("m3.test", &r) == 0); /* m1 is the least recently used */
	CHECK(resolve_cache_count() == 3);
	CHECK(ask("m0.test", &r) == 0 && many[0].asked_a == 1);
	CHECK(ask("m1.test", &r) == 0 && many[1].asked_a == 2);
}

static void the_cache_keeps_to_its_ceiling(void **state)
{
	RUN(many, ask_many, s.settings.cache_entries = 3);
}

static void ask_uncached(struct scene *s)
{
	struct resolved r;
	for (int i = 0; i < 3; i++)
		CHECK(ask("m0.test", &r) == 0);
	CHECK(many[0].asked_a == 3 && resolve_cache_count() == 0);
}

static void without_a_cache_every_name_is_asked(void **state)
{
	many[0].asked_a = 0;
	RUN(many, ask_uncached, s.settings.cache_entries = 0);
}

static struct fake_name crowd[] = {{
	.name = "crowd.test",
	.a = "192.0.2.1 192.0.2.2",
	.aaaa =
		"2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 2001:db8::5 2001:db8::6 2001:db8::7 2001:db8::8 2001:db8::9 "
		"2001:db8::a 2001:db8::b 2001:db8::c 2001:db8::d 2001:db8::e",
	.ttl = 60,
}};

static void ask_crowd(struct scene *s)
{
	struct resolved r;
	CHECK(ask("crowd.test", &r) == 0 && r.count == RESOLVE_MOST / 2 + 2 && has(&r, "192.0.2.2"));
}

static void neither_family_crowds_out_the_other(void **state)
{
	RUN(crowd, ask_crowd, (void)0);
}

/* ---- Sharing a question */

enum { ASKERS = 50 };

struct asker {
	const char *name;
	int status;
	struct resolved got;
	struct fiber *fiber;
	bool done;
};

static void asker_fiber(void *arg)
{
	struct asker *a = arg;
	a->fiber = fiber_self();
	a->status = ask(a->name, &a->got);
	a->done = true;
}

static void wait_until_done(const struct asker *all, int count)
{
	for (int i = 0; i < count; i++) {
		while (!all[i].done)
			CHECK(fiber_sleep(5) == 0);
	}
}

static struct fake_name slow[] = {
	{.name = "slow.test", .a = "192.0.2.1", .aaaa = "2001:db8::1", .ttl = 60, .delay_ms = 100},
	{.name = "slow2.test", .a = "192.0.2.2", .ttl = 60, .delay_ms = 100},
	{.name = "never.test", .rcode_a = FAKE_DNS_LOSE, .rcode_aaaa = FAKE_DNS_LOSE}};

static void ask_together(struct scene *s)
{
	static struct asker all[ASKERS];
	for (int i = 0; i < ASKERS; i++) {
		all[i] = (struct asker){.name = "slow.test"};
		CHECK(fiber_start(asker_fiber, &all[i]) == 0);
	}
	wait_until_done(all, ASKERS);
	for (int i = 0; i < ASKERS; i++)
		CHECK(all[i].status == 0 && all[i].got.count == 2 && has(&all[i].got, "192.0.2.1"));
	CHECK(slow[0].asked_a == 1 && slow[0].asked_aaaa == 1);
}

static void many_askers_share_one_question(void **state)
{
	RUN(slow, ask_together, (void)0);
}

static void cancel_some(struct scene *s)
{
	static struct asker all[6];
	for (int i = 0; i < 6; i++) {
		all[i] = (struct asker){.name = "slow2.test"};
		CHECK(fiber_start(asker_fiber, &all[i]) == 0);
	}
	CHECK(fiber_sleep(20) == 0);
	for (int i = 0; i < 6; i += 2)
		fiber_cancel(all[i].fiber);
	wait_until_done(all, 6);
	for (int i = 0; i < 6; i++)
		CHECK(all[i].status == (i % 2 ? 0 : -ECANCELED));
	CHECK(slow[1].asked_a == 1);
}

static void an_asker_told_to_end_leaves_the_question_to_the_others(void **state)
{
	RUN(slow, cancel_some, (void)0);
}

static struct fake_name abandoned[] = {{.name = "abandoned.test", .a = "192.0.2.3", .ttl = 60, .delay_ms = 100}};

static void ask_impatiently(struct scene *s)
{
	struct resolved r;
	CHECK(resolve(SPAN("abandoned.test"), 80, worker_now() + 30, &r) == -ETIMEDOUT && r.count == 0);
	CHECK(fiber_sleep(150) == 0);
	CHECK(resolve(SPAN("abandoned.test"), 80, worker_now() + 30, &r) == 0 && abandoned[0].asked_a == 1);
}

static void an_answer_that_nobody_waits_for_is_kept(void **state)
{
	RUN(abandoned, ask_impatiently, (void)0);
}

static struct asker at_stop[2];

static void leave_askers(struct scene *s)
{
	at_stop[0] = (struct asker){.name = "never.test"};
	at_stop[1] = (struct asker){.name = "never.test"};
	CHECK(fiber_start(asker_fiber, &at_stop[0]) == 0 && fiber_start(asker_fiber, &at_stop[1]) == 0);
	CHECK(fiber_sleep(20) == 0);
}

static void a_worker_that_stops_ends_its_questions(void **state)
{
	RUN(slow, leave_askers, (void)0);
	assert_true(at_stop[0].done && at_stop[1].done);
	assert_int_equal(at_stop[0].status, -ECANCELED);
}

/* ---- Servers that fail */

static struct fake_name lossy[] = {
	{.name = "half.test", .a = "192.0.2.1", .rcode_aaaa = FAKE_DNS_LOSE, .ttl = 60},
	{.name = "halffail.test", .aaaa = "2001:db8::1", .rcode_a = DNS_SERVFAIL, .ttl = 60},
	{.name = "lost.test", .rcode_a = FAKE_DNS_LOSE, .rcode_aaaa = FAKE_DNS_LOSE},
	{.name = "again.test", .a = "192.0.2.5", .ttl = 60, .lose_first = 1},
};

static void ask_lossy(struct scene *s)
{
	struct resolved r;
	mono_ms before = clock_mono();
	CHECK(ask("half.test", &r) == 0 && r.count == 1 && has(&r, "192.0.2.1"));
	CHECK(clock_mono() - before < 400);
	CHECK(ask("half.test", &r) == 0 && lossy[0].asked_a == 1); /* joins the question that still waits for AAAA */
	CHECK(ask("halffail.test", &r) == 0 && r.count == 1);
	before = clock_mono();
	CHECK(resolve(SPAN("lost.test"), 80, worker_now() + 100, &r) == -ETIMEDOUT);
	CHECK(clock_mono() - before >= 98 && clock_mono() - before < 400);
	before = clock_mono();
	CHECK(ask("again.test", &r) == 0 && has(&r, "192.0.2.5"));
	CHECK(clock_mono() - before >= 450 && clock_mono() - before < 1500);
}

static void a_lost_half_or_packet_does_not_hold_up_the_answer(void **state)
{
	RUN(lossy, ask_lossy, (void)0);
}

static void ask_lost(struct scene *s)
{
	struct resolved r;
	mono_ms before = clock_mono();
	CHECK(ask("lost.test", &r) == -ETIMEDOUT);
	CHECK(clock_mono() - before >= 650 && clock_mono() - before < 1500);
	CHECK(fiber_sleep(1500) == 0); /* c-ares gives up too; the failure is then known for a second */
	before = clock_mono();
	CHECK(ask("lost.test", &r) == -ETIMEDOUT && clock_mono() - before < 100);
}

static void the_whole_look_up_ends_in_time(void **state)
{
	RUN(lossy, ask_lost, s.settings.timeout_ms = 700);
}

static void ask_nobody(void *arg)
{
	struct resolve_settings settings = settings_for(NULL);
	struct resolved r;
	CHECK(resolve_start(&settings) == 0);
	mono_ms before = clock_mono();
	int status = ask("nobody-listens.test", &r);
	/* The kernel's word that nobody listens can be lost in a send, which c-ares then waits for. */
	CHECK(status == -EHOSTUNREACH || status == -ETIMEDOUT);
	CHECK(clock_mono() - before < 2000);
	settings.servers = "not a server";
	CHECK(resolve_start(&settings) == -EINVAL);
	settings.servers = "127.0.0.1:9";
	settings.hosts_file = "/nonexistent/hosts";
	CHECK(resolve_start(&settings) == 0);
	CHECK(ask("localhost", &r) == 0);
}

static void a_server_that_is_not_there_is_said_soon(void **state)
{
	on_worker(ask_nobody, NULL);
}

static struct fake_name cut[12];

static void ask_over_tcp(struct scene *s)
{
	static struct asker all[12];
	for (int i = 0; i < 12; i++) {
		all[i] = (struct asker){.name = cut[i].name};
		CHECK(fiber_start(asker_fiber, &all[i]) == 0);
	}
	wait_until_done(all, 12);
	for (int i = 0; i < 12; i++)
		CHECK(all[i].status == 0 && has(&all[i].got, "192.0.2.1") && cut[i].asked_tcp >= 1);
}

static void truncated_answers_are_fetched_over_tcp_and_read_to_the_last(void **state)
{
	static char names[12][16];
	for (int i = 0; i < 12; i++) {
		snprintf(names[i], sizeof(names[i]), "cut%d.test", i);
		cut[i].name = names[i];
		cut[i].ttl = 60;
		cut[i].truncate = true;
		atomic_store(&cut[i].a, "192.0.2.1");
	}
	mono_ms before = clock_mono();
	RUN(cut, ask_over_tcp, (void)0);
	assert_true(clock_mono() - before < 450); /* no try timed out on the way */
}

static struct fake_name cut_again[] = {{.name = "cuta.test", .truncate = true, .lose_tcp = true},
                                       {.name = "cutb.test", .a = "192.0.2.2", .ttl = 60, .truncate = true}};

static void ask_on_open_tcp(struct scene *s)
{
	static struct asker a;
	struct resolved r;
	a = (struct asker){.name = "cuta.test"};
	CHECK(fiber_start(asker_fiber, &a) == 0);
	CHECK(fiber_sleep(30) == 0 && !a.done);
	mono_ms before = clock_mono();
	CHECK(ask("cutb.test", &r) == 0 && has(&r, "192.0.2.2"));
	CHECK(clock_mono() - before < 400 && !a.done);
}

/* The socket has been writable for long: no edge will say so again. */
static void a_question_on_an_open_tcp_connection_is_sent(void **state)
{
	RUN(cut_again, ask_on_open_tcp, (void)0);
}

static struct fake_name searched[] = {{.name = "printer.corp.test", .a = "192.0.2.1", .ttl = 60},
                                      {.name = "short", .a = "192.0.2.2", .ttl = 60},
                                      {.name = "www.dotted.test.corp.test", .a = "192.0.2.3", .ttl = 60}};

static void ask_short(struct scene *s)
{
	struct resolved r;
	CHECK(ask("printer", &r) == 0 && has(&r, "192.0.2.1"));
	CHECK(ask("short", &r) == 0 && has(&r, "192.0.2.2"));
	CHECK(ask("www.dotted.test", &r) == -ENOENT);
	CHECK(ask("nowhere", &r) == -ENOENT);
}

static void a_name_without_a_dot_is_looked_for_in_the_search_list(void **state)
{
	setenv("LOCALDOMAIN", "other.test corp.test", 1);
	RUN(searched, ask_short, (void)0);
	unsetenv("LOCALDOMAIN");
}

/* ---- Reload, and several workers */

static struct fake_name before_reload[] = {{.name = "under-way.test", .a = "192.0.2.1", .ttl = 60, .delay_ms = 150},
                                           {.name = "moved.test", .a = "192.0.2.1", .ttl = 60}};
static struct fake_name after_reload[] = {{.name = "moved.test", .a = "192.0.2.2", .ttl = 60}};

static void reload(struct scene *s)
{
	struct fake_dns second;
	fake_dns_start(&second, after_reload, 1);
	struct resolve_settings settings = settings_for(&second);
	static struct asker a;
	a = (struct asker){.name = "under-way.test"};
	CHECK(fiber_start(asker_fiber, &a) == 0);
	CHECK(fiber_sleep(20) == 0 && !a.done);
	for (int i = 0; i < 5; i++)
		CHECK(resolve_start(&settings) == 0);
	struct resolved r;
	CHECK(ask("moved.test", &r) == 0 && has(&r, "192.0.2.2"));
	wait_until_done(&a, 1);
	CHECK(a.status == 0 && has(&a.got, "192.0.2.1"));
	fake_dns_stop(&second);
}

static void a_reload_lets_questions_under_way_finish(void **state)
{
	RUN(before_reload, reload, (void)0);
}

static void reload_and_end(struct scene *s)
{
	static struct asker a;
	a = (struct asker){.name = "never.test"};
	CHECK(fiber_start(asker_fiber, &a) == 0);
	CHECK(fiber_sleep(20) == 0 && !a.done);
	CHECK(resolve_start(&s->settings) == 0);
	at_stop[0].done = false;
	at_stop[0].name = "never.test";
	CHECK(fiber_start(asker_fiber, &at_stop[0]) == 0);
	CHECK(fiber_sleep(20) == 0);
}

/* Nothing may be left behind, which the sanitizers see. */
static void a_worker_that_stops_after_a_reload_ends_the_old_questions_too(void **state)
{
	RUN(slow, reload_and_end, (void)0);
	assert_true(at_stop[0].done);
	assert_int_equal(at_stop[0].status, -ECANCELED);
}

enum { CREW = 2, ROUNDS = 200, SHARED = 20 };
static struct fake_name shared[SHARED];
static sem_t crew_done;

static void crew_fiber(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct resolved r;
		CHECK(ask(shared[i % SHARED].name, &r) == 0 && has(&r, "192.0.2.1"));
		if (i % 7 == 0)
			fiber_yield();
	}
	sem_post(&crew_done);
}

static void crew_start(unsigned index, void *arg)
{
	CHECK(resolve_start(arg) == 0);
	for (int i = 0; i < 5; i++)
		CHECK(fiber_start(crew_fiber, NULL) == 0);
}

static void workers_share_what_they_know(void **state)
{
	static char names[SHARED][20];
	struct fake_dns dns;
	for (int i = 0; i < SHARED; i++) {
		snprintf(names[i], sizeof(names[i]), "shared%d.test", i);
		shared[i].name = names[i];
		shared[i].ttl = 60;
		atomic_store(&shared[i].a, "192.0.2.1");
	}
	fake_dns_start(&dns, shared, SHARED);
	struct resolve_settings settings = settings_for(&dns);
	sem_init(&crew_done, 0, 0);
	assert_int_equal(workers_start(CREW, NULL, crew_start, &settings), 0);
	for (int i = 0; i < CREW * 5; i++) {
		while (sem_wait(&crew_done) != 0)
			;
	}
	workers_stop();
	fake_dns_stop(&dns);
	/* At most one question a worker, and not two for most. */
	for (int i = 0; i < SHARED; i++)
		assert_in_range(shared[i].asked_a, 1, CREW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_literal_is_its_own_answer),
		cmocka_unit_test(numbers_and_malformed_names_are_refused_unasked),
		cmocka_unit_test(localhost_is_loopback_whatever_servers_say),
		cmocka_unit_test(the_hosts_file_comes_first_and_its_changes_are_seen),
		cmocka_unit_test(both_families_are_asked_once_and_cached),
		cmocka_unit_test(what_does_not_exist_is_believed_for_a_while),
		cmocka_unit_test(an_answer_lives_as_long_as_it_says_and_no_longer_than_we_allow),
		cmocka_unit_test(the_cache_keeps_to_its_ceiling),
		cmocka_unit_test(without_a_cache_every_name_is_asked),
		cmocka_unit_test(neither_family_crowds_out_the_other),
		cmocka_unit_test(many_askers_share_one_question),
		cmocka_unit_test(an_asker_told_to_end_leaves_the_question_to_the_others),
		cmocka_unit_test(an_answer_that_nobody_waits_for_is_kept),
		cmocka_unit_test(a_worker_that_stops_ends_its_questions),
		cmocka_unit_test(a_lost_half_or_packet_does_not_hold_up_the_answer),
		cmocka_unit_test(the_whole_look_up_ends_in_time),
		cmocka_unit_test(a_server_that_is_not_there_is_said_soon),
		cmocka_unit_test(truncated_answers_are_fetched_over_tcp_and_read_to_the_last),
		cmocka_unit_test(a_question_on_an_open_tcp_connection_is_sent),
		cmocka_unit_test(a_name_without_a_dot_is_looked_for_in_the_search_list),
		cmocka_unit_test(a_reload_lets_questions_under_way_finish),
		cmocka_unit_test(a_worker_that_stops_after_a_reload_ends_the_old_questions_too),
		cmocka_unit_test(workers_share_what_they_know),
	};
	int fd = mkstemp(hosts_path);
	if (fd < 0)
		return 1;
	close(fd);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(hosts_path);
	return rc;
}
