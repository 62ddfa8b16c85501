/* The body of an error page in its three forms, and the choice between them. Only for error_page.c and its renderers. */
#ifndef FAIRLEAD_PROXY_ERROR_PAGE_BODY_H
#define FAIRLEAD_PROXY_ERROR_PAGE_BODY_H

#include "proxy/error_page.h"
#include "proxy/explain.h"

enum page_form { PAGE_TEXT, PAGE_HTML, PAGE_JSON };

/* What the client would rather have (RFC 9110 section 12.5.1). Only who names HTML or JSON gets it: programs that take
 * anything get text. */
enum page_form page_form_of(struct span accept);
const char *page_media_type(enum page_form form);

enum stop_state { STOP_PASSED, STOP_BROKEN, STOP_NOT_REACHED };

/* One stop on the way from the client to the site. */
struct stop {
	const char *what; /* "You", "This proxy", "Parent head-office" ... */
	struct span name; /* its address, or empty */
	enum stop_state state;
};

/* What the page says, whatever its form. Spans point into the record, the settings and `room`. */
struct page_words {
	char status[16]; /* "502"; of a published site with the substatus, as IIS has it: "401.2" */
	const struct error_page *page;
	const struct end_row *row;
	struct span user, administrator, remedy, line, detail, rule, contact, id;
	struct shown_target target;
	struct stop stops[4];
	unsigned stop_count;
	char room[3][SENTENCE];
	char client[ADDR_TEXT];
	char parent[300];
};

const char *stop_state_text(enum stop_state state);
void page_html_write(const struct page_words *w, struct buf *to);
void page_body_write(const struct error_page *page, enum page_form form, struct buf *to);

#endif
