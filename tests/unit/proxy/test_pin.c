/* The pin as a machine by itself: every event in every state, the rules behind the table, whole conversations, and the set with its ceiling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/pin.h"
#include "proxy/upstream_pool.h"

static const char *const act_names[] = {"go-on",  "use-pool", "use-own",      "use-fresh", "bind",
                                        "let-go", "remember", "close-client", "impossible"};

/* What is expected, written down apart from the code: one line a state, in the order of the events. "-" is impossible. */
static const char *const expected[PIN_STATE_LIMIT][PIN_EVENT_LIMIT] = {
	/*  plain                     first                   next                    challenged       continued        accepted
        once            refused            answered           closed             evicted */
	[PIN_NONE] = {"none use-pool", "handshake use-fresh", "handshake use-fresh", "hinted bind", "-", "-", "-", "-",
                  "none go-on", "none let-go", "none let-go"},
	[PIN_HINTED] = {"hinted use-own", "handshake use-own", "handshake use-own", "hinted go-on", "hinted go-on", "-",
                    "-", "-", "hinted go-on", "none let-go", "none let-go"},
	[PIN_HANDSHAKE] = {"hinted use-own", "handshake use-own", "handshake use-own", "-", "handshake go-on",
                       "signed-in go-on", "hinted go-on", "hinted go-on", "-", "broken remember", "-"},
	[PIN_SIGNED_IN] = {"signed-in use-own", "renewing use-own", "renewing use-own", "signed-in go-on",
                       "signed-in go-on", "-", "-", "-", "signed-in go-on", "lost remember", "lost remember"},
	[PIN_RENEWING] = {"signed-in use-own", "renewing use-own", "renewing use-own", "-", "renewing go-on",
                      "signed-in go-on", "hinted go-on", "signed-in go-on", "-", "lost remember", "-"},
	[PIN_BROKEN] = {"none use-pool", "handshake use-fresh", "broken close-client", "-", "-", "-", "-", "-", "-",
                    "broken go-on", "none let-go"},
	[PIN_LOST] = {"lost close-client", "handshake use-fresh", "lost close-client", "-", "-", "-", "-", "-", "-",
                  "lost go-on", "-"},
};

static void every_event_in_every_state(void **unused)
{
	for (int s = 0; s < PIN_STATE_LIMIT; s++) {
		for (int e = 0; e < PIN_EVENT_LIMIT; e++) {
			struct pin_transition t = pin_next((enum pin_state)s, (enum pin_event)e);
			char got[64];
			snprintf(got, sizeof(got), "%s %s", pin_state_name(t.next), act_names[t.act]);
			if (t.act == PIN_IMPOSSIBLE)
				snprintf(got, sizeof(got), "-");
			if (strcmp(got, expected[s][e]) != 0)
				fail_msg("%s, when %s: %s, expected %s", pin_state_name((enum pin_state)s),
				         pin_event_meaning((enum pin_event)e), got, expected[s][e]);
		}
	}
}

static bool holds_connection(enum pin_state s)
{
	return s == PIN_HINTED || s == PIN_HANDSHAKE || s == PIN_SIGNED_IN || s == PIN_RENEWING;
}

static void a_request_goes_where_a_connection_is(void **unused)
{
	for (int s = 0; s < PIN_STATE_LIMIT; s++) {
		for (int e = PIN_EVENT_REQUEST_PLAIN; e <= PIN_EVENT_REQUEST_NEXT; e++) {
			enum pin_act act = pin_next((enum pin_state)s, (enum pin_event)e).act;
			if (holds_connection((enum pin_state)s))
				assert_int_equal(act, PIN_USE_OWN);
			else
				assert_int_not_equal(act, PIN_USE_OWN);
		}
	}
}

static void a_token_never_goes_over_the_pool(void **unused)
{
	for (int s = 0; s < PIN_STATE_LIMIT; s++) {
		assert_int_not_equal(pin_next((enum pin_state)s, PIN_EVENT_REQUEST_FIRST).act, PIN_USE_POOL);
		assert_int_not_equal(pin_next((enum pin_state)s, PIN_EVENT_REQUEST_NEXT).act, PIN_USE_POOL);
	}
}

static void who_was_signed_in_is_never_sent_on_as_nobody(void **unused)
{
	enum pin_state lost = pin_next(PIN_SIGNED_IN, PIN_EVENT_SERVER_CLOSED).next;
	assert_int_equal(pin_next(lost, PIN_EVENT_REQUEST_PLAIN).act, PIN_CLOSE_CLIENT);
	lost = pin_next(PIN_SIGNED_IN, PIN_EVENT_EVICTED).next;
	assert_int_equal(pin_next(lost, PIN_EVENT_REQUEST_PLAIN).act, PIN_CLOSE_CLIENT);
	lost = pin_next(PIN_RENEWING, PIN_EVENT_SERVER_CLOSED).next;
	assert_int_equal(pin_next(lost, PIN_EVENT_REQUEST_PLAIN).act, PIN_CLOSE_CLIENT);
}

