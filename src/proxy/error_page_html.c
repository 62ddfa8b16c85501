/* The error page for people: one page without anything loaded from elsewhere, readable in light and dark, with the way from
 * the reader to the site drawn as a list whose broken stop is marked in words and shape, not in colour alone. */
#include "base/encode.h"
#include "http/status.h"
#include "proxy/error_page_body.h"

static const char STYLE[] =
	":root{color-scheme:light dark;--text:#1d2733;--soft:#56616e;--ground:#f6f7f9;--card:#fff;--line:#c6ccd4;"
	"--good:#1c7a4a;--bad:#b3261e}"
	"@media(prefers-color-scheme:dark){:root{--text:#e6e9ee;--soft:#a3adb9;--ground:#14181d;--card:#1d232a;--line:#46505c;"
	"--good:#6fcf97;--bad:#ff8a80}}"
	"*{box-sizing:border-box}"
	"body{margin:0;background:var(--ground);color:var(--text);font:1rem/1.55 system-ui,sans-serif}"
	"main{max-width:46rem;margin:0 auto;padding:2.5rem 1.25rem}"
	"p{margin:.4rem 0}.soft{color:var(--soft)}"
	"h1{font-size:1.5rem;line-height:1.3;margin:.2rem 0 1.6rem;overflow-wrap:anywhere}"
	"h2{font-size:1rem;margin:1.6rem 0 .3rem}"
	"ol{list-style:none;display:flex;flex-wrap:wrap;gap:1rem 0;margin:0;padding:1.25rem .5rem;background:var(--card);"
	"border:1px solid var(--line);border-radius:.75rem}"
	"li{flex:1 1 8rem;min-width:8rem;text-align:center;position:relative;padding:0 .5rem;font-size:.875rem}"
	"li+li::before{content:'';position:absolute;top:1.2rem;left:calc(-50% + 1.6rem);right:calc(50% + 1.6rem);"
	"border-top:2px solid var(--good)}"
	"li.x::before,li.n::before{border-top:2px dashed var(--line)}li.x::before{border-color:var(--bad)}"
	"svg{display:block;margin:0 auto .5rem;width:2.5rem;height:2.5rem;fill:none;stroke:var(--good);stroke-width:2.5;"
	"stroke-linecap:round;stroke-linejoin:round}"
	".x svg{stroke:var(--bad)}.n svg{stroke:var(--line)}"
	"li b{display:block}li span{display:block;color:var(--soft);overflow-wrap:anywhere}"
	".x em{color:var(--bad);font-weight:600}em{font-style:normal;color:var(--soft)}"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem;margin:.4rem 0;font-size:.9375rem}"
	"pre{margin:.4rem 0;padding:.6rem .9rem;background:var(--card);border:1px solid var(--line);border-radius:.5rem;"
	"white-space:pre-wrap;overflow-wrap:anywhere}"
	"dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}"
	"@media(max-width:34rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}li+li::before{display:none}}";

/* A circle with a tick, a cross or a dash: the state is seen without colours, too. */
static const char *const SIGNS[] = {
	[STOP_PASSED] = "<path d=\"M13 20.5l5 5 9.5-11\"/>",
	[STOP_BROKEN] = "<path d=\"M14 14l12 12M26 14L14 26\"/>",
	[STOP_NOT_REACHED] = "<path d=\"M14 20h12\"/>",
};
static const char *const CLASSES[] = {
	[STOP_PASSED] = "p",
	[STOP_BROKEN] = "x",
	[STOP_NOT_REACHED] = "n",
};

enum { NAME_SHOWN = 300 };

static void add_head(const struct page_words *w, struct buf *to)
{
	buf_adds(to, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	             "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	             "<meta name=\"robots\" content=\"noindex\"><title>");
	buf_adds(to, w->status);
	buf_addc(to, ' ');
	encode_html(to, span_of(status_reason(w->row->status)));
	buf_adds(to, " \xe2\x80\x93 ");
	encode_html(to, w->user);
	buf_adds(to, "</title><style>");
	buf_adds(to, STYLE);
	buf_adds(to, "</style></head>\n<body><main>\n");
}

static void add_stop(const struct stop *stop, struct buf *to)
{
	buf_adds(to, "<li class=\"");
	buf_adds(to, CLASSES[stop->state]);
	buf_adds(to, "\"><svg viewBox=\"0 0 40 40\" aria-hidden=\"true\"><circle cx=\"20\" cy=\"20\" r=\"17\"/>");
	buf_adds(to, SIGNS[stop->state]);
	buf_adds(to, "</svg><b>");
	encode_html(to, span_of(stop->what));
	buf_adds(to, "</b><span>");
	encode_html(to, span_make(stop->name.p, stop->name.n < NAME_SHOWN ? stop->name.n : NAME_SHOWN));
	buf_adds(to, "</span><em>");
	buf_adds(to, stop_state_text(stop->state));
	buf_adds(to, "</em></li>\n");
}

static void add_paragraph(const char *heading, struct span text, struct buf *to)
{
	if (text.n == 0)
		return;
	buf_adds(to, "<h2>");
	buf_adds(to, heading);
	buf_adds(to, "</h2>\n<p>");
	encode_html(to, text);
	buf_adds(to, "</p>\n");
}

static void add_settings_line(struct span line, struct buf *to)
{
	if (line.n == 0)
		return;
	buf_adds(to, "<p class=\"soft\">In the settings of this proxy:</p>\n<pre>");
	encode_html(to, line);
	buf_adds(to, "</pre>\n");
}

static void add_fact(const char *label, struct span one, struct span two, struct buf *to)
{
	if (one.n + two.n == 0)
		return;
	buf_adds(to, "<dt>");
	buf_adds(to, label);
	buf_adds(to, "</dt><dd>");
	encode_html(to, one);
	encode_html(to, two);
	buf_adds(to, "</dd>\n");
}

static void add_facts(const struct page_words *w, struct buf *to)
{
	char number[24];
	struct buf b;
	buf_over(&b, number, sizeof(number));
	if (w->row->number) {
		buf_addu(&b, w->row->number);
		buf_addc(&b, ' ');
	}
	buf_adds(to, "<h2>To tell whoever helps you</h2>\n<dl>\n");
	add_fact("Reason", buf_span(&b), span_of(w->row->name), to);
	add_fact("Exchange", w->id, SPAN_NONE, to);
	add_fact("Asked for", w->target.before, w->target.after, to);
	add_fact("In detail", w->detail, SPAN_NONE, to);
	add_fact("Decided by", w->rule, SPAN_NONE, to);
	buf_adds(to, "</dl>\n");
}

void page_html_write(const struct page_words *w, struct buf *to)
{
	add_head(w, to);
	buf_adds(to, "<p class=\"soft\">");
	buf_adds(to, w->status);
	buf_addc(to, ' ');
	encode_html(to, span_of(status_reason(w->row->status)));
	buf_adds(to, "</p>\n<h1>");
	encode_html(to, w->user);
	buf_adds(to, "</h1>\n<ol aria-label=\"The way of the request\">\n");
	for (unsigned i = 0; i < w->stop_count; i++)
		add_stop(&w->stops[i], to);
	buf_adds(to, "</ol>\n");
	add_paragraph("What happened", w->administrator, to);
	add_paragraph("What to do", w->remedy, to);
	add_settings_line(w->line, to);
	add_paragraph("Whom to ask", w->contact, to);
	add_facts(w, to);
	buf_adds(to, "</main></body></html>\n");
}
