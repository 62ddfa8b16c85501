/* What the console shows: one table of views. */
#ifndef FAIRLEAD_CONSOLE_VIEWS_H
#define FAIRLEAD_CONSOLE_VIEWS_H

#include "console/sheet.h"
#include "proxy/responder.h"

struct view {
	const char *name; /* its address is "/" and this; its member in JSON */
	const char *title;
	bool on_overview; /* also on "/" */
	const char *columns[COLUMNS_MOST + 1];
	void (*fill)(const struct responder_request *request, struct sheet *s);
};

extern const struct view views[];
extern const unsigned view_count;

#endif
