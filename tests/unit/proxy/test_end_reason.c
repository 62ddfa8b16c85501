#include "proxy/end_reason.h"

#include <ctype.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config/settings.h"
#include "http/status.h"

/* RFC 9209 section 2.3: every error type, with the status it recommends (0: the client's fault, any 4xx; 1: any). */
static const struct {
	const char *name;
	unsigned status;
} error_types[] = {
	{"dns_timeout", 504},
	{"dns_error", 502},
	{"destination_not_found", 500},
	{"destination_unavailable", 503},
	{"destination_ip_prohibited", 502},
	{"destination_ip_unroutable", 502},
	{"connection_refused", 502},
	{"connection_terminated", 502},
	{"connection_timeout", 504},
	{"connection_read_timeout", 504},
	{"connection_write_timeout", 504},
	{"connection_limit_reached", 503},
	{"tls_protocol_error", 502},
	{"tls_certificate_error", 502},
	{"tls_alert_received", 502},
	{"http_request_error", 0},
	{"http_request_denied", 403},
	{"http_response_incomplete", 502},
	{"http_response_header_section_size", 502},
	{"http_response_header_size", 502},
	{"http_response_body_size", 502},
	{"http_response_trailer_section_size", 502},
	{"http_response_trailer_size", 502},
	{"http_response_transfer_coding", 502},
	{"http_response_content_coding", 502},
	{"http_response_timeout", 504},
	{"http_upgrade_failed", 502},
	{"http_protocol_error", 502},
	{"proxy_internal_response", 1},
	{"proxy_internal_error", 500},
	{"proxy_configuration_error", 500},
	{"proxy_loop_detected", 502},
};

/* Where we differ from the recommended status, and why. */
static const struct {
	enum end_reason end;
	const char *why;
} differing[] = {
	{END_SCHEME_NOT_SERVED, "501 says that it will never work, 403 that somebody forbade it"},
	{END_ADDRESS_PROTECTED, "403: it is our rule that stands in the way, nothing failed"},
	{END_CONNECT_FAILED, "502: one attempt failed, we do not consider the hop to be down"},
	{END_OUT_OF_DESCRIPTORS, "503: it passes"},
	{END_OUT_OF_MEMORY, "503: it passes"},
	{END_PARENT_WANTS_SIGN_IN, "502 was the status of 12201"},
	{END_SIGN_IN_NOT_POSSIBLE, "502: the answer that came cannot be used"},
	{END_SHARED_CONNECTION, "502: the answer that came cannot be used"},
	{END_PIN_LOST, "nothing can be told: the client is to start again"},
	{END_SIGN_IN_UNAVAILABLE, "it passes: a domain controller comes back"},
	{END_SITE_FILE_CHANGED, "nothing can be told: the answer has begun"},
	{END_USER_CHANGED, "nothing can be told: the client is to start again"},
	{END_PARENT_DID_NOT_ASK, "the settings of two proxies do not fit; the gateway is what failed"},
	{END_PARENT_OFFERS_OTHER, "the same"},
	{END_PARENT_REFUSED_US, "the same"},
	{END_PARENT_CLOSED_SIGN_IN, "the same"},
	{END_PARENT_SIGN_IN_FAILED, "the same"},
	{END_PARENT_SIGN_IN_HELD, "the same"},
	{END_SITE_NO_SERVER, "502.4, as Internet Information Services and its request routing say it"},
	{END_PARENT_REFUSED_USER, "the same"},
	{END_DELEGATION_REFUSED, "the same"},
	{END_USER_NOT_PASSED_ON, "the same"},
};

static bool may_differ(unsigned end)
{
	for (size_t i = 0; i < sizeof(differing) / sizeof(differing[0]); i++)
		if (differing[i].end == (enum end_reason)end)
			return true;
	return false;
}

static const char *const ids[] = {
#define X(id, ...) #id,
	END_REASONS(X)
#undef X
};

static void names_are_the_identifiers_in_kebab_case_and_unique(void **state)
{
	for (unsigned i = 0; i < END_LIMIT; i++) {
		const char *name = end_reason_table[i].name;
		assert_int_equal(strlen(name), strlen(ids[i]));
		for (size_t k = 0; name[k]; k++)
			assert_int_equal(name[k], ids[i][k] == '_' ? '-' : tolower(ids[i][k]));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(name, end_reason_table[k].name);
	}
	assert_int_equal(END_OK, 0);
}

static void every_status_is_one_that_http_knows(void **state)
{
	for (unsigned i = 0; i < END_LIMIT; i++) {
		unsigned status = end_reason_table[i].status;
		if (status && !status_reason(status)[0])
			fail_msg("%s: status %u", ids[i], status);
	}
}

