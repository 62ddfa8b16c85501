/* Asks the verifiers as acceptors would, beside real domain controllers and KDCs. Reads one command a line from standard input, words separated by
 * tabs, and answers each with one line, so that one process can live through restarts of what it asks. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "auth/initiator.h"
#include "auth/kerberos.h"
#include "auth/ntlm_crypto.h"
#include "auth/windows_domain.h"
#include "base/cleanup.h"
#include "base/encode.h"

enum { WORDS = 10 };

static struct verifier *windows;

/* ---- saying */

static void say_identity(enum auth_reason reason, struct identity *who)
{
	printf("%s", auth_reason_name(reason));
	if (who) {
		printf(" shown=%s name=%s domain=%s upn=%s scheme=%s unresolved=%d groups=", who->shown, who->name, who->domain,
		       who->upn ? who->upn : "-", who->scheme, who->groups_unresolved);
		for (unsigned i = 0; i < who->group_count; i++)
			printf("%s%s", i ? "|" : "", who->groups[i]);
	}
	identity_unref(who);
}

/* ---- the Windows domain */

static void say_names(char **w)
{
	struct windows_names n;
	enum auth_reason reason = windows_names_ask(&n);
	printf("%s machine=%s domain=%s dns=%s", auth_reason_name(reason), n.machine, n.domain, n.dns_domain);
}

static void say_check(char **w)
{
	char text[512];
	struct buf b;
	buf_over(&b, text, sizeof(text));
	enum auth_reason reason = windows_check(&b);
	printf("%s %s", auth_reason_name(reason), buf_text(&b));
}

static void make_verifier(void)
{
	struct windows_names n;
	if (!windows)
		windows = windows_verifier_new("corp", windows_names_ask(&n) == AUTH_OK ? &n : NULL, "");
	ASSERT(windows);
}

static void add_pair(struct buf *to, unsigned id, const char *text)
{
	AUTO(buf) struct buf wide;
	buf_init(&wide, 1024);
	ASSERT(utf16_from_utf8(&wide, span_of(text), NTLM_CASE_KEPT) == 0);
	unsigned char head[4] = {(unsigned char)id, 0, (unsigned char)wide.n, (unsigned char)(wide.n >> 8)};
	buf_add(to, span_make((char *)head, 4));
	buf_add(to, buf_span(&wide));
}

/* What a client answers to a challenge that names `machine` (MS-NLMP 2.2.2.7). */
static void add_blob(struct buf *to, const char *machine, const char *domain)
{
	uint64_t when = ((uint64_t)time(NULL) + 11644473600ULL) * 10000000ULL;
	unsigned char head[28] = {1, 1, [16] = 'c', 'l', 'i', 'e', 'n', 't', ' ', '!'};
	memcpy(head + 8, &when, 8);
	buf_add(to, span_make((char *)head, sizeof(head)));
	add_pair(to, 2, domain);
	add_pair(to, 1, machine);
	buf_add(to, span_make("\x07\0\x08\0", 4));
	buf_add(to, span_make((char *)&when, 8));
	buf_add(to, span_make("\0\0\0\0\0\0\0\0", 8));
}

/* ntlm USER DOMAIN PASSWORD [MACHINE] */
static void sign_in_ntlm(char **w)
{
	unsigned char nt[16], key[16], proof[16], ours[16], theirs[16] = {0};
	static const unsigned char challenge[8] = {8, 7, 6, 5, 4, 3, 2, 1};
	struct windows_names n;
	struct identity *who = NULL;
	AUTO(buf) struct buf answer;
	make_verifier();
	if (windows_names_ask(&n) != AUTH_OK)
		memset(&n, 0, sizeof(n));
	buf_init(&answer, 4096);
	buf_add(&answer, span_make((char *)proof, 16));
	add_blob(&answer, w[4] ? w[4] : n.machine, n.domain);
	struct span blob = span_make(answer.p + 16, answer.n - 16);
	ASSERT(ntlm_nt_hash(span_of(w[3]), nt) == 0);
	ASSERT(ntlm_response_key(nt, span_of(w[1]), span_of(w[2]), NTLM_CASE_UPPER, key) == 0);
	ASSERT(ntlm_prove(key, challenge, blob, proof, ours) == 0);
	memcpy(answer.p, proof, 16);
	struct ntlm_proof p = {.user = span_of(w[1]),
	                       .domain = span_of(w[2]),
	                       .workstation = SPAN("TESTER"),
	                       .nt_response = (unsigned char *)answer.p,
	                       .nt_response_n = answer.n};
	memcpy(p.server_challenge, challenge, 8);
	enum auth_reason reason = windows->verify_ntlm(windows, &p, &who, theirs);
	say_identity(reason, who);
	printf(" key=%s", memcmp(ours, theirs, 16) == 0 ? "same" : "other");
}

