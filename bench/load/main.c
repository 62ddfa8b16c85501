/* bench-load: load generator and origin in one thread. It says on standard output where the origin listens, then takes
 * commands, one a line, words of the form key=value, and answers each with one line of JSON:
 *
 *   run behaviour=get port=4000 origin=127.0.0.1:4001 conns=64 warm=100 ms=500 pids=12,13
 *       connects the clients, waits until each has had an answer and the warming time is over, measures, ends them
 *   hold behaviour=idle-tunnel port= origin= conns=3000 pids=
 *       opens connections one after the other, lets each have one exchange, leaves them idle, says what memory they cost
 *   count behaviour= port= origin= conns= requests= pids=
 *       so many exchanges, for programs that count something else (system calls)
 */
#include "client.h"
#include "loop.h"
#include "measure.h"
#include "origin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define LATENCY_ROOM (1u << 20)
#define PATIENCE_NS 10000000000u

struct command {
	const char *name, *behaviour, *origin, *pids;
	uint64_t port, conns, warm, ms, requests;
};

static char line[1024];
static bool line_ready, input_ended;

static void input_ready(struct watched *w, uint32_t events)
{
	ssize_t n = read(w->fd, line, sizeof line - 1);

	line[n > 0 ? n : 0] = 0;
	line_ready = n > 0;
	input_ended = n <= 0;
}

static struct command parse_command(char *text)
{
	struct command c = {.name = "", .behaviour = "", .origin = "", .pids = "", .conns = 1, .ms = 500};
	char *rest = NULL;

	for (char *word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		char *value = strchr(word, '=');
		if (!value) {
			c.name = word;
			continue;
		}
		*value++ = 0;
		const struct {
			const char *key, **text;
			uint64_t *number;
		} keys[] = {{"behaviour", &c.behaviour, NULL},
		            {"origin", &c.origin, NULL},
		            {"pids", &c.pids, NULL},
		            {"port", NULL, &c.port},
		            {"conns", NULL, &c.conns},
		            {"warm", NULL, &c.warm},
		            {"ms", NULL, &c.ms},
		            {"requests", NULL, &c.requests}};
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
			if (strcmp(keys[i].key, word) == 0 && keys[i].text)
				*keys[i].text = value;
			else if (strcmp(keys[i].key, word) == 0)
				*keys[i].number = strtoull(value, NULL, 10);
	}
	return c;
}

static void serve_until(uint64_t deadline)
{
	uint64_t now;

	while ((now = now_ns()) < deadline)
		loop_once((int)((deadline - now) / 1000000) + 1);
}

/* Lets answers under way arrive: a client that goes away in the middle would cost each proxy something else. */
static void stop(struct load *l)
{
	uint64_t patience = now_ns() + 2000000000u;

	l->stopping = true;
	while (l->busy > 0 && l->behaviour->tunnel_byte != 'F' && l->behaviour->tunnel_byte != 'S' && now_ns() < patience)
		loop_once(10);
	load_fini(l);
	serve_until(now_ns() + 5000000); /* the origin sees the ends too */
}

static void start_all(struct load *l, const struct command *c)
{
	uint64_t patience = now_ns() + PATIENCE_NS;

	load_init(l, (unsigned)c->conns);
	for (unsigned i = 0; i < c->conns; i++) {
		load_start(l, i);
		if (i % 16 == 15)
			loop_once(0);
	}
	while (l->settled < c->conns && now_ns() < patience)
		loop_once(10);
}

