#include "http/field_line.h"
#include "http/lex.h"
#include "http/scan.h"

/* Why the byte at p cannot follow the name that ends there. */
static enum parse_fault name_fault(const char *line, const char *p, const char *end)
{
	if (p == end || *p == '\r')
		return PARSE_NO_COLON;
	if (*p == '\n')
		return PARSE_BARE_LF;
	if (lex_is_blank(*p)) {
		if (p == line)
			return PARSE_OBS_FOLD;
		while (p < end && lex_is_blank(*p))
			p++;
		return p < end && *p == ':' ? PARSE_SPACE_BEFORE_COLON : PARSE_FIELD_NAME;
	}
	if (*p == '\0')
		return PARSE_NUL;
	return lex_is(*p, LEX_TEXT) ? PARSE_FIELD_NAME : PARSE_CONTROL_BYTE;
}

/* Why the byte at p cannot stand in a value. */
static enum parse_fault value_fault(const char *p, const char *end)
{
	if (p == end || *p == '\r')
		return PARSE_BARE_CR;
	return *p == '\n' ? PARSE_BARE_LF : *p == '\0' ? PARSE_NUL : PARSE_CONTROL_BYTE;
}

enum parse_fault field_line_parse(const char *p, const char *end, uint32_t limit, struct field *f)
{
	const char *colon = scan_name(p, end);
	if (UNLIKELY(colon == end || *colon != ':' || colon == p))
		return colon < end && *colon == ':' ? PARSE_FIELD_NAME : name_fault(p, colon, end);
	const char *value = colon + 1;
	const char *cr = scan_text(value, end);
	if (UNLIKELY(end - cr < 2 || cr[0] != '\r' || cr[1] != '\n'))
		return value_fault(cr, end);
	if (UNLIKELY(cr + 2 - p > (ptrdiff_t)limit || colon - p > UINT16_MAX))
		return PARSE_FIELD_TOO_LARGE;
	const char *last = cr;
	while (value < last && lex_is_blank(*value))
		value++;
	while (last > value && lex_is_blank(last[-1]))
		last--;
	*f = (struct field){
		.line = p,
		.line_n = (uint32_t)(cr + 2 - p),
		.value_at = (uint32_t)(value - p),
		.value_n = (uint32_t)(last - value),
		.name_n = (uint16_t)(colon - p),
		.id = (uint8_t)field_id_of_token(span_make(p, (size_t)(colon - p))),
	};
	return PARSE_OK;
}
