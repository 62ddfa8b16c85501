/* Where an address comes from, in this order: the text itself (a literal), localhost, the hosts file, the cache, a
 * question to the servers. The first that knows ends it. */
#include "net/resolve.h"

#include "net/resolve_cache.h"
#include "net/resolve_dns.h"
#include "net/resolve_hosts.h"
#include "net/worker.h"

enum { LONGEST_NAME = 253, LONGEST_LABEL = 63 };

/* Of this worker. */
static _Thread_local struct dns *servers;
static _Thread_local bool will_stop;

static void stop_with_worker(void *arg)
{
	(void)arg;
	will_stop = false;
	resolve_stop();
}

int resolve_start(const struct resolve_settings *settings)
{
	int rc = resolve_hosts_file(settings->hosts_file ? settings->hosts_file : "/etc/hosts");
	if (rc < 0)
		return rc;
	struct dns *fresh;
	rc = dns_new(settings, &fresh);
	if (rc < 0)
		return rc;
	resolve_cache_limit(settings->cache_entries);
	if (servers)
		dns_retire(servers);
	servers = fresh;
	if (!will_stop)
		worker_on_stop(stop_with_worker, NULL);
	will_stop = true;
	return 0;
}

void resolve_stop(void)
{
	servers = NULL;
	dns_end();
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* What inet_aton() would take for a number: digits, or 0x and hexadecimal digits. */
static bool is_number(struct span label)
{
	bool hex = label.n >= 2 && label.p[0] == '0' && label.p[1] == 'x';
	for (size_t i = hex ? 2 : 0; i < label.n; i++) {
		char c = label.p[i];
		if (!(c >= '0' && c <= '9') && !(hex && c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

/* Writes the name in lower case. A name whose last label is a number is refused: no top-level domain is one, and some
 * libraries read "127.1", "0x7f000001", "2130706433" and "0177.0.0.1" as addresses, past every rule about addresses. */
static int check_name(struct span host, char out[LONGEST_NAME])
{
	if (host.n == 0 || host.n > LONGEST_NAME)
		return -EINVAL;
	size_t label = 0;
	for (size_t i = 0; i < host.n; i++) {
		char c = out[i] = ascii_lower(host.p[i]);
		if (c == '.') {
			if (i == label)
				return -EINVAL;
			label = i + 1;
		} else if (!is_name_char(c) || i - label >= LONGEST_LABEL) {
			return -EINVAL;
		}
	}
	return is_number(span_make(out + label, host.n - label)) ? -EINVAL : 0;
}

/* RFC 6761, section 6.3: never asked of anyone. */
static bool is_localhost(struct span name)
{
	return span_eq(name, SPAN("localhost")) || span_ends_nocase(name, SPAN(".localhost"));
}

static void give_loopback(struct resolved *out)
{
	out->count = 2;
	out->addrs[0] = (struct addr){.v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
	out->addrs[1] = (struct addr){.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
}

static int look_up(struct span name, mono_ms deadline, struct resolved *out)
{
	int status;
	if (is_localhost(name)) {
		give_loopback(out);
		return 0;
	}
	if (resolve_hosts_find(name, out))
		return 0;
	if (resolve_cache_get(name, worker_now(), out, &status))
		return status;
	if (!servers)
		return -ECANCELED; /* the worker is about to end */
	return dns_ask(servers, name, deadline, out);
}

int resolve(struct span host, uint16_t port, mono_ms deadline, struct resolved *out)
{
	char text[LONGEST_NAME];
	out->count = 0;
	if (addr_parse(host, port, &out->addrs[0]) == 0) {
		out->count = 1;
		return 0;
	}
	int rc = check_name(host, text);
	if (rc == 0)
		rc = look_up(span_make(text, host.n), deadline, out);
	if (rc < 0) {
		out->count = 0;
		return rc;
	}
	for (unsigned i = 0; i < out->count; i++)
		addr_set_port(&out->addrs[i], port);
	return 0;
}
