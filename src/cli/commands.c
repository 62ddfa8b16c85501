#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

const struct command commands[] = {
	{"serve", cli_serve,
     "[-c FILE | --parent HOST:PORT... --account NAME [--nt-hash-file FILE | --password]\n"
     "      [--listen ADDRESS]... [--clients NETWORK]... [--direct PATTERN]...]",
     "Runs the proxy: with settings from a file, or for one user, who is asked for the password of the parent."},
	{"check", cli_check, "[-c FILE] [--resolve] [--json]", "Reads the settings and says what is wrong with them."},
	{"route", cli_route, "[-c FILE] [--listen ADDRESS] [--from ADDRESS] [--method METHOD] [--resolve] [--json] URL",
     "Says where a request would go, and why."},
	{"account", cli_account,
     "add|set|list|remove [NAME] [--file FILE] [--groups GROUP,GROUP] [--disabled|--enabled] [--password]",
     "Makes and changes the accounts that Fairlead verifies itself. Asks for the password."},
	{"import", cli_import, "cntlm|squid FILE",
     "Prints the settings that mean the same as another program's, and names what has no place in them."},
	{"version", cli_version, "", "Prints the versions of Fairlead and its libraries."},
	{"help", cli_help, "", "Prints this."},
	{NULL, NULL, NULL, NULL},
};

static const struct command *command_named(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return command_named("help");
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		return command_named("version");
	return NULL;
}

static void print_commands(FILE *to)
{
	fputs("Fairlead is an HTTP proxy for networks that sign in with NTLM and Negotiate.\n\n", to);
	for (const struct command *c = commands; c->name; c++)
		fprintf(to, "  fairlead %s %s\n      %s\n", c->name, c->arguments, c->sentence);
	fputs(
		"\nWithout -c: $FAIRLEAD_CONFIG, ~/.config/fairlead/fairlead.conf, /etc/fairlead/fairlead.conf, or a proxy at\n"
		"127.0.0.1:3128 with its console at 127.0.0.1:3129. See fairlead(1) and fairlead.conf(5).\n",
		to);
}

int command_usage(const char *name)
{
	const struct command *c = command_named(name);
	fprintf(stderr, "usage: fairlead %s %s\n", c->name, c->arguments);
	return EXIT_USAGE;
}

int cli_help(int argc, char **argv)
{
	print_commands(stdout);
	return EXIT_FINE;
}

int commands_run(int argc, char **argv)
{
	const struct command *c = argc > 1 ? command_named(argv[1]) : NULL;
	if (c)
		return c->run(argc - 1, argv + 1);
	if (argc > 1)
		fprintf(stderr, "fairlead: there is no command %s\n\n", argv[1]);
	print_commands(stderr);
	return EXIT_USAGE;
}
