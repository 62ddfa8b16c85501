/* Every message of tests/wire/messages.txt is refused by the name it says, or means what it says; and the same when it comes
 * in two pieces, cut anywhere, or byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/wire_messages.h"

static struct wire_message messages[WIRE_MOST];
static unsigned message_count;

/* A receiver as the proxy is one: reads pieces, keeps what was not used in front of the next piece. */
struct receiver {
	const struct wire_message *m;
	size_t arrived; /* of m->bytes */
	size_t used;    /* by body_read(), and by the head */
	size_t scanned;
	bool head_done;
	bool over;
	struct body_reader reader;
	struct field fields[FIELDS_MOST];
	char *head_bytes; /* spans of the head point in here */
	struct buf says;
	struct buf body;
};

static void refuse(struct receiver *r, enum parse_fault fault)
{
	buf_clear(&r->says);
	buf_adds(&r->says, parse_fault_name(fault));
	r->over = true;
}

static void end(struct receiver *r, struct span trailers)
{
	wire_add_key(&r->says, "body", buf_span(&r->body));
	wire_add_key(&r->says, "trailers", trailers);
	/* What follows is known only when all has arrived. */
	wire_add_key(&r->says, "rest", span_make(r->m->bytes.p + r->used, r->m->bytes.n - r->used));
	r->over = true;
}

static enum parse_fault understand_head(struct receiver *r, struct span bytes)
{
	struct head h;
	struct target t;
	struct framing f;
	enum parse_fault fault = r->m->is_request ? head_parse_request(&h, bytes, r->fields, &head_limits_default)
	                                          : head_parse_response(&h, bytes, r->fields, &head_limits_default);
	if (!fault && r->m->is_request)
		fault = target_parse(&h, &t);
	if (fault)
		return fault;
	buf_adds(&r->says, "ok");
	if (r->m->is_request) {
		framing_of_request(&h, &f);
		wire_add_request(&r->says, &h, &t);
	} else {
		framing_of_response(&h, r->m->answers, &f);
		wire_add_number(&r->says, "status", h.status);
		wire_add_key(&r->says, "reason", h.reason);
	}
	wire_add_framing(&r->says, &h, &f);
	body_reader_init(&r->reader, &f);
	return PARSE_OK;
}

/* The way in one pass takes what the one in two takes, and nothing else. */
static void compare_ways(struct receiver *r, struct span there)
{
	static struct field one_fields[FIELDS_MOST], two_fields[FIELDS_MOST];
	struct head one, two;
	size_t scanned = 0;
	bool request = r->m->is_request;
	int taken = request ? head_take_request(&one, there, one_fields, &head_limits_default)
	                    : head_take_response(&one, there, one_fields, &head_limits_default);
	int n = head_find_end(there, &scanned, &head_limits_default);
	struct span head = span_make(there.p, n > 0 ? (size_t)n : 0);
	bool right = n > 0 && (request ? head_parse_request(&two, head, two_fields, &head_limits_default)
	                               : head_parse_response(&two, head, two_fields, &head_limits_default)) == PARSE_OK;
	assert_int_equal(taken, right ? n : 0);
	if (!right)
		return;
	assert_int_equal(one.count, two.count);
	assert_int_equal(one.present, two.present);
	assert_int_equal(one.raw.n, two.raw.n);
	assert_true(one.minor == two.minor && one.method == two.method && one.status == two.status);
	assert_true(span_eq(one.target, two.target) && span_eq(one.reason, two.reason));
	for (unsigned i = 0; i < one.count; i++)
		assert_memory_equal(&one.fields[i], &two.fields[i], sizeof(one.fields[i]));
}

/* False when more is needed or all is over. The bytes are a copy of just what is there, so that AddressSanitizer sees a byte
 * too far. */
static bool read_head(struct receiver *r, struct span there)
{
	compare_ways(r, there);
	int n = head_find_end(there, &r->scanned, &head_limits_default);
	if (n == 0)
		return false;
	if (n < 0) {
		refuse(r, (enum parse_fault) - n);
		return false;
	}
	r->head_bytes = malloc((size_t)n);
	ASSERT(r->head_bytes);
	memcpy(r->head_bytes, there.p, (size_t)n);
	enum parse_fault fault = understand_head(r, span_make(r->head_bytes, (size_t)n));
	r->used = (size_t)n;
	r->head_done = true;
	if (fault)
		refuse(r, fault);
	return !fault;
}

static bool read_body(struct receiver *r, struct span there)
{
	size_t used;
	struct span data;
	enum body_step step = body_read(&r->reader, there, &used, &data);
	assert_true(used <= there.n);
	r->used += used;
	if (step == BODY_DATA)
		buf_add(&r->body, data);
	else if (step == BODY_END)
		end(r, data);
	else if (step == BODY_BAD)
		refuse(r, r->reader.fault);
	return step == BODY_DATA;
}

/* The next piece has arrived. */
static void receive(struct receiver *r, size_t until)
{
	bool more = true;
	r->arrived = until;
	while (more && !r->over) {
		size_t n = r->arrived - r->used;
		char *copy = malloc(n ? n : 1);
		ASSERT(copy);
		memcpy(copy, r->m->bytes.p + r->used, n);
		struct span there = span_make(copy, n);
		more = r->head_done ? read_body(r, there) : read_head(r, there);
		free(copy);
	}
}

