/* An accounts file as people write it, as it is changed, and what a verifier makes of it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/accounts.h"
#include "auth/accounts_file.h"
#include "auth/ntlm_crypto.h"
#include "base/log.h"

#define NT_SECRET1 "6d0a2bc8dd3b8fd3ee6aa0e5e8a2a7b1"
#define LINE(name, flags, groups) name ":" flags ":" NT_SECRET1 ":-:" groups ":20261122T021500Z\n"

static char folder[64], path[128];

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/fairlead-accounts-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/accounts", folder);
	return 0;
}

static int remove_folder(void **state)
{
	unlink(path);
	return rmdir(folder);
}

static void write_file(const char *text, unsigned mode)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* "" or what is said against it. */
static const char *fault_of(const char *text)
{
	static char said[1024];
	struct accounts_text *t = NULL;
	struct buf why;
	buf_over(&why, said, sizeof(said));
	int error = accounts_text_read("F", span_of(text), &t, &why);
	assert_true(error == 0 || error == -EINVAL);
	accounts_text_unref(t);
	return buf_text(&why);
}

static void a_file_is_read(void **state)
{
	static const char text[] = "# a comment\n\n" LINE("alice", "enabled", "Web Users, Admins")
		LINE("Jürgen", "disabled", "") "ärzte:enabled:-:$y$j9T$a$b::20261122T021500Z";
	struct accounts_text *t = NULL;
	char said[256];
	struct buf why;
	buf_over(&why, said, sizeof(said));
	assert_int_equal(accounts_text_read("F", span_of(text), &t, &why), 0);
	assert_int_equal(t->count, 3);
	const struct account *alice = accounts_text_find(t, SPAN("ALICE"));
	assert_non_null(alice);
	assert_string_equal(alice->name, "alice");
	assert_int_equal(alice->group_count, 2);
	assert_string_equal(alice->groups[0], "Web Users");
	assert_string_equal(alice->groups[1], "Admins");
	assert_int_equal(alice->nt_hash[0], 0x6d);
	assert_false(alice->disabled);
	const struct account *juergen = accounts_text_find(t, SPAN("JÜRGEN"));
	assert_non_null(juergen);
	assert_true(juergen->disabled);
	assert_int_equal(juergen->group_count, 0);
	assert_true(alice->generation != juergen->generation);
	const struct account *last = accounts_text_find(t, SPAN("Ärzte"));
	assert_false(last->has_nt_hash);
	assert_string_equal(last->password_hash, "$y$j9T$a$b");
	assert_string_equal(last->changed, "20261122T021500Z");
	assert_null(accounts_text_find(t, SPAN("alic")));
	assert_null(accounts_text_find(t, SPAN("")));
	assert_null(accounts_text_find(t, SPAN("\xff")));
	accounts_text_unref(t);
}

#define LONG_PART "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define LONG LONG_PART LONG_PART LONG_PART LONG_PART LONG_PART LONG_PART

static void mistakes_name_file_and_line(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{"", ""},
		{"alice\n", "F:1: an account has 6 fields"},
		{"\n\nalice:enabled:-:-:20261122T021500Z\n", "F:3: an account has 6 fields"},
		{"a:enabled:-:-:::20261122T021500Z\n", "F:1: an account has 6 fields"},
		{LINE("a", "on", ""), "F:1: flags is neither"},
		{LINE("", "enabled", ""), "F:1: the name will not do: it is empty"},
		{LINE("CORP\\a", "enabled", ""), "F:1: the name will not do"},
		{LINE("a\xff", "enabled", ""), "F:1: the name will not do: it is not UTF-8"},
		{LINE("a", "enabled", "") LINE("b", "enabled", "") LINE("A", "disabled", ""),
	     "F:3: this name is there already"},
		{LINE("a", "enabled", "x,,y"), "F:1: the group name \"\" will not do"},
		{LINE("a", "enabled", LONG), "F:1: the group name \"xxxxxxxx"},
		{"a:enabled:12:-::20261122T021500Z\n", "F:1: the NT hash is not 32"},
		{"a:enabled:" NT_SECRET1 ":$1$abc::20261122T021500Z\n", "F:1: the fourth field is no yescrypt"},
		{"a:enabled:" NT_SECRET1 ":-::yesterday\n", "F:1: changed is not a time"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = fault_of(cases[i].text);
		if (strncmp(said, cases[i].said, strlen(cases[i].said)) != 0 || (cases[i].said[0] == '\0' && said[0]))
			fail_msg("%s\nsays   %s\nbut not %s", cases[i].text, said, cases[i].said);
	}
}