static void run(struct load *l, const struct command *c)
{
	static uint32_t latencies[LATENCY_ROOM];
	struct processes processes = processes_parse(c->pids);
	uint64_t began, cpu, own, done, bytes, swallowed;

	start_all(l, c);
	serve_until(now_ns() + c->warm * 1000000);
	l->latencies = latencies;
	l->latency_room = LATENCY_ROOM;
	done = l->done, bytes = l->bytes, swallowed = origin_counts()->swallowed;
	own = own_cpu_ns(), cpu = processes_cpu_ns(&processes), began = now_ns();
	serve_until(began + c->ms * 1000000);
	cpu = processes_cpu_ns(&processes) - cpu;
	printf("{\"wall_ns\": %lu, \"cpu_ns\": %lu, \"own_cpu_ns\": %lu, ", now_ns() - began, cpu, own_cpu_ns() - own);
	printf("\"done\": %lu, \"bytes\": %lu, \"errors\": %lu, \"reconnects\": %lu, \"settled\": %u, ", l->done - done,
	       l->bytes - bytes + origin_counts()->swallowed - swallowed, l->errors, l->reconnects, l->settled);
	l->latencies = NULL;
	printf("\"p50_ns\": %u, \"p99_ns\": %u}\n", percentile(latencies, l->latency_count, 50),
	       percentile(latencies, l->latency_count, 99));
	stop(l);
}

static void count(struct load *l, const struct command *c)
{
	uint64_t patience = now_ns() + PATIENCE_NS, cpu;
	struct processes processes = processes_parse(c->pids);

	start_all(l, c);
	uint64_t done = l->done;
	cpu = processes_cpu_ns(&processes);
	while (l->done - done < c->requests && now_ns() < patience)
		loop_once(10);
	printf("{\"done\": %lu, \"cpu_ns\": %lu, \"errors\": %lu}\n", l->done - done, processes_cpu_ns(&processes) - cpu,
	       l->errors);
	stop(l);
}

/* A first hundred connections, closed again, let the proxy make what it makes only once. */
static void hold(struct load *l, const struct command *c)
{
	struct processes processes = processes_parse(c->pids);
	struct load first = *l;
	uint64_t before, held = origin_counts()->held, patience;
	unsigned expected = 0;

	first.once = l->once = true;
	load_init(&first, 100);
	for (unsigned i = 0; i < 100; i++) {
		load_start(&first, i);
		for (patience = now_ns() + 1000000000; first.settled <= i && now_ns() < patience;)
			loop_once(10);
	}
	load_fini(&first);
	serve_until(now_ns() + 300000000);
	before = processes_memory(&processes);
	load_init(l, (unsigned)c->conns);
	for (unsigned i = 0; i < c->conns && l->errors < 20; i++) {
		load_start(l, i);
		expected++;
		for (patience = now_ns() + 2000000000; l->settled < expected && now_ns() < patience;)
			loop_once(10);
	}
	serve_until(now_ns() + 500000000);
	printf("{\"before\": %lu, \"after\": %lu, \"settled\": %u, \"errors\": %lu, \"reconnects\": %lu, \"held\": %lu}\n",
	       before, processes_memory(&processes), l->settled, l->errors, l->reconnects, origin_counts()->held - held);
	l->stopping = true;
	load_fini(l);
	serve_until(now_ns() + 200000000);
}

static void execute(const struct command *c)
{
	struct load l = {.behaviour = behaviour_find(c->behaviour), .port = (uint16_t)c->port, .origin = c->origin};

	if (l.behaviour && strcmp(c->name, "run") == 0)
		run(&l, c);
	else if (l.behaviour && strcmp(c->name, "count") == 0)
		count(&l, c);
	else if (l.behaviour && strcmp(c->name, "hold") == 0)
		hold(&l, c);
	else
		printf("{\"error\": \"no such command or behaviour\"}\n");
	fflush(stdout);
}

int main(void)
{
	struct rlimit files;
	struct watched input;
	uint16_t web, tunnel, parent;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	origin_listen(&web, &tunnel, &parent);
	printf("{\"web\": %u, \"tunnel\": %u, \"parent\": %u}\n", web, tunnel, parent);
	fflush(stdout);
	loop_watch(&input, STDIN_FILENO, EPOLLIN, input_ready);
	while (!input_ended) {
		loop_once(1000);
		if (!line_ready)
			continue;
		line_ready = false;
		struct command c = parse_command(line);
		execute(&c);
	}
	return 0;
}
