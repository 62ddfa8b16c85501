/* Which form of a page a client would rather have: the Accept field (RFC 9110 section 12.5.1). */
#include "base/buf.h"
#include "proxy/error_page_body.h"

/* A weight in thousandths: "1", "0.5", "0.125". What is malformed counts as 1, as if it were not there. */
static unsigned weight_of(struct span text)
{
	if (text.n == 0 || (text.p[0] != '0' && text.p[0] != '1'))
		return 1000;
	unsigned weight = (unsigned)(text.p[0] - '0') * 1000, place = 100;
	if (text.n > 1 && text.p[1] != '.')
		return 1000;
	for (size_t i = 2; i < text.n && i < 5; i++, place /= 10) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 1000;
		weight += (unsigned)(text.p[i] - '0') * place;
	}
	return weight > 1000 ? 1000 : weight;
}

struct offer {
	const char *name;
	enum page_form form;
	bool by_name; /* asked for by its own name, which wins over a range at equal weight */
};

static const struct offer offers[] = {
	{"text/html", PAGE_HTML, true},        {"application/xhtml+xml", PAGE_HTML, true},
	{"application/json", PAGE_JSON, true}, {"text/plain", PAGE_TEXT, true},
	{"text/*", PAGE_TEXT, false},          {"*/*", PAGE_TEXT, false},
};

static const struct offer *offer_of(struct span range)
{
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++)
		if (span_eq_nocase(range, span_of(offers[i].name)))
			return &offers[i];
	return NULL;
}

enum page_form page_form_of(struct span accept)
{
	enum page_form form = PAGE_TEXT;
	unsigned best = 0; /* twice the weight, one more for a name: the first of the highest wins */
	struct span item;
	while (span_next(&accept, ',', &item)) {
		struct span range, parameter;
		unsigned weight = 1000;
		if (!span_next(&item, ';', &range))
			continue;
		while (span_next(&item, ';', &parameter))
			if (span_starts_nocase(parameter, SPAN("q=")))
				weight = weight_of(span_make(parameter.p + 2, parameter.n - 2));
		const struct offer *offer = offer_of(range);
		unsigned rank = offer && weight ? 2 * weight + offer->by_name : 0;
		if (rank > best) {
			best = rank;
			form = offer->form;
		}
	}
	return form;
}

const char *page_media_type(enum page_form form)
{
	return form == PAGE_HTML   ? "text/html; charset=utf-8"
	       : form == PAGE_JSON ? "application/json"
	                           : "text/plain; charset=utf-8";
}