static int change(int what, const char *name, const char *password, const char *groups, int disabled)
{
	unsigned char nt[16];
	char hash[256], said[512];
	struct buf why;
	buf_over(&why, said, sizeof(said));
	if (password) {
		assert_int_equal(ntlm_nt_hash(span_of(password), nt), 0);
		assert_int_equal(accounts_hash_password(span_of(password), hash, sizeof(hash)), 0);
	}
	struct account_change c = {.what = what, .name = name, .groups = groups, .disabled = disabled};
	if (password)
		c.nt_hash = nt, c.password_hash = hash;
	int error = accounts_file_change(path, &c, &why);
	if (error == 0)
		assert_int_equal(why.n, 0);
	else
		assert_true(why.n > 0);
	return error;
}

static void changes_replace_the_file(void **state)
{
	struct stat first, second;
	assert_int_equal(change(ACCOUNT_SET, "alice", NULL, NULL, 1), -ENOENT);
	assert_int_equal(access(path, F_OK), -1); /* not made for nothing */
	assert_int_equal(change(ACCOUNT_ADD, "alice", "Secret1", "Web Users", -1), 0);
	assert_int_equal(stat(path, &first), 0);
	assert_int_equal(first.st_mode & 0777, 0600);
	assert_int_equal(change(ACCOUNT_ADD, "ALICE", "Secret1", NULL, -1), -EEXIST);
	assert_int_equal(change(ACCOUNT_ADD, "b:b", "Secret1", NULL, -1), -EINVAL);
	assert_int_equal(change(ACCOUNT_ADD, "bob", "Secret2", "x:y", -1), -EINVAL);
	assert_int_equal(change(ACCOUNT_ADD, "bob", "Secret2", NULL, 1), 0);
	assert_int_equal(stat(path, &second), 0);
	assert_true(first.st_ino != second.st_ino || first.st_size != second.st_size);
	assert_int_equal(change(ACCOUNT_REMOVE, "alice", NULL, NULL, -1), 0);
	assert_int_equal(change(ACCOUNT_REMOVE, "alice", NULL, NULL, -1), -ENOENT);
	chmod(path, 0640);
	assert_int_equal(change(ACCOUNT_SET, "bob", NULL, NULL, 0), -EPERM);
}

/* ---- the verifier */

static enum auth_reason sign_in(const struct verifier *v, const char *user, const char *password)
{
	struct identity *who = NULL;
	enum auth_reason reason = v->verify_password(v, span_of(user), span_of(password), &who);
	assert_true((reason == AUTH_OK) == (who != NULL));
	identity_unref(who);
	return reason;
}

/* An NTLMv2 answer as a client would make it. */
static enum auth_reason sign_in_ntlm(const struct verifier *v, const char *user, const char *password,
                                     struct identity **who)
{
	static const unsigned char challenge[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	unsigned char nt[16], key[16], response[16 + 32] = {0}, client_key[16], server_key[16];
	*who = NULL;
	memset(response + 16, 0, 32);
	response[16] = response[17] = 1;
	assert_int_equal(ntlm_nt_hash(span_of(password), nt), 0);
	assert_int_equal(ntlm_response_key(nt, span_of(user), SPAN("CLAIMED"), NTLM_CASE_UPPER, key), 0);
	assert_int_equal(ntlm_prove(key, challenge, span_make((char *)response + 16, 32), response, client_key), 0);
	struct ntlm_proof proof = {
		.user = span_of(user), .domain = SPAN("CLAIMED"), .nt_response = response, .nt_response_n = 48};
	memcpy(proof.server_challenge, challenge, 8);
	enum auth_reason reason = v->verify_ntlm(v, &proof, who, server_key);
	assert_true((reason == AUTH_OK) == (*who != NULL));
	if (reason == AUTH_OK)
		assert_memory_equal(client_key, server_key, 16);
	return reason;
}

static void a_verifier_follows_its_file(void **state)
{
	struct verifier *v = accounts_verifier_new("local", path);
	assert_non_null(v);
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_UNAVAILABLE);
	assert_int_equal(change(ACCOUNT_ADD, "alice", "Secret1", NULL, -1), 0);
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_OK);
	assert_int_equal(sign_in(v, "ALICE", "Secret1"), AUTH_OK);
	assert_int_equal(sign_in(v, "alice", "secret1"), AUTH_WRONG_PASSWORD);
	assert_int_equal(sign_in(v, "alice", ""), AUTH_WRONG_PASSWORD);
	assert_int_equal(sign_in(v, "nobody", "Secret1"), AUTH_NO_SUCH_USER);
	assert_int_equal(sign_in(v, "nobody", "the password of nobody"), AUTH_NO_SUCH_USER);
	uint64_t before = v->generation(v, "alice");
	assert_true(before != 0);
	assert_int_equal(v->generation(v, "nobody"), 0);
	assert_int_equal(change(ACCOUNT_SET, "alice", NULL, NULL, 1), 0);
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_DISABLED);
	assert_int_equal(sign_in(v, "alice", "wrong"), AUTH_WRONG_PASSWORD);
	assert_int_equal(v->generation(v, "alice"), 0);
	assert_int_equal(change(ACCOUNT_SET, "alice", "Secret9", NULL, 0), 0);
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_WRONG_PASSWORD);
	assert_int_equal(sign_in(v, "alice", "Secret9"), AUTH_OK);
	assert_true(v->generation(v, "alice") != before);
	assert_int_equal(change(ACCOUNT_REMOVE, "alice", NULL, NULL, -1), 0);
	assert_int_equal(sign_in(v, "alice", "Secret9"), AUTH_NO_SUCH_USER);
	v->free(v);
}

