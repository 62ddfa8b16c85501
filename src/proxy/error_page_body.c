#include "proxy/error_page_body.h"

#include <stdio.h>

#include "base/encode.h"
#include "http/status.h"

enum { DETAIL_SHOWN = 500, TARGET_SHOWN = 200 };

static struct span shown(const char *text)
{
	return text ? span_make(text, strnlen(text, DETAIL_SHOWN)) : SPAN_NONE;
}

static struct span explained(const struct record *r, const char *sentence, enum audience who, char room[SENTENCE])
{
	struct buf b;
	buf_over(&b, room, SENTENCE);
	explain(r, sentence, who, &b);
	return buf_span(&b);
}

/* Where on the way it broke; -1: nowhere. */
static int broken_stop(enum end_place place, bool parent)
{
	switch (place) {
	case PLACE_CLIENT:
		return 0;
	case PLACE_HERE:
		return 1;
	case PLACE_NEXT:
		return 2;
	case PLACE_SITE:
		return parent ? 3 : 2;
	default:
		return -1;
	}
}

static void add_stop(struct page_words *w, const char *what, struct span name)
{
	int broken = broken_stop(w->row->place, record_through_parent(w->page->record));
	int i = (int)w->stop_count++;
	/* Whatever broke, this proxy was reached: it is what answers. */
	enum stop_state state = i == broken                          ? STOP_BROKEN
	                        : i < broken || broken < 0 || i == 1 ? STOP_PASSED
	                                                             : STOP_NOT_REACHED;
	w->stops[i] = (struct stop){what, name, state};
}

static void find_way(struct page_words *w)
{
	const struct record *r = w->page->record;
	addr_format(&r->client, false, w->client);
	add_stop(w, "You", span_of(w->client));
	if (r->site) {
		add_stop(w, "This site", r->host.n ? r->host : span_of(r->site->host));
		if (r->application)
			add_stop(w, "The application", span_of(r->hop));
		return;
	}
	add_stop(w, "This proxy", span_of(w->page->settings->pseudonym));
	if (record_through_parent(r)) {
		struct buf b;
		buf_over(&b, w->parent, sizeof(w->parent));
		buf_adds(&b, "Parent ");
		buf_add(&b, span_make(r->hop, strnlen(r->hop, sizeof(w->parent) / 2)));
		add_stop(w, buf_text(&b), r->next_hop);
	}
	if (r->host.n && r->end != END_NOT_A_PROXY_REQUEST) /* there the host is ourselves */
		add_stop(w, "The site", r->host);
}

static void find_words(struct page_words *w, const struct error_page *page)
{
	const struct record *r = page->record;
	const struct end_row *row = &end_reason_table[r->end];
	*w = (struct page_words){.page = page, .row = row};
	w->user = explained(r, row->user, FOR_USER, w->room[0]);
	w->administrator = explained(r, row->administrator, FOR_ADMINISTRATOR, w->room[1]);
	w->remedy = explained(r, row->remedy, FOR_ADMINISTRATOR, w->room[2]);
	w->line = shown(r->remedy);
	w->detail = r->detail_is_ours ? SPAN_NONE : shown(r->detail);
	w->rule = shown(r->rule);
	w->contact = shown(page->settings->contact);
	w->id = span_make(r->id, strnlen(r->id, sizeof(r->id)));
	w->target = target_shown(r->uri, false);
	if (w->target.after.n > TARGET_SHOWN)
		w->target.after.n = TARGET_SHOWN;
	if (w->target.before.n > TARGET_SHOWN)
		w->target.before.n = 0;
	if (r->site)
		snprintf(w->status, sizeof(w->status), "%u.%u", row->status, r->substatus ? r->substatus : row->substatus);
	else
		snprintf(w->status, sizeof(w->status), "%u", row->status);
	find_way(w);
}

const char *stop_state_text(enum stop_state state)
{
	return state == STOP_PASSED ? "fine" : state == STOP_BROKEN ? "it stopped here" : "not reached";
}

