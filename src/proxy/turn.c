#include "proxy/turn.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "net/fiber.h"
#include "proxy/exchange.h"
#include "proxy/lanes.h"

enum { LOOK_AGAIN_MS = 20, SAVING_MS = 5000 };

/* One errand for another thread; its texts follow it in memory. Counted by its two holders. */
struct errand {
	struct ref ref;
	uint64_t secret;
	bool recognizes; /* else it saves */
	bool done;
	struct settings *settings; /* counted: the directory's name is in them */
	struct span account, text;
	size_t n;
	char room[];
};

static void errand_unref(void *arg)
{
	struct errand *e = arg;
	if (!ref_drop(&e->ref))
		return;
	if (e->recognizes && !e->done)
		lockout_unrecognized(e->secret);
	settings_unref(e->settings);
	OPENSSL_cleanse(e->room, e->n);
	free(e);
}

static void run_errand(void *arg)
{
	struct errand *e = arg;
	if (e->recognizes)
		lockout_recognize(e->secret, e->settings->state_directory, e->account, e->text);
	else
		lockout_save(e->secret, e->settings->state_directory);
	e->done = true;
}

static struct errand *errand_new(struct exchange *x, const struct credentials *c, bool recognizes)
{
	struct span account = recognizes ? c->account : SPAN_NONE, text = recognizes ? c->secret : SPAN_NONE;
	struct errand *e = calloc(1, sizeof(*e) + account.n + text.n);
	if (!e)
		return NULL;
	char *at = e->room;
	ref_init(&e->ref);
	e->secret = c->fingerprint;
	e->recognizes = recognizes;
	e->settings = settings_ref(x->lease->edition->settings);
	e->n = account.n + text.n;
	e->account = span_keep(&at, account);
	e->text = span_keep(&at, text);
	return e;
}

/* 0 when it was done. */
static int send_errand(struct exchange *x, const struct credentials *c, bool recognizes, mono_ms deadline)
{
	struct errand *e = errand_new(x, c, recognizes);
	if (!e) {
		if (recognizes)
			lockout_unrecognized(c->fingerprint);
		return -ENOMEM;
	}
	return offload(lane_of(LANE_SECRETS), run_errand, e, errand_unref, deadline);
}

/* What has to be written down is, also when the fiber has been told to end: then here, which is short. */
static void save(struct exchange *x, const struct credentials *c)
{
	int error = send_errand(x, c, false, clock_after(worker_now(), SAVING_MS));
	if (error && error != -ETIMEDOUT) /* then the disk is in trouble, and a worker does not wait for it */
		lockout_save(c->fingerprint, x->settings->state_directory);
}

static const char *held_text(struct exchange *x, const struct lockout_answer *a)
{
	if (a->until == NEVER)
		return arena_printf(&x->arena, "%s: it is not tried again until the secret changes", a->why);
	return arena_printf(&x->arena, "%s: the next attempt is made in %lld s", a->why,
	                    (long long)(a->until - worker_now()) / 1000);
}

int turn_take(struct exchange *x, const struct credentials *c, mono_ms deadline)
{
	mono_ms since = worker_now();
	if (c->is_ticket)
		lockout_take_for_ticket(c->fingerprint);
	for (;;) {
		struct lockout_answer a = lockout_ask(c->fingerprint, since, x->member_refused, worker_now());
		int error = 0;
		switch (a.verdict) {
		case LOCKOUT_GO:
			if (a.save)
				save(x, c);
			return 0;
		case LOCKOUT_HELD:
			x->record.detail = held_text(x, &a);
			return -EACCES;
		case LOCKOUT_UNKNOWN:
			error = send_errand(x, c, true, deadline);
			break;
		case LOCKOUT_WAIT:
			error = worker_now() >= deadline ? -ETIMEDOUT : fiber_sleep(LOOK_AGAIN_MS);
			break;
		}
		if (error)
			return error == -EBUSY ? -ETIMEDOUT : error;
	}
}

void turn_end(struct exchange *x, const struct credentials *c, enum lockout_outcome outcome)
{
	if (lockout_tell(c->fingerprint, outcome, worker_now()))
		save(x, c);
}
