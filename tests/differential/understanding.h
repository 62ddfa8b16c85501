/* What a parser takes a message for: filled in by ours and by llhttp, then compared.
 *
 * Owner: the caller's struct; spans point into the message or into `store`. */
#ifndef FAIRLEAD_TESTS_UNDERSTANDING_H
#define FAIRLEAD_TESTS_UNDERSTANDING_H

#include "base/buf.h"
#include "http/head.h"

enum { UNDERSTOOD_FIELDS = 320, STORE = 16384 };

enum verdict { REFUSED, UNFINISHED, ACCEPTED };

struct name_value {
	struct span name, value;
};

struct understanding {
	enum verdict verdict;
	const char *why; /* refused */
	struct span method, target;
	unsigned status, minor;
	struct name_value fields[UNDERSTOOD_FIELDS]; /* of the head, then of the trailers */
	unsigned fields_n;
	struct span body;
	size_t ends_at; /* offset behind the message */
	bool keep_alive, upgrade;
	bool ignore_connection; /* Proxy-Connection is there, which llhttp takes for Connection */
	char store[STORE];      /* the body without its framing */
};

struct message {
	struct span bytes;
	bool is_request;
	enum method answers; /* of a response */
};

void understand_ours(const struct message *m, struct understanding *u);
void understand_llhttp(const struct message *m, struct understanding *u);
/* True if llhttp has this method. */
bool llhttp_knows_method(struct span method);

#endif
