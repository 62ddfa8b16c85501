/* `fairlead serve`: reads the settings, opens logs and listeners, starts the workers, and then waits for signals. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "auth/windows_domain.h"
#include "base/counters.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/notify.h"
#include "cli/serve_options.h"
#include "cli/single_user.h"
#include "console/console.h"
#include "net/offload.h"
#include "net/resolve.h"
#include "proxy/lanes.h"
#include "proxy/service.h"
#include "proxy/sign_on.h"
#include "site/files.h"
#include "site/site.h"

enum {
	BACKLOG = 4096,
	LOG_WAIT_MS = 2000,
	DRAIN_LOOK_MS = 50,
	STEP_MOST_MS = 10000,
	STEP_SOON_MS = 2000, /* while something is waited for */
	DISK_THREADS = 8,
	DISK_QUEUE = 4096
};

static const struct responder *const responders[] = {&console_responder, &site_responder, NULL};

struct program {
	struct serve_options options;
	struct single_user single_user; /* if the options are for one */
	struct edition *edition;
	struct port *ports;
	struct log *events;
	struct process process;
	atomic_uint left;  /* as the workers said last */
	atomic_uint begun; /* workers that have what they need, or failed */
	atomic_int failed; /* -errno of a worker that could not start */
};

/* ---- settings */

static int load_file(const char *given, struct settings **out)
{
	char path[4096];
	struct complaints c;
	struct buf text;
	complaints_init(&c);
	buf_init(&text, 1 << 20);
	const char *file = settings_find(given, path, sizeof(path));
	int error = settings_load(file, out, &c);
	if (*out)
		files_check(*out, &c);
	if (*out && c.errors) {
		settings_unref(TAKE(*out));
		error = -EINVAL;
	}
	complaints_print(&c, &text);
	if (text.n)
		fprintf(stderr, "%s", buf_text(&text));
	buf_fini(&text);
	complaints_fini(&c);
	return error;
}

static int load(const struct program *p, struct settings **out)
{
	return p->options.single_user ? single_user_load(&p->single_user, out) : load_file(p->options.file, out);
}

static int open_events(struct program *p, const struct settings *s)
{
	struct log *events = NULL;
	int error = log_open(s->events_log.file, NULL, &events);
	if (error) {
		log_event(LOG_ERROR, "the events log %s cannot be opened: %s", s->events_log.file, strerror(-error));
		return error;
	}
	struct log *old = p->events;
	log_events_to(events, s->events_log.level);
	p->events = events;
	log_close(old);
	return 0;
}

/* ---- listeners */

static struct port *port_of(struct program *p, const char *address)
{
	for (struct port *port = p->ports; port; port = port->next)
		if (!port->removed && strcmp(port->address, address) == 0)
			return port;
	return NULL;
}

static int open_port(struct program *p, const struct settings *s, const struct listen_settings *l, struct port **out)
{
	struct port *port = calloc(1, sizeof(*port));
	char *address = strdup(l->address);
	if (!port || !address) {
		free(port);
		free(address);
		return -ENOMEM;
	}
	port->address = address;
	int error = listener_open(&l->addr, workers_count() ? workers_count() : s->workers, s->shared_listeners, BACKLOG,
	                          &port->listener);
	if (error) {
		log_event(LOG_ERROR, "cannot listen on %s: %s%s", l->address, strerror(-error),
		          error == -EADDRINUSE ? " (is another fairlead or another program running there?)" : "");
		free(address);
		free(port);
		return error;
	}
	port->next = p->ports;
	p->ports = port;
	*out = port;
	return 0;
}

static int open_all_ports(struct program *p)
{
	const struct settings *s = p->edition->settings;
	struct port *unused;
	for (unsigned i = 0; i < s->listen_count; i++) {
		int error = open_port(p, s, &s->listens[i], &unused);
		if (error)
			return error;
	}
	return 0;
}

/* ---- what workers are told */

struct order {
	struct message message;
	struct program *program;
	void (*what)(struct program *p, void *arg);
	void *arg;
	atomic_uint *unfinished;
};

static void carry_out(struct message *m)
{
	struct order *o = CONTAINER_OF(m, struct order, message);
	o->what(o->program, o->arg);
	atomic_uint *unfinished = o->unfinished;
	free(o);
	atomic_fetch_sub(unfinished, 1);
}

