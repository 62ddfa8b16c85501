/* Moving one message's body from one stream to another, with what must be sent in front of it.
 *
 * Reads framing in and writes framing out, as they come: nothing is held back for more than one read. Large plain pieces are spliced. */
#ifndef FAIRLEAD_PROXY_TRANSFER_H
#define FAIRLEAD_PROXY_TRANSFER_H

#include "http/framing.h"
#include "net/stream.h"

enum transfer_end {
	TRANSFER_DONE,
	TRANSFER_SOURCE_CLOSED, /* before the body was over */
	TRANSFER_SOURCE_FAILED,
	TRANSFER_SOURCE_SLOW,
	TRANSFER_MALFORMED, /* reader->fault */
	TRANSFER_TOO_LARGE, /* more than `most`: what made it so was not sent */
	TRANSFER_SINK_FAILED,
	TRANSFER_SINK_SLOW,
	TRANSFER_TOLD, /* cancelled */
};

struct transfer {
	struct stream *from, *to;
	struct lent *in; /* of `from`: what was read already, from in->start on */
	struct body_reader *reader;
	bool chunked;              /* write chunks; else the payload as it is */
	int64_t read_ms, write_ms; /* without progress */
	struct span prefix;        /* a head to send first, in the same write as the first piece */
	uint64_t most;             /* bytes of payload; 0: any number. What announces its length was looked at before */
	bool (*refuses_trailer)(struct span name); /* beyond those that are never forwarded; NULL: no others */
	/* out */
	enum transfer_end end;
	int error; /* -errno behind it */
	bool prefix_sent;
	bool hungry; /* the buffer holds no more that could be sent */
};

/* Runs it to its end; also gives t->end. */
enum transfer_end transfer_run(struct transfer *t);

/* Sends the prefix with as much of the body as is in `in` now, in one write. True when nothing is left to do (t->end says how it went), so
 * that small bodies cost neither a fiber nor a second write. */
bool transfer_begin(struct transfer *t);

#endif
