/* `fairlead check`, `route` and `version` as they are called: what they print and how they end. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/span.h"
#include "cli/commands.h"
#include "json_check.h"

static char folder[] = "/tmp/fairlead-cli-XXXXXX";

static const char good[] = "listen \"127.0.0.1:3128\" { }\n"
						   "listen \"*:8080\" { clients = {\"10.0.0.0/8\"} }\n"
						   "upstream near {\n"
						   "	member \"p1.example:8080\" { }\n"
						   "	member \"p2.example:8080\" { backup = true }\n"
						   "}\n"
						   "route { to = {\"*.corp.example\", \"<local>\"}  via = direct }\n"
						   "route { to = {\"old.example\"}  via = direct  via-header = false  pin = false }\n"
						   "route { to = {\"*\"}  via = near }\n"
						   "access { action = deny  to = {\"*.bad.example\"} }\n";

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
}

static char printed[65536];

/* Runs one command line, words divided by blanks; what it prints on either output is in `printed`. */
static int run(const char *line)
{
	char copy[512], *argv[20] = {NULL};
	int argc = 0, out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word && argc < 19; word = strtok(NULL, " "))
		argv[argc++] = word;
	int fd = open("printed", O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0 && fflush(stdout) == 0);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	optind = 0; /* getopt begins anew */
	int status = commands_run(argc, argv);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	ssize_t n = pread(fd, printed, sizeof(printed) - 1, 0);
	close(fd);
	printed[n > 0 ? n : 0] = '\0';
	return status;
}

static const struct {
	const char *line;
	int status;
	const char *prints[5];
} rows[] = {
	/* how it is called */
	{"fairlead", EXIT_USAGE, {"fairlead serve [-c FILE | --parent", "fairlead check", "fairlead route"}},
	{"fairlead frobnicate", EXIT_USAGE, {"there is no command frobnicate", "fairlead serve"}},
	{"fairlead help", EXIT_FINE, {"fairlead serve", "fairlead version"}},
	{"fairlead --help", EXIT_FINE, {"fairlead serve"}},
	{"fairlead version", EXIT_FINE, {"fairlead " FAIRLEAD_VERSION "\n", "OpenSSL", "c-ares", "libConfuse"}},
	{"fairlead --version", EXIT_FINE, {"fairlead " FAIRLEAD_VERSION "\n"}},
	{"fairlead version 2", EXIT_USAGE, {"usage: fairlead version"}},
	{"fairlead check --frobnicate", EXIT_USAGE, {"usage: fairlead check [-c FILE]"}},
	{"fairlead check file", EXIT_USAGE, {"usage: fairlead check"}},
	{"fairlead route", EXIT_USAGE, {"usage: fairlead route"}},
	{"fairlead route a.example b.example", EXIT_USAGE, {"usage: fairlead route"}},
	/* check */
	{"fairlead check -c good.conf",
     EXIT_FINE,
     {"good.conf: fine, 0 warnings\n", "  proxy at 127.0.0.1:3128\n", "  to *.corp.example, <local> via direct\n",
      "  to * via near\n", "access: 1 rule"}},
	{"fairlead check -c warned.conf",
     EXIT_FINE,
     {"warned.conf:1: warning: listen *:8080 is open", "warned.conf: fine, 1 warning\n"}},
	{"fairlead check -c bad.conf",
     EXIT_NOT_FINE,
     {"bad.conf:1: error: workers is a whole number, not \"x\"\n", "bad.conf:3: error: there is no setting named foo\n",
      "bad.conf: not fine: 2 errors"}},
	{"fairlead check -c files.conf",
     EXIT_NOT_FINE,
     {"files.conf:4: error: ca \"none.pem\" cannot be read: No such file or directory\n", "not fine: 1 error"}},
	{"fairlead check -c none.conf", EXIT_NOT_FINE, {"none.conf cannot be read: No such file or directory"}},
	{"fairlead check -c names.conf --resolve", EXIT_FINE, {"names.conf: fine"}},
	{"fairlead check --manual", EXIT_FINE, {"fairlead.conf(5)\n", "*connect-ports* = "}},
	{"fairlead check -c good.conf --json",
     EXIT_FINE,
     {"\"source\":\"good.conf\",\"fine\":true,\"errors\":0,\"warnings\":0",
      "{\"role\":\"proxy\",\"address\":\"*:8080\"}", "{\"to\":[\"*\"],\"via\":\"near\"}"}},
	{"fairlead check -c bad.conf --json",
     EXIT_NOT_FINE,
     {"\"fine\":false,\"errors\":2",
      "{\"kind\":\"error\",\"file\":\"bad.conf\",\"line\":1,\"text\":\"workers is a whole "
      "number, not \\\"x\\\"\"}"}},
	/* route */
	{"fairlead route -c good.conf http://intranet.corp.example/path?q=1",
     EXIT_FINE,
     {"GET to intranet.corp.example port 80", "access:  allowed (no rule matches)\n",
      "route:   direct (rule at good.conf:7)\n", "the Via field is sent"}},
	{"fairlead route -c good.conf https://www.example/",
     EXIT_FINE,
     {"CONNECT to www.example port 443", "route:   upstream near (rule at good.conf:9)\n",
      "members: p1.example:8080, then p2.example:8080 (backup)\n"}},
	{"fairlead route -c good.conf old.example",
     EXIT_FINE,
     {"GET to old.example port 80", "(rule at good.conf:8)", "none: NTLM and Negotiate are taken out", "left out"}},
	{"fairlead route -c good.conf www.example:25",
     EXIT_NOT_FINE,
     {"CONNECT may not go to this port", "remedy:  connect-ports = {\"443\", \"563\", \"25\"}"}},
	{"fairlead route -c good.conf http://x.bad.example/",
     EXIT_NOT_FINE,
     {"access:  denied (rule at good.conf:10)\n", "remedy:  access { action = allow  to = {\"x.bad.example:80\"}"}},
	{"fairlead route -c good.conf http://127.0.0.1:9000/",
     EXIT_NOT_FINE,
     {"a loopback or link-local address", "to = {\"127.0.0.1:9000\"}"}},
	{"fairlead route -c good.conf http://[::1]/", EXIT_NOT_FINE, {"GET to ::1 port 80", "to = {\"[::1]:80\"}"}},
	{"fairlead route -c good.conf http://2130706433/",
     EXIT_NOT_FINE,
     {"a number that some programs take for an address"}},
	{"fairlead route -c good.conf --listen *:8080 --from 10.1.2.3 http://a.example/",
     EXIT_FINE,
     {"from a client at 10.1.2.3 by *:8080"}},
	{"fairlead route -c good.conf --listen *:8080 --from 192.0.2.1 http://a.example/",
     EXIT_NOT_FINE,
     {"client:  denied: its address is not in clients of listen \"*:8080\""}},
	{"fairlead route -c good.conf --listen *:9 http://a.example/", EXIT_USAGE, {"no such listen: *:9"}},
	{"fairlead route -c good.conf --from nobody http://a.example/", EXIT_USAGE, {"nobody is no address of a client"}},
	{"fairlead route -c good.conf ftp://a.example/", EXIT_USAGE, {"write http://HOST/"}},
	{"fairlead route -c good.conf http://a_b\"c/", EXIT_USAGE, {"is no address"}},
	{"fairlead route -c bad.conf http://a.example/", EXIT_NOT_FINE, {"bad.conf:1: error:"}},
	{"fairlead route -c local.conf --resolve http://localhost:8000/",
     EXIT_FINE,
     {"access:  allowed (rule at local.conf:2)", "address: 127.0.0.1\n"}},
	{"fairlead route -c good.conf --json http://www.example/",
     EXIT_FINE,
     {"{\"fine\":true,\"host\":\"www.example\",\"port\":80,\"connect\":false,\"client_allowed\":true",
      "\"route\":{\"via\":\"upstream\",\"upstream\":\"near\",\"file\":\"good.conf\",\"line\":9,\"members\":[\"p1.example:8080\","
      "\"p2.example:8080\"],\"pin\":true,\"via_header\":true}"}},
	{"fairlead route -c good.conf --json http://127.0.0.1/",
     EXIT_NOT_FINE,
     {"{\"fine\":false", "\"verdict\":\"address-protected\"",
      "\"remedy\":\"access { action = allow  to = {\\\"127.0.0.1:80\\\"}"}},
};

