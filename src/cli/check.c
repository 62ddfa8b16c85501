/* `fairlead check`: reads the settings as `serve` would, looks up what they refer to, and says what is wrong. */
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>

#include "base/encode.h"
#include "cli/check_sign_on.h"
#include "cli/check_tls.h"
#include "cli/commands.h"
#include "config/settings.h"
#include "site/files.h"

enum { OUTPUT_MOST = 16 << 20 };

struct wishes {
	const char *file;
	bool json, resolve, manual;
};

static bool parse(int argc, char **argv, struct wishes *w)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	                                        {"json", no_argument, NULL, 'j'},
	                                        {"resolve", no_argument, NULL, 'r'},
	                                        {"manual", no_argument, NULL, 'm'},
	                                        {NULL, 0, NULL, 0}};
	for (int c; (c = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
		if (c == '?')
			return false;
		w->json = w->json || c == 'j';
		w->resolve = w->resolve || c == 'r';
		w->manual = w->manual || c == 'm';
		if (c == 'c')
			w->file = optarg;
	}
	return optind == argc;
}

/* ---- what the settings refer to */

static void resolve_members(const struct settings *s, struct complaints *c)
{
	for (unsigned i = 0; i < s->upstream_count; i++) {
		for (unsigned j = 0; j < s->upstreams[i].member_count; j++) {
			const struct member_settings *m = &s->upstreams[i].members[j];
			struct addrinfo *found = NULL;
			int error = getaddrinfo(m->host, NULL, &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &found);
			if (error)
				complain(c, COMPLAINT_ERROR, m->where, "the name of member %s has no address: %s", m->address,
				         gai_strerror(error));
			else
				freeaddrinfo(found);
		}
	}
}

/* ---- for people */

/* What holds in each directory once everything is inherited. */
static void say_sites(const struct settings *s, struct buf *to)
{
	if (s->site_count)
		buf_adds(to, "sites:\n");
	for (unsigned i = 0; i < s->site_count; i++) {
		const struct site_settings *site = &s->sites[i];
		buf_addf(to, "  %s at", site->host);
		for (unsigned k = 0; k < site->listen.count; k++)
			buf_addf(to, " %s", site->listen.items[k]);
		buf_addc(to, '\n');
		for (unsigned k = site->directory_count; k-- > 0;) {
			const struct directory_settings *d = &site->directories[k];
			buf_addf(to, "    %s: %s %s; sign-on ", d->prefix, d->application ? "application" : "files",
			         d->application ? d->application->name : d->files);
			sign_on_write(&d->sign_on.schemes, to);
			buf_adds(to, d->users.count || d->groups.count ? "; named users and groups only\n" : "\n");
		}
	}
}

static void say_listens(const struct settings *s, struct buf *to)
{
	for (unsigned i = 0; i < s->listen_count; i++)
		buf_addf(to, "  %s at %s\n", listen_role_name(s->listens[i].role), s->listens[i].address);
}

static void say_patterns(const struct pattern_list *l, struct buf *to)
{
	for (unsigned i = 0; i < l->count; i++)
		buf_addf(to, "%s%s", i ? ", " : "", l->items[i].text);
}

static void say_routes(const struct settings *s, struct buf *to)
{
	for (unsigned i = 0; i < s->route_count; i++) {
		const struct route_settings *r = &s->routes[i];
		buf_addf(to, "  to ");
		say_patterns(&r->to, to);
		buf_addf(to, " via %s\n", r->upstream ? r->upstream->name : "direct");
	}
	buf_addf(to, "  %s direct\n", s->route_count ? "all else" : "all");
}

static void say(const char *source, const struct settings *s, const struct sign_on_found *found,
                const struct complaints *c, struct buf *to)
{
	complaints_print(c, to);
	if (!s || c->errors) {
		buf_addf(to, "%s: not fine: %u error%s, %u warning%s\n", source, c->errors, c->errors == 1 ? "" : "s",
		         c->warnings, c->warnings == 1 ? "" : "s");
		return;
	}
	buf_addf(to, "%s: fine, %u warning%s\n", source, c->warnings, c->warnings == 1 ? "" : "s");
	buf_addf(to, "listeners:\n");
	say_listens(s, to);
	say_sites(s, to);
	buf_addf(to, "routes:\n");
	say_routes(s, to);
	buf_addf(to, "access: %u rule%s, all else is allowed but loopback, link-local addresses and our own listeners\n",
	         s->access_count, s->access_count == 1 ? "" : "s");
	sign_on_say(s, found, to);
}

