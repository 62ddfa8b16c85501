/* Which settings file is read. */
#include "config/settings.h"

#include <stdio.h>

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

const char *settings_find(const char *given, char *room, size_t n)
{
	const char *named = given ? given : getenv("FAIRLEAD_CONFIG");
	if (named && (given || named[0])) {
		snprintf(room, n, "%s", named);
		return room;
	}
	const char *home = geteuid() != 0 ? getenv("HOME") : NULL;
	if (home && home[0] == '/') {
		snprintf(room, n, "%s/.config/fairlead/fairlead.conf", home);
		if (exists(room))
			return room;
	}
	snprintf(room, n, "/etc/fairlead/fairlead.conf");
	return exists(room) ? room : NULL;
}