static void commands_print_and_end_as_the_table_says(void **state)
{
	unsigned wrong = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool bad = run(rows[i].line) != rows[i].status;
		for (unsigned j = 0; j < 5 && rows[i].prints[j]; j++)
			bad = bad || !strstr(printed, rows[i].prints[j]);
		if (bad)
			print_error("%s\n%s\n", rows[i].line, printed);
		wrong += bad;
	}
	assert_int_equal(wrong, 0);
}

static void json_is_json(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!strstr(rows[i].line, "--json"))
			continue;
		run(rows[i].line);
		assert_true(json_is_valid(span_of(printed)));
	}
}

static int prepare(void **state)
{
	if (!mkdtemp(folder) || chdir(folder) != 0)
		return -1;
	write_file("good.conf", good);
	write_file("warned.conf", "listen \"*:8080\" { }\n");
	write_file("bad.conf", "workers = x\n\nfoo = 1\n");
	write_file("files.conf", "listen \"127.0.0.1:3128\" { }\n"
	                         "upstream a {\n"
	                         "	member \"p.example:1\" { }\n"
	                         "	tls { ca = \"none.pem\" }\n"
	                         "}\n"
	                         "route { to = {\"*\"}  via = a }\n");
	write_file("names.conf", "listen \"127.0.0.1:3128\" { }\n"
	                         "upstream a { member \"localhost:8080\" { } }\n"
	                         "route { to = {\"*\"}  via = a }\n");
	write_file("local.conf", "listen \"127.0.0.1:3128\" { }\n"
	                         "access { action = allow  to = {\"127.0.0.1:8000\", \"[::1]:8000\"} }\n");
	return 0;
}

static int finish(void **state)
{
	char command[64];
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return chdir("/") == 0 ? system(command) : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_print_and_end_as_the_table_says),
		cmocka_unit_test(json_is_json),
	};
	return cmocka_run_group_tests_name("cli: commands", tests, prepare, finish);
}