static void a_later_token_goes_only_where_the_handshake_began(void **unused)
{
	enum pin_state broken = pin_next(PIN_HANDSHAKE, PIN_EVENT_SERVER_CLOSED).next;
	assert_int_equal(pin_next(broken, PIN_EVENT_REQUEST_NEXT).act, PIN_CLOSE_CLIENT);
	assert_int_equal(pin_next(broken, PIN_EVENT_REQUEST_FIRST).act, PIN_USE_FRESH);
}

static void a_handshake_is_never_evicted(void **unused)
{
	assert_int_equal(pin_next(PIN_HANDSHAKE, PIN_EVENT_EVICTED).act, PIN_IMPOSSIBLE);
	assert_int_equal(pin_next(PIN_RENEWING, PIN_EVENT_EVICTED).act, PIN_IMPOSSIBLE);
}

struct leg {
	enum pin_event event;
	enum pin_state after;
};

static void converse(const struct leg *legs, size_t n)
{
	enum pin_state s = PIN_NONE;
	for (size_t i = 0; i < n; i++) {
		struct pin_transition t = pin_next(s, legs[i].event);
		assert_int_not_equal(t.act, PIN_IMPOSSIBLE);
		s = t.next;
		assert_int_equal(s, legs[i].after);
	}
}
#define CONVERSE(...)                                   \
	do {                                                \
		static const struct leg legs[] = {__VA_ARGS__}; \
		converse(legs, sizeof(legs) / sizeof(legs[0])); \
	} while (0)

static void ntlm_in_three_messages(void **unused)
{
	CONVERSE({PIN_EVENT_REQUEST_PLAIN, PIN_NONE}, {PIN_EVENT_CHALLENGED, PIN_HINTED},
	         {PIN_EVENT_REQUEST_FIRST, PIN_HANDSHAKE}, {PIN_EVENT_CONTINUED, PIN_HANDSHAKE},
	         {PIN_EVENT_REQUEST_NEXT, PIN_HANDSHAKE}, {PIN_EVENT_ACCEPTED, PIN_SIGNED_IN},
	         {PIN_EVENT_REQUEST_PLAIN, PIN_SIGNED_IN}, {PIN_EVENT_ANSWERED, PIN_SIGNED_IN});
}

static void a_wrong_password_leaves_nobody_signed_in(void **unused)
{
	CONVERSE({PIN_EVENT_REQUEST_FIRST, PIN_HANDSHAKE}, {PIN_EVENT_CONTINUED, PIN_HANDSHAKE},
	         {PIN_EVENT_REQUEST_NEXT, PIN_HANDSHAKE}, {PIN_EVENT_REFUSED, PIN_HINTED},
	         {PIN_EVENT_SERVER_CLOSED, PIN_NONE});
}

static void kerberos_sent_unasked(void **unused)
{
	CONVERSE({PIN_EVENT_REQUEST_FIRST, PIN_HANDSHAKE}, {PIN_EVENT_ACCEPTED, PIN_SIGNED_IN},
	         {PIN_EVENT_SERVER_CLOSED, PIN_LOST}, {PIN_EVENT_REQUEST_FIRST, PIN_HANDSHAKE},
	         {PIN_EVENT_ACCEPTED, PIN_SIGNED_IN});
}

static void kerberos_for_each_request(void **unused)
{
	CONVERSE({PIN_EVENT_REQUEST_FIRST, PIN_HANDSHAKE}, {PIN_EVENT_ACCEPTED_ONCE, PIN_HINTED},
	         {PIN_EVENT_REQUEST_FIRST, PIN_HANDSHAKE}, {PIN_EVENT_ACCEPTED_ONCE, PIN_HINTED},
	         {PIN_EVENT_SERVER_CLOSED, PIN_NONE}, {PIN_EVENT_REQUEST_PLAIN, PIN_NONE});
}

/* ---- the set */

struct world {
	struct upstream_pool pool;
	struct upstream_server *server;
	struct pin_set set;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	upstream_pool_init(&w->pool);
	w->server = upstream_server_get(&w->pool, SPAN("direct|a:80"), SPAN("a:80"));
	pin_set_init(&w->set);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	pin_set_fini(&w->set);
	assert_int_equal(w->server->open_count, 0); /* every connection was ended */
	upstream_server_put(w->server);
	upstream_pool_fini(&w->pool);
	free(w);
	return 0;
}

