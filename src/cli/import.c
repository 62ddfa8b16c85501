/* `fairlead import`: prints the settings that mean the same as another program's file, and names what has no place in them. */
#include <stdio.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/import_text.h"
#include "config/source.h"

enum { OUTPUT_MOST = 32 << 20 };

static const struct {
	const char *name;
	void (*import)(const char *file, struct span text, struct buf *to);
} programs[] = {{"cntlm", import_cntlm}, {"squid", import_squid}};

static bool read_file(const char *file, struct arena *memory, struct span *text)
{
	struct complaints c;
	complaints_init(&c);
	bool read = source_read(file, (struct written){file, 0}, memory, &c, text);
	for (const struct complaint *it = c.first; it; it = it->next)
		fprintf(stderr, "fairlead import: %s\n", it->text);
	complaints_fini(&c);
	return read;
}

int cli_import(int argc, char **argv)
{
	size_t i = 0, count = sizeof(programs) / sizeof(programs[0]);
	if (argc != 3)
		return command_usage("import");
	while (i < count && strcmp(programs[i].name, argv[1]) != 0)
		i++;
	if (i == count)
		return command_usage("import");
	struct arena memory;
	struct span text;
	AUTO(buf) struct buf to;
	arena_init(&memory, OUTPUT_MOST);
	buf_init(&to, OUTPUT_MOST);
	bool good = read_file(argv[2], &memory, &text);
	if (good) {
		programs[i].import(argv[2], text, &to);
		good = !buf_error(&to) && fwrite(to.p, 1, to.n, stdout) == to.n;
	}
	arena_fini(&memory);
	return good ? EXIT_FINE : EXIT_NOT_FINE;
}
