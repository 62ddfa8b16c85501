/* Chunk lines are read byte by byte by the small machine below, so they may arrive in any pieces; payload is handed out as
 * it lies; the trailer section is looked at only when it is complete. Blanks are allowed nowhere around sizes and
 * extensions, nor backslashes in quoted values, nor fields in trailers that frame, route or sign in, though RFC 9112 has receivers
 * skip some of that: those who skip and those who do not are how requests get smuggled. */
#include "http/field_line.h"
#include "http/framing.h"
#include "http/lex.h"
#include "http/scan.h"

enum {
	SIZE_FIRST, /* the first digit of a chunk size */
	SIZE,
	EXTENSION_FIRST, /* behind ';' */
	EXTENSION_NAME,
	EXTENSION_VALUE_FIRST, /* behind '=' */
	EXTENSION_VALUE,
	EXTENSION_QUOTED,
	EXTENSION_QUOTED_END,
	LINE_LF,
	PAYLOAD,
	PAYLOAD_CR,
	PAYLOAD_LF,
	TRAILERS,
	OVER,
};

void body_reader_init(struct body_reader *r, const struct framing *f)
{
	*r = (struct body_reader){.kind = (uint8_t)f->kind, .state = PAYLOAD, .left = f->length};
	if (f->kind == BODY_CHUNKED)
		r->state = SIZE_FIRST;
	else if (f->kind == BODY_NONE || (f->kind == BODY_LENGTH && f->length == 0))
		*r = (struct body_reader){.kind = BODY_NONE, .state = OVER};
}

static enum body_step refuse(struct body_reader *r, enum parse_fault fault)
{
	r->fault = (uint8_t)fault;
	return BODY_BAD;
}