/* password USER PASSWORD */
static void sign_in_password(char **w)
{
	struct identity *who = NULL;
	make_verifier();
	enum auth_reason reason = windows->verify_password(windows, span_of(w[1]), span_of(w[2]), &who);
	say_identity(reason, who);
}

static void say_known(char **w)
{
	printf("%s", auth_reason_name(windows_domain_known(span_of(w[1]))));
}

/* ---- Kerberos */

struct conversation {
	const char *keytab;
	struct initiator_credentials credentials;
	struct span bindings_of_client, bindings_of_server;
	bool twice;
	unsigned seconds_late;
	const char *config_of_server; /* krb5.conf; NULL: the client's */
};

static enum auth_step accept_and_say(const struct conversation *c, struct span token, struct kerberos_context **ctx)
{
	AUTO(buf) struct buf reply;
	struct identity *who = NULL;
	enum auth_reason reason;
	bool bound;
	buf_init(&reply, 65536);
	enum auth_step step = kerberos_accept(c->keytab, false, token, c->bindings_of_server, &reply, &who, &reason, &bound,
	                                      ctx);
	say_identity(reason, who);
	printf(" bound=%d ends=%d detail=%s", bound, kerberos_ends(*ctx) > time(NULL), kerberos_detail(*ctx));
	return step;
}

static void check_mics(struct kerberos_context *client, struct kerberos_context *server)
{
	AUTO(buf) struct buf mic;
	buf_init(&mic, 1024);
	struct span list = SPAN("a list of mechanisms");
	bool fine = kerberos_get_mic(client, list, &mic) == 0 && kerberos_verify_mic(server, list, buf_span(&mic)) == 0 &&
	            kerberos_verify_mic(server, SPAN("another list"), buf_span(&mic)) == -EBADMSG;
	buf_clear(&mic);
	fine = fine && kerberos_get_mic(server, list, &mic) == 0 && kerberos_verify_mic(client, list, buf_span(&mic)) == 0;
	printf(" mics=%s", fine ? "fine" : "wrong");
}

static void converse(const struct conversation *c)
{
	AUTO(buf) struct buf token;
	struct kerberos_context *client = NULL, *server = NULL, *again = NULL;
	enum auth_reason reason;
	const char *detail;
	buf_init(&token, 65536);
	enum auth_step step = kerberos_initiate(&c->credentials, c->bindings_of_client, SPAN_NONE, &token, &client, &reason,
	                                        &detail);
	if (step != AUTH_STEP_DONE) {
		printf("initiate: %s detail=%s", auth_reason_name(reason), detail);
		goto out;
	}
	sleep(c->seconds_late);
	if (c->config_of_server)
		setenv("KRB5_CONFIG", c->config_of_server, 1);
	if (accept_and_say(c, buf_span(&token), &server) == AUTH_STEP_DONE) {
		check_mics(client, server);
		if (c->twice) {
			printf(" again=");
			accept_and_say(c, buf_span(&token), &again);
		}
	}
out:
	kerberos_context_free(client);
	kerberos_context_free(server);
	kerberos_context_free(again);
}

/* accept KEYTAB SPN [CLIENT-BINDINGS] [SERVER-BINDINGS]: with the environment's ticket */
static void accept_ticket(char **w)
{
	converse(&(struct conversation){.keytab = w[1],
	                                .credentials = {.spn = w[2]},
	                                .bindings_of_client = span_of(w[3]),
	                                .bindings_of_server = span_of(w[3] ? w[4] : NULL),
	                                .twice = true});
}

