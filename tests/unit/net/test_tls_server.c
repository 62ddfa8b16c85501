/* TLS towards clients: which certificate is shown, what its channel bindings are, and who may resume what. The client is
 * OpenSSL on a thread of its own. */
#include <fcntl.h>
#include <signal.h>

#include "base/counters.h"
#include "net/tls.h"
#include "net/tls_tickets.h"
#include "tls_server.h"

static char folder[] = "/tmp/fairlead-sites-XXXXXX";
static struct identity first, a, wild, longer, rsa, renewed;

static const char *in_folder(const char *name)
{
	static char paths[16][64];
	static unsigned next;
	char *p = paths[next++ % 16];
	snprintf(p, sizeof(paths[0]), "%s/%s", folder, name);
	return p;
}

/* ---- A visit */

struct visit {
	/* What the client does. */
	const char *name; /* NULL: no SNI */
	int version;      /* 0: any */
	const char *signatures;
	SSL_SESSION *session; /* to resume; replaced by the one it got */
	/* What it met. */
	bool welcome, resumed;
	int more; /* bytes in the first record but for one */
	int alert;
	char shown[64]; /* common name */
	char bindings[TLS_BINDINGS];
	size_t bindings_n;
	/* What we met. */
	struct tls_server *server;
	int error;
	unsigned tag;
	char served[256];
	char ours[TLS_BINDINGS];
	size_t ours_n;
	char why[256];
	int fds[2];
};

static void note_alert(const SSL *ssl, int where, int code)
{
	struct visit *v = SSL_get_app_data(ssl);
	if (where == SSL_CB_READ_ALERT)
		v->alert = code & 0xff;
}

/* As a client does that demands extended protection, also where the certificate comes from the session. */
static void note_certificate(struct visit *v, SSL *ssl)
{
	X509 *c = SSL_get0_peer_certificate(ssl);
	unsigned n;
	CHECK(c);
	X509_NAME_get_text_by_NID(X509_get_subject_name(c), NID_commonName, v->shown, sizeof(v->shown));
	int prefix = snprintf(v->bindings, sizeof(v->bindings), "tls-server-end-point:");
	CHECK(X509_digest(c, EVP_sha256(), (unsigned char *)v->bindings + prefix, &n) == 1);
	v->bindings_n = (size_t)prefix + n;
}

