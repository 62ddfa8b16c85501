/* Our acceptor or our initiator, one line in, one line out, in the words of Samba's ntlm_auth:
 *
 *     ntlm_pipe server SCHEME [WORD...]     YR TOKEN / KK TOKEN  ->  TT TOKEN | AF TOKEN USER SCHEME | NA REASON DETAIL
 *     ntlm_pipe client SCHEME USER DOMAIN PASSWORD [WORD...]
 *                                           YR / TT TOKEN        ->  YR TOKEN | KK TOKEN | AF TOKEN | NA REASON DETAIL
 *
 * SCHEME: NTLM, Negotiate. WORDs: mic, bindings (are demanded), bind=HEX (tls-server-end-point and this hash), bind-text=TEXT (these very
 * bytes), hash (the password is an NT hash in hex), keytab=FILE, ccache=FILE, principal=NAME, domain=NAME (NetBIOS, of the users), computer=NAME, spn=NAME, user=NAME:PASSWORD. */
#include <stdio.h>

#include "auth/initiator.h"
#include "auth/known_users.h"
#include "base/encode.h"

enum { USERS_MOST = 16 };

struct options {
	struct known_user users[USERS_MOST + 1];
	unsigned user_count;
	struct buf bindings;
	bool mic, require_bindings, hash;
	const char *keytab, *ccache, *principal, *domain, *computer, *spn;
};

static bool starts(const char *word, const char *with, const char **rest)
{
	size_t n = strlen(with);
	*rest = word + n;
	return strncmp(word, with, n) == 0;
}

static void unhex(struct buf *to, const char *hex)
{
	unsigned byte;
	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		buf_addc(to, (char)byte);
}

static void add_user(struct options *o, const char *pair)
{
	const char *colon = strchr(pair, ':');
	ASSERT(colon && o->user_count < USERS_MOST);
	o->users[o->user_count].name = strndup(pair, (size_t)(colon - pair));
	o->users[o->user_count++].password = strdup(colon + 1);
}

static void read_options(struct options *o, char **words)
{
	const char *rest;
	buf_init(&o->bindings, 128);
	for (; *words; words++) {
		if (starts(*words, "bind=", &rest)) {
			buf_adds(&o->bindings, "tls-server-end-point:");
			unhex(&o->bindings, rest);
		} else if (starts(*words, "bind-text=", &rest)) {
			buf_adds(&o->bindings, rest);
		} else if (starts(*words, "user=", &rest)) {
			add_user(o, rest);
		} else if (starts(*words, "keytab=", &rest)) {
			o->keytab = rest;
		} else if (starts(*words, "ccache=", &rest)) {
			o->ccache = rest;
		} else if (starts(*words, "principal=", &rest)) {
			o->principal = rest;
		} else if (starts(*words, "domain=", &rest)) {
			o->domain = rest;
		} else if (starts(*words, "computer=", &rest)) {
			o->computer = rest;
		} else if (starts(*words, "spn=", &rest)) {
			o->spn = rest;
		} else if (strcmp(*words, "mic") == 0) {
			o->mic = true;
		} else if (strcmp(*words, "bindings") == 0) {
			o->require_bindings = true;
		} else if (strcmp(*words, "hash") == 0) {
			o->hash = true;
		} else {
			die("unknown word: %s\n", *words);
		}
	}
}

/* The token of a line "XX TOKEN ..."; false at the end. */
static bool read_line(char *line, size_t room, struct span *token)
{
	if (!fgets(line, (int)room, stdin))
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	*token = span_of(strlen(line) > 3 ? line + 3 : "");
	return true;
}

static void say_refused(enum auth_step step, enum auth_reason reason, const char *detail)
{
	printf("%s %s %s\n", step == AUTH_STEP_FAILED ? "BH" : "NA", auth_reason_name(reason), detail);
}