static int hex_value(char c)
{
	if (!lex_is(c, LEX_HEX))
		return -1;
	return lex_is(c, LEX_DIGIT) ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* At most 16 digits, and less than 2^63. */
static enum parse_fault size_byte(struct body_reader *r, char c)
{
	int digit = hex_value(c);
	if (digit >= 0) {
		if (r->line_n > 16 || r->left >> 59)
			return PARSE_CHUNK_SIZE;
		r->left = r->left << 4 | (unsigned)digit;
		r->state = SIZE;
		return PARSE_OK;
	}
	if (r->state == SIZE_FIRST || (c != '\r' && c != ';'))
		return PARSE_CHUNK_SIZE;
	r->state = c == '\r' ? LINE_LF : EXTENSION_FIRST;
	return PARSE_OK;
}

/* Between two parts of an extension: what may follow a name, a value, a quoted string. */
static enum parse_fault extension_ends(struct body_reader *r, char c, bool may_have_value)
{
	if (c == '\r')
		r->state = LINE_LF;
	else if (c == ';')
		r->state = EXTENSION_FIRST;
	else if (c == '=' && may_have_value)
		r->state = EXTENSION_VALUE_FIRST;
	else
		return PARSE_CHUNK_EXTENSION;
	return PARSE_OK;
}

static enum parse_fault extension_byte(struct body_reader *r, char c)
{
	bool token = lex_is(c, LEX_TOKEN);
	switch (r->state) {
	case EXTENSION_FIRST:
		r->state = EXTENSION_NAME;
		return token ? PARSE_OK : PARSE_CHUNK_EXTENSION;
	case EXTENSION_NAME:
		return token ? PARSE_OK : extension_ends(r, c, true);
	case EXTENSION_VALUE_FIRST:
		r->state = c == '"' ? EXTENSION_QUOTED : EXTENSION_VALUE;
		return token || c == '"' ? PARSE_OK : PARSE_CHUNK_EXTENSION;
	case EXTENSION_VALUE:
		return token ? PARSE_OK : extension_ends(r, c, false);
	case EXTENSION_QUOTED_END:
		return extension_ends(r, c, false);
	default: /* EXTENSION_QUOTED */
		r->state = c == '"' ? EXTENSION_QUOTED_END : EXTENSION_QUOTED;
		return lex_is(c, LEX_TEXT) && c != '\\' ? PARSE_OK : PARSE_CHUNK_EXTENSION;
	}
}

/* A sender who wraps single bytes in long lines makes us read much for little: lines are weighed against payload. */
static enum parse_fault line_is_over(struct body_reader *r)
{
	uint64_t spent = (uint64_t)r->excess + r->line_n;
	uint64_t explained = 24 + (r->left < CHUNK_EXCESS_MOST ? r->left : CHUNK_EXCESS_MOST);
	spent = spent > explained ? spent - explained : 0;
	if (spent > CHUNK_EXCESS_MOST)
		return PARSE_CHUNK_EXTENSION;
	r->excess = (uint16_t)spent;
	r->line_n = 0;
	r->state = r->left ? PAYLOAD : TRAILERS;
	return PARSE_OK;
}

static enum parse_fault framing_byte(struct body_reader *r, char c)
{
	switch (r->state) {
	case SIZE_FIRST:
	case SIZE:
		r->line_n++;
		return size_byte(r, c);
	case LINE_LF:
		return c == '\n' ? line_is_over(r) : PARSE_CHUNK_SIZE;
	case PAYLOAD_CR:
		r->state = PAYLOAD_LF;
		return c == '\r' ? PARSE_OK : PARSE_CHUNK_END;
	case PAYLOAD_LF:
		r->state = SIZE_FIRST;
		return c == '\n' ? PARSE_OK : PARSE_CHUNK_END;
	default:
		return ++r->line_n > CHUNK_LINE_MOST ? PARSE_CHUNK_EXTENSION : extension_byte(r, c);
	}
}

/* Some readers merge trailers into the head and act on them. */
static bool frames_routes_or_signs_in(enum field_id id)
{
	return id == FIELD_AUTHORIZATION || id == FIELD_PROXY_AUTHORIZATION || id == FIELD_CONTENT_LENGTH ||
	       id == FIELD_TRANSFER_ENCODING || id == FIELD_HOST || id == FIELD_CONNECTION ||
	       id == FIELD_PROXY_CONNECTION || id == FIELD_KEEP_ALIVE || id == FIELD_TE || id == FIELD_UPGRADE;
}

static enum parse_fault check_trailers(struct span section)
{
	const char *p = section.p, *end = section.p + section.n;
	while (p < end) {
		struct field f;
		if (field_line_parse(p, end, TRAILER_MOST, &f) || frames_routes_or_signs_in(f.id))
			return PARSE_TRAILER;
		p += f.line_n;
	}
	return PARSE_OK;
}

/* `in` begins with the trailer section. Its last empty line may be all there is. */
static enum body_step read_trailers(struct body_reader *r, struct span in, size_t *used, struct span *data)
{
	if (in.n && in.p[0] == '\r' && (in.n < 2 || in.p[1] == '\n')) {
		if (in.n < 2)
			return BODY_MORE;
		*used += 2;
		*data = span_make(in.p, 0);
		r->state = OVER;
		return BODY_END;
	}
	size_t to = in.n < TRAILER_MOST ? in.n : TRAILER_MOST;
	size_t from = r->line_n < to ? r->line_n : to;
	size_t at = scan_event(in.p, from, to);
	r->line_n = (uint16_t)at;
	if (at == to)
		return in.n >= TRAILER_MOST ? refuse(r, PARSE_TRAILER_TOO_LARGE) : BODY_MORE;
	if (in.p[at] != '\n' || at == 0 || in.p[at - 1] != '\r')
		return refuse(r, PARSE_TRAILER);
	*data = span_make(in.p, at - 1);
	enum parse_fault fault = check_trailers(*data);
	if (fault)
		return refuse(r, fault);
	*used += at + 1;
	r->state = OVER;
	return BODY_END;
}

static void payload_moved(struct body_reader *r, uint64_t n)
{
	r->total += n;
	if (r->kind == BODY_UNTIL_CLOSE)
		return;
	r->left -= n;
	if (r->left == 0)
		r->state = r->kind == BODY_CHUNKED ? PAYLOAD_CR : OVER;
}

static enum body_step read_payload(struct body_reader *r, struct span in, size_t *used, struct span *data)
{
	uint64_t n = r->kind == BODY_UNTIL_CLOSE || in.n < r->left ? in.n : r->left;
	if (n == 0)
		return BODY_MORE;
	*data = span_make(in.p, (size_t)n);
	*used += (size_t)n;
	payload_moved(r, n);
	return BODY_DATA;
}

enum body_step body_read(struct body_reader *r, struct span in, size_t *used, struct span *data)
{
	size_t at = 0;
	*used = 0;
	*data = SPAN_NONE;
	while (r->state != PAYLOAD && r->state != TRAILERS && r->state != OVER) {
		if (at == in.n) {
			*used = at;
			return r->fault ? BODY_BAD : BODY_MORE;
		}
		enum parse_fault fault = r->fault ? r->fault : framing_byte(r, in.p[at]);
		if (fault) {
			*used = at;
			return refuse(r, fault);
		}
		at++;
	}
	*used = at;
	if (r->fault)
		return BODY_BAD;
	if (r->state == OVER)
		return BODY_END;
	struct span rest = at ? span_make(in.p + at, in.n - at) : in; /* `in` may be nowhere */
	return r->state == PAYLOAD ? read_payload(r, rest, used, data) : read_trailers(r, rest, used, data);
}

bool body_may_end(const struct body_reader *r)
{
	return !r->fault && (r->kind == BODY_UNTIL_CLOSE || r->state == OVER);
}

uint64_t body_plain_left(const struct body_reader *r)
{
	return r->state == PAYLOAD && r->kind != BODY_UNTIL_CLOSE ? r->left : 0;
}

void body_skip_plain(struct body_reader *r, uint64_t n)
{
	ASSERT(n <= body_plain_left(r));
	payload_moved(r, n);
}

size_t chunk_line(uint64_t n, char out[CHUNK_LINE])
{
	size_t digits = 1, at = 0;
	while (digits < 16 && n >> (4 * digits))
		digits++;
	while (digits--)
		out[at++] = "0123456789abcdef"[n >> (4 * digits) & 15];
	out[at++] = '\r';
	out[at++] = '\n';
	return at;
}
