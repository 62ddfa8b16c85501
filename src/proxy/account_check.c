#include "proxy/account_check.h"

#include <pthread.h>
#include <stdlib.h>

#include "auth/account_now.h"
#include "base/cleanup.h"
#include "base/counters.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "net/fiber.h"
#include "proxy/lanes.h"
#include "proxy/sign_on.h"

enum { REMEMBERED_MOST = 65536, PATIENCE_MS = 3000, ENDED_MS = 30 * 1000 };

struct remembered {
	struct link link; /* the one that was asked about longest ago first */
	enum auth_reason reason;
	mono_ms at; /* of that answer */
	bool asked; /* and not answered */
	bool known;
	unsigned n;
	char name[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map accounts = {.ceiling = REMEMBERED_MOST + 1};
static struct link by_age = {&by_age, &by_age};

static struct remembered *make(struct span name)
{
	struct remembered *r = calloc(1, sizeof(*r) + name.n);
	if (!r)
		return NULL;
	r->n = (unsigned)name.n;
	memcpy(r->name, name.p, name.n);
	list_init(&r->link);
	if (map_put(&accounts, span_make(r->name, r->n), r, NULL) != 0) {
		free(r);
		return NULL;
	}
	list_push(&by_age, &r->link);
	if (accounts.count > REMEMBERED_MOST) {
		struct remembered *oldest = CONTAINER_OF(by_age.next, struct remembered, link);
		map_remove(&accounts, span_make(oldest->name, oldest->n));
		list_remove(&oldest->link);
		free(oldest);
	}
	return r;
}

enum state { KNOWN, ASK, BEING_ASKED };

static bool ends(enum auth_reason r)
{
	return r != AUTH_OK && r != AUTH_UNAVAILABLE;
}

/* ASK: you do. One that was ended is asked about again soon: it may be enabled again. */
static enum state look(struct span name, int64_t every, mono_ms now, enum auth_reason *reason)
{
	pthread_mutex_lock(&lock);
	struct remembered *r = map_get(&accounts, name);
	if (!r)
		r = make(name);
	int64_t lives = r && ends(r->reason) && every > ENDED_MS ? ENDED_MS : every;
	enum state state = !r                                ? BEING_ASKED /* without memory nothing is */
	                   : r->known && now - r->at < lives ? KNOWN
	                   : r->asked                        ? BEING_ASKED
	                                                     : ASK;
	if (state == KNOWN)
		*reason = r->reason;
	if (state == ASK)
		r->asked = true;
	pthread_mutex_unlock(&lock);
	return state;
}

static void note(struct span name, bool known, enum auth_reason reason)
{
	pthread_mutex_lock(&lock);
	struct remembered *r = map_get(&accounts, name);
	if (r) {
		r->asked = false;
		r->known = known;
		r->reason = reason;
		r->at = clock_mono();
		list_remove(&r->link);
		list_push(&by_age, &r->link);
	}
	pthread_mutex_unlock(&lock);
}

/* ---- asking */

/* Counted by its two holders. */
struct inquiry {
	struct ref ref;
	struct identity *who;
	struct edition *edition; /* counted: the keytab's name is in its settings */
	enum auth_reason reason;
	bool answered;
};

static void inquiry_unref(void *arg)
{
	struct inquiry *i = arg;
	if (!ref_drop(&i->ref))
		return;
	if (!i->answered)
		note(span_of(i->who->shown), false, AUTH_UNAVAILABLE);
	identity_unref(i->who);
	edition_unref(i->edition);
	free(i);
}
DEFINE_AUTO(inquiry, struct inquiry *, inquiry_unref);

static void say_ended(const struct identity *who, enum auth_reason reason, struct span says)
{
	COUNT(sign_ins_ended_total);
	log_event(LOG_WARNING, "%s: %s; its sign-ins end (%.*s)", who->shown, auth_reason_sentence(reason),
	          says.n ? (int)says.n : 9, says.n ? says.p : "by winbind");
}

static void inquire(void *arg)
{
	struct inquiry *i = arg;
	const struct kerberos_settings *k = &i->edition->settings->kerberos;
	char room[400];
	struct buf says;
	buf_over(&says, room, sizeof(room));
	i->reason = account_now(i->who, k->on ? k->keytab : NULL, &says);
	i->answered = true;
	if (ends(i->reason))
		say_ended(i->who, i->reason, buf_span(&says));
	note(span_of(i->who->shown), true, i->reason);
}

/* False: no answer came soon; it is there for a later request. */
static bool ask(struct exchange *x, struct identity *who, enum auth_reason *reason)
{
	AUTO(inquiry) struct inquiry *i = calloc(1, sizeof(*i));
	if (!i) {
		note(span_of(who->shown), false, AUTH_UNAVAILABLE);
		return false;
	}
	ref_init(&i->ref);
	i->who = identity_ref(who);
	i->edition = edition_ref(x->lease->edition);
	ref_take(&i->ref);
	if (offload(lane_of(LANE_ACCOUNTS), inquire, i, inquiry_unref, clock_after(worker_now(), PATIENCE_MS)) != 0)
		return false;
	*reason = i->reason;
	return true;
}

static bool is_of_a_domain(const struct exchange *x, const struct identity *who)
{
	const struct verifier *v = sign_on_verifier(x->lease->edition->sign_on, who->verifier);
	return v ? v->blocks : strcmp(who->verifier, "kerberos") == 0;
}

enum auth_reason account_check(struct exchange *x, struct identity *who, mono_ms *checked)
{
	int64_t every = x->settings->timeouts.account_check;
	mono_ms now = worker_now();
	enum auth_reason reason = AUTH_OK;
	if (!every || (*checked && now - *checked < every) || !is_of_a_domain(x, who))
		return AUTH_OK;
	enum state state = look(span_of(who->shown), every, now, &reason);
	if (state == BEING_ASKED || (state == ASK && !ask(x, who, &reason)))
		return AUTH_OK;
	if (!ends(reason))
		*checked = now;
	return ends(reason) ? reason : AUTH_OK;
}
