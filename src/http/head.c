/* Two passes over the bytes: head_find_end() asks only where lines and the head end, sixteen bytes at a time, and can stop
 * and go on; head_parse_*() then reads a head that is known to be complete, once, from left to right. head_take_*() does
 * with the second alone: lines that are right end where the first pass would have found their end. What is checked in
 * one line is here and in field_line.c, what must hold between lines in head_rules.c. */
#include "http/head.h"

#include "http/field_line.h"
#include "http/head_rules.h"
#include "http/lex.h"
#include "http/scan.h"
#include "http/status.h"

const struct head_limits head_limits_default = {
	.head = 128 * 1024, .field = 64 * 1024, .target = 32 * 1024, .fields = FIELDS_MOST};

int head_find_end(struct span bytes, size_t *scanned, const struct head_limits *limits)
{
	size_t to = bytes.n < limits->head ? bytes.n : limits->head;
	size_t from = *scanned < to ? *scanned : to;
	size_t at = scan_event(bytes.p, from, to);
	*scanned = at;
	if (at == to)
		return bytes.n >= limits->head ? -PARSE_HEAD_TOO_LARGE : 0;
	bool after_cr = at > 0 && bytes.p[at - 1] == '\r';
	if (bytes.p[at] == '\n')
		return after_cr ? (int)at + 1 : -PARSE_BARE_LF;
	return after_cr ? -PARSE_BARE_CR : -PARSE_NUL;
}

/* Why the byte at p cannot stand in a start line; `otherwise` for bytes that are printable but in the wrong place. */
static enum parse_fault start_line_fault(const char *p, const char *end, enum parse_fault otherwise)
{
	if (p == end || *p == ' ' || *p == '\t')
		return PARSE_REQUEST_LINE;
	if (*p == '\r')
		return end - p > 1 && p[1] == '\n' ? PARSE_REQUEST_LINE : PARSE_BARE_CR;
	if (*p == '\n')
		return PARSE_BARE_LF;
	if (*p == '\0')
		return PARSE_NUL;
	return (unsigned char)*p < 0x20 || *p == 0x7f ? PARSE_CONTROL_BYTE : otherwise;
}

static bool is_version(const char *p)
{
	return memcmp(p, "HTTP/1.", 7) == 0 && (p[7] == '0' || p[7] == '1');
}

/* The third word of a request line and its CR LF; *at moves behind them. */
static enum parse_fault parse_request_version(struct head *h, const char **at, const char *end)
{
	const char *p = *at;
	if (LIKELY(end - p >= 10 && is_version(p) && p[8] == '\r' && p[9] == '\n')) {
		h->minor = (uint8_t)(p[7] - '0');
		*at = p + 10;
		return PARSE_OK;
	}
	const char *stop = scan_text(p, end);
	enum parse_fault fault = start_line_fault(stop, end, PARSE_CONTROL_BYTE);
	if (fault != PARSE_REQUEST_LINE)
		return fault;
	bool one_word = !memchr(p, ' ', (size_t)(stop - p)) && !memchr(p, '\t', (size_t)(stop - p));
	return one_word && span_starts_nocase(span_make(p, (size_t)(stop - p)), SPAN("HTTP/")) ? PARSE_VERSION
	                                                                                       : PARSE_REQUEST_LINE;
}

static enum parse_fault parse_request_line(struct head *h, const char **at, const char *end, uint32_t target_limit)
{
	const char *method = *at, *p = scan_name(method, end);
	if (p == method || p == end || *p != ' ')
		return start_line_fault(p, end, PARSE_METHOD);
	h->method_text = span_make(method, (size_t)(p - method));
	h->method = (uint8_t)method_of(h->method_text);
	const char *target = p + 1;
	p = scan_target(target, end);
	if (p == target || p == end || *p != ' ')
		return start_line_fault(p, end, PARSE_TARGET);
	h->target = span_make(target, (size_t)(p - target));
	if (h->target.n > target_limit)
		return PARSE_TARGET_TOO_LARGE;
	*at = p + 1;
	return parse_request_version(h, at, end);
}

