#include "cli/inquiry.h"

#include "base/encode.h"

bool inquiry_is_fine(const struct inquiry *q)
{
	return q->client_allowed && q->access.verdict == ACCESS_ALLOWED;
}

static const char *verdict_name(enum access_verdict v)
{
	static const char *const names[] = {[ACCESS_ALLOWED] = "allowed",
	                                    [ACCESS_DENIED_BY_RULE] = "denied-by-rule",
	                                    [ACCESS_DENIED_BY_DEFAULT] = "denied-by-default",
	                                    [ACCESS_PORT_NOT_ALLOWED] = "port-not-allowed",
	                                    [ACCESS_ADDRESS_PROTECTED] = "address-protected",
	                                    [ACCESS_NUMERIC_HOST] = "numeric-host",
	                                    [ACCESS_NEEDS_SIGN_IN] = "needs-sign-in"};
	return names[v];
}

static const char *verdict_text(enum access_verdict v)
{
	static const char *const texts[] = {
		[ACCESS_ALLOWED] = "allowed",
		[ACCESS_DENIED_BY_RULE] = "denied",
		[ACCESS_DENIED_BY_DEFAULT] = "denied: no rule matches, and an allow rule names users or groups",
		[ACCESS_PORT_NOT_ALLOWED] = "denied: CONNECT may not go to this port",
		[ACCESS_ADDRESS_PROTECTED] = "denied: a loopback or link-local address, or a listener of this proxy",
		[ACCESS_NUMERIC_HOST] = "denied: a number that some programs take for an address; ask for the address in full",
		[ACCESS_NEEDS_SIGN_IN] = "depends on who asks: the rule names users or groups"};
	return texts[v];
}

static const char *rule_text(struct inquiry *q)
{
	const struct access_settings *rule = q->access.rule;
	if (!rule)
		return q->access.verdict == ACCESS_ALLOWED ? " (no rule matches)" : "";
	return arena_printf(&q->memory, " (rule at %s:%d)", rule->where.file, rule->where.line);
}

static void say_members(struct inquiry *q, struct buf *to)
{
	const struct upstream_settings *u = q->route.upstream;
	unsigned *order = u ? arena_alloc(&q->memory, sizeof(*order) * (u->member_count + 1)) : NULL;
	unsigned n = order ? upstream_order(u, &q->client, NULL, order) : 0;
	for (unsigned i = 0; i < n; i++)
		buf_addf(to, "%s%s%s", i ? ", then " : "members: ", u->members[order[i]].address,
		         u->members[order[i]].backup ? " (backup)" : "");
	if (n)
		buf_adds(to, u->or_direct ? ", then direct\n" : "\n");
}

static void say_addresses(const struct inquiry *q, struct buf *to)
{
	if (q->look_up_failed)
		buf_addf(to, "address: none: %s\n", q->look_up_failed);
	for (unsigned i = 0; i < q->address_count; i++) {
		char text[ADDR_TEXT];
		addr_format(&q->addresses[i], false, text);
		bool shut = q->route.via == VIA_DIRECT && !access_address_allowed(&q->access_question, &q->addresses[i]);
		buf_addf(to, "address: %s%s\n", text, shut ? " (may not be connected to)" : "");
	}
}

void inquiry_say(struct inquiry *q, struct buf *to)
{
	const struct access_question *a = &q->access_question;
	buf_addf(to, "request: %.*s to %.*s port %u, from a client at ", SPAN_ARG(a->method_text), SPAN_ARG(a->host),
	         a->port);
	char client[ADDR_TEXT];
	addr_format(&q->client, false, client);
	buf_addf(to, "%s by %s\n", client, a->listen->address);
	if (!q->client_allowed)
		buf_addf(to, "client:  denied: its address is not in clients of listen \"%s\"\n", a->listen->address);
	buf_addf(to, "access:  %s%s\n", verdict_text(q->access.verdict), rule_text(q));
	if (q->access.remedy)
		buf_addf(to, "remedy:  %s\n", q->access.remedy);
	buf_addf(to, "route:   %s\n", route_explain(&q->route, &q->memory));
	say_members(q, to);
	say_addresses(q, to);
	buf_addf(to, "pins:    %s; the Via field is %s\n",
	         q->route.pin ? "sign-in by NTLM and Negotiate passes, bound to its connection"
	                      : "none: NTLM and Negotiate are taken out of challenges",
	         q->route.via_header ? "sent" : "left out");
}

static void json_text(struct buf *to, const char *name, const char *text)
{
	if (!text) {
		buf_addf(to, ",\"%s\":null", name);
		return;
	}
	buf_addf(to, ",\"%s\":\"", name);
	encode_json(to, span_of(text));
	buf_addc(to, '"');
}

static void json_where(struct buf *to, const struct written *where)
{
	json_text(to, "file", where ? where->file : NULL);
	if (where)
		buf_addf(to, ",\"line\":%d", where->line);
}

static void json_members(struct inquiry *q, struct buf *to)
{
	const struct upstream_settings *u = q->route.upstream;
	unsigned *order = u ? arena_alloc(&q->memory, sizeof(*order) * (u->member_count + 1)) : NULL;
	unsigned n = order ? upstream_order(u, &q->client, NULL, order) : 0;
	buf_adds(to, ",\"members\":[");
	for (unsigned i = 0; i < n; i++) {
		buf_adds(to, i ? ",\"" : "\"");
		encode_json(to, span_of(u->members[order[i]].address));
		buf_addc(to, '"');
	}
	buf_addc(to, ']');
}

void inquiry_say_json(struct inquiry *q, struct buf *to)
{
	const struct access_question *a = &q->access_question;
	buf_addf(to, "{\"fine\":%s", inquiry_is_fine(q) ? "true" : "false");
	json_text(to, "host", q->folded);
	buf_addf(to, ",\"port\":%u,\"connect\":%s,\"client_allowed\":%s", a->port, a->connect ? "true" : "false",
	         q->client_allowed ? "true" : "false");
	buf_addf(to, ",\"access\":{\"verdict\":\"%s\"", verdict_name(q->access.verdict));
	json_where(to, q->access.rule ? &q->access.rule->where : NULL);
	json_text(to, "remedy", q->access.remedy);
	buf_addf(to, "},\"route\":{\"via\":\"%s\"", q->route.upstream ? "upstream" : "direct");
	json_text(to, "upstream", q->route.upstream ? q->route.upstream->name : NULL);
	json_where(to, q->route.rule ? &q->route.rule->where : NULL);
	json_members(q, to);
	buf_addf(to, ",\"pin\":%s,\"via_header\":%s}", q->route.pin ? "true" : "false",
	         q->route.via_header ? "true" : "false");
	buf_adds(to, ",\"addresses\":[");
	for (unsigned i = 0; i < q->address_count; i++) {
		char text[ADDR_TEXT];
		addr_format(&q->addresses[i], false, text);
		buf_addf(to, "%s\"%s\"", i ? "," : "", text);
	}
	buf_adds(to, "]}\n");
}
