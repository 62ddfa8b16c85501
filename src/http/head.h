/* The head of an HTTP/1 message (RFC 9112 sections 2-5), parsed strictly and in place.
 *
 * Owner: spans point into the caller's bytes, which must stay; the field array is the caller's. Pure: no socket, no clock.
 * Errors: an enum parse_fault names what was wrong; parse_fault_text() says it in a sentence. */
#ifndef FAIRLEAD_HTTP_HEAD_H
#define FAIRLEAD_HTTP_HEAD_H

#include "base/error.h"
#include "base/span.h"
#include "http/field_names.h"

enum method {
	METHOD_OTHER, /* any token: a proxy forwards what it does not know */
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_CONNECT,
	METHOD_OPTIONS,
	METHOD_TRACE,
	METHOD_PATCH,
};

/* X(identifier, "name-in-logs", "sentence") */
#include "http/parse_faults.def"

enum parse_fault {
	PARSE_OK,
#define X(id, name, sentence) PARSE_##id,
	PARSE_FAULTS(X)
#undef X
		PARSE_FAULT_LIMIT
};
const char *parse_fault_name(enum parse_fault f);
const char *parse_fault_text(enum parse_fault f);

/* One field line, from its first byte to behind its CR LF, so that runs of kept lines are copied at once. */
struct field {
	const char *line;
	uint32_t line_n;
	uint32_t value_at; /* offset in the line of the value without surrounding blanks */
	uint32_t value_n;
	uint16_t name_n;
	uint8_t id;   /* enum field_id */
	bool dropped; /* not to be forwarded: set by hop_*() and by the proxy */
};

static inline struct span field_name(const struct field *f)
{
	return span_make(f->line, f->name_n);
}
static inline struct span field_value(const struct field *f)
{
	return span_make(f->line + f->value_at, f->value_n);
}

enum { FIELDS_MOST = 256 };

struct head {
	bool is_request;
	uint8_t minor;  /* HTTP/1.minor: 0 or 1 */
	uint8_t method; /* enum method */
	uint16_t status;
	struct span method_text;
	struct span target; /* request target as sent */
	struct span reason; /* may be empty */
	struct span raw;    /* the whole head, the empty line included */
	struct field *fields;
	unsigned count;
	uint64_t present; /* bit (1 << id) for every known field that occurs */
};

struct head_limits {
	uint32_t head;  /* bytes of the whole head */
	uint32_t field; /* bytes of one field line */
	uint32_t target;
	uint16_t fields; /* at most FIELDS_MOST */
};
extern const struct head_limits head_limits_default; /* 128 KiB, 64 KiB, 32 KiB, 256 */

/* Looks for the end of a head without parsing it. *scanned (0 at first) remembers how far earlier calls looked, so that a drip
 * of single bytes costs no more than one pass. >0: length of the head with its empty line; 0: more is needed; <0: the
 * negative of an enum parse_fault seen already (bare LF, bare CR, NUL, too long). For requests up to one empty line (CR LF) in front of
 * the request line is tolerated (RFC 9112 2.2) and counted in. */
MUST_CHECK int head_find_end(struct span bytes, size_t *scanned, const struct head_limits *limits);

/* Parses a complete head as found by head_find_end(). `fields` has room for limits->fields. Checks syntax and limits, Host (present once
 * in 1.1 requests, at most once otherwise), that Content-Length and Transfer-Encoding are unambiguous (see framing.h), and
 * that Authorization and Proxy-Authorization stand once at the most. */
MUST_CHECK enum parse_fault head_parse_request(struct head *h, struct span bytes, struct field *fields,
                                               const struct head_limits *limits);
MUST_CHECK enum parse_fault head_parse_response(struct head *h, struct span bytes, struct field *fields,
                                                const struct head_limits *limits);

/* Both in one pass, for bytes that mostly hold the whole head and perhaps more behind it: its length, or 0 if it is not all there or
 * not right. Then the two above say which; they agree with it on every head that it takes. */
MUST_CHECK int head_take_request(struct head *h, struct span bytes, struct field *fields,
                                 const struct head_limits *limits);
MUST_CHECK int head_take_response(struct head *h, struct span bytes, struct field *fields,
                                  const struct head_limits *limits);

/* The first field of that name; NULL. */
struct field *head_find(const struct head *h, enum field_id id);
static inline bool head_has(const struct head *h, enum field_id id)
{
	return h->present >> id & 1;
}
/* Its value, or an empty span with p == NULL. */
struct span head_value(const struct head *h, enum field_id id);
/* The value of a field that may stand only once; false if there is none or a second one. */
bool head_single_value(const struct head *h, enum field_id id, struct span *value);
/* True if a comma-separated list field, over all its lines, has this token (case folded). */
bool head_has_token(const struct head *h, enum field_id id, struct span token);
/* By name, for fields without a number. NULL if there is none. */
struct field *head_find_name(const struct head *h, struct span name);

enum field_id field_id_of(struct span name);
struct span field_name_of(enum field_id id);

#endif
