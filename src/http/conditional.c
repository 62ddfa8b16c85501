#include "http/conditional.h"

#include "http/date.h"

static bool is_weak(struct span tag)
{
	return tag.n >= 2 && tag.p[0] == 'W' && tag.p[1] == '/';
}

static struct span opaque(struct span tag)
{
	return is_weak(tag) ? span_make(tag.p + 2, tag.n - 2) : tag;
}

/* RFC 9110 8.8.3.2. The strong one takes no weak tag, not even from us. */
static bool same_tag(struct span a, struct span b, bool strong)
{
	return a.n > 0 && !(strong && (is_weak(a) || is_weak(b))) && span_eq(opaque(a), opaque(b));
}

/* An entity tag at the front of *text, taken off it; commas inside its quotes are its own. False: there is none. */
static bool take_tag(struct span *text, struct span *tag)
{
	size_t n = is_weak(*text) ? 2 : 0;
	if (n >= text->n || text->p[n] != '"')
		return false;
	do {
		n++;
		/* etagc: what is visible, and obs-text */
		if (n >= text->n || (unsigned char)text->p[n] < 0x21 || text->p[n] == 0x7f)
			return false;
	} while (text->p[n] != '"');
	*tag = span_make(text->p, n + 1);
	*text = span_make(text->p + n + 1, text->n - n - 1);
	return true;
}

static bool list_names(struct span list, struct span etag, bool strong)
{
	struct span tag;
	for (;;) {
		while (list.n && (list.p[0] == ',' || list.p[0] == ' ' || list.p[0] == '\t'))
			list = span_make(list.p + 1, list.n - 1);
		if (!take_tag(&list, &tag))
			return false;
		if (same_tag(tag, etag, strong))
			return true;
		list = span_trim(list);
		if (list.n && list.p[0] != ',')
			return false;
	}
}

/* True if one of the field's lines names the tag, or says "*", which is whatever exists. */
static bool names(const struct head *request, enum field_id id, struct span etag, bool strong)
{
	for (unsigned i = 0; i < request->count; i++) {
		const struct field *f = &request->fields[i];
		if (f->id == id && (span_eq(field_value(f), SPAN("*")) || list_names(field_value(f), etag, strong)))
			return true;
	}
	return false;
}

/* The date in a field that stands once and can be read; otherwise it is to be ignored (RFC 9110 13.1.3, 13.1.4). */
static bool date_of(const struct head *request, enum field_id id, int64_t now, int64_t *date)
{
	struct span value;
	return head_has(request, id) && head_single_value(request, id, &value) && http_date_parse(value, now, date) == 0;
}

enum conditional conditional_judge(const struct head *request, const struct validators *v, int64_t now)
{
	bool reads = request->method == METHOD_GET || request->method == METHOD_HEAD;
	int64_t date;
	if (head_has(request, FIELD_IF_MATCH)) {
		if (!names(request, FIELD_IF_MATCH, v->etag, true))
			return CONDITIONAL_FAILED;
	} else if (v->modified >= 0 && date_of(request, FIELD_IF_UNMODIFIED_SINCE, now, &date)) {
		if (v->modified > date)
			return CONDITIONAL_FAILED;
	}
	if (head_has(request, FIELD_IF_NONE_MATCH)) {
		if (names(request, FIELD_IF_NONE_MATCH, v->etag, false))
			return reads ? CONDITIONAL_NOT_MODIFIED : CONDITIONAL_FAILED;
	} else if (reads && v->modified >= 0 && date_of(request, FIELD_IF_MODIFIED_SINCE, now, &date)) {
		if (v->modified <= date)
			return CONDITIONAL_NOT_MODIFIED;
	}
	return CONDITIONAL_PROCEED;
}

/* A date is a strong validator only if its second was over when it was given out: nothing changed later in it (RFC 9110
 * 8.8.2.2). */
bool conditional_allows_range(const struct head *request, const struct validators *v, int64_t now)
{
	struct span value;
	int64_t date;
	if (!head_has(request, FIELD_IF_RANGE))
		return true;
	if (!head_single_value(request, FIELD_IF_RANGE, &value))
		return false;
	if (value.n && (value.p[0] == '"' || is_weak(value)))
		return same_tag(value, v->etag, true);
	return v->modified >= 0 && http_date_parse(value, now, &date) == 0 && date == v->modified && now > date + 1;
}