static void *client_thread(void *arg)
{
	struct visit *v = arg;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	char c;
	SSL_set_app_data(ssl, v);
	SSL_set_info_callback(ssl, note_alert);
	SSL_set_fd(ssl, v->fds[1]);
	if (v->version) {
		SSL_set_min_proto_version(ssl, v->version);
		SSL_set_max_proto_version(ssl, v->version);
	}
	if (v->signatures)
		CHECK(SSL_set1_sigalgs_list(ssl, v->signatures) == 1);
	if (v->name)
		SSL_set_tlsext_host_name(ssl, v->name);
	if (v->session)
		SSL_set_session(ssl, v->session);
	SSL_SESSION_free(v->session);
	v->session = NULL;
	if (SSL_connect(ssl) == 1 && SSL_read(ssl, &c, 1) == 1) {
		v->welcome = true;
		v->resumed = SSL_session_reused(ssl);
		v->more = SSL_pending(ssl);
		note_certificate(v, ssl);
		v->session = SSL_get1_session(ssl);
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(v->fds[1]);
	return NULL;
}

static void serve(void *arg)
{
	struct visit *v = arg;
	struct stream s;
	CHECK(stream_open(&s, v->fds[0]) == 0);
	v->error = tls_accept(&s, v->server, worker_now() + 5000, v->why, sizeof(v->why));
	if (v->error == 0) {
		struct span name = tls_stream_server_name(&s), bindings = tls_stream_bindings(&s);
		v->tag = tls_stream_tag(&s);
		snprintf(v->served, sizeof(v->served), "%.*s", (int)name.n, name.p ? name.p : "");
		memcpy(v->ours, bindings.p, bindings.n);
		v->ours_n = bindings.n;
		struct iovec pieces[] = {{(char[]){"!"}, 1}, {(char[]){"head"}, 4}, {(char[]){"body"}, 4}};
		CHECK(stream_write(&s, pieces, 3, worker_now() + 5000) == 0);
	}
	stream_close(&s);
}

static void visit(struct visit *v, struct tls_server *server)
{
	pthread_t client;
	v->server = server;
	v->welcome = v->resumed = false;
	v->alert = -1;
	tcp_pair(v->fds);
	CHECK(fcntl(v->fds[1], F_SETFL, 0) == 0);
	CHECK(pthread_create(&client, NULL, client_thread, v) == 0);
	on_worker(serve, v);
	pthread_join(client, NULL);
	if (v->welcome)
		CHECK(v->error == 0 && v->ours_n == v->bindings_n && memcmp(v->ours, v->bindings, v->ours_n) == 0);
}

static struct tls_server *server_with(const char *certificate)
{
	struct tls_server *s;
	char *why;
	if (tls_server_new(in_folder(certificate), NULL, &s, &why) != 0)
		fail_msg("%s", why);
	return s;
}

static void add(struct tls_server *s, const char *pattern, const char *certificate, unsigned tag)
{
	char *why;
	if (tls_server_add(s, pattern, in_folder(certificate), NULL, tag, &why) != 0)
		fail_msg("%s: %s", pattern, why);
}

static struct tls_server *sites(void)
{
	struct tls_server *s = server_with("first.pem");
	add(s, "A.Example.", "a.pem", 1);
	add(s, "*.example", "wild.pem", 2);
	add(s, "*.Long.example", "longer.pem", 3);
	add(s, "both.long.example", "a.pem", 1);
	add(s, "first.test", "first.pem", 0);
	return s;
}

/* ---- Names */

static void the_name_chooses_the_certificate(void **state)
{
	static const struct {
		const char *name, *shown;
		unsigned tag;
	} table[] = {
		{"a.example", "a", 1},
		{"A.EXAMPLE", "a", 1},
		{"a.example.", "a", 1},
		{"b.example", "wild", 2},
		{"x.a.example", "wild", 2},
		{"long.example", "wild", 2},
		{"x.y.long.example", "longer", 3},
		{"both.long.example", "a", 1},
		{"example", "first", 0},
		{"first.test", "first", 0},
		{"other.test", "first", 0},
		{"aexample", "first", 0},
		{NULL, "first", 0},
	};
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct tls_server *s = sites();
	for (size_t i = 0; i < 2 * sizeof(table) / sizeof(*table); i++) {
		struct visit v = {.name = table[i / 2].name, .version = versions[i % 2]};
		visit(&v, s);
		assert_true(v.welcome);
		assert_string_equal(v.shown, table[i / 2].shown);
		assert_int_equal(v.tag, table[i / 2].tag);
		SSL_SESSION_free(v.session);
	}
	tls_server_free(s);
}

static void the_name_is_kept_in_its_normal_form(void **state)
{
	static const char *const names[][2] = {
		{"A.Example.", "a.example"},
		{"Nobody.Test", "nobody.test"},
		{"a..example", ""},
		{".example", ""},
		{"a b", ""},
		{"a\x01.example", ""},
		{NULL, ""},
	};
	struct tls_server *s = sites();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct visit v = {.name = names[i][0]};
		visit(&v, s);
		assert_true(v.welcome);
		assert_string_equal(v.served, names[i][1]);
		SSL_SESSION_free(v.session);
	}
	tls_server_free(s);
}

static void an_asterisk_alone_is_for_every_name(void **state)
{
	struct tls_server *s = sites();
	add(s, "*", "longer.pem", 9);
	struct visit v = {.name = "other.test"}, nameless = {.name = NULL};
	visit(&v, s);
	visit(&nameless, s);
	assert_int_equal(v.tag, 9);
	assert_int_equal(nameless.tag, 0);
	SSL_SESSION_free(v.session);
	SSL_SESSION_free(nameless.session);
	tls_server_free(s);
}

