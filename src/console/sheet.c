#include "console/sheet.h"

#include "base/encode.h"

static const char STYLE[] =
	":root{color-scheme:light dark;--text:#1d2733;--soft:#56616e;--ground:#f6f7f9;--card:#fff;--line:#d5dae1}"
	"@media(prefers-color-scheme:dark){:root{--text:#e6e9ee;--soft:#a3adb9;--ground:#14181d;--card:#1d232a;--line:#39424d}}"
	"body{margin:0 auto;max-width:90rem;padding:1.5rem;background:var(--ground);color:var(--text);"
	"font:.9375rem/1.5 system-ui,sans-serif}"
	"h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.8rem 0 .5rem}a{color:inherit}nav a{margin-right:1rem}"
	"div{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:.5rem}"
	"table{border-collapse:collapse;width:100%}"
	"th,td{text-align:left;vertical-align:top;padding:.3rem .75rem;border-bottom:1px solid var(--line)}"
	"td{overflow-wrap:anywhere}td:first-child,.n{white-space:nowrap}.n{font-variant-numeric:tabular-nums}"
	"tr:last-child td{border-bottom:0}th{color:var(--soft);font-weight:600;white-space:nowrap}";

void page_begin(struct buf *to, enum sheet_form form, const char *title, bool several)
{
	if (form == SHEET_JSON && several)
		buf_addc(to, '{');
	if (form != SHEET_HTML)
		return;
	buf_adds(to, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	             "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Fairlead: ");
	encode_html(to, span_of(title));
	buf_adds(to, "</title><style>");
	buf_adds(to, STYLE);
	buf_adds(to, "</style></head>\n<body>\n<h1>Fairlead: ");
	encode_html(to, span_of(title));
	buf_adds(to, "</h1>\n");
}

void page_end(struct buf *to, enum sheet_form form, bool several)
{
	if (form == SHEET_JSON)
		buf_adds(to, several ? "}\n" : "\n");
	else if (form == SHEET_HTML)
		buf_adds(to, "</body></html>\n");
}

static void begin_html(struct sheet *s, const char *name, const char *title)
{
	buf_adds(s->to, "<h2 id=\"");
	encode_html(s->to, span_of(name));
	buf_adds(s->to, "\">");
	encode_html(s->to, span_of(title));
	buf_adds(s->to, "</h2>\n<div><table><thead><tr>");
	for (unsigned i = 0; i < s->count; i++) {
		buf_adds(s->to, "<th scope=\"col\">");
		encode_html(s->to, span_of(s->columns[i]));
		buf_adds(s->to, "</th>");
	}
	buf_adds(s->to, "</tr></thead><tbody>\n");
}

static void begin_json(struct sheet *s, const char *name, bool first, bool alone)
{
	if (!alone) {
		buf_adds(s->to, first ? "\"" : ",\n\"");
		buf_adds(s->to, name);
		buf_adds(s->to, "\":");
	}
	buf_addc(s->to, '[');
}

static void begin_text(struct sheet *s, const char *name, bool first)
{
	buf_adds(s->to, first ? "# " : "\n# ");
	buf_adds(s->to, name);
	buf_addc(s->to, ':');
	for (unsigned i = 0; i < s->count; i++) {
		buf_addc(s->to, i ? '\t' : ' ');
		buf_adds(s->to, s->columns[i]);
	}
	buf_addc(s->to, '\n');
}

void sheet_begin(struct sheet *s, struct buf *to, enum sheet_form form, const char *name, const char *title,
                 const char *const *columns, bool first, bool alone)
{
	*s = (struct sheet){.to = to, .form = form, .columns = columns};
	while (columns[s->count])
		s->count++;
	if (form == SHEET_HTML)
		begin_html(s, name, title);
	else if (form == SHEET_JSON)
		begin_json(s, name, first, alone);
	else
		begin_text(s, name, first);
}

/* What stands before a cell's value. */
static void open_cell(struct sheet *s, bool number)
{
	if (s->form == SHEET_HTML) {
		buf_adds(s->to, s->column == 0 ? "<tr>" : "");
		buf_adds(s->to, number ? "<td class=\"n\">" : "<td>");
	} else if (s->form == SHEET_JSON) {
		buf_adds(s->to, s->column ? "," : s->row ? ",\n{" : "\n{");
		buf_addc(s->to, '"');
		encode_json(s->to, span_of(s->columns[s->column]));
		buf_adds(s->to, "\":");
	} else if (s->column) {
		buf_addc(s->to, '\t');
	}
}

static void close_cell(struct sheet *s)
{
	bool last = ++s->column == s->count;
	if (s->form == SHEET_HTML)
		buf_adds(s->to, last ? "</td></tr>\n" : "</td>");
	else if (last)
		buf_addc(s->to, s->form == SHEET_JSON ? '}' : '\n');
	if (last) {
		s->column = 0;
		s->row++;
	}
}

/* One line a row, one tab between cells, whatever the text holds. */
static void add_one_line(struct buf *to, struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		buf_addc(to, (unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f ? ' ' : text.p[i]);
}

void sheet_text(struct sheet *s, struct span text)
{
	open_cell(s, false);
	if (s->form == SHEET_JSON && !text.p) {
		buf_adds(s->to, "null");
	} else if (s->form == SHEET_JSON) {
		buf_addc(s->to, '"');
		encode_json(s->to, text);
		buf_addc(s->to, '"');
	} else if (s->form == SHEET_HTML) {
		encode_html(s->to, text);
	} else {
		add_one_line(s->to, text.n ? text : SPAN("-"));
	}
	close_cell(s);
}

void sheet_string(struct sheet *s, const char *text)
{
	sheet_text(s, span_of(text));
}

void sheet_number(struct sheet *s, int64_t n)
{
	open_cell(s, true);
	if (n < 0)
		buf_addc(s->to, '-');
	buf_addu(s->to, n < 0 ? -(uint64_t)n : (uint64_t)n);
	close_cell(s);
}

void sheet_yes_no(struct sheet *s, bool yes)
{
	if (s->form != SHEET_JSON) {
		sheet_string(s, yes ? "yes" : "no");
		return;
	}
	open_cell(s, false);
	buf_adds(s->to, yes ? "true" : "false");
	close_cell(s);
}

void sheet_end(struct sheet *s)
{
	ASSERT(s->column == 0);
	if (s->form == SHEET_JSON)
		buf_adds(s->to, "\n]");
	else if (s->form == SHEET_HTML)
		buf_adds(s->to, "</tbody></table></div>\n");
}
