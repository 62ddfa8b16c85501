/* One hashed wheel a worker. A timer that is moved later stays where it lies and is put further on when its slot fires;
 * one beyond the horizon lies in the last slot and is put further on likewise. */
#include "net/kernel.h"
#include "net/worker_internal.h"

static int64_t tick_of(mono_ms when)
{
	return (when + TICK_MS - 1) / TICK_MS;
}

void wheel_init(struct worker *w)
{
	struct wheel *h = &w->wheel;
	h->tick = w->now / TICK_MS;
	h->next_tick = NEVER;
	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		list_init(&h->slots[i]);
}

void timer_init(struct timer *t, void (*on_time)(struct timer *t))
{
	list_init(&t->link);
	t->when = NEVER;
	t->slot = 0;
	t->on_time = on_time;
}

static void insert(struct wheel *h, struct timer *t)
{
	int64_t tick = t->when > (h->tick + WHEEL_SLOTS - 1) * TICK_MS ? h->tick + WHEEL_SLOTS - 1 : tick_of(t->when);
	if (tick <= h->tick)
		tick = h->tick + 1;
	unsigned slot = (unsigned)(tick % WHEEL_SLOTS);
	list_push(&h->slots[slot], &t->link);
	h->occupied[slot / 64] |= 1ull << slot % 64;
	t->slot = tick * TICK_MS;
	if (tick < h->next_tick)
		h->next_tick = tick;
}

void timer_set(struct timer *t, mono_ms when)
{
	t->when = when;
	if (!list_empty(&t->link)) {
		if (when >= t->slot - (TICK_MS - 1))
			return;
		list_remove(&t->link);
	}
	if (when != NEVER)
		insert(&worker_self()->wheel, t);
}

void timer_stop(struct timer *t)
{
	list_remove(&t->link);
	t->when = NEVER;
}

/* The first occupied tick after h->tick, or NEVER. Slots emptied by timer_stop() still count: one idle wake-up each. */
static int64_t find_next(const struct wheel *h)
{
	unsigned first = (unsigned)((h->tick + 1) % WHEEL_SLOTS);
	for (unsigned i = 0; i <= WHEEL_SLOTS / 64; i++) {
		unsigned word = (first / 64 + i) % (WHEEL_SLOTS / 64);
		uint64_t bits = h->occupied[word];
		if (i == 0)
			bits &= ~0ull << first % 64;
		else if (i == WHEEL_SLOTS / 64)
			bits &= ~(~0ull << first % 64);
		if (bits) {
			unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);
			return h->tick + 1 + (slot - first) % WHEEL_SLOTS;
		}
	}
	return NEVER;
}

static void fire_slot(struct worker *w, unsigned slot)
{
	struct wheel *h = &w->wheel;
	struct link due;
	h->occupied[slot / 64] &= ~(1ull << slot % 64);
	if (list_empty(&h->slots[slot]))
		return;
	list_insert(&h->slots[slot], &due);
	list_remove(&h->slots[slot]);
	struct link *l;
	while ((l = list_pop(&due))) {
		struct timer *t = CONTAINER_OF(l, struct timer, link);
		if (t->when == NEVER)
			continue;
		if (t->when > w->now) {
			insert(h, t);
			continue;
		}
		t->when = NEVER;
		t->on_time(t);
	}
}

void wheel_fire(struct worker *w)
{
	struct wheel *h = &w->wheel;
	int64_t now = kernel_timer_time(w->now) / TICK_MS;
	while (h->next_tick <= now) {
		h->tick = h->next_tick;
		h->next_tick = NEVER;
		fire_slot(w, (unsigned)(h->tick % WHEEL_SLOTS));
		h->next_tick = find_next(h);
	}
	h->tick = now;
}

int wheel_wait_ms(const struct worker *w)
{
	if (w->wheel.next_tick == NEVER)
		return -1;
	int64_t wait = w->wheel.next_tick * TICK_MS - w->now;
	return wait > 0 ? (int)wait : 0;
}
