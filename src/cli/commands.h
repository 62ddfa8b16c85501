/* What `fairlead` can be told to do: one table, from which help and the choice of the command are made.
 *
 * Every command gets its own name as argv[0]. Exit status: 0 fine, 1 the thing asked about is not fine, 2 usage. */
#ifndef FAIRLEAD_CLI_COMMANDS_H
#define FAIRLEAD_CLI_COMMANDS_H

enum { EXIT_FINE = 0, EXIT_NOT_FINE = 1, EXIT_USAGE = 2 };

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *sentence;
};

extern const struct command commands[]; /* ends with a NULL name */

int commands_run(int argc, char **argv);
/* Prints how the command is called, to standard error. EXIT_USAGE. */
int command_usage(const char *name);

int cli_serve(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_route(int argc, char **argv);
int cli_account(int argc, char **argv);
int cli_import(int argc, char **argv);
int cli_version(int argc, char **argv);
int cli_help(int argc, char **argv);

#endif