/* The blank behind the status is left out by some servers that send no reason; nothing else could be meant. */
static enum parse_fault parse_status_line(struct head *h, const char **at, const char *end)
{
	const char *p = *at;
	if (end - p < 14 || memcmp(p, "HTTP/", 5) != 0)
		return PARSE_STATUS_LINE;
	if (!is_version(p))
		return PARSE_VERSION;
	h->minor = (uint8_t)(p[7] - '0');
	p += 8;
	if (p[0] != ' ' || !lex_all(span_make(p + 1, 3), LEX_DIGIT) || p[1] < '1' || p[1] > '5')
		return p[0] >= '0' && p[0] <= '9' ? PARSE_VERSION : PARSE_STATUS_LINE;
	h->status = (uint16_t)((p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0'));
	p += 4;
	if (*p != ' ' && *p != '\r')
		return PARSE_STATUS_LINE;
	const char *reason = *p == ' ' ? p + 1 : p;
	p = scan_text(reason, end);
	if (end - p < 2 || p[0] != '\r' || p[1] != '\n') {
		enum parse_fault fault = start_line_fault(p, end, PARSE_STATUS_LINE);
		return fault == PARSE_REQUEST_LINE ? PARSE_STATUS_LINE : fault;
	}
	h->reason = span_make(reason, (size_t)(p - reason));
	*at = p + 2;
	return PARSE_OK;
}

/* Two credentials: which of them a server takes nobody knows, and one of them may sign in the connection. */
static enum parse_fault repeated_fault(enum field_id id)
{
	switch (id) {
	case FIELD_HOST:
		return PARSE_HOST_REPEATED;
	case FIELD_CONTENT_LENGTH:
		return PARSE_LENGTH_REPEATED;
	case FIELD_TRANSFER_ENCODING:
		return PARSE_CODING;
	case FIELD_AUTHORIZATION:
	case FIELD_PROXY_AUTHORIZATION:
		return PARSE_CREDENTIALS_REPEATED;
	default:
		return PARSE_OK;
	}
}

/* The lines up to the empty one; *at moves behind that. */
static enum parse_fault parse_fields(struct head *h, const char **at, const char *end, const struct head_limits *limits)
{
	const char *p = *at;
	const unsigned most = limits->fields < FIELDS_MOST ? limits->fields : FIELDS_MOST;
	unsigned count = 0;
	uint64_t present = 0;
	while (p < end && *p != '\r') {
		if (UNLIKELY(count == most))
			return PARSE_TOO_MANY_FIELDS;
		struct field *f = &h->fields[count++];
		enum parse_fault fault = field_line_parse(p, end, limits->field, f);
		if (UNLIKELY(fault))
			return fault;
		uint64_t bit = UINT64_C(1) << f->id;
		if (UNLIKELY(present & bit) && repeated_fault(f->id))
			return repeated_fault(f->id);
		present |= bit;
		p += f->line_n;
	}
	h->count = count;
	h->present = present & ~(UINT64_C(1) << FIELD_OTHER);
	if (end - p < 2 || p[1] != '\n')
		return PARSE_BARE_CR;
	*at = p + 2;
	return PARSE_OK;
}

/* A request's head at the front of what lies before `end`; what must hold between its lines is not yet checked. */
static enum parse_fault parse_request(struct head *h, const char **at, const char *end,
                                      const struct head_limits *limits)
{
	if (end - *at >= 2 && (*at)[0] == '\r' && (*at)[1] == '\n')
		*at += 2;
	enum parse_fault fault = parse_request_line(h, at, end, limits->target);
	return fault ? fault : parse_fields(h, at, end, limits);
}

static enum parse_fault parse_response(struct head *h, const char **at, const char *end,
                                       const struct head_limits *limits)
{
	enum parse_fault fault = parse_status_line(h, at, end);
	return fault ? fault : parse_fields(h, at, end, limits);
}

enum parse_fault head_parse_request(struct head *h, struct span bytes, struct field *fields,
                                    const struct head_limits *limits)
{
	const char *p = bytes.p, *end = bytes.p + bytes.n;
	*h = (struct head){.is_request = true, .raw = bytes, .fields = fields};
	if (bytes.n > limits->head)
		return PARSE_HEAD_TOO_LARGE;
	enum parse_fault fault = parse_request(h, &p, end, limits);
	if (!fault && p != end)
		fault = PARSE_BARE_CR;
	return fault ? fault : head_rules_request(h);
}

enum parse_fault head_parse_response(struct head *h, struct span bytes, struct field *fields,
                                     const struct head_limits *limits)
{
	const char *p = bytes.p, *end = bytes.p + bytes.n;
	*h = (struct head){.raw = bytes, .fields = fields};
	if (bytes.n > limits->head)
		return PARSE_HEAD_TOO_LARGE;
	enum parse_fault fault = parse_response(h, &p, end, limits);
	if (!fault && p != end)
		fault = PARSE_BARE_CR;
	return fault ? fault : head_rules_response(h);
}

static const char *end_within(struct span bytes, const struct head_limits *limits)
{
	return bytes.p + (bytes.n < limits->head ? bytes.n : limits->head);
}

int head_take_request(struct head *h, struct span bytes, struct field *fields, const struct head_limits *limits)
{
	const char *p = bytes.p;
	*h = (struct head){.is_request = true, .fields = fields};
	enum parse_fault fault = parse_request(h, &p, end_within(bytes, limits), limits);
	h->raw = span_make(bytes.p, (size_t)(p - bytes.p));
	return fault || head_rules_request(h) ? 0 : (int)h->raw.n;
}

int head_take_response(struct head *h, struct span bytes, struct field *fields, const struct head_limits *limits)
{
	const char *p = bytes.p;
	*h = (struct head){.fields = fields};
	enum parse_fault fault = parse_response(h, &p, end_within(bytes, limits), limits);
	h->raw = span_make(bytes.p, (size_t)(p - bytes.p));
	return fault || head_rules_response(h) ? 0 : (int)h->raw.n;
}