static void ntlm_is_verified(void **state)
{
	struct verifier *v = accounts_verifier_new("local", path);
	struct identity *who;
	assert_int_equal(change(ACCOUNT_ADD, "Alice", "Secret1", "Web Users,Admins", -1), 0);
	assert_int_equal(sign_in_ntlm(v, "aLICE", "Secret1", &who), AUTH_OK);
	assert_string_equal(who->shown, "Alice");
	assert_string_equal(who->domain, "");
	assert_string_equal(who->verifier, "local");
	assert_int_equal(who->group_count, 2);
	assert_string_equal(who->groups[1], "Admins");
	assert_int_equal(who->generation, v->generation(v, "alice"));
	identity_unref(who);
	assert_int_equal(sign_in_ntlm(v, "alice", "Secret2", &who), AUTH_WRONG_PASSWORD);
	assert_int_equal(sign_in_ntlm(v, "nobody", "Secret1", &who), AUTH_NO_SUCH_USER);
	assert_int_equal(change(ACCOUNT_SET, "Alice", NULL, NULL, 1), 0);
	assert_int_equal(sign_in_ntlm(v, "alice", "Secret1", &who), AUTH_DISABLED);
	v->free(v);
}

static void a_known_password_is_not_computed_again(void **state)
{
	struct verifier *v = accounts_verifier_new("local", path);
	assert_int_equal(change(ACCOUNT_ADD, "alice", "Secret1", NULL, -1), 0);
	assert_false(v->password_known(v, SPAN("alice"), SPAN("Secret1")));
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_OK);
	assert_true(v->password_known(v, SPAN("Alice"), SPAN("Secret1")));
	assert_false(v->password_known(v, SPAN("alice"), SPAN("Secret2")));
	assert_false(v->password_known(v, SPAN("alice"), SPAN("Secret")));
	clock_t began = clock();
	for (int i = 0; i < 100; i++)
		assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_OK);
	assert_true(clock() - began < CLOCKS_PER_SEC / 2); /* each hash alone takes more than 5 ms */
	assert_int_equal(change(ACCOUNT_SET, "alice", NULL, "Admins", -1), 0);
	assert_false(v->password_known(v, SPAN("alice"), SPAN("Secret1")));
	v->free(v);
}

static double seconds_for(const struct verifier *v, const char *user)
{
	clock_t began = clock();
	for (int i = 0; i < 8; i++)
		assert_true(sign_in(v, user, "wrong") != AUTH_OK);
	return (double)(clock() - began) / CLOCKS_PER_SEC;
}

static void nobody_can_tell_names_by_time(void **state)
{
	struct verifier *v = accounts_verifier_new("local", path);
	assert_int_equal(change(ACCOUNT_ADD, "alice", "Secret1", NULL, -1), 0);
	seconds_for(v, "alice");
	double known = seconds_for(v, "alice"), unknown = seconds_for(v, "nobody");
	if (known > 2 * unknown || unknown > 2 * known)
		fail_msg("a known name takes %g s, an unknown one %g s", known, unknown);
	v->free(v);
}

static void bad_files_change_nothing_open_ones_verify_nobody(void **state)
{
	struct verifier *v = accounts_verifier_new("local", path);
	assert_int_equal(change(ACCOUNT_ADD, "alice", "Secret1", NULL, -1), 0);
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_OK);
	write_file("alice:enabled\n", 0600);
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_OK);
	unlink(path);
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_UNAVAILABLE);
	assert_int_equal(change(ACCOUNT_ADD, "alice", "Secret1", NULL, -1), 0);
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_OK);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_UNAVAILABLE);
	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_UNAVAILABLE);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(sign_in(v, "alice", "Secret1"), AUTH_OK);
	v->free(v);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(mistakes_name_file_and_line),
		IN_FOLDER(changes_replace_the_file),
		IN_FOLDER(a_verifier_follows_its_file),
		IN_FOLDER(ntlm_is_verified),
		IN_FOLDER(a_known_password_is_not_computed_again),
		IN_FOLDER(nobody_can_tell_names_by_time),
		IN_FOLDER(bad_files_change_nothing_open_ones_verify_nobody),
	};
	return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