/* late KEYTAB SPN SECONDS CONFIG: the token comes so much later, to somebody with another krb5.conf */
static void accept_late(char **w)
{
	converse(&(struct conversation){
		.keytab = w[1], .credentials = {.spn = w[2]}, .seconds_late = (unsigned)atoi(w[3]), .config_of_server = w[4]});
}

/* by-password KEYTAB SPN USER DOMAIN PASSWORD */
static void by_password(char **w)
{
	converse(&(struct conversation){
		.keytab = w[1], .credentials = {.spn = w[2], .user = w[3], .domain = w[4][0] ? w[4] : NULL, .password = w[5]}});
}

/* by-keytab KEYTAB SPN PRINCIPAL CLIENT-KEYTAB */
static void by_keytab(char **w)
{
	converse(&(struct conversation){.keytab = w[1], .credentials = {.spn = w[2], .principal = w[3], .keytab = w[4]}});
}

static void *by_password_on_a_thread(void *arg)
{
	const struct initiator_credentials *c = arg;
	AUTO(buf) struct buf token;
	struct kerberos_context *client = NULL;
	enum auth_reason reason;
	const char *detail;
	buf_init(&token, 65536);
	kerberos_initiate(c, SPAN_NONE, SPAN_NONE, &token, &client, &reason, &detail);
	kerberos_context_free(client);
	return (void *)(uintptr_t)reason;
}

/* storm COUNT SPN USER PASSWORD: so many at once; says how many failed by which reason */
static void storm(char **w)
{
	pthread_t threads[64];
	unsigned failures = 0, n = (unsigned)atoi(w[1]) > 64 ? 64 : (unsigned)atoi(w[1]);
	struct initiator_credentials c = {.spn = w[2], .user = w[3], .password = w[4]};
	void *last = NULL;
	for (unsigned i = 0; i < n; i++)
		ASSERT(pthread_create(&threads[i], NULL, by_password_on_a_thread, &c) == 0);
	for (unsigned i = 0; i < n; i++) {
		void *reason;
		pthread_join(threads[i], &reason);
		if ((uintptr_t)reason != AUTH_OK)
			failures++, last = reason;
	}
	printf("%u of %u failed, %s", failures, n, auth_reason_name((enum auth_reason)(uintptr_t)last));
}

static void list_keytab(char **w)
{
	AUTO(buf) struct buf text;
	buf_init(&text, 65536);
	int error = kerberos_keytab_list(w[1], &text);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\n')
			text.p[i] = ';';
	printf("%d %s", error, buf_text(&text));
}

static void say_serves(char **w)
{
	printf("%d", kerberos_keytab_serves(w[1], w[2]));
}

/* ---- */

static void set_environment(char **w)
{
	setenv(w[1], w[2] ? w[2] : "", 1);
	printf("set");
}

static const struct {
	const char *word;
	void (*run)(char **w);
	int words;
} commands[] = {
	{"names", say_names, 1},
	{"check", say_check, 1},
	{"ntlm", sign_in_ntlm, 4},
	{"password", sign_in_password, 3},
	{"known", say_known, 2},
	{"accept", accept_ticket, 3},
	{"by-password", by_password, 6},
	{"by-keytab", by_keytab, 5},
	{"late", accept_late, 5},
	{"storm", storm, 5},
	{"list", list_keytab, 2},
	{"serves", say_serves, 3},
	{"environment", set_environment, 2},
};

static void run(char *line)
{
	char *words[WORDS + 1] = {0};
	int n = 0;
	line[strcspn(line, "\n")] = '\0';
	for (char *word; n < WORDS && (word = strsep(&line, "\t")) != NULL;)
		words[n++] = word;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].word, words[0]) == 0 && n >= commands[i].words) {
			commands[i].run(words);
			putchar('\n');
			return;
		}
	}
	puts("no such command");
}

int main(void)
{
	char line[8192];
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin))
		run(line);
	if (windows)
		windows->free(windows);
	return 0;
}
