/* doc/errors.md, made from the table of end reasons. */
#include "base/buf.h"
#include "http/status.h"
#include "proxy/end_reason.h"

static const char INTRODUCTION[] =
	"# How an exchange can end\n"
	"\n"
	"<!-- Made from src/proxy/end_reason.def. After a change there: FAIRLEAD_WRITE_DOC=1 build/unit_proxy_end_reason -->\n"
	"\n"
	"Every exchange ends for one of these reasons. Its name stands in the log (`x-end`), on the error page, in the\n"
	"`Proxy-Status` field and in `fairlead_exchange_ends_total{reason=\"...\"}` of /metrics. Numbers of the 122xx family mean\n"
	"what they meant in Microsoft's proxy servers, and stand in `sc-win32-status`. {hop} is whom Fairlead spoke to: the site,\n"
	"or the parent; {site} is the host that was asked for.\n"
	"\n"
	"A status of 0 means that nothing could be told to the client any more: its connection was closed.\n";

static void add_code(struct buf *to, const char *label, const char *text)
{
	buf_adds(to, label);
	buf_addc(to, '`');
	buf_adds(to, text);
	buf_addc(to, '`');
}

static void add_row(struct buf *to, const struct end_row *row)
{
	buf_adds(to, "\n## ");
	buf_adds(to, row->name);
	buf_adds(to, "\n\n");
	if (row->number)
		buf_addf(to, "**%u**, ", row->number);
	if (row->status)
		buf_addf(to, "status %u %s", row->status, status_reason(row->status));
	else
		buf_adds(to, "status 0");
	if (row->substatus)
		buf_addf(to, ", sc-substatus %u", row->substatus);
	if (row->win32)
		buf_addf(to, ", sc-win32-status %u", row->win32);
	if (row->error_type)
		add_code(to, ", Proxy-Status ", row->error_type);
	buf_addf(to, "\n\n> %s\n\n%s\n\nWhat to do: %s\n", row->user, row->administrator, row->remedy);
}

void end_reason_manual(struct buf *to)
{
	buf_adds(to, INTRODUCTION);
	for (unsigned i = 0; i < END_LIMIT; i++)
		add_row(to, &end_reason_table[i]);
}
