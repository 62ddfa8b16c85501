#include "console/console.h"

#include "console/metrics.h"
#include "console/views.h"
#include "proxy/error_page_body.h"

/* Pages load nothing and may not be shown inside other pages; no site may read them. */
static const char FENCE[] = "X-Content-Type-Options: nosniff\r\n"
							"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
							"form-action 'none'; frame-ancestors 'none'\r\n"
							"Cross-Origin-Resource-Policy: same-origin\r\n";

static void answer_health(const struct responder_request *request, struct responder_answer *answer)
{
	answer->status = request->draining ? 503 : 200;
	buf_adds(&answer->body, request->draining ? "draining\n" : "ok\n");
}

static void answer_metrics(const struct responder_request *request, struct responder_answer *answer)
{
	answer->content_type = METRICS_MEDIA_TYPE;
	metrics_write(request, &answer->body);
}

static void add_links(struct buf *to)
{
	buf_adds(to, "<nav><a href=\"/\">overview</a>");
	for (unsigned i = 0; i < view_count; i++)
		buf_addf(to, "<a href=\"/%s\">%s</a>", views[i].name, views[i].name);
	buf_adds(to, "<a href=\"/metrics\">metrics</a><a href=\"/health\">health</a></nav>\n");
}

static void add_view(const struct responder_request *request, const struct view *view, enum sheet_form form, bool first,
                     bool alone, struct buf *to)
{
	struct sheet s;
	sheet_begin(&s, to, form, view->name, view->title, view->columns, first, alone);
	view->fill(request, &s);
	sheet_end(&s);
}

/* `only`: one view, or NULL for the overview. */
static void answer_page(const struct responder_request *request, const struct view *only,
                        struct responder_answer *answer)
{
	static const enum sheet_form forms[] = {
		[PAGE_TEXT] = SHEET_TEXT, [PAGE_HTML] = SHEET_HTML, [PAGE_JSON] = SHEET_JSON};
	enum page_form wanted = page_form_of(head_value(request->head, FIELD_ACCEPT));
	enum sheet_form form = forms[wanted];
	struct buf *to = &answer->body;
	answer->content_type = page_media_type(wanted);
	page_begin(to, form, only ? only->title : request->settings->pseudonym, !only);
	if (form == SHEET_HTML)
		add_links(to);
	bool first = true;
	for (unsigned i = 0; i < view_count; i++) {
		if (only ? only != &views[i] : !views[i].on_overview)
			continue;
		add_view(request, &views[i], form, first, only != NULL, to);
		first = false;
	}
	page_end(to, form, !only);
}

static const struct view *find_view(struct span name)
{
	for (unsigned i = 0; i < view_count; i++)
		if (span_eq(name, span_of(views[i].name)))
			return &views[i];
	return NULL;
}

static void answer_unknown(struct responder_answer *answer)
{
	answer->status = 404;
	buf_adds(&answer->body, "There is no such page here. There are: / /health /metrics");
	for (unsigned i = 0; i < view_count; i++)
		buf_addf(&answer->body, " /%s", views[i].name);
	buf_addc(&answer->body, '\n');
}

static void answer_console(const struct responder_request *request, struct responder_answer *answer)
{
	struct span rest = request->path, path, name;
	if (!span_next(&rest, '?', &path) || path.n == 0)
		path = SPAN("/");
	name = span_make(path.p + 1, path.n - 1);
	const struct view *view = find_view(name);
	answer->status = 200;
	answer->content_type = "text/plain; charset=utf-8";
	buf_adds(&answer->fields, FENCE);
	if (request->head->method != METHOD_GET && request->head->method != METHOD_HEAD) {
		answer->status = 405;
		buf_adds(&answer->fields, "Allow: GET, HEAD\r\n");
		buf_adds(&answer->body, "The console is for reading: GET and HEAD.\n");
	} else if (span_eq(path, SPAN("/health"))) {
		answer_health(request, answer);
	} else if (span_eq(path, SPAN("/metrics"))) {
		answer_metrics(request, answer);
	} else if (view || name.n == 0) {
		answer_page(request, view, answer);
	} else {
		answer_unknown(answer);
	}
}

const struct responder console_responder = {.name = "console", .role = ROLE_CONSOLE, .answer = answer_console};