/* Has every worker do it, and waits until all have. */
static void tell_workers(struct program *p, void (*what)(struct program *p, void *arg), void *arg)
{
	atomic_uint unfinished = 0;
	for (unsigned i = 0; i < workers_count(); i++) {
		struct order *o = calloc(1, sizeof(*o));
		if (!o)
			die("no memory to speak to the workers");
		*o = (struct order){
			.message = {.fn = carry_out}, .program = p, .what = what, .arg = arg, .unfinished = &unfinished};
		atomic_fetch_add(&unfinished, 1);
		worker_post(worker_at(i), &o->message);
	}
	while (atomic_load(&unfinished) > 0)
		usleep(1000);
}

static struct resolve_settings resolver_of(const struct settings *s)
{
	return (struct resolve_settings){.servers = s->resolver.servers,
	                                 .hosts_file = s->resolver.hosts_file,
	                                 .timeout_ms = s->timeouts.resolve,
	                                 .negative_ms = 5000,
	                                 .longest_ms = 3600000,
	                                 .cache_entries = (unsigned)s->limits.dns_entries};
}

static void worker_begins(unsigned index, void *arg)
{
	struct program *p = arg;
	struct resolve_settings resolver = resolver_of(p->edition->settings);
	int error = resolve_start(&resolver);
	if (!error)
		error = service_start(index, p->edition, &p->process);
	for (struct port *port = p->ports; port && !error; port = port->next)
		error = service_listen(port);
	if (error)
		atomic_store(&p->failed, error);
	atomic_fetch_add(&p->begun, 1);
}

static void adopt(struct program *p, void *arg)
{
	struct edition *edition = arg;
	struct resolve_settings resolver = resolver_of(edition->settings);
	if (resolve_start(&resolver) != 0)
		log_event(LOG_ERROR, "the resolver keeps its old settings");
	service_adopt(edition);
}

static void listen_on(struct program *p, void *arg)
{
	int error = service_listen(arg);
	if (error)
		log_event(LOG_ERROR, "a worker cannot listen on %s: %s", ((struct port *)arg)->address, strerror(-error));
}

static void leave(struct program *p, void *arg)
{
	listener_drain(((struct port *)arg)->listener);
}

static void drain(struct program *p, void *arg)
{
	service_drain();
}

static void cut(struct program *p, void *arg)
{
	service_cut();
}

static void count_left(struct program *p, void *arg)
{
	atomic_fetch_add(&p->left, service_left());
}

/* ---- signals */

static void tune_ports(struct program *p)
{
	for (struct port *port = p->ports; port; port = port->next)
		if (port->listener)
			listener_tune(port->listener, (unsigned)(p->edition->settings->timeouts.tcp_keepalive / 1000));
}

/* Those that go leave first: "127.0.0.1:3128" would be in the way of "*:3128". */
/* An address of ours that is about to go stands in its way: 127.0.0.1:3128 in that of *:3128. */
static bool waits_for_ours(const struct program *p, const struct settings *s, const struct listen_settings *l)
{
	for (const struct port *port = p->ports; port; port = port->next) {
		bool stays = false;
		for (unsigned i = 0; i < s->listen_count; i++)
			stays |= strcmp(s->listens[i].address, port->address) == 0;
		if (!port->removed && !stays && addr_port(listener_addr(port->listener)) == addr_port(&l->addr))
			return true;
	}
	return false;
}

/* Opens what the new settings add, before anything is given up for them. 0 or -errno. */
static int open_new_ports(struct program *p, const struct settings *s)
{
	for (unsigned i = 0; i < s->listen_count; i++) {
		struct port *port = port_of(p, s->listens[i].address);
		if (port || waits_for_ours(p, s, &s->listens[i]))
			continue;
		int error = open_port(p, s, &s->listens[i], &port);
		if (error)
			return error;
	}
	return 0;
}

/* Closes those opened since `first` was the newest: no worker knows them yet. */
static void close_ports_before(struct program *p, const struct port *first)
{
	while (p->ports != first) {
		struct port *port = p->ports;
		p->ports = port->next;
		listener_free(port->listener);
		free(port->address);
		free(port);
	}
}