static void error_types_are_registered_and_fit_the_status(void **state)
{
	for (unsigned i = 0; i < END_LIMIT; i++) {
		const struct end_row *row = &end_reason_table[i];
		size_t k = 0, n = sizeof(error_types) / sizeof(error_types[0]);
		if (!row->error_type)
			continue;
		while (k < n && strcmp(error_types[k].name, row->error_type) != 0)
			k++;
		if (k == n)
			fail_msg("%s: %s is not in RFC 9209", ids[i], row->error_type);
		unsigned wanted = error_types[k].status;
		bool fits = wanted == 1 || wanted == row->status || (wanted == 0 && row->status / 100 == 4);
		if (fits == may_differ(i))
			fail_msg("%s: %s goes with status %u, not %u (and is%s listed as differing)", ids[i], row->error_type,
			         wanted, row->status, may_differ(i) ? "" : " not");
	}
}

static void what_is_an_error_says_so(void **state)
{
	for (unsigned i = 0; i < END_LIMIT; i++) {
		const struct end_row *row = &end_reason_table[i];
		if (row->status >= 400 && !row->error_type && i != END_CONNECT_NOT_2XX)
			fail_msg("%s: status %u without an error type", ids[i], row->status);
		if (row->status >= 400 && row->place == PLACE_NOWHERE)
			fail_msg("%s: where did it break?", ids[i]);
		if (row->status && row->status < 400 && row->error_type)
			fail_msg("%s: an error type without an error", ids[i]);
		if (row->status >= 400 && !row->win32)
			fail_msg("%s: an error with sc-win32-status 0, success", ids[i]);
	}
}

static void numbers_of_the_family_are_the_windows_status_too(void **state)
{
	for (unsigned i = 0; i < END_LIMIT; i++) {
		const struct end_row *row = &end_reason_table[i];
		if (row->number)
			assert_true(row->number >= 12200 && row->number <= 12299 && row->win32 == row->number);
	}
	assert_int_equal(end_reason_table[END_PARENT_WANTS_SIGN_IN].number, 12201);
	assert_int_equal(end_reason_table[END_ACCESS_DENIED].number, 12202);
	assert_int_equal(end_reason_table[END_PORT_NOT_ALLOWED].number, 12204);
	assert_int_equal(end_reason_table[END_LOOP].number, 12206);
	assert_int_equal(end_reason_table[END_TOO_BUSY].number, 12208);
	assert_int_equal(end_reason_table[END_REQUEST_HEAD_TOO_LARGE].number, 12215);
	assert_int_equal(end_reason_table[END_RESPONSE_HEAD_TOO_LARGE].number, 12216);
}

/* Only {hop} and {site} are filled in; a settings block is written "{ name }" or "{...}". */
static void check_placeholders(const char *id, const char *sentence)
{
	for (const char *at = strchr(sentence, '{'); at; at = strchr(at + 1, '{')) {
		bool known = strncmp(at, "{hop}", 5) == 0 || strncmp(at, "{site}", 6) == 0;
		if (!known && at[1] != ' ' && at[1] != '.' && at[1] != '"')
			fail_msg("%s: what is meant by %.12s?", id, at);
	}
}

static void check_sentence(const char *id, const char *sentence)
{
	size_t n = strlen(sentence);
	if (n < 20 || sentence[n - 1] != '.')
		fail_msg("%s: not a sentence: %s", id, sentence);
	if (!isupper((unsigned char)sentence[0]) && sentence[0] != '{' && strncmp(sentence, "x-", 2) != 0)
		fail_msg("%s: should begin with a capital: %s", id, sentence);
	for (size_t i = 0; i < n; i++)
		if (sentence[i] < 0x20 || sentence[i] > 0x7e)
			fail_msg("%s: must be printable ASCII: %s", id, sentence);
	check_placeholders(id, sentence);
}

static void every_row_has_its_three_sentences(void **state)
{
	for (unsigned i = 0; i < END_LIMIT; i++) {
		check_sentence(ids[i], end_reason_table[i].user);
		check_sentence(ids[i], end_reason_table[i].administrator);
		check_sentence(ids[i], end_reason_table[i].remedy);
		if (end_reason_table[i].status >= 400)
			assert_string_not_equal(end_reason_table[i].remedy, "Nothing is to be done.");
		if (strlen(end_reason_table[i].user) > 92)
			fail_msg("%s: the sentence for the user must fit into a reason phrase", ids[i]);
	}
}

