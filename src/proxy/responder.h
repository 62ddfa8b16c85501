/* Whatever answers requests that are addressed to us instead of being forwarded: the console, and the published sites.
 *
 * proxy/ does not know who implements it: main.c plugs them in, one for each role of a listener. A site is asked twice: find() says which place is
 * meant, before anybody is asked who he is; answer() is asked once he may have it, unless an application does. Both run on the exchange's fiber. */
#ifndef FAIRLEAD_PROXY_RESPONDER_H
#define FAIRLEAD_PROXY_RESPONDER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "config/settings.h"
#include "http/head.h"
#include "proxy/end_reason.h"

/* A place of a published site. */
struct place {
	const struct site_settings *site;
	const struct directory_settings *directory;
	struct span path;  /* in its one normal form, percent-encoded: what decides, is logged, and is forwarded */
	struct span query; /* with its '?', as sent; may be empty */
};

struct member_state;

struct responder_request {
	const struct settings *settings;
	const struct listen_settings *listen;
	const struct head *head;
	struct span path; /* path and query */
	struct span host; /* that is asked for, folded, without port; empty: none */
	const struct place *place;
	struct arena *arena; /* of the exchange */
	uint64_t edition;    /* number of the settings' generation, never given out twice */
	struct addr client;
	bool draining;
	struct member_state *const *members; /* [upstream][member]; NULL: nothing is known of them */
};

/* A part of a body: bytes in memory, or, without text.p, bytes of a file. */
struct answer_piece {
	struct span text;
	uint64_t from, length;
};

struct responder_answer {
	unsigned status;
	const char *content_type;
	struct buf body;   /* the responder appends; the exchange frees it */
	struct buf fields; /* extra whole field lines */
	bool may_be_kept;  /* by caches, as `fields` say; else no-store is said */
	/* Or `held`: the body is in pieces, and more field lines with them, all in memory that stays, as does the file, until release(held). */
	void *held;
	void (*release)(void *held);
	struct span held_fields; /* Content-Type among them */
	const struct answer_piece *pieces;
	unsigned piece_count;
	uint64_t length; /* of all pieces, which are none for HEAD */
	int file;        /* for pieces without text */
	mono_ms *
		whole_sent; /* when the one piece was last sent, and so was in memory: kept for the next answer with it; NULL: not known */
	/* Or the page of an end reason (with `fields`), and what the log should say of it. */
	enum end_reason end; /* END_OK: the answer is above */
	int error;           /* -errno behind it, or 0 */
	const char *detail;
	bool detail_is_ours; /* the log's alone */
};

/* Why a place cannot be had. */
struct place_refusal {
	enum end_reason end;
	unsigned substatus; /* 0: the reason's */
	const char *detail; /* NULL */
};

struct responder {
	const char *name;
	enum listen_role role;
	/* Fills `place`, or says why not. Must not wait. NULL: whatever is asked for is answered. */
	bool (*find)(const struct responder_request *request, struct place *place, struct place_refusal *why);
	/* Fills `answer`. May wait only for offloaded work. */
	void (*answer)(const struct responder_request *request, struct responder_answer *answer);
};

#endif