static void settle_ports(struct program *p, const struct settings *s)
{
	for (struct port *port = p->ports; port; port = port->next) {
		bool wanted = false;
		for (unsigned i = 0; i < s->listen_count; i++)
			wanted |= strcmp(s->listens[i].address, port->address) == 0;
		if (wanted || port->removed)
			continue;
		tell_workers(p, leave, port);
		port->removed = true;
		listener_free(port->listener);
		port->listener = NULL;
	}
	for (unsigned i = 0; i < s->listen_count; i++) {
		struct port *port = port_of(p, s->listens[i].address);
		if (!port && open_port(p, s, &s->listens[i], &port) == 0)
			tell_workers(p, listen_on, port);
	}
}

static void reload(struct program *p)
{
	struct settings *s = NULL;
	struct edition *next = NULL;
	const struct port *known = p->ports;
	if (load(p, &s) != 0 || edition_new(s, &next) != 0 || open_new_ports(p, next->settings) != 0 ||
	    open_events(p, next->settings) != 0) {
		close_ports_before(p, known);
		COUNT(reloads_refused_total);
		edition_unref(next);
		log_event(LOG_ERROR, "reload: the new settings are refused, the old ones stay in force (try: fairlead check)");
		return;
	}
	struct edition *old = p->edition;
	edition_inherit(next, old);
	p->edition = next;
	tell_workers(p, adopt, next);
	for (struct port *port = p->ports; port != known; port = port->next)
		tell_workers(p, listen_on, port);
	settle_ports(p, next->settings);
	tune_ports(p);
	edition_unref(old);
	COUNT(reloads_total);
	log_event(LOG_INFO, "reload: settings from %s are in force", next->settings->source);
}

/* winbind was not there when the verifiers were made, and is now: the same settings once more, so that our challenges name the joined machine. */
static void learn_names(struct program *p)
{
	struct windows_names names;
	struct edition *next = NULL, *old = p->edition;
	if (!sign_on_lacks_names(old->sign_on) || windows_names_ask_soon(&names) != AUTH_OK ||
	    edition_new(settings_ref(old->settings), &next) != 0)
		return;
	edition_inherit(next, old);
	p->edition = next;
	tell_workers(p, adopt, next);
	edition_unref(old);
	log_event(LOG_INFO, "winbind answers now: this machine is %s in the domain %s", names.machine, names.domain);
}

/* The next signal, or 0 after `wait_ms`. */
static int next_signal(const sigset_t *set, int wait_ms)
{
	struct timespec t = {.tv_sec = wait_ms / 1000, .tv_nsec = (long)(wait_ms % 1000) * 1000000};
	int n = sigtimedwait(set, NULL, &t);
	return n > 0 ? n : 0;
}

static bool is_console(const struct program *p, const struct port *port)
{
	const struct settings *s = p->edition->settings;
	for (unsigned i = 0; i < s->listen_count; i++)
		if (strcmp(s->listens[i].address, port->address) == 0)
			return s->listens[i].role == ROLE_CONSOLE;
	return false;
}

/* Lets what is under way end, for `drain` at most; a second signal ends the patience. */
static void drain_all(struct program *p, const sigset_t *set)
{
	mono_ms deadline = clock_after(clock_mono(), p->edition->settings->drain);
	log_event(LOG_INFO, "stopping: waiting for what is under way, at most %lld s",
	          (long long)p->edition->settings->drain / 1000);
	notify_stopping();
	for (struct port *port = p->ports; port; port = port->next)
		if (!port->removed && !is_console(p, port))
			tell_workers(p, leave, port);
	tell_workers(p, drain, NULL);
	while (clock_mono() < deadline) {
		atomic_store(&p->left, 0);
		tell_workers(p, count_left, NULL);
		if (atomic_load(&p->left) == 0)
			return;
		int signal = next_signal(set, DRAIN_LOOK_MS);
		if (signal == SIGTERM || signal == SIGINT)
			break;
		if (signal == SIGUSR1)
			log_reopen_all();
	}
	log_event(LOG_WARNING, "stopping: %u connections and tunnels are cut", atomic_load(&p->left));
	tell_workers(p, cut, NULL);
}

