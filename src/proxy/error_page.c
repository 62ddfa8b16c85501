#include "proxy/error_page.h"

#include "base/clock.h"
#include "http/date.h"
#include "http/status.h"
#include "proxy/error_page_body.h"
#include "proxy/explain.h"

enum {
	BODY_MOST = 64 * 1024,
	REASON_MOST = 119, /* of a reason phrase; longer ones are cut by some clients */
	RETRY_AFTER_S = 5,
};

/* Printable ASCII only, and not longer than `room`: cut between two words. */
static void add_reason_text(struct buf *to, struct span text, size_t room)
{
	struct span cut = text;
	if (text.n > room) {
		cut.n = room - 3;
		while (cut.n > 0 && cut.p[cut.n] != ' ')
			cut.n--;
		if (cut.n == 0)
			cut.n = room - 3;
	}
	for (size_t i = 0; i < cut.n; i++)
		buf_addc(to, cut.p[i] >= 0x20 && cut.p[i] <= 0x7e ? cut.p[i] : '?');
	if (cut.n < text.n)
		buf_adds(to, "...");
}

/* "Fairlead 12201 parent-wants-sign-in: The parent head-office asks ...": browsers and curl hide the body of a refused
 * CONNECT, but show this. */
static void add_connect_reason(struct buf *to, const struct record *r, const struct end_row *row)
{
	char room[SENTENCE];
	struct buf sentence;
	buf_over(&sentence, room, sizeof(room));
	explain(r, row->user, FOR_USER, &sentence);
	size_t begin = to->n;
	buf_adds(to, "Fairlead ");
	if (row->number) {
		buf_addu(to, row->number);
		buf_addc(to, ' ');
	}
	buf_adds(to, row->name);
	buf_adds(to, ": ");
	if (buf_error(to) == 0)
		add_reason_text(to, buf_span(&sentence), REASON_MOST - (to->n - begin));
}

static void add_status_line(struct buf *to, const struct error_page *page, const struct end_row *row)
{
	buf_adds(to, "HTTP/1.1 ");
	buf_addu(to, row->status);
	buf_addc(to, ' ');
	if (page->connect)
		add_connect_reason(to, page->record, row);
	else
		buf_adds(to, status_reason(row->status));
	buf_adds(to, "\r\n");
}

static void add_connection(struct buf *to, const struct error_page *page)
{
	if (page->close)
		buf_adds(to, "Connection: close\r\n");
	else if (page->minor == 0)
		buf_adds(to, "Connection: keep-alive\r\n");
}

/* The page is shown as if it came from the site, so it is fenced in: no script, nothing loaded, no frame of it. */
static const char FENCE[] = "X-Content-Type-Options: nosniff\r\n"
							"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
							"form-action 'none'; frame-ancestors 'none'\r\n";

void error_page_write(const struct error_page *page, struct buf *to)
{
	const struct end_row *row = &end_reason_table[page->record->end];
	if (row->status == 0)
		return;
	enum page_form form = page_form_of(page->accept);
	struct buf body __attribute__((cleanup(auto_release_buf)));
	buf_init(&body, BODY_MOST);
	page_body_write(page, form, &body);
	if (buf_error(&body) != 0)
		buf_clear(&body);

	add_status_line(to, page, row);
	buf_adds(to, "Date: ");
	buf_add(to, http_date(clock_civil_us() / 1000000));
	buf_adds(to, "\r\nContent-Type: ");
	buf_adds(to, page_media_type(form));
	buf_adds(to, "\r\nContent-Language: en\r\nContent-Length: ");
	buf_addu(to, body.n);
	buf_adds(to, "\r\nCache-Control: no-store\r\n");
	proxy_status_write(page->record, page->settings, to);
	if (row->status == 503) {
		buf_adds(to, "Retry-After: ");
		buf_addu(to, RETRY_AFTER_S);
		buf_adds(to, "\r\n");
	}
	buf_adds(to, FENCE);
	add_connection(to, page);
	if (page->extra_fields)
		buf_adds(to, page->extra_fields);
	buf_adds(to, "\r\n");
	if (!page->head_only)
		buf_add(to, buf_span(&body));
}
