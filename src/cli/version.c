/* `fairlead version`: what was built, of what, by what. */
#include <ares.h>
#include <confuse.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "cli/commands.h"

static const char *compiler(void)
{
#ifdef __clang__
	return "clang " __clang_version__;
#else
	return "gcc " __VERSION__;
#endif
}

int cli_version(int argc, char **argv)
{
	if (argc > 1)
		return command_usage("version");
	printf("fairlead %s\n", FAIRLEAD_VERSION);
	printf("built with %s\n", compiler());
	printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
	printf("c-ares %s\n", ares_version(NULL));
	printf("libConfuse %s\n", confuse_version);
	return EXIT_FINE;
}
