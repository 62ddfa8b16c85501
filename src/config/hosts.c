/* Hosts, patterns of hosts, and addresses to listen at, as the settings file writes them. */
#include "config/values.h"

#include <ctype.h>
#include <stdio.h>

enum { NAME_MOST = 255 };

/* Cuts ":PORT" off a host. *port is 0 without one. False: what stands behind the colon is no port. A bare IPv6 address keeps
 * its colons. */
static bool split_port(struct span *host, uint16_t *port)
{
	const char *colon = memrchr(host->p, ':', host->n);
	*port = 0;
	if (!colon || (host->p[0] != '[' && memchr(host->p, ':', (size_t)(colon - host->p))) || host->p[host->n - 1] == ']')
		return true;
	uint64_t number;
	size_t n = (size_t)(colon - host->p);
	if (span_to_u64(span_make(colon + 1, host->n - n - 1), UINT16_MAX, &number) != 0 || number == 0)
		return false;
	*port = (uint16_t)number;
	host->n = n;
	return true;
}

static bool is_host_character(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.' || c == '*';
}

/* Lower case, without a dot at the end. NULL: not fit to be a name or a glob of names. */
static const char *fold_name(struct arena *memory, struct span name)
{
	if (name.n > 1 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n == 0 || name.n > NAME_MOST || memmem(name.p, name.n, "..", 2))
		return NULL;
	struct span copy = arena_dup(memory, name);
	for (size_t i = 0; i < copy.n; i++) {
		if (!is_host_character(copy.p[i]))
			return NULL;
		((char *)copy.p)[i] = ascii_lower(copy.p[i]);
	}
	return copy.p;
}

static bool only_of(const char *text, const char *characters)
{
	return text[strspn(text, characters)] == '\0';
}

static const char *bad_pattern(struct arena *memory, const char *text)
{
	const char *scheme = strstr(text, "://");
	if (scheme)
		return arena_printf(memory, "takes hosts, not addresses of pages: write \"%.*s\"",
		                    (int)strcspn(scheme + 3, "/?#"), scheme + 3);
	if (strchr(text, '/'))
		return arena_printf(memory, "takes hosts and networks (\"10.0.0.0/8\"); \"%s\" is neither", text);
	return arena_printf(memory,
	                    "takes hosts: \"*\", \"name.example\", \"*.example\", \"192.0.2.1\", \"10.0.0.0/8\", "
	                    "\"<local>\"; \"%s\" is none",
	                    text);
}

static const char *name_pattern(struct arena *memory, const char *text, struct span host, struct pattern *out)
{
	const char *name = fold_name(memory, host);
	if (!name)
		return bad_pattern(memory, text);
	if (strcmp(name, "*") == 0) {
		out->kind = PATTERN_ANY;
	} else if (only_of(name, "0123456789.*")) {
		return arena_printf(memory,
		                    "has \"%s\": write a network of addresses as \"10.0.0.0/8\", an address in full as "
		                    "\"192.0.2.1\"",
		                    text);
	} else if (name[0] == '.' || (name[0] == '*' && name[1] == '.')) {
		out->name = name[0] == '*' ? name + 1 : name;
		out->kind = strchr(out->name, '*') ? PATTERN_GLOB : PATTERN_SUFFIX;
		if (out->kind == PATTERN_GLOB)
			out->name = name[0] == '*' ? name : arena_printf(memory, "*%s", name);
		return NULL;
	} else {
		out->kind = strchr(name, '*') ? PATTERN_GLOB : PATTERN_NAME;
	}
	out->name = name;
	return NULL;
}

const char *value_pattern(struct arena *memory, const char *text, struct pattern *out)
{
	struct span host = span_of(text);
	struct network network[2];
	unsigned count;
	*out = (struct pattern){.text = arena_dup(memory, span_of(text)).p, .name = ""};
	if (host.n == 0)
		return "has an empty host: write \"*\" for all";
	if (!split_port(&host, &out->port))
		return bad_pattern(memory, text);
	const char *alone = arena_dup(memory, host).p;
	if (alone && strcmp(alone, "*") != 0 && !value_networks(memory, alone, network, &count)) {
		out->kind = PATTERN_NETWORK;
		out->network = network[0];
		return NULL;
	}
	if (span_eq(host, SPAN("<local>"))) {
		out->kind = PATTERN_LOCAL;
		return NULL;
	}
	return name_pattern(memory, text, host, out);
}

const char *value_host_port(struct arena *memory, const char *text, const char **host, uint16_t *port)
{
	struct span name = span_of(text);
	struct addr literal;
	if (strstr(text, "://"))
		return arena_printf(memory, "is a host and a port, without http:// in front: \"HOST:PORT\", not \"%s\"", text);
	if (name.n == 0 || !split_port(&name, port))
		return arena_printf(memory, "is a host and a port, \"HOST:PORT\", not \"%s\"", text);
	if (*port == 0 && name.p[0] != '[' && memchr(name.p, ':', name.n))
		return arena_printf(memory, "has no port: write \"[%s]:8080\", or whatever its port is", text);
	if (*port == 0)
		return arena_printf(memory, "has no port: write \"%s:8080\", or whatever its port is", text);
	bool v6 = name.n && name.p[0] == '[';
	if (addr_parse(name, *port, &literal) == 0) {
		*host = arena_dup(memory, v6 ? span_make(name.p + 1, name.n - 2) : name).p;
		return NULL;
	}
	*host = fold_name(memory, name);
	if (!*host || strchr(*host, '*') || only_of(*host, "0123456789."))
		return arena_printf(memory, "is a host and a port, \"HOST:PORT\", not \"%s\"", text);
	return NULL;
}

const char *value_listen(struct arena *memory, const char *text, struct addr *out)
{
	struct span host = span_of(text);
	uint16_t port = 0;
	if (host.n && only_of(text, "0123456789"))
		return arena_printf(memory,
		                    "is an address and a port: write \"127.0.0.1:%s\", or \"*:%s\" for all addresses of this "
		                    "machine",
		                    text, text);
	if (host.n && text[0] == ':' && only_of(text + 1, "0123456789"))
		return arena_printf(
			memory, "has no address in front of the port: write \"*%s\" for all addresses of this machine", text);
	if (host.n == 0 || !split_port(&host, &port) || port == 0)
		return arena_printf(memory, "is an address and a port, like \"127.0.0.1:3128\", not \"%s\"", text);
	if (span_eq(host, SPAN("*")))
		host = SPAN("::");
	if (addr_parse(host, port, out) == 0)
		return NULL;
	if (span_eq_nocase(host, SPAN("localhost")))
		return arena_printf(memory, "is an address, not a name: write \"127.0.0.1:%u\"", port);
	return arena_printf(
		memory, "is an address of this machine and a port, like \"127.0.0.1:3128\" or \"*:3128\", not \"%s\"", text);
}