static void serve_until_told(struct program *p, const sigset_t *set)
{
	for (;;) {
		switch (next_signal(set, sign_on_lacks_names(p->edition->sign_on) ? STEP_SOON_MS : STEP_MOST_MS)) {
		case 0:
			learn_names(p);
			break;
		case SIGHUP:
			notify_reloading();
			reload(p);
			notify_ready();
			break;
		case SIGUSR1:
			log_reopen_all();
			break;
		case SIGTERM:
		case SIGINT:
			drain_all(p, set);
			return;
		}
	}
}

/* ---- start and end */

static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_event(LOG_WARNING, "the limit of open files stays at %llu", (unsigned long long)limit.rlim_cur);
}

static void say_ready(const struct program *p)
{
	const struct settings *s = p->edition->settings;
	for (unsigned i = 0; i < s->listen_count; i++) {
		struct port *port = port_of((struct program *)(uintptr_t)p, s->listens[i].address);
		char at[ADDR_TEXT] = "?";
		if (port && port->listener)
			addr_format(listener_addr(port->listener), true, at);
		log_event(LOG_INFO, "%s on %s", listen_role_name(s->listens[i].role), at);
	}
	log_event(LOG_INFO, "ready: fairlead %s, %u workers, settings from %s", FAIRLEAD_VERSION, s->workers, s->source);
	struct port *first = s->listen_count ? port_of((struct program *)(uintptr_t)p, s->listens[0].address) : NULL;
	if (p->options.single_user && first)
		single_user_say_ready(&p->single_user, listener_addr(first->listener));
	notify_ready();
}

static void free_all(struct program *p)
{
	while (p->ports) {
		struct port *port = p->ports;
		p->ports = port->next;
		if (port->listener)
			listener_free(port->listener);
		free(port->address);
		free(port);
	}
	lanes_end();
	offload_lane_free(p->process.disk_lane);
	edition_unref(p->edition);
	log_events_to(NULL, LOG_INFO);
	log_close(p->events);
	log_writer_stop(LOG_WAIT_MS);
	single_user_fini(&p->single_user);
}

static int start(struct program *p, struct settings *s)
{
	struct worker_limits limits = worker_limits_default;
	limits.fibers = (unsigned)s->limits.fibers;
	int error = edition_new(s, &p->edition);
	if (!error)
		error = open_events(p, p->edition->settings);
	if (!error)
		error = open_all_ports(p);
	if (!error) {
		tune_ports(p);
		error = workers_start(p->edition->settings->workers, &limits, worker_begins, p);
	}
	/* Before all have begun no reload may take away what they begin with. */
	while (!error && atomic_load(&p->begun) < workers_count())
		usleep(1000);
	return error ? error : atomic_load(&p->failed);
}

int cli_serve(int argc, char **argv)
{
	struct program p = {0};
	struct settings *s = NULL;
	sigset_t set;
	if (!serve_options_parse(argc, argv, &p.options))
		return command_usage("serve");
	if (p.options.single_user && single_user_init(&p.single_user, &p.options) != 0) {
		single_user_fini(&p.single_user);
		return EXIT_NOT_FINE;
	}
	sigemptyset(&set);
	for (const int *n = (const int[]){SIGHUP, SIGUSR1, SIGTERM, SIGINT, 0}; *n; n++)
		sigaddset(&set, *n);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (load(&p, &s) != 0) {
		single_user_fini(&p.single_user);
		return EXIT_NOT_FINE;
	}
	if (log_writer_start() != 0 || getrandom(&p.process.id, sizeof(p.process.id), 0) != sizeof(p.process.id))
		return 1;
	p.process.responders = responders;
	if (lanes_start() != 0 || offload_lane_new("disk", DISK_THREADS, DISK_QUEUE, &p.process.disk_lane) != 0)
		return 1;
	raise_descriptor_limit();
	counters_attach();
	int error = start(&p, s);
	if (error) {
		log_event(LOG_ERROR, "not started: %s", strerror(-error));
	} else {
		say_ready(&p);
		serve_until_told(&p, &set);
	}
	workers_stop();
	log_event(LOG_INFO, "stopped");
	free_all(&p);
	return error ? 1 : 0;
}
