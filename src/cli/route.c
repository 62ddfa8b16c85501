/* `fairlead route URL`: where a request would go, by which rule, and whether it may. Nothing is connected to; a name is looked
 * up only where a route says resolve = true, or with --resolve. */
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/inquiry.h"
#include "config/settings.h"
#include "http/uri.h"

enum { OUTPUT_MOST = 1 << 20, MEMORY_MOST = 1 << 20 };

struct wishes {
	const char *file, *listen, *from, *method, *url;
	bool json, resolve;
};

static bool parse(int argc, char **argv, struct wishes *w)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	                                        {"listen", required_argument, NULL, 'l'},
	                                        {"from", required_argument, NULL, 'f'},
	                                        {"method", required_argument, NULL, 'm'},
	                                        {"json", no_argument, NULL, 'j'},
	                                        {"resolve", no_argument, NULL, 'r'},
	                                        {NULL, 0, NULL, 0}};
	for (int c; (c = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
		const char **text = c == 'c'   ? &w->file
		                    : c == 'l' ? &w->listen
		                    : c == 'f' ? &w->from
		                    : c == 'm' ? &w->method
		                               : NULL;
		if (c == '?')
			return false;
		if (text)
			*text = optarg;
		w->json = w->json || c == 'j';
		w->resolve = w->resolve || c == 'r';
	}
	w->url = optind + 1 == argc ? argv[optind] : NULL;
	return w->url != NULL;
}

/* ---- the question */

/* "http://host/path", "https://host", "host:port" (a CONNECT), "host". False: none of these. */
static bool parse_url(const struct wishes *w, struct inquiry *q, struct target *target)
{
	struct span text = span_of(w->url);
	if (strstr(w->url, "://")) {
		struct head head = {.is_request = true, .method = METHOD_GET, .target = text};
		if (target_parse(&head, target) != PARSE_OK || !target->port)
			return false;
		q->access_question.connect = span_eq_nocase(target->scheme, SPAN("https"));
		return q->access_question.connect || span_eq_nocase(target->scheme, SPAN("http"));
	}
	*target = (struct target){.authority = text};
	if (authority_parse(text, &target->host, &target->host_is_v6, &target->port, &target->port_given) != PARSE_OK)
		return false;
	q->access_question.connect = target->port_given;
	if (!target->port_given)
		target->port = 80;
	return true;
}

static bool set_host(struct inquiry *q, const struct target *target)
{
	size_t n = host_fold(target->host, q->folded);
	struct access_question *a = &q->access_question;
	a->host = span_make(q->folded, n);
	a->host_is_literal = addr_parse(a->host, target->port, &a->literal) == 0;
	a->port = target->port;
	q->route_question = (struct route_question){
		.host = a->host, .host_is_literal = a->host_is_literal, .literal = a->literal, .port = a->port};
	return n > 0;
}

static const struct listen_settings *choose_listen(const struct settings *s, const char *address)
{
	for (unsigned i = 0; i < s->listen_count; i++)
		if (address ? strcmp(s->listens[i].address, address) == 0 : s->listens[i].role == ROLE_PROXY)
			return &s->listens[i];
	return NULL;
}

/* Usage errors are said here. */
static bool ask(const struct wishes *w, struct inquiry *q)
{
	struct target target;
	struct access_question *a = &q->access_question;
	if (!parse_url(w, q, &target) || !set_host(q, &target)) {
		fprintf(stderr, "fairlead: %s is no address: write http://HOST/, https://HOST/ or HOST:PORT\n", w->url);
		return false;
	}
	a->settings = q->settings;
	a->listen = choose_listen(q->settings, w->listen);
	if (!a->listen) {
		fprintf(stderr, "fairlead: the settings have no such listen: %s\n", w->listen ? w->listen : "role = proxy");
		return false;
	}
	if (addr_parse(span_of(w->from ? w->from : "127.0.0.1"), 0, &q->client) != 0) {
		fprintf(stderr, "fairlead: %s is no address of a client\n", w->from);
		return false;
	}
	a->client = &q->client;
	a->method_text = span_of(w->method ? w->method : a->connect ? "CONNECT" : "GET");
	a->method = a->connect ? METHOD_CONNECT : METHOD_OTHER;
	return true;
}

/* ---- the answer */

static void look_up(struct inquiry *q)
{
	struct addrinfo *found = NULL;
	int error = getaddrinfo(q->folded, NULL, &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &found);
	if (error) {
		q->look_up_failed = gai_strerror(error);
		return;
	}
	for (const struct addrinfo *i = found; i && q->address_count < ADDRESSES_MOST; i = i->ai_next) {
		struct addr *a = &q->addresses[q->address_count++];
		memcpy(a, i->ai_addr, i->ai_addrlen <= sizeof(*a) ? i->ai_addrlen : sizeof(*a));
		addr_set_port(a, q->access_question.port);
	}
	freeaddrinfo(found);
}

/* As the proxy does it: the request as written, then the route, then every address of a name that is reached directly. */
static void answer(const struct wishes *w, struct inquiry *q)
{
	const struct access_question *a = &q->access_question;
	q->client_allowed = access_client_allowed(a->listen, a->client);
	access_check(a, &q->memory, &q->access);
	if (!a->host_is_literal && (w->resolve || route_needs_addresses(q->settings, &q->route_question)))
		look_up(q);
	q->route_question.resolved = q->addresses;
	q->route_question.resolved_count = q->address_count;
	route_decide(q->settings, &q->route_question, &q->route);
	if (q->route.via != VIA_DIRECT || q->access.verdict != ACCESS_ALLOWED)
		return;
	unsigned allowed = 0;
	for (unsigned i = 0; i < q->address_count; i++)
		allowed += access_address_allowed(a, &q->addresses[i]);
	if (q->address_count && !allowed)
		access_explain_address(a, &q->addresses[0], &q->memory, &q->access);
}

/* ---- the command */

static int load(const char *given, struct settings **out)
{
	struct complaints c;
	AUTO(buf) struct buf text;
	char path[4096];
	complaints_init(&c);
	buf_init(&text, OUTPUT_MOST);
	int error = settings_load(settings_find(given, path, sizeof(path)), out, &c);
	if (error)
		complaints_print(&c, &text);
	if (text.n)
		fwrite(text.p, 1, text.n, stderr);
	complaints_fini(&c);
	return error;
}

static int inquire(const struct wishes *w, struct inquiry *q)
{
	AUTO(buf) struct buf text;
	buf_init(&text, OUTPUT_MOST);
	if (!ask(w, q))
		return EXIT_USAGE;
	answer(w, q);
	(w->json ? inquiry_say_json : inquiry_say)(q, &text);
	fwrite(text.p, 1, text.n, stdout);
	return inquiry_is_fine(q) ? EXIT_FINE : EXIT_NOT_FINE;
}

int cli_route(int argc, char **argv)
{
	AUTO(settings) struct settings *s = NULL;
	struct wishes w = {0};
	if (!parse(argc, argv, &w))
		return command_usage("route");
	if (load(w.file, &s) != 0)
		return EXIT_NOT_FINE;
	struct inquiry q = {.settings = s};
	arena_init(&q.memory, MEMORY_MOST);
	int status = inquire(&w, &q);
	arena_fini(&q.memory);
	return status;
}