/* ---- for programs */

static void json_text(struct buf *to, const char *name, const char *text)
{
	buf_addf(to, "\"%s\":\"", name);
	encode_json(to, span_of(text));
	buf_adds(to, "\"");
}

static void json_complaints(const struct complaints *c, struct buf *to)
{
	buf_adds(to, ",\"complaints\":[");
	for (const struct complaint *it = c->first; it; it = it->next) {
		buf_addf(to, "%s{\"kind\":\"%s\",", it == c->first ? "" : ",",
		         it->kind == COMPLAINT_ERROR ? "error" : "warning");
		json_text(to, "file", it->where.file);
		buf_addf(to, ",\"line\":%d,", it->where.line);
		json_text(to, "text", it->text);
		buf_addc(to, '}');
	}
	buf_addc(to, ']');
}

static void json_listens(const struct settings *s, struct buf *to)
{
	buf_adds(to, ",\"listeners\":[");
	for (unsigned i = 0; i < s->listen_count; i++) {
		buf_addf(to, "%s{\"role\":\"%s\",", i ? "," : "", listen_role_name(s->listens[i].role));
		json_text(to, "address", s->listens[i].address);
		buf_addc(to, '}');
	}
	buf_addc(to, ']');
}

static void json_routes(const struct settings *s, struct buf *to)
{
	buf_adds(to, ",\"routes\":[");
	for (unsigned i = 0; i < s->route_count; i++) {
		const struct route_settings *r = &s->routes[i];
		buf_adds(to, i ? ",{\"to\":[" : "{\"to\":[");
		for (unsigned j = 0; j < r->to.count; j++) {
			buf_adds(to, j ? ",\"" : "\"");
			encode_json(to, span_of(r->to.items[j].text));
			buf_addc(to, '"');
		}
		buf_adds(to, "],");
		json_text(to, "via", r->upstream ? r->upstream->name : "direct");
		buf_addc(to, '}');
	}
	buf_addc(to, ']');
}

static void say_json(const char *source, const struct settings *s, const struct sign_on_found *found,
                     const struct complaints *c, struct buf *to)
{
	buf_addc(to, '{');
	json_text(to, "source", source);
	buf_addf(to, ",\"fine\":%s,\"errors\":%u,\"warnings\":%u", c->errors ? "false" : "true", c->errors, c->warnings);
	json_complaints(c, to);
	if (s && !c->errors) {
		json_listens(s, to);
		json_routes(s, to);
		sign_on_say_json(s, found, to);
	}
	buf_adds(to, "}\n");
}

/* ---- the command */

static int print_manual(void)
{
	AUTO(buf) struct buf text;
	buf_init(&text, OUTPUT_MOST);
	settings_manual(&text);
	fwrite(text.p, 1, text.n, stdout);
	return buf_error(&text) ? EXIT_NOT_FINE : EXIT_FINE;
}

static int check(const struct wishes *w, const char *file, struct complaints *c)
{
	AUTO(settings) struct settings *s = NULL;
	struct sign_on_found found = {0};
	AUTO(buf) struct buf text;
	const char *source = file ? file : "embedded defaults";
	buf_init(&text, OUTPUT_MOST);
	int error = settings_load(file, &s, c);
	if (s) {
		settings_check_files(s, c);
		files_check(s, c);
		tls_look(s, c);
	}
	if (s)
		error = sign_on_look(s, &found, c);
	if (s && w->resolve)
		resolve_members(s, c);
	if (error && !c->errors)
		complain(c, COMPLAINT_ERROR, (struct written){source, 0}, "%s", strerror(-error));
	(w->json ? say_json : say)(source, s, &found, c, &text);
	sign_on_found_fini(&found);
	fwrite(text.p, 1, text.n, stdout);
	return c->errors ? EXIT_NOT_FINE : EXIT_FINE;
}

int cli_check(int argc, char **argv)
{
	struct wishes w = {0};
	struct complaints c;
	char path[4096];
	if (!parse(argc, argv, &w))
		return command_usage("check");
	if (w.manual)
		return print_manual();
	complaints_init(&c);
	int status = check(&w, settings_find(w.file, path, sizeof(path)), &c);
	complaints_fini(&c);
	return status;
}