/* Text goes to terminals, where control bytes of any kind, also those in UTF-8 (U+0080 to U+009F), would be obeyed. */
static void add_plain(struct buf *to, struct span s)
{
	for (size_t i = 0; i < s.n;) {
		const unsigned char *p = (const unsigned char *)s.p + i;
		size_t n = utf8_length(p, s.n - i);
		bool printable = n == 1 ? *p >= 0x20 && *p != 0x7f : n > 0 && !(p[0] == 0xc2 && p[1] < 0xa0);
		if (printable)
			buf_add(to, span_make(s.p + i, n));
		else
			buf_addc(to, '?');
		i += n ? n : 1;
	}
}

static void add_labelled(struct buf *to, const char *label, struct span text)
{
	if (text.n == 0)
		return;
	buf_adds(to, label);
	add_plain(to, text);
	buf_addc(to, '\n');
}

static void write_text(const struct page_words *w, struct buf *to)
{
	buf_adds(to, w->status);
	buf_addc(to, ' ');
	add_labelled(to, "", span_of(status_reason(w->row->status)));
	add_labelled(to, "", w->user);
	buf_addc(to, '\n');
	for (unsigned i = 0; i < w->stop_count; i++) {
		const struct stop *stop = &w->stops[i];
		buf_adds(to, stop->state == STOP_BROKEN ? "  X  " : stop->state == STOP_PASSED ? "  |  " : "  .  ");
		add_plain(to, span_of(stop->what));
		if (stop->name.n) {
			buf_adds(to, " (");
			add_plain(to, span_make(stop->name.p, stop->name.n < DETAIL_SHOWN ? stop->name.n : DETAIL_SHOWN));
			buf_addc(to, ')');
		}
		add_labelled(to, ": ", span_of(stop_state_text(stop->state)));
	}
	buf_addc(to, '\n');
	add_labelled(to, "What happened: ", w->administrator);
	add_labelled(to, "In detail:     ", w->detail);
	add_labelled(to, "Decided by:    ", w->rule);
	add_labelled(to, "What to do:    ", w->remedy);
	add_labelled(to, "In the settings: ", w->line);
	add_labelled(to, "Whom to ask:   ", w->contact);
	buf_adds(to, "Reference:     ");
	if (w->row->number) {
		buf_addu(to, w->row->number);
		buf_addc(to, ' ');
	}
	buf_adds(to, w->row->name);
	add_labelled(to, ", exchange ", w->id);
}

static void add_member(struct buf *to, const char *name, struct span text)
{
	buf_adds(to, ",\"");
	buf_adds(to, name);
	buf_adds(to, "\":");
	if (text.n == 0) {
		buf_adds(to, "null");
		return;
	}
	buf_addc(to, '"');
	encode_json(to, text);
	buf_addc(to, '"');
}

static void add_way(struct buf *to, const struct page_words *w)
{
	buf_adds(to, ",\"way\":[");
	for (unsigned i = 0; i < w->stop_count; i++) {
		buf_adds(to, i ? ",{\"state\":\"" : "{\"state\":\"");
		buf_adds(to, stop_state_text(w->stops[i].state));
		buf_addc(to, '"');
		add_member(to, "stop", span_of(w->stops[i].what));
		add_member(to, "name", w->stops[i].name);
		buf_addc(to, '}');
	}
	buf_addc(to, ']');
}

/* `title`, `status` and `detail` mean what they mean in RFC 9457. */
static void write_json(const struct page_words *w, struct buf *to)
{
	buf_adds(to, "{\"status\":");
	buf_addu(to, w->row->status);
	buf_adds(to, ",\"number\":");
	if (w->row->number)
		buf_addu(to, w->row->number);
	else
		buf_adds(to, "null");
	add_member(to, "reason", span_of(w->row->name));
	add_member(to, "title", w->user);
	add_member(to, "what", w->administrator);
	add_member(to, "detail", w->detail);
	add_member(to, "rule", w->rule);
	add_member(to, "remedy", w->remedy);
	add_member(to, "settings", w->line);
	add_member(to, "contact", w->contact);
	add_member(to, "exchange", w->id);
	add_way(to, w);
	buf_adds(to, "}\n");
}

void page_body_write(const struct error_page *page, enum page_form form, struct buf *to)
{
	struct page_words words;
	find_words(&words, page);
	if (form == PAGE_HTML)
		page_html_write(&words, to);
	else if (form == PAGE_JSON)
		write_json(&words, to);
	else
		write_text(&words, to);
}
