/* The commands of the program: each reads its own arguments (argv[0] is the command) and gives the exit status: 0 fine, 1 the thing asked
 * about is not fine, 2 usage. */
#ifndef FAIRLEAD_CLI_COMMANDS_H
#define FAIRLEAD_CLI_COMMANDS_H

int cli_serve(int argc, char **argv);

#endif