static void the_strict_refuse_unknown_names(void **state)
{
	struct tls_server *s = sites();
	tls_server_be_strict(s);
	struct visit known = {.name = "a.example"}, unknown = {.name = "other.test"}, nameless = {.name = NULL};
	visit(&known, s);
	assert_true(known.welcome);
	SSL_SESSION_free(known.session);
	visit(&unknown, s);
	assert_false(unknown.welcome);
	assert_int_equal(unknown.alert, SSL_AD_UNRECOGNIZED_NAME);
	assert_int_equal(unknown.error, -EKEYREJECTED);
	assert_string_equal(unknown.why, "there is no certificate for the name other.test");
	visit(&nameless, s);
	assert_int_equal(nameless.error, -EKEYREJECTED);
	assert_string_equal(nameless.why, "the client sent no name that a certificate could be chosen by");
	tls_server_free(s);
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *pattern, *certificate, *key;
		int error;
		const char *reason;
	} table[] = {
		{"", "a.pem", NULL, -EINVAL, "not a host name"},
		{"a..example", "a.pem", NULL, -EINVAL, "not a host name"},
		{"x*.example", "a.pem", NULL, -EINVAL, "not a host name"},
		{"*example", "a.pem", NULL, -EINVAL, "not a host name"},
		{"a.example", "wild.pem", NULL, -EEXIST, "another certificate has this name"},
		{"c.example", "none.pem", NULL, -EINVAL, "none.pem: No such file"},
		{"c.example", "a.pem", "wild.pem", -EINVAL, "wild.pem: the key is not the one of the first certificate"},
		{"c.example", "key.pem", NULL, -EINVAL, "key.pem: there is no certificate in it"},
		{"c.example", "a.pem", "alone.pem", -EINVAL, "alone.pem: there is no private key in it that can be read"},
		{"c.example", "a.pem", "cut.pem", -EINVAL, "cut.pem: there is no private key in it that can be read"},
	};
	struct tls_server *s = sites();
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char *why;
		const char *key = table[i].key ? in_folder(table[i].key) : NULL;
		assert_int_equal(tls_server_add(s, table[i].pattern, in_folder(table[i].certificate), key, 5, &why),
		                 table[i].error);
		if (!why || !strstr(why, table[i].reason))
			fail_msg("said \"%s\", not \"%s\"", why, table[i].reason);
		free(why);
	}
	tls_server_free(s);
}

/* ---- Bytes */

static void a_head_and_its_body_are_one_record(void **state)
{
	struct tls_server *s = sites();
	struct visit v = {.name = NULL};
	visit(&v, s);
	assert_true(v.welcome);
	assert_int_equal(v.more, strlen("headbody"));
	SSL_SESSION_free(v.session);
	tls_server_free(s);
}

/* ---- Two kinds of key */

static const char *const kinds[][2] = {{"ECDSA+SHA256", "a"}, {"RSA-PSS+SHA256:RSA+SHA256", "rsa"}};

static void the_kind_of_key_that_the_client_can_use_is_shown(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct tls_server *s = server_with("both.pem");
	for (size_t i = 0; i < 4; i++) {
		struct visit v = {.signatures = kinds[i / 2][0], .version = versions[i % 2]};
		visit(&v, s); /* checks the bindings */
		assert_true(v.welcome && !v.resumed);
		assert_string_equal(v.shown, kinds[i / 2][1]);
		/* Nothing is shown now: the bindings are those of the first time; and a session of a session keeps them. */
		for (int again = 0; again < 2; again++) {
			visit(&v, s);
			assert_true(v.welcome && v.resumed);
			assert_string_equal(v.shown, kinds[i / 2][1]);
		}
		SSL_SESSION_free(v.session);
	}
	tls_server_free(s);
}

/* ---- Sessions */

static void sessions_outlive_the_server_that_made_them(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	int64_t before = counter_read(COUNTER_client_tls_resumed_total);
	for (int i = 0; i < 2; i++) {
		struct visit v = {.name = "b.example", .version = versions[i]};
		for (int turn = 0; turn < 3; turn++) {
			struct tls_server *s = sites();
			visit(&v, s);
			assert_true(v.welcome && v.resumed == (turn > 0));
			assert_int_equal(v.tag, 2);
			tls_server_free(s);
		}
		SSL_SESSION_free(v.session);
	}
	assert_int_equal(counter_read(COUNTER_client_tls_resumed_total), before + 4);
}

static void a_session_is_for_the_certificate_it_was_made_with(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	for (int i = 0; i < 2; i++) {
		struct tls_server *s = sites();
		struct visit v = {.name = "b.example", .version = versions[i]};
		visit(&v, s);
		v.name = "a.example";
		visit(&v, s);
		assert_true(v.welcome && !v.resumed && v.tag == 1);
		/* The same files for another site. */
		add(s, "c.example", "a.pem", 7);
		v.name = "c.example";
		visit(&v, s);
		assert_true(v.welcome && !v.resumed && v.tag == 7);
		v.name = NULL;
		visit(&v, s);
		assert_true(v.welcome && !v.resumed && v.tag == 0);
		SSL_SESSION_free(v.session);
		tls_server_free(s);
	}
}

static void a_session_ends_with_its_certificate(void **state)
{
	write_identity(&first, in_folder("changing.pem"), in_folder("changing.key"));
	for (int turn = 0; turn < 2; turn++) {
		struct visit v = {.name = "a.example"};
		for (int i = 0; i < 2; i++) {
			struct tls_server *s;
			char *why;
			if (i == 1)
				write_identity(turn ? &first : &renewed, in_folder("changing.pem"), in_folder("changing.key"));
			assert_int_equal(tls_server_new(in_folder("changing.pem"), in_folder("changing.key"), &s, &why), 0);
			visit(&v, s);
			assert_true(v.welcome && !v.resumed);
			tls_server_free(s);
		}
		SSL_SESSION_free(v.session);
	}
}

