#include "cli/check_tls.h"

#include <stdlib.h>
#include <unistd.h>

#include "net/tls.h"

/* What cannot even be read has been complained of. */
static bool is_there(const char *file)
{
	return !file || access(file, R_OK) == 0;
}

static void warn(struct complaints *c, struct written where, char *text)
{
	if (text)
		complain(c, COMPLAINT_WARNING, where, "%s", text);
	free(text);
}

/* `name`: the host that the certificate should be for, or NULL. */
static void look_at_ours(const struct listen_tls_settings *t, const char *name, struct complaints *c)
{
	struct tls_findings found;
	if (!t->certificate || !is_there(t->certificate) || !is_there(t->key))
		return;
	tls_server_judge(t->certificate, t->key, name, &found);
	if (found.unusable)
		complain(c, COMPLAINT_ERROR, t->where, "%s", found.unusable);
	free(found.unusable);
	warn(c, t->where, found.date);
	warn(c, t->where, found.name);
}

/* Towards a parent or an application. */
static void look_at_client(const struct upstream_tls_settings *t, struct complaints *c)
{
	const struct tls_client_settings settings = {
		.ca = t->ca, .name = t->name, .certificate = t->certificate, .key = t->key, .verify = t->verify};
	struct tls_client *client;
	char *why;
	if (!t->on || !is_there(t->ca) || !is_there(t->certificate) || !is_there(t->key))
		return;
	if (tls_client_new(&settings, &client, &why) == 0)
		tls_client_free(client);
	else if (why)
		complain(c, COMPLAINT_ERROR, t->where, "%s", why);
	free(why);
}

void tls_look(const struct settings *s, struct complaints *c)
{
	for (unsigned i = 0; i < s->listen_count; i++)
		look_at_ours(&s->listens[i].tls, NULL, c);
	for (unsigned i = 0; i < s->site_count; i++)
		look_at_ours(&s->sites[i].tls, s->sites[i].host, c);
	for (unsigned i = 0; i < settings_hop_count(s); i++)
		look_at_client(&settings_hop(s, i)->tls, c);
}
