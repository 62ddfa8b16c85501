/* What verifying one NTLMv2 sign-in with local accounts costs in user space: microseconds from the first message to the identity, our side alone
 * (the client's messages are made outside the clock). The accounts file is real: bench_sign_in makes one of a thousand users.
 *
 * Best of many short rounds on a warm cache, as in bench_parse. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "auth/acceptor.h"
#include "auth/accounts.h"
#include "auth/accounts_file.h"
#include "auth/initiator.h"
#include "auth/ntlm_crypto.h"

enum { ACCOUNTS = 1000, HANDSHAKES = 200, ROUNDS = 20 };

static double cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void make_accounts(const char *path)
{
	char name[32], why_room[512];
	unsigned char hash[16];
	ASSERT(ntlm_nt_hash(SPAN("bench-secret"), hash) == 0);
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		struct buf why;
		buf_over(&why, why_room, sizeof(why_room));
		snprintf(name, sizeof(name), "user%u", i);
		struct account_change change = {.what = ACCOUNT_ADD,
		                                .name = name,
		                                .nt_hash = hash,
		                                .password_hash = "-",
		                                .groups = "staff,web",
		                                .disabled = 0};
		if (accounts_file_change(path, &change, &why) != 0) {
			fprintf(stderr, "bench_sign_in: %.*s\n", SPAN_ARG(buf_span(&why)));
			exit(1);
		}
	}
}

/* One sign-in; gives the microseconds of our side. */
static double sign_in(const struct acceptor_policy *policy, const struct initiator_credentials *who)
{
	struct acceptor *acceptor = acceptor_new(policy, SPAN_NONE);
	struct initiator *initiator = initiator_new(who, SPAN_NONE);
	struct initiator_answer said = {.step = AUTH_STEP_CONTINUE};
	struct acceptor_answer heard = {.step = AUTH_STEP_CONTINUE};
	double took = 0;
	while (heard.step == AUTH_STEP_CONTINUE) {
		buf_fini(&said.token);
		initiator_step(initiator, buf_span(&heard.token), &said);
		buf_fini(&heard.token);
		struct challenge c = {.scheme = SCHEME_NTLM, .token = buf_span(&said.token)};
		double began = cpu_us();
		acceptor_step(acceptor, &c, &heard);
		took += cpu_us() - began;
	}
	ASSERT(heard.step == AUTH_STEP_DONE);
	identity_unref(heard.who);
	buf_fini(&heard.token);
	buf_fini(&said.token);
	initiator_free(initiator);
	acceptor_free(acceptor);
	return took;
}

int main(void)
{
	static const enum auth_scheme schemes[] = {SCHEME_NTLM};
	char folder[] = "/tmp/bench_sign_in.XXXXXX", path[64];
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/accounts", folder);
	make_accounts(path);
	struct verifier *local = accounts_verifier_new("local", path);
	const struct verifier *verifiers[] = {local};
	struct acceptor_policy policy = {.schemes = schemes,
	                                 .scheme_count = 1,
	                                 .verifiers = verifiers,
	                                 .verifier_count = 1,
	                                 .netbios_computer = "BENCH",
	                                 .netbios_domain = "BENCH",
	                                 .dns_computer = "bench.example",
	                                 .dns_domain = "example"};
	struct initiator_credentials who = {
		.scheme = SCHEME_NTLM, .user = "user500", .domain = "", .password = "bench-secret"};
	double best = 1e9;
	for (unsigned round = 0; round < ROUNDS; round++) {
		double sum = 0;
		for (unsigned i = 0; i < HANDSHAKES; i++)
			sum += sign_in(&policy, &who);
		best = sum / HANDSHAKES < best ? sum / HANDSHAKES : best;
	}
	printf("NTLMv2 verified with local accounts: %.1f us of CPU\n", best);
	local->free(local);
	unlink(path);
	rmdir(folder);
	return 0;
}
