#include "config/sense.h"

#include <stdio.h>

#include "config/values.h"

/* A part of the head is no larger than the head: a default follows, a written one is a mistake. */
static void check_part(const struct settings *s, uint64_t *part, const char *name, const struct entry *root,
                       struct complaints *c)
{
	char head[32];
	if (*part <= s->limits.head)
		return;
	*part = s->limits.head;
	value_size_text((int64_t)s->limits.head, head);
	if (outline_find(root, "limits", name))
		complain(c, COMPLAINT_ERROR, outline_where(root, "limits", name),
		         "%s is larger than the whole head (%s): lower it, or raise head", name, head);
}

static bool is_server_address(struct span text)
{
	struct addr a;
	const char *colon = text.n ? memrchr(text.p, ':', text.n) : NULL;
	if (addr_parse(text, 53, &a) == 0)
		return true;
	uint64_t port;
	if (!colon || span_to_u64(span_make(colon + 1, text.n - (size_t)(colon + 1 - text.p)), UINT16_MAX, &port) != 0 ||
	    port == 0)
		return false;
	struct span host = span_make(text.p, (size_t)(colon - text.p));
	bool bare_v6 = host.n && host.p[0] != '[' && memchr(host.p, ':', host.n);
	return !bare_v6 && addr_parse(host, (uint16_t)port, &a) == 0;
}

static void check_resolver(struct settings *s, const struct entry *root, struct complaints *c)
{
	struct span rest = span_of(s->resolver.servers), server;
	while (span_next(&rest, ',', &server))
		if (!is_server_address(server))
			complain(c, COMPLAINT_ERROR, outline_where(root, "resolver", "servers"),
			         "servers takes addresses with commas between, like \"192.0.2.53,192.0.2.54:5353\"; "
			         "\"%.*s\" is none",
			         SPAN_ARG(server));
}

void settings_make_sense(struct settings *s, const struct entry *root, struct complaints *c)
{
	settings_fill_in(s, root, c);
	settings_read_sites(s, c);
	settings_check_listens(s, c);
	settings_check_upstreams(s, c);
	settings_check_rules(s, c);
	settings_check_sign_on(s, c);
	check_part(s, &s->limits.field, "field", root, c);
	check_part(s, &s->limits.target, "target", root, c);
	check_resolver(s, root, c);
}
