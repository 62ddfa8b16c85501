/* What requests and answers are to the pin of a relayed sign-in: every kind of request by every kind of answer, in every state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/relay_auth.h"

enum brings { NOTHING, BASIC, FIRST, NEXT, SITE_FIRST, SITE_NEXT, BRINGS_LIMIT };

struct answered {
	unsigned status;
	bool challenged, token;
};

static const struct answered answers[] = {{200, false, false}, {403, false, false}, {401, false, false},
                                          {401, true, false},  {401, true, true},   {407, false, false},
                                          {407, true, false},  {407, true, true}};
enum { ANSWERS = sizeof(answers) / sizeof(answers[0]) };

static struct client client;
static struct pin pin;
static struct upstream_conn conn;

static void begin(struct exchange *x, enum brings what, bool with_connection)
{
	memset(x, 0, sizeof(*x));
	x->client = &client;
	x->pin = &pin;
	pin.conn = with_connection ? &conn : NULL;
	x->relayed.on = true;
	x->relayed.credentials = what == BASIC || what == FIRST || what == NEXT;
	x->relayed.bound = what == FIRST || what == NEXT;
	x->leg.bound = what >= FIRST;
	x->leg.first = what == FIRST || what == SITE_FIRST;
}

static enum pin_event request_event(struct exchange *x)
{
	return x->leg.bound || x->relayed.credentials ? relay_event_of_request(x) : PIN_EVENT_REQUEST_PLAIN;
}

static enum pin_event answer_event(struct exchange *x, const struct answered *a)
{
	x->response.status = (uint16_t)a->status;
	x->challenged = a->challenged;
	x->token_challenge = a->token;
	return relay_event_of_answer(x);
}

static bool holds_connection(enum pin_state s)
{
	return s == PIN_HINTED || s == PIN_HANDSHAKE || s == PIN_SIGNED_IN || s == PIN_RENEWING;
}

static bool is_sent(enum pin_act act)
{
	return act == PIN_USE_OWN || act == PIN_USE_FRESH || act == PIN_USE_POOL;
}

static void no_answer_to_any_request_is_impossible(void **unused)
{
	struct exchange x;
	for (int shared = 0; shared < 2; shared++)
		for (int s = 0; s < PIN_STATE_LIMIT; s++)
			for (int what = 0; what < BRINGS_LIMIT; what++)
				for (int a = 0; a < ANSWERS; a++) {
					client.shared = shared;
					begin(&x, (enum brings)what, holds_connection((enum pin_state)s));
					struct pin_transition t = pin_next((enum pin_state)s, request_event(&x));
					assert_int_not_equal(t.act, PIN_IMPOSSIBLE);
					if (!is_sent((enum pin_act)t.act))
						continue;
					t = pin_next((enum pin_state)t.next, answer_event(&x, &answers[a]));
					assert_int_not_equal(t.act, PIN_IMPOSSIBLE);
				}
	client.shared = false;
}

static void credentials_never_go_over_the_pool(void **unused)
{
	struct exchange x;
	for (int s = 0; s < PIN_STATE_LIMIT; s++)
		for (int what = BASIC; what < BRINGS_LIMIT; what++) {
			begin(&x, (enum brings)what, holds_connection((enum pin_state)s));
			assert_int_not_equal(pin_next((enum pin_state)s, request_event(&x)).act, PIN_USE_POOL);
		}
}

/* One request and its answer; the state after them. */
static enum pin_state after(enum pin_state s, enum brings what, struct answered a)
{
	struct exchange x;
	begin(&x, what, holds_connection(s));
	s = (enum pin_state)pin_next(s, request_event(&x)).next;
	return (enum pin_state)pin_next(s, answer_event(&x, &a)).next;
}

static void a_sign_in_to_the_parent(void **unused)
{
	enum pin_state s = after(PIN_NONE, NOTHING, (struct answered){407, true, false});
	assert_int_equal(s, PIN_HINTED);
	s = after(s, FIRST, (struct answered){407, true, true});
	assert_int_equal(s, PIN_HANDSHAKE);
	assert_int_equal(after(s, NEXT, (struct answered){407, true, false}), PIN_HINTED);
	s = after(s, NEXT, (struct answered){401, true, false}); /* of the site: the parent let it pass */
	assert_int_equal(s, PIN_SIGNED_IN);
	s = after(s, SITE_FIRST, (struct answered){401, true, true});
	assert_int_equal(s, PIN_RENEWING);
	assert_int_equal(after(s, SITE_NEXT, (struct answered){401, true, false}), PIN_SIGNED_IN);
	s = after(s, SITE_NEXT, (struct answered){200, false, false});
	assert_int_equal(s, PIN_SIGNED_IN);
	assert_int_equal(after(s, NOTHING, (struct answered){407, true, false}), PIN_SIGNED_IN);
	assert_int_equal(after(s, BASIC, (struct answered){200, false, false}), PIN_SIGNED_IN);
}

static void basic_signs_no_connection_in(void **unused)
{
	assert_int_equal(after(PIN_NONE, BASIC, (struct answered){200, false, false}), PIN_HINTED);
	assert_int_equal(after(PIN_NONE, BASIC, (struct answered){407, false, false}), PIN_HINTED);
	assert_int_equal(after(PIN_HINTED, BASIC, (struct answered){200, false, false}), PIN_HINTED);
	assert_int_equal(pin_next(PIN_HINTED, PIN_EVENT_SERVER_CLOSED).next, PIN_NONE);
}

static void only_this_scheme_alone_relays(void **unused)
{
	unsigned char relay[] = {SIGN_ON_RELAY, SIGN_ON_NTLM};
	struct upstream_settings u = {.credentials = {.on = true, .scheme = {relay, 1}}};
	assert_true(upstream_relays(&u));
	u.credentials.scheme.count = 2;
	assert_false(upstream_relays(&u));
	u.credentials = (struct credentials_settings){.on = false};
	assert_false(upstream_relays(&u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_answer_to_any_request_is_impossible),
		cmocka_unit_test(credentials_never_go_over_the_pool),
		cmocka_unit_test(a_sign_in_to_the_parent),
		cmocka_unit_test(basic_signs_no_connection_in),
		cmocka_unit_test(only_this_scheme_alone_relays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
