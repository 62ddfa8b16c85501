/* What a snapshot needs besides what was written: the number of workers, our name, the machine's addresses. */
#include "config/sense.h"

#include <ifaddrs.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

static void count_workers(struct settings *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (s->workers == 0)
		s->workers = cores > 0 && cores < 1024 ? (unsigned)cores : 1;
}

/* Eight digits, the same for the life of the process, so that a reload does not hide a loop, and others in every process, so
 * that two on one machine do not look like one. */
static char process_part[9];

static void make_process_part(void)
{
	uint32_t number;
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		number = (uint32_t)getpid();
	snprintf(process_part, sizeof(process_part), "%08x", number);
}

static const struct listen_settings *first_proxy(const struct settings *s)
{
	for (unsigned i = 0; i < s->listen_count; i++)
		if (s->listens[i].role == ROLE_PROXY)
			return &s->listens[i];
	return NULL;
}

static bool is_token(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", *text))
			return false;
	return true;
}

static void name_ourselves(struct settings *s, const struct entry *root, struct complaints *c)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char host[256] = "fairlead";
	const struct listen_settings *listen = first_proxy(s);
	if (s->pseudonym && !is_token(s->pseudonym))
		complain(c, COMPLAINT_ERROR, outline_where(root, NULL, "pseudonym"),
		         "pseudonym may hold letters, digits and -._~!#$%%&'*+^`| only, not %s", s->pseudonym);
	if (s->pseudonym)
		return;
	pthread_once(&once, make_process_part);
	if (gethostname(host, sizeof(host) - 1) != 0 || !host[0] || !is_token(host))
		snprintf(host, sizeof(host), "fairlead");
	const char *name = listen && listen->name && is_token(listen->name) ? listen->name : host;
	s->pseudonym = arena_printf(s->memory, "%s-%s", name, process_part);
}

static void find_own_addresses(struct settings *s)
{
	struct ifaddrs *all = NULL;
	unsigned n = 0;
	if (getifaddrs(&all) != 0)
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		n++;
	struct addr *own = arena_zalloc(s->memory, (n + 1) * sizeof(*own));
	for (const struct ifaddrs *i = all; i && own; i = i->ifa_next) {
		if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		struct addr *a = &own[s->own_address_count++];
		memcpy(a, i->ifa_addr, i->ifa_addr->sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6));
	}
	s->own_addresses = own;
	freeifaddrs(all);
}

static bool can_write(const char *directory)
{
	return access(directory, W_OK | X_OK) == 0 || (access(directory, F_OK) != 0 && geteuid() == 0);
}

/* systemd's names several with colons; the first is ours. A plain user's is where the XDG Base Directory Specification has it. */
static void find_state_directory(struct settings *s)
{
	static const char ours[] = "/var/lib/fairlead";
	const char *given = getenv("STATE_DIRECTORY"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	if (s->state_directory)
		return;
	if (given && *given)
		s->state_directory = arena_printf(s->memory, "%.*s", (int)strcspn(given, ":"), given);
	else if (can_write(ours) || (!(state && *state) && !(home && *home)))
		s->state_directory = ours;
	else if (state && *state)
		s->state_directory = arena_printf(s->memory, "%s/fairlead", state);
	else
		s->state_directory = arena_printf(s->memory, "%s/.local/state/fairlead", home);
}

void settings_fill_in(struct settings *s, const struct entry *root, struct complaints *c)
{
	count_workers(s);
	find_state_directory(s);
	find_own_addresses(s);
	name_ourselves(s, root, c);
}