static void serve(enum auth_scheme scheme, const struct options *o)
{
	static char line[200000];
	struct known_users local = KNOWN_USERS("test", o->domain ? o->domain : "", o->domain ? "lab.example" : NULL,
	                                       o->users);
	const struct verifier *verifiers[] = {&local.verifier};
	const struct acceptor_policy policy = {
		.schemes = &scheme,
		.scheme_count = 1,
		.verifiers = verifiers,
		.verifier_count = 1,
		.default_domain = o->domain,
		.keytab = o->keytab,
		.ntlm_in_negotiate = true,
		.require_mic = o->mic,
		.require_channel_bindings = o->require_bindings,
		.netbios_computer = o->computer ? o->computer : "PROXY1",
		.netbios_domain = o->domain,
		.dns_computer = "proxy1.lab.example",
		.dns_domain = "lab.example",
	};
	struct acceptor *a = acceptor_new(&policy, buf_span(&o->bindings));
	struct challenge c = {.scheme = scheme};
	struct acceptor_answer answer;
	while (read_line(line, sizeof(line), &c.token)) {
		acceptor_step(a, &c, &answer);
		if (answer.step == AUTH_STEP_CONTINUE)
			printf("TT %s\n", buf_text(&answer.token));
		else if (answer.step == AUTH_STEP_DONE)
			printf("AF %s %s %s\n", answer.token.n ? buf_text(&answer.token) : "*", answer.who->shown,
			       answer.who->scheme);
		else
			say_refused(answer.step, answer.reason, answer.detail);
		identity_unref(answer.who);
		buf_fini(&answer.token);
	}
	acceptor_free(a);
}

static void sign_in(const struct initiator_credentials *c, const struct options *o)
{
	static char line[200000];
	struct initiator *i = NULL;
	struct initiator_answer answer;
	struct span token;
	while (read_line(line, sizeof(line), &token)) {
		if (token.n == 0) {
			initiator_free(i);
			i = initiator_new(c, buf_span(&o->bindings));
		}
		ASSERT(i);
		initiator_step(i, token, &answer);
		if (answer.step == AUTH_STEP_CONTINUE || answer.token.n)
			printf("%s %s\n", token.n ? "KK" : "YR", buf_text(&answer.token));
		else if (answer.step == AUTH_STEP_DONE)
			printf("AF *\n");
		else
			say_refused(answer.step, answer.reason, answer.detail);
		buf_fini(&answer.token);
	}
	initiator_free(i);
}

static enum auth_scheme scheme_called(const char *name)
{
	return strcmp(name, "NTLM") == 0 ? SCHEME_NTLM : strcmp(name, "Basic") == 0 ? SCHEME_BASIC : SCHEME_NEGOTIATE;
}

int main(int argc, char **argv)
{
	struct options o = {.user_count = 0};
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc >= 3 && strcmp(argv[1], "server") == 0) {
		read_options(&o, argv + 3);
		serve(scheme_called(argv[2]), &o);
	} else if (argc >= 6 && strcmp(argv[1], "client") == 0) {
		struct buf hash;
		buf_init(&hash, 16);
		read_options(&o, argv + 6);
		if (o.hash)
			unhex(&hash, argv[5]);
		const struct initiator_credentials c = {
			.scheme = scheme_called(argv[2]),
			.user = argv[3],
			.domain = argv[4],
			.password = o.hash || !*argv[5] ? NULL : argv[5],
			.keytab = o.keytab,
			.ccache = o.ccache,
			.principal = o.principal,
			.nt_hash = o.hash ? (const unsigned char *)hash.p : NULL,
			.spn = o.spn,
		};
		sign_in(&c, &o);
		buf_fini(&hash);
	} else {
		die("ntlm_pipe server|client: see the source\n");
	}
	for (unsigned i = 0; i < o.user_count; i++) {
		free((char *)(uintptr_t)o.users[i].name);
		free((char *)(uintptr_t)o.users[i].password);
	}
	buf_fini(&o.bindings);
	return 0;
}