/* The settings blocks that sentences speak of, as "raise X in BLOCK { }" or "BLOCK { X }": each X must be in the manual. */
static bool is_name_byte(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static void check_setting(const char *id, const char *manual, const char *name, size_t n)
{
	char text[64];
	snprintf(text, sizeof(text), "%.*s", (int)n, name);
	for (const char *at = strstr(manual, text); at; at = strstr(at + 1, text))
		if (!is_name_byte(at[n]) && (at == manual || !is_name_byte(at[-1])))
			return;
	fail_msg("%s speaks of a setting that there is not: %s", id, text);
}

static void check_settings_of(const char *id, const char *manual, const char *sentence)
{
	static const char *const blocks[] = {"timeouts { ", "limits { ", "resolver { "};
	for (size_t b = 0; b < sizeof(blocks) / sizeof(blocks[0]); b++) {
		for (const char *at = strstr(sentence, blocks[b]); at; at = strstr(at + 1, blocks[b])) {
			const char *name = at + strlen(blocks[b]);
			if (*name != '}') {
				check_setting(id, manual, name, strcspn(name, " "));
				continue;
			}
			const char *raise = strstr(sentence, "aise ");
			raise = raise && raise < at ? raise + 5 : NULL;
			for (; raise && strncmp(raise, "in ", 3) != 0; raise += strcspn(raise, " ") + 1) {
				size_t n = strcspn(raise, " ,");
				if (n == 0 || (n == 2 && strncmp(raise, "or", 2) == 0) || raise >= at)
					continue;
				check_setting(id, manual, raise, n);
			}
		}
	}
}

static void remedies_name_settings_that_exist(void **state)
{
	struct buf manual __attribute__((cleanup(auto_release_buf)));
	buf_init(&manual, 1 << 20);
	settings_manual(&manual);
	assert_int_equal(buf_error(&manual), 0);
	for (unsigned i = 0; i < END_LIMIT; i++) {
		check_settings_of(ids[i], buf_text(&manual), end_reason_table[i].administrator);
		check_settings_of(ids[i], buf_text(&manual), end_reason_table[i].remedy);
	}
	static const char *const others[] = {"connect-ports", "clients", "intermediaries", "or-direct", "backup",
	                                     "pin",           "drain",   "contact",        "workers"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		check_setting("a remedy", buf_text(&manual), others[i], strlen(others[i]));
}

static void *count_thousand(void *arg)
{
	for (int i = 0; i < 1000; i++)
		end_reason_count(i % 4 ? END_OK : END_LOOP);
	return NULL;
}

static void counts_of_many_threads_add_up(void **state)
{
	pthread_t threads[40];
	long long ok = end_reason_counted(END_OK), loop = end_reason_counted(END_LOOP);
	for (int i = 0; i < 40; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_thousand, NULL), 0);
	for (int i = 0; i < 40; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(end_reason_counted(END_OK) - ok, 40 * 750);
	assert_int_equal(end_reason_counted(END_LOOP) - loop, 40 * 250);
	assert_int_equal(end_reason_counted(END_INTERNAL), 0);
}

static void the_manual_is_the_table(void **state)
{
	struct buf made __attribute__((cleanup(auto_release_buf)));
	buf_init(&made, 1 << 20);
	end_reason_manual(&made);
	assert_int_equal(buf_error(&made), 0);
	if (getenv("FAIRLEAD_WRITE_DOC")) {
		FILE *out = fopen("doc/errors.md", "w");
		assert_non_null(out);
		assert_int_equal(fwrite(made.p, 1, made.n, out), made.n);
		fclose(out);
	}
	FILE *f = fopen("doc/errors.md", "r");
	assert_non_null(f);
	static char text[1 << 17];
	size_t n = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (n != made.n || memcmp(text, made.p, n) != 0)
		fail_msg("doc/errors.md is not what end_reason.def says: run FAIRLEAD_WRITE_DOC=1 build/unit_proxy_end_reason");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_the_identifiers_in_kebab_case_and_unique),
		cmocka_unit_test(every_status_is_one_that_http_knows),
		cmocka_unit_test(error_types_are_registered_and_fit_the_status),
		cmocka_unit_test(what_is_an_error_says_so),
		cmocka_unit_test(numbers_of_the_family_are_the_windows_status_too),
		cmocka_unit_test(every_row_has_its_three_sentences),
		cmocka_unit_test(remedies_name_settings_that_exist),
		cmocka_unit_test(counts_of_many_threads_add_up),
		cmocka_unit_test(the_manual_is_the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
