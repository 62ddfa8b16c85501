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
	for (unsigned i = 0; e->tls && i < e->settings->upstream_count; i++)
		if (e->tls[i])
			tls_client_free(e->tls[i]);
	free(e->tls);
	for (unsigned i = 0; e->listen_tls && i < e->settings->listen_count; i++)
		if (e->listen_tls[i])
			tls_server_free(e->listen_tls[i]);
	free(e->listen_tls);
	for (unsigned i = 0; e->members && i < e->settings->upstream_count; i++)
		free(e->members[i]);
	free(e->members);
	sign_on_free(e->sign_on);
	log_close(e->access_log);
	settings_unref(e->settings);
	free(e);
}

static int make_parent_tls(struct edition *e)
{
	const struct settings *s = e->settings;
	e->tls = calloc(s->upstream_count + 1, sizeof(*e->tls));
	if (!e->tls)
		return -ENOMEM;
	for (unsigned i = 0; i < s->upstream_count; i++) {
		const struct upstream_tls_settings *t = &s->upstreams[i].tls;
		char *why = NULL;
		if (!t->on)
			continue;
		struct tls_client_settings settings = {
			.ca = t->ca, .name = t->name, .certificate = t->certificate, .key = t->key, .verify = t->verify};
		int error = tls_client_new(&settings, &e->tls[i], &why);
		if (error) {
			log_event(LOG_ERROR, "upstream %s: %s", s->upstreams[i].name, why ? why : "TLS cannot be set up");
			free(why);
			return error;
		}
	}
	return 0;
}

static int make_listen_tls(struct edition *e)
{
	const struct settings *s = e->settings;
	e->listen_tls = calloc(s->listen_count + 1, sizeof(*e->listen_tls));
	if (!e->listen_tls)
		return -ENOMEM;
	for (unsigned i = 0; i < s->listen_count; i++) {
		const struct listen_settings *l = &s->listens[i];
		char *why = NULL;
		if (!l->tls.on)
			continue;
		int error = tls_server_new(l->tls.certificate, l->tls.key, &e->listen_tls[i], &why);
		if (error) {
			log_event(LOG_ERROR, "listen %s: %s", l->address, why ? why : "TLS cannot be set up");
			free(why);
			return error;
		}
	}
	return 0;
}

static int make_members(struct edition *e)
{
	const struct settings *s = e->settings;
	e->members = calloc(s->upstream_count + 1, sizeof(*e->members));
	if (!e->members)
		return -ENOMEM;
	for (unsigned i = 0; i < s->upstream_count; i++) {
		e->members[i] = calloc(s->upstreams[i].member_count + 1, sizeof(**e->members));
		if (!e->members[i])
			return -ENOMEM;
	}
	return 0;
}

void edition_inherit(struct edition *e, const struct edition *old)
{
	const struct settings *s = e->settings, *before = old->settings;
	for (unsigned i = 0; i < s->upstream_count; i++)
		for (unsigned k = 0; k < before->upstream_count; k++)
			if (strcmp(s->upstreams[i].name, before->upstreams[k].name) == 0)
				members_inherit(&s->upstreams[i], e->members[i], &before->upstreams[k], old->members[k], clock_mono());
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
	int error = make_parent_tls(e);
	if (!error)
		error = make_members(e);
	if (!error)
		error = make_listen_tls(e);
	if (!error)
		error = sign_on_new(s, &e->sign_on);
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