static void keys_of_tickets_turn(void **state)
{
	struct ticket_keys k = {.since = 0};
	unsigned char names[3][TICKET_NAME] = {{0}};
	bool old;
	assert_null(ticket_keys_find(&k, names[0], &old));
	assert_int_equal(ticket_keys_turn(&k, 1000), 0);
	memcpy(names[0], k.current.name, TICKET_NAME);
	assert_int_equal(ticket_keys_turn(&k, 999 + TICKET_PERIOD_MS), 0);
	assert_ptr_equal(ticket_keys_find(&k, names[0], &old), &k.current);
	assert_false(old);
	/* The second period: another key seals, both open. */
	assert_int_equal(ticket_keys_turn(&k, 1000 + TICKET_PERIOD_MS), 0);
	memcpy(names[1], k.current.name, TICKET_NAME);
	assert_memory_not_equal(names[0], names[1], TICKET_NAME);
	assert_ptr_equal(ticket_keys_find(&k, names[0], &old), &k.previous);
	assert_true(old);
	assert_ptr_equal(ticket_keys_find(&k, names[1], &old), &k.current);
	/* The third: the first is forgotten. */
	assert_int_equal(ticket_keys_turn(&k, 1000 + 2 * (int64_t)TICKET_PERIOD_MS), 0);
	assert_null(ticket_keys_find(&k, names[0], &old));
	assert_non_null(ticket_keys_find(&k, names[1], &old));
	/* Nobody came for two periods: neither opens any more. */
	assert_int_equal(ticket_keys_turn(&k, 1000 + 4 * (int64_t)TICKET_PERIOD_MS), 0);
	assert_null(ticket_keys_find(&k, names[1], &old));
}

/* ---- Files */

static void append_identity(const struct identity *i, const char *path)
{
	FILE *f = fopen(path, "a");
	CHECK(f && PEM_write_X509(f, i->certificate) == 1);
	CHECK(PEM_write_PrivateKey(f, i->key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void make_files(void)
{
	CHECK(mkdtemp(folder));
	first = make_identity("first", NULL, NULL, -1, 30);
	a = make_identity("a", NULL, NULL, -1, 30);
	wild = make_identity("wild", NULL, NULL, -1, 30);
	longer = make_identity("longer", NULL, NULL, -1, 30);
	rsa = make_identity_for(EVP_RSA_gen(2048), "rsa", NULL, NULL, -1, 30);
	renewed = make_identity("first", NULL, NULL, -1, 30);
	append_identity(&first, in_folder("first.pem"));
	append_identity(&a, in_folder("a.pem"));
	append_identity(&wild, in_folder("wild.pem"));
	append_identity(&longer, in_folder("longer.pem"));
	append_identity(&a, in_folder("both.pem"));
	append_identity(&rsa, in_folder("both.pem"));
	write_text(in_folder("cut.pem"), "-----BEGIN "
	                                 "PRIVATE KEY-----\nAAAA\n");
	write_identity(&a, in_folder("alone.pem"), NULL);
	FILE *f = fopen(in_folder("key.pem"), "w");
	CHECK(f && PEM_write_PrivateKey(f, a.key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
}

static void remove_files(void)
{
	static const char *const names[] = {"first.pem", "a.pem",     "wild.pem", "longer.pem",   "both.pem",
	                                    "cut.pem",   "alone.pem", "key.pem",  "changing.pem", "changing.key"};
	struct identity *all[] = {&first, &a, &wild, &longer, &rsa, &renewed};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		identity_free(all[i]);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(in_folder(names[i]));
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_chooses_the_certificate),
		cmocka_unit_test(the_name_is_kept_in_its_normal_form),
		cmocka_unit_test(an_asterisk_alone_is_for_every_name),
		cmocka_unit_test(the_strict_refuse_unknown_names),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(a_head_and_its_body_are_one_record),
		cmocka_unit_test(the_kind_of_key_that_the_client_can_use_is_shown),
		cmocka_unit_test(sessions_outlive_the_server_that_made_them),
		cmocka_unit_test(a_session_is_for_the_certificate_it_was_made_with),
		cmocka_unit_test(a_session_ends_with_its_certificate),
		cmocka_unit_test(keys_of_tickets_turn),
	};
	signal(SIGPIPE, SIG_IGN);
	make_files();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	remove_files();
	return failed;
}
