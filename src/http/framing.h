/* Where the body of a message ends (RFC 9112 section 6), and reading it piece by piece.
 *
 * Pure: bytes in, spans of payload out, nothing copied. */
#ifndef FAIRLEAD_HTTP_FRAMING_H
#define FAIRLEAD_HTTP_FRAMING_H

#include "http/head.h"

enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

struct framing {
	enum body_kind kind;
	uint64_t length; /* of BODY_LENGTH */
	bool keep_alive; /* what the sender of this head says of its connection, version and Connection considered */
};

/* The head was accepted by head_parse_*(). */
void framing_of_request(const struct head *request, struct framing *out);
/* `request` decides too: no body after HEAD, nor after a 2xx to CONNECT (RFC 9112 6.3). */
void framing_of_response(const struct head *response, enum method request_method, struct framing *out);

enum {
	CHUNK_LINE_MOST = 1024,    /* of a chunk's line: its size and extensions, without CR LF */
	CHUNK_EXCESS_MOST = 16384, /* see body_reader.excess */
	TRAILER_MOST = 16384,
};

/* Reading a body: the state between two reads. */
struct body_reader {
	uint8_t kind; /* enum body_kind */
	uint8_t state;
	uint8_t fault;   /* enum parse_fault after BODY_BAD */
	uint16_t line_n; /* bytes seen of the chunk line or trailer section being read */
	uint16_t excess; /* framing bytes beyond what the payload explains: bounds the work that chunk lines make */
	uint64_t left;   /* of the present chunk or of BODY_LENGTH */
	uint64_t total;  /* payload bytes handed out */
};

enum body_step {
	BODY_DATA, /* *data is payload; call again with what is left */
	BODY_MORE, /* all input used that can be; read more. Unused input must stay in front of what is read next */
	BODY_END, /* over; *data is the raw trailer section (chunked only; field lines each ending in CR LF, without the empty line), perhaps empty */
	BODY_BAD,
};

void body_reader_init(struct body_reader *r, const struct framing *f);
/* Consumes a part of `in` (its length goes to *used) and says what it was; *data, if any, ends there. After BODY_DATA call
 * it again, also with nothing left: BODY_END may need no more input. A trailer section (TRAILER_MOST at the most) must fit
 * into the input at once: BODY_MORE with nothing used asks for more room. */
enum body_step body_read(struct body_reader *r, struct span in, size_t *used, struct span *data);
/* The sender closed: true if the body may end so (BODY_UNTIL_CLOSE, or over already). */
bool body_may_end(const struct body_reader *r);
static inline bool body_is_over(const struct body_reader *r, enum body_step last)
{
	return last == BODY_END || r->kind == BODY_NONE;
}
/* Bytes of payload that are certain to follow without framing in between (for splice); 0 if unknown. */
uint64_t body_plain_left(const struct body_reader *r);
/* They were moved without passing through body_read(). */
void body_skip_plain(struct body_reader *r, uint64_t n);

/* The line in front of a chunk of n bytes: "1a2b\r\n". Returns its length. */
enum { CHUNK_LINE = 20 };
size_t chunk_line(uint64_t n, char out[CHUNK_LINE]);

/* True if a field of this name may stand in a trailer section that we forward: no framing, routing, authentication or hop field. */
bool trailer_field_allowed(struct span name);

#endif