static struct upstream_conn *some_connection(struct world *w)
{
	struct upstream_conn *conn = calloc(1, sizeof(*conn));
	conn->stream.watch.fd = -1;
	list_init(&conn->link);
	list_init(&conn->by_age);
	conn->server = w->server;
	w->server->references++;
	w->server->open_count++;
	return conn;
}

static struct pin *pin_in(struct world *w, unsigned number, enum pin_state state, unsigned most)
{
	char origin[32];
	snprintf(origin, sizeof(origin), "o%u:80", number);
	struct pin *pin = pin_obtain(&w->set, span_of(origin), most);
	if (!pin)
		return NULL;
	pin->state = (unsigned char)state;
	if (holds_connection(state))
		pin_hold(pin, some_connection(w));
	return pin;
}

static void origins_are_kept_apart(void **state)
{
	struct world *w = *state;
	struct pin *one = pin_in(w, 1, PIN_SIGNED_IN, 32), *two = pin_in(w, 2, PIN_HINTED, 32);
	assert_ptr_equal(pin_find(&w->set, SPAN("o1:80")), one);
	assert_ptr_equal(pin_find(&w->set, SPAN("o2:80")), two);
	assert_null(pin_find(&w->set, SPAN("o1:8080")));
	assert_ptr_equal(pin_obtain(&w->set, SPAN("o1:80"), 32), one);
}

static void the_least_used_hint_goes_first(void **state)
{
	struct world *w = *state;
	pin_in(w, 1, PIN_SIGNED_IN, 3);
	pin_in(w, 2, PIN_HINTED, 3);
	pin_in(w, 3, PIN_HINTED, 3);
	assert_non_null(pin_in(w, 4, PIN_HANDSHAKE, 3));
	assert_null(pin_find(&w->set, SPAN("o2:80")));
	assert_non_null(pin_find(&w->set, SPAN("o1:80")));
	assert_non_null(pin_find(&w->set, SPAN("o3:80")));
}

static void a_signed_in_one_is_remembered_when_evicted(void **state)
{
	struct world *w = *state;
	struct pin *one = pin_in(w, 1, PIN_SIGNED_IN, 2);
	pin_in(w, 2, PIN_HANDSHAKE, 2);
	assert_non_null(pin_in(w, 3, PIN_HANDSHAKE, 2));
	assert_int_equal(one->state, PIN_LOST);
	assert_null(one->conn);
	assert_int_equal(w->server->open_count, 2);
}

static void all_in_handshake_means_no_room(void **state)
{
	struct world *w = *state;
	pin_in(w, 1, PIN_HANDSHAKE, 2);
	pin_in(w, 2, PIN_HANDSHAKE, 2);
	errno = 0;
	assert_null(pin_in(w, 3, PIN_HANDSHAKE, 2));
	assert_int_equal(errno, EBUSY);
}

static void memories_do_not_grow_without_end(void **state)
{
	struct world *w = *state;
	unsigned made = 0;
	for (unsigned i = 0; i < 1000 && pin_in(w, i, PIN_SIGNED_IN, 4); i++)
		made++;
	assert_true(made < 1000);
	assert_true(w->set.count <= 8);
	assert_true(w->server->open_count <= 4);
}

static void tokens_are_remembered(void **state)
{
	struct world *w = *state;
	struct pin *pin = pin_in(w, 1, PIN_HINTED, 4);
	assert_false(pin_set_has_token(&w->set));
	pin->conn->tainted = true;
	assert_true(pin_set_has_token(&w->set));
	assert_int_equal(pin_tell(pin, PIN_EVENT_REQUEST_FIRST), PIN_USE_OWN);
	assert_true(pin_set_in_handshake(&w->set));
	assert_int_equal(pin_tell(pin, PIN_EVENT_SERVER_CLOSED), PIN_REMEMBER);
	assert_true(pin_set_has_token(&w->set));
	assert_false(pin_set_in_handshake(&w->set));
	assert_int_equal(w->server->open_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_in_every_state),
		cmocka_unit_test(a_request_goes_where_a_connection_is),
		cmocka_unit_test(a_token_never_goes_over_the_pool),
		cmocka_unit_test(who_was_signed_in_is_never_sent_on_as_nobody),
		cmocka_unit_test(a_later_token_goes_only_where_the_handshake_began),
		cmocka_unit_test(a_handshake_is_never_evicted),
		cmocka_unit_test(ntlm_in_three_messages),
		cmocka_unit_test(a_wrong_password_leaves_nobody_signed_in),
		cmocka_unit_test(kerberos_sent_unasked),
		cmocka_unit_test(kerberos_for_each_request),
		cmocka_unit_test_setup_teardown(origins_are_kept_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_least_used_hint_goes_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_signed_in_one_is_remembered_when_evicted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_in_handshake_means_no_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memories_do_not_grow_without_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tokens_are_remembered, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
