#include "proxy/lanes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAITING_THREADS = 16, QUEUE = 1024, SECRETS_THREADS = 2, ACCOUNTS_THREADS = 8, ACCOUNTS_MOST = 64 };

static struct offload_lane *lanes[LANE_LIMIT];

/* Names that reloads have brought. Beyond so many a block shares the last one's. */
static struct {
	char *name;
	struct offload_lane *lane;
} of_accounts[ACCOUNTS_MOST];
static unsigned accounts_count;

static unsigned processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 2 ? (unsigned)n : 2;
}

int lanes_start(void)
{
	const struct {
		enum lane which;
		const char *name;
		unsigned threads;
	} made[] = {{LANE_KERBEROS, "kerberos", WAITING_THREADS},
	            {LANE_PASSWORDS, "passwords", processors()},
	            {LANE_TICKETS, "tickets", WAITING_THREADS},
	            {LANE_ACCOUNTS, "account-check", ACCOUNTS_THREADS},
	            {LANE_SECRETS, "secrets", SECRETS_THREADS}};
	for (unsigned i = 0; i < LANE_LIMIT; i++) {
		int error = offload_lane_new(made[i].name, made[i].threads, QUEUE, &lanes[made[i].which]);
		if (error)
			return error;
	}
	return 0;
}

void lanes_end(void)
{
	for (unsigned i = 0; i < LANE_LIMIT; i++)
		offload_lane_free(lanes[i]);
	for (unsigned i = 0; i < accounts_count; i++) {
		offload_lane_free(of_accounts[i].lane);
		free(of_accounts[i].name);
	}
}

struct offload_lane *lane_of(enum lane which)
{
	return lanes[which];
}

struct offload_lane *lane_of_accounts(const char *name)
{
	for (unsigned i = 0; i < accounts_count; i++)
		if (strcmp(of_accounts[i].name, name) == 0 || i + 1 == ACCOUNTS_MOST)
			return of_accounts[i].lane;
	char *copy = strdup(name);
	struct offload_lane *lane = NULL;
	if (!copy || offload_lane_new(name, WAITING_THREADS, QUEUE, &lane) != 0) {
		free(copy);
		return NULL;
	}
	of_accounts[accounts_count].name = copy;
	of_accounts[accounts_count++].lane = lane;
	return lane;
}
