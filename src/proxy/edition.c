#include "proxy/edition.h"

#include <stdlib.h>

#include "base/log.h"
#include "net/tls.h"
#include "proxy/access_log.h"
#include "proxy/sign_on.h"

static uint64_t editions; /* made so far, by the main thread */

struct edition *edition_ref(struct edition *e)
{
	ref_take(&e->ref);
	return e;
}

void edition_unref(struct edition *e)
{
	if (!e || !ref_drop(&e->ref))
		return;
	for (unsigned i = 0; e->tls && i < settings_hop_count(e->settings); i++)
		if (e->tls[i])
			tls_client_free(e->tls[i]);
	free(e->tls);
	for (unsigned i = 0; e->listen_tls && i < e->settings->listen_count; i++)
		if (e->listen_tls[i])
			tls_server_free(e->listen_tls[i]);
	free(e->listen_tls);
	for (unsigned i = 0; e->members && i < settings_hop_count(e->settings); i++)
		free(e->members[i]);
	free(e->members);
	sign_on_free(e->sign_on);
	for (unsigned i = 0; e->site_logs && i < e->settings->site_count; i++)
		log_close(e->site_logs[i]);
	free(e->site_logs);
	log_close(e->access_log);
	settings_unref(e->settings);
	free(e);
}

static int make_hop_tls(struct edition *e)
{
	const struct settings *s = e->settings;
	e->tls = calloc(settings_hop_count(s) + 1, sizeof(*e->tls));
	if (!e->tls)
		return -ENOMEM;
	for (unsigned i = 0; i < settings_hop_count(s); i++) {
		const struct upstream_settings *hop = settings_hop(s, i);
		const struct upstream_tls_settings *t = &hop->tls;
		char *why = NULL;
		if (!t->on)
			continue;
		struct tls_client_settings settings = {
			.ca = t->ca, .name = t->name, .certificate = t->certificate, .key = t->key, .verify = t->verify};
		int error = tls_client_new(&settings, &e->tls[i], &why);
		if (error) {
			log_event(LOG_ERROR, "%s %s: %s", hop->is_application ? "application" : "upstream", hop->name,
			          why ? why : "TLS cannot be set up");
			free(why);
			return error;
		}
	}
	return 0;
}

static int say_tls(const struct listen_settings *l, int error, char *why)
{
	if (error)
		log_event(LOG_ERROR, "listen %s: %s", l->address,
		          why                ? why
		          : error == -EEXIST ? "two sites of one name have different certificates"
		                             : "TLS cannot be set up");
	free(why);
	return error;
}

static int make_one_certificate(struct tls_server **out, const struct listen_settings *l)
{
	char *why = NULL;
	int error = tls_server_new(l->tls.certificate, l->tls.key, out, &why);
	return say_tls(l, error, why);
}

/* Where sites are published each has its certificate, by name; whoever names none of them is shown that of the site for whatever is asked for, or
 * the first. The tag is the place among the listener's sites, from 1. */
static int make_site_certificates(struct tls_server **out, const struct listen_settings *l)
{
	const struct listen_tls_settings *otherwise = &l->sites[0]->tls;
	char *why = NULL;
	for (unsigned i = 0; i < l->site_count; i++)
		if (strcmp(l->sites[i]->host, "*") == 0)
			otherwise = &l->sites[i]->tls;
	int error = tls_server_new(otherwise->certificate, otherwise->key, out, &why);
	for (unsigned i = 0; i < l->site_count && !error; i++)
		error = tls_server_add(*out, l->sites[i]->host, l->sites[i]->tls.certificate, l->sites[i]->tls.key, i + 1,
		                       &why);
	return say_tls(l, error, why);
}

static int make_listen_tls(struct edition *e)
{
	const struct settings *s = e->settings;
	e->listen_tls = calloc(s->listen_count + 1, sizeof(*e->listen_tls));
	if (!e->listen_tls)
		return -ENOMEM;
	for (unsigned i = 0; i < s->listen_count; i++) {
		const struct listen_settings *l = &s->listens[i];
		int error = 0;
		if (l->tls.on)
			error = l->role == ROLE_SITE ? make_site_certificates(&e->listen_tls[i], l)
			                             : make_one_certificate(&e->listen_tls[i], l);
		if (error)
			return error;
	}
	return 0;
}

/* Sites that have a log of their own. */
static int open_site_logs(struct edition *e)
{
	const struct settings *s = e->settings;
	e->site_logs = calloc(s->site_count + 1, sizeof(struct log *));
	if (!e->site_logs)
		return -ENOMEM;
	for (unsigned i = 0; i < s->site_count; i++) {
		const struct log_settings *log = &s->sites[i].log;
		int error = log->on ? log_open(log->file, access_log_header(log), &e->site_logs[i]) : 0;
		if (error) {
			log_event(LOG_ERROR, "the log %s of site %s cannot be opened: %s", log->file, s->sites[i].host,
			          strerror(-error));
			return error;
		}
	}
	return 0;
}

static int make_members(struct edition *e)
{
	const struct settings *s = e->settings;
	e->members = calloc(settings_hop_count(s) + 1, sizeof(*e->members));
	if (!e->members)
		return -ENOMEM;
	for (unsigned i = 0; i < settings_hop_count(s); i++) {
		e->members[i] = calloc(settings_hop(s, i)->member_count + 1, sizeof(**e->members));
		if (!e->members[i])
			return -ENOMEM;
	}
	return 0;
}

void edition_inherit(struct edition *e, const struct edition *old)
{
	const struct settings *s = e->settings, *before = old->settings;
	for (unsigned i = 0; i < settings_hop_count(s); i++)
		for (unsigned k = 0; k < settings_hop_count(before); k++) {
			const struct upstream_settings *now = settings_hop(s, i), *then = settings_hop(before, k);
			if (now->is_application == then->is_application && strcmp(now->name, then->name) == 0)
				members_inherit(now, e->members[i], then, old->members[k], clock_mono());
		}
}

int edition_new(struct settings *s, struct edition **out)
{
	struct edition *e = calloc(1, sizeof(*e));
	if (!e) {
		settings_unref(s);
		return -ENOMEM;
	}
	ref_init(&e->ref);
	e->number = ++editions;
	e->settings = s;
	int error = make_hop_tls(e);
	if (!error)
		error = make_members(e);
	if (!error)
		error = make_listen_tls(e);
	if (!error)
		error = sign_on_new(s, &e->sign_on);
	if (!error)
		error = open_site_logs(e);
	if (!error && settings_log_access(s)) {
		error = log_open(s->access_log.file, access_log_header(&s->access_log), &e->access_log);
		if (error)
			log_event(LOG_ERROR, "the access log %s cannot be opened: %s", s->access_log.file, strerror(-error));
	}
	if (error) {
		edition_unref(e);
		return error;
	}
	*out = e;
	return 0;
}