static void receiver_init(struct receiver *r, const struct wire_message *m)
{
	memset(r, 0, offsetof(struct receiver, fields));
	r->m = m;
	r->head_bytes = NULL;
	buf_init(&r->says, 4 * WIRE_BYTES_MOST);
	buf_init(&r->body, WIRE_BYTES_MOST);
}

static void receiver_fini(struct receiver *r)
{
	free(r->head_bytes);
	buf_fini(&r->says);
	buf_fini(&r->body);
}

/* The sender closes. */
static const char *conclude(struct receiver *r)
{
	if (!r->over && r->head_done && body_may_end(&r->reader))
		end(r, SPAN_NONE);
	else if (!r->over) {
		buf_clear(&r->says);
		buf_adds(&r->says, "incomplete");
	}
	return buf_text(&r->says);
}

static bool has_key(struct span says, struct span wanted)
{
	struct span word;
	while (span_next(&says, ' ', &word))
		if (span_eq(word, wanted))
			return true;
	return false;
}

static void check_result(const struct wire_message *m, struct span says)
{
	struct span wanted = m->result, word;
	bool right = true;
	while (span_next(&wanted, ' ', &word))
		right = right && has_key(says, word);
	if (span_starts_nocase(says, SPAN("ok")) && !span_starts_nocase(m->result, SPAN("ok")))
		right = false;
	if (!right)
		fail_msg("%.*s: expected \"%.*s\", but it says \"%.*s\"", SPAN_ARG(m->name), SPAN_ARG(m->result),
		         (int)(says.n < 2000 ? says.n : 2000), says.p);
}

static void messages_in_one_piece(void **state)
{
	for (unsigned i = 0; i < message_count; i++) {
		static struct receiver r;
		receiver_init(&r, &messages[i]);
		receive(&r, messages[i].bytes.n);
		check_result(&messages[i], span_of(conclude(&r)));
		receiver_fini(&r);
	}
}

static void check_pieces(const struct wire_message *m, size_t first, size_t step, const char *whole)
{
	static struct receiver r;
	receiver_init(&r, m);
	for (size_t until = first; until < m->bytes.n && !r.over; until += step)
		receive(&r, until);
	receive(&r, m->bytes.n);
	const char *says = conclude(&r);
	if (strcmp(says, whole) != 0)
		fail_msg("%.*s, cut at %zu and every %zu: \"%.500s\" instead of \"%.500s\"", SPAN_ARG(m->name), first, step,
		         says, whole);
	receiver_fini(&r);
}

static void messages_in_two_pieces_mean_the_same(void **state)
{
	for (unsigned i = 0; i < message_count; i++) {
		const struct wire_message *m = &messages[i];
		static struct receiver r;
		receiver_init(&r, m);
		receive(&r, m->bytes.n);
		const char *whole = conclude(&r);
		size_t step = m->bytes.n < 4096 ? 1 : 997;
		for (size_t at = 1; at < m->bytes.n; at += step)
			check_pieces(m, at, m->bytes.n, whole);
		receiver_fini(&r);
	}
}

static void messages_byte_by_byte_mean_the_same(void **state)
{
	for (unsigned i = 0; i < message_count; i++) {
		const struct wire_message *m = &messages[i];
		static struct receiver r;
		receiver_init(&r, m);
		receive(&r, m->bytes.n);
		const char *whole = conclude(&r);
		check_pieces(m, 1, m->bytes.n < 4096 ? 1 : 61, whole);
		receiver_fini(&r);
	}
}

static void the_table_is_large_and_names_every_fault_of_heads_and_bodies(void **state)
{
	unsigned good = 0, refused = 0, of_fault[PARSE_FAULT_LIMIT] = {0};
	for (unsigned i = 0; i < message_count; i++) {
		if (span_starts_nocase(messages[i].result, SPAN("ok")))
			good++;
		for (unsigned f = 1; f < PARSE_FAULT_LIMIT; f++) {
			if (span_eq(messages[i].result, span_of(parse_fault_name(f)))) {
				of_fault[f]++;
				refused++;
			}
		}
	}
	assert_true(refused >= 170);
	assert_true(good >= 60);
	for (unsigned f = 1; f < PARSE_FAULT_LIMIT; f++)
		if (of_fault[f] == 0)
			fail_msg("no message is refused as %s", parse_fault_name(f));
}

int main(void)
{
	struct span text = wire_read_file("tests/wire/messages.txt");
	message_count = wire_read(text, messages);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_in_one_piece),
		cmocka_unit_test(messages_in_two_pieces_mean_the_same),
		cmocka_unit_test(messages_byte_by_byte_mean_the_same),
		cmocka_unit_test(the_table_is_large_and_names_every_fault_of_heads_and_bodies),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (unsigned i = 0; i < message_count; i++)
		free((char *)messages[i].bytes.p);
	free((char *)text.p);
	return failed;
}
