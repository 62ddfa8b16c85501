/* TLS towards servers, against OpenSSL on another thread with certificates of the test's own. */
#include "net/tls.h"

#include <signal.h>

#include "net/dial.h"
#include "net/stream_internal.h"
#include "net/tls_parts.h"
#include "tls_server.h"

static char folder[] = "/tmp/fairlead-tls-XXXXXX";
static char ca_file[64], other_ca_file[64], client_file[64], client_key_file[64];
static struct identity ca, other_ca, good, expired, early, wild, client_identity;

/* ---- One conversation */

struct talk {
	struct tls_server server;
	struct tls_client_settings settings;
	const char *host;
	void (*body)(struct talk *t);
	struct tls_client *client;
	struct stream stream;
	char why[256];
};

static int connect_to(struct talk *t, const char *host, int64_t within_ms)
{
	struct dial d = {.host = SPAN("127.0.0.1"), .port = t->server.port, .deadline = worker_now() + 2000};
	CHECK(dial(&d, &t->stream) == 0);
	int rc = tls_connect(&t->stream, t->client, host, worker_now() + within_ms, t->why, sizeof(t->why));
	CHECK((rc == 0) == (t->stream.tls != NULL) && (rc == 0) == (t->why[0] == '\0'));
	if (rc < 0)
		stream_close(&t->stream);
	return rc;
}

static void talk_fiber(void *arg)
{
	struct talk *t = arg;
	char *why;
	CHECK(tls_client_new(&t->settings, &t->client, &why) == 0 && !why);
	t->body(t);
	tls_client_free(t->client);
}

static void talk_open(struct talk *t, enum tls_server_way way, const struct identity *i)
{
	*t = (struct talk){.settings = {.ca = ca_file, .verify = true}};
	tls_server_open(&t->server, way, i);
}

static void talk_run(struct talk *t, void (*body)(struct talk *t))
{
	t->body = body;
	tls_server_run(&t->server);
	on_worker(talk_fiber, t);
	tls_server_stop(&t->server);
}

static void read_exactly(struct stream *s, const char *text)
{
	struct lent l;
	lent_init(&l);
	while (lent_length(&l) < strlen(text))
		CHECK(stream_read(s, &l, worker_now() + 2000) > 0);
	CHECK(lent_length(&l) == strlen(text) && memcmp(l.p + l.start, text, strlen(text)) == 0);
	lent_give_back(&l);
}

static int read_more(struct stream *s)
{
	struct lent l;
	lent_init(&l);
	int n = stream_read(s, &l, worker_now() + 2000);
	lent_give_back(&l);
	return n;
}

static void echo_once(struct talk *t)
{
	CHECK(stream_write_span(&t->stream, SPAN("hello"), worker_now() + 2000) == 0);
	read_exactly(&t->stream, "hello");
}

static void finish(struct talk *t)
{
	CHECK(stream_end_write(&t->stream) == 0);
	CHECK(read_more(&t->stream) == 0);
	stream_close(&t->stream);
}

/* ---- What works */

static void say_hello(struct talk *t)
{
	CHECK(connect_to(t, "A.Example", 2000) == 0);
	echo_once(t);
	/* Elsewhere in memory it goes on. */
	struct stream moved;
	stream_move(&t->stream, &moved);
	CHECK(!stream_is_open(&t->stream));
	stream_move(&moved, &t->stream);
	echo_once(t);
	CHECK(stream_is_quiet(&t->stream));
	finish(t);
}

static void a_trusted_server_is_spoken_to(void **state)
{
	struct talk t;
	talk_open(&t, ECHO, &good);
	talk_run(&t, say_hello);
	assert_string_equal(t.server.name, "a.example");
	assert_string_equal(t.server.alpn, "http/1.1");
}

static void speak_to_address(struct talk *t)
{
	CHECK(connect_to(t, "127.0.0.1", 2000) == 0);
	echo_once(t);
	finish(t);
	CHECK(t->server.name[0] == '\0'); /* no SNI for a literal (RFC 6066) */
	CHECK(connect_to(t, "127.0.0.9", 2000) == -EKEYREJECTED);
	CHECK(strcmp(t->why, "the certificate is for a.example, www.a.example, 127.0.0.1, not 127.0.0.9") == 0);
}

static void an_address_is_checked_as_an_address(void **state)
{
	struct talk t;
	talk_open(&t, ECHO, &good);
	talk_run(&t, speak_to_address);
}

static void speak_as_set(struct talk *t)
{
	CHECK(connect_to(t, "10.9.8.7", 2000) == 0);
	echo_once(t);
	finish(t);
}

static void the_name_in_the_settings_comes_first(void **state)
{
	struct talk t;
	talk_open(&t, ECHO, &good);
	t.settings.name = "www.a.example";
	talk_run(&t, speak_as_set);
	assert_string_equal(t.server.name, "www.a.example");
}

static void unverified_servers_are_taken_only_when_told(void **state)
{
	struct talk t;
	talk_open(&t, ECHO, &expired);
	t.settings.verify = false;
	t.settings.ca = other_ca_file;
	talk_run(&t, speak_as_set);
}

static void speak_to_wild(struct talk *t)
{
	CHECK(connect_to(t, "x.wild.example", 2000) == 0);
	finish(t);
	CHECK(connect_to(t, "x.y.wild.example", 2000) == -EKEYREJECTED);
	CHECK(connect_to(t, "wild.example", 2000) == -EKEYREJECTED);
}

static void a_star_stands_for_one_label(void **state)
{
	struct talk t;
	talk_open(&t, ECHO, &wild);
	talk_run(&t, speak_to_wild);
}

/* ---- Reasons */

static void expect_refusal(struct talk *t)
{
	int r = connect_to(t, t->host, 2000);
	CHECK(r == -EPROTO || r == -EKEYREJECTED); /* which of them: the sentence tells */
}

static void check_reason(enum tls_server_way way, const struct identity *i, const char *with_ca, const char *host,
                         const char *reason)
{
	struct talk t;
	talk_open(&t, way, i);
	t.settings.ca = with_ca;
	t.host = host;
	talk_run(&t, expect_refusal);
	if (!strstr(t.why, reason))
		fail_msg("said \"%s\", not \"%s\"", t.why, reason);
}

static void reasons_are_human(void **state)
{
	check_reason(ECHO, &good, ca_file, "b.example",
	             "the certificate is for a.example, www.a.example, 127.0.0.1, not b.example");
	check_reason(ECHO, &expired, ca_file, "a.example", "the certificate of old.example has expired on 20");
	check_reason(ECHO, &early, ca_file, "a.example", "the certificate of new.example is not valid before 20");
	check_reason(ECHO, &good, other_ca_file, "a.example",
	             "the certificate of a.example is signed by an authority that is not trusted: set tls { ca = ... }");
	check_reason(ECHO, &other_ca, ca_file, "a.example", "an authority that is not trusted");
	check_reason(PLAIN, &good, ca_file, "a.example", "the server does not speak TLS on this port");
	check_reason(CLOSES, &good, ca_file, "a.example", "during the TLS handshake");
}

static void old_tls_is_refused(void **state)
{
	struct talk t;
	talk_open(&t, ECHO, &good);
	CHECK(SSL_CTX_set_cipher_list(t.server.context, "ALL:@SECLEVEL=0") == 1);
	SSL_CTX_set_min_proto_version(t.server.context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(t.server.context, TLS1_1_VERSION);
	t.host = "a.example";
	talk_run(&t, expect_refusal);
	assert_string_equal(t.why, "the server offers no TLS version that is still safe (1.2 or later)");
}

static void wait_in_vain(struct talk *t)
{
	mono_ms before = clock_mono();
	CHECK(connect_to(t, "a.example", 150) == -ETIMEDOUT);
	CHECK(clock_mono() - before >= 130 && clock_mono() - before < 1000);
	CHECK(strstr(t->why, "in time"));
	atomic_store(&t->server.over, true);
}

static void a_silent_server_does_not_hold_us(void **state)
{
	struct talk t;
	talk_open(&t, SILENT, &good);
	talk_run(&t, wait_in_vain);
}

static void settings_that_cannot_be_used_say_why(void **state)
{
	struct tls_client *c;
	char *why;
	struct tls_client_settings s = {.ca = "/nonexistent/ca.pem", .verify = true};
	assert_int_equal(tls_client_new(&s, &c, &why), -EINVAL);
	assert_non_null(strstr(why, "/nonexistent/ca.pem: "));
	free(why);
	s = (struct tls_client_settings){.certificate = client_file, .key = ca_file};
	assert_int_equal(tls_client_new(&s, &c, &why), -EINVAL);
	assert_non_null(strstr(why, ca_file));
	free(why);
	s = (struct tls_client_settings){.verify = true};
	assert_int_equal(tls_client_new(&s, &c, &why), 0);
	tls_client_free(c);
	tls_client_free(NULL);
}

/* ---- Our certificate */

static void show_certificate(struct talk *t)
{
	CHECK(connect_to(t, "a.example", 2000) == 0);
	echo_once(t);
	finish(t);
}

static void ask_for_certificates(struct talk *t)
{
	CHECK(SSL_CTX_load_verify_file(t->server.context, ca_file) == 1);
	SSL_CTX_set_verify(t->server.context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static void our_certificate_is_shown(void **state)
{
	struct talk t;
	talk_open(&t, ECHO, &good);
	ask_for_certificates(&t);
	t.settings.certificate = client_file;
	t.settings.key = client_key_file;
	talk_run(&t, show_certificate);
	assert_string_equal(t.server.presented, "our proxy");
}

static void have_none(struct talk *t)
{
	CHECK(connect_to(t, "a.example", 2000) == 0); /* TLS 1.3: the server says so afterwards */
	CHECK(read_more(&t->stream) == -EPROTO);
	CHECK(stream_write_span(&t->stream, SPAN("x"), worker_now() + 100) == -EPIPE);
	stream_close(&t->stream);
}

static void a_missing_certificate_is_an_error_not_an_end(void **state)
{
	struct talk t;
	talk_open(&t, ECHO, &good);
	ask_for_certificates(&t);
	talk_run(&t, have_none);
	talk_open(&t, ECHO, &good);
	ask_for_certificates(&t);
	SSL_CTX_set_max_proto_version(t.server.context, TLS1_2_VERSION);
	t.host = "a.example";
	talk_run(&t, expect_refusal);
	assert_non_null(strstr(t.why, "client certificate"));
}

/* ---- Channel bindings, tls-server-end-point (RFC 5929 section 4.1) */

static bool is_prefix_and_digest(struct span bindings, const X509 *certificate, const EVP_MD *digest)
{
	static const char prefix[] = "tls-server-end-point:";
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	CHECK(X509_digest(certificate, digest, hash, &n) == 1);
	return bindings.n == strlen(prefix) + n && memcmp(bindings.p, prefix, strlen(prefix)) == 0 &&
	       memcmp(bindings.p + strlen(prefix), hash, n) == 0;
}

static bool has_bindings_of(const struct stream *s, const X509 *certificate)
{
	char room[TLS_BINDINGS];
	return is_prefix_and_digest(tls_stream_server_bindings(s, room), certificate, EVP_sha256());
}

static void bindings_are_made_with_the_digest_of_the_signature(void **state)
{
	static const struct {
		const char *signature, *bindings;
	} rows[] = {{"SHA256", "SHA256"}, {"SHA384", "SHA384"}, {"SHA512", "SHA512"}, {"SHA1", "SHA256"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char room[TLS_BINDINGS];
		X509 *certificate = X509_dup(good.certificate);
		assert_true(X509_sign(certificate, ca.key, EVP_get_digestbyname(rows[i].signature)) > 0);
		struct span bindings = span_make(room, tls_bindings_of(certificate, room));
		assert_true(is_prefix_and_digest(bindings, certificate, EVP_get_digestbyname(rows[i].bindings)));
		X509_free(certificate);
	}
}

static void a_plain_stream_has_no_bindings(void **state)
{
	char room[TLS_BINDINGS];
	struct stream plain = {.watch = {.fd = -1}};
	assert_int_equal(tls_stream_server_bindings(&plain, room).n, 0);
}

/* ---- Sessions */

static void come_again(struct talk *t)
{
	for (int i = 0; i < 4; i++) {
		CHECK(connect_to(t, "a.example", 2000) == 0);
		CHECK(has_bindings_of(&t->stream, good.certificate));
		echo_once(t);
		if (i % 2)
			stream_close(&t->stream); /* without close_notify: still resumed */
		else
			finish(t);
	}
	/* A session is for the host it was made with. */
	CHECK(connect_to(t, "www.a.example", 2000) == 0);
	echo_once(t);
	finish(t);
}

static void sessions_are_resumed(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	for (int i = 0; i < 2; i++) {
		struct talk t;
		talk_open(&t, ECHO, &good);
		SSL_CTX_set_min_proto_version(t.server.context, versions[i]);
		SSL_CTX_set_max_proto_version(t.server.context, versions[i]);
		talk_run(&t, come_again);
		assert_int_equal(t.server.connections, 5);
		assert_int_equal(t.server.resumed, 3);
	}
}

/* ---- Bytes */

static void read_half(struct talk *t)
{
	CHECK(connect_to(t, "a.example", 2000) == 0);
	read_exactly(&t->stream, "half");
	CHECK(read_more(&t->stream) == -ECONNRESET);
	CHECK(stream_end_write(&t->stream) == 0 || errno == ENOTCONN);
	stream_close(&t->stream);
}

static void an_end_without_close_notify_is_not_an_end(void **state)
{
	struct talk t;
	talk_open(&t, CUTS, &good);
	talk_run(&t, read_half);
}

static void read_burst(struct talk *t)
{
	CHECK(connect_to(t, "a.example", 2000) == 0);
	for (int i = 0; i < 5; i++) {
		CHECK(stream_wait_in(&t->stream, worker_now() + 1000) == 0);
		read_exactly(&t->stream, "record");
		CHECK(i == 4 || !stream_is_quiet(&t->stream));
	}
	CHECK(read_more(&t->stream) == 0);
	stream_close(&t->stream);
}

static void records_that_came_together_are_all_read(void **state)
{
	struct talk t;
	talk_open(&t, BURST, &good);
	talk_run(&t, read_burst);
}

static void read_drip(struct talk *t)
{
	CHECK(connect_to(t, "a.example", 2000) == 0);
	struct lent l;
	lent_init(&l);
	int turns = 0;
	while (lent_length(&l) < 5000) {
		int n = stream_read_now(&t->stream, &l);
		CHECK(n > 0 || n == -EAGAIN);
		CHECK(n > 0 || !tls_has_pending(&t->stream)); /* else the wait below would spin */
		if (n == -EAGAIN)
			CHECK(stream_wait_in(&t->stream, worker_now() + 1000) == 0);
		CHECK(++turns < 20);
	}
	lent_give_back(&l);
	stream_close(&t->stream);
}

static void a_record_that_comes_in_pieces_is_waited_for(void **state)
{
	struct talk t;
	talk_open(&t, DRIP, &good);
	talk_run(&t, read_drip);
}

enum { BULK = 5 * 1024 * 1024 };

static char bulk_byte(size_t at)
{
	return (char)(at * 31 + (at >> 12));
}

static int send_bulk(void *arg)
{
	struct talk *t = arg;
	static char piece[50000];
	for (size_t sent = 0; sent < BULK;) {
		size_t n = BULK - sent < sizeof(piece) ? BULK - sent : sizeof(piece);
		for (size_t i = 0; i < n; i++)
			piece[i] = bulk_byte(sent + i);
		int rc = stream_write_span(&t->stream, span_make(piece, n), worker_now() + 20000);
		if (rc < 0)
			return rc;
		sent += n;
	}
	return stream_end_write(&t->stream);
}

static void bulk_both_ways(struct talk *t)
{
	struct task upload;
	struct lent l;
	size_t got = 0;
	CHECK(connect_to(t, "a.example", 2000) == 0);
	CHECK(task_start(&upload, send_bulk, t) == 0);
	lent_init(&l);
	for (int n; (n = stream_read(&t->stream, &l, worker_now() + 20000)) != 0;) {
		CHECK(n > 0);
		for (uint32_t i = l.start; i < l.end; i++)
			CHECK(l.p[i] == bulk_byte(got++));
		l.start = l.end;
	}
	lent_give_back(&l);
	CHECK(task_join(&upload) == 0);
	CHECK(got == BULK && t->stream.bytes_in == BULK && t->stream.bytes_out == BULK);
	stream_close(&t->stream);
}

static void five_megabytes_go_both_ways_at_once(void **state)
{
	struct talk t;
	talk_open(&t, ECHO, &good);
	talk_run(&t, bulk_both_ways);
}

/* ---- Several workers on one client */

enum { CREW = 2, FIBERS = 3, VISITS = 10 };
static struct tls_client *crew_client;
static uint16_t crew_port;
static sem_t crew_done;

static void crew_fiber(void *arg)
{
	for (int i = 0; i < VISITS; i++) {
		struct talk t = {.client = crew_client, .server.port = crew_port};
		CHECK(connect_to(&t, i % 2 ? "a.example" : "www.a.example", 10000) == 0);
		echo_once(&t);
		finish(&t);
	}
	sem_post(&crew_done);
}

static void crew_start(unsigned index, void *arg)
{
	for (int i = 0; i < FIBERS; i++)
		CHECK(fiber_start(crew_fiber, NULL) == 0);
}

static void workers_share_a_client(void **state)
{
	struct tls_server server;
	struct tls_client_settings settings = {.ca = ca_file, .verify = true};
	char *why;
	tls_server_open(&server, ECHO, &good);
	crew_port = server.port;
	assert_int_equal(tls_client_new(&settings, &crew_client, &why), 0);
	tls_server_run(&server);
	sem_init(&crew_done, 0, 0);
	assert_int_equal(workers_start(CREW, NULL, crew_start, NULL), 0);
	for (int i = 0; i < CREW * FIBERS; i++) {
		while (sem_wait(&crew_done) != 0)
			;
	}
	workers_stop();
	tls_client_free(crew_client);
	tls_server_stop(&server);
	assert_int_equal(server.connections, CREW * FIBERS * VISITS);
	assert_true(server.resumed > CREW * FIBERS * VISITS / 2);
}

static void make_files(void)
{
	CHECK(mkdtemp(folder));
	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", folder);
	snprintf(other_ca_file, sizeof(other_ca_file), "%s/other.pem", folder);
	snprintf(client_file, sizeof(client_file), "%s/client.pem", folder);
	snprintf(client_key_file, sizeof(client_key_file), "%s/client.key", folder);
	ca = make_identity("Test Authority", NULL, NULL, -1, 30);
	other_ca = make_identity("Other Authority", NULL, NULL, -1, 30);
	good = make_identity("a.example", "DNS:a.example,DNS:www.a.example,IP:127.0.0.1", &ca, -1, 30);
	expired = make_identity("old.example", "DNS:a.example", &ca, -60, -30);
	early = make_identity("new.example", "DNS:a.example", &ca, 30, 60);
	wild = make_identity("wild", "DNS:*.wild.example", &ca, -1, 30);
	client_identity = make_identity("our proxy", NULL, &ca, -1, 30);
	write_identity(&ca, ca_file, NULL);
	write_identity(&other_ca, other_ca_file, NULL);
	write_identity(&client_identity, client_file, client_key_file);
}

static void remove_files(void)
{
	struct identity *all[] = {&ca, &other_ca, &good, &expired, &early, &wild, &client_identity};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		identity_free(all[i]);
	unlink(ca_file);
	unlink(other_ca_file);
	unlink(client_file);
	unlink(client_key_file);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trusted_server_is_spoken_to),
		cmocka_unit_test(an_address_is_checked_as_an_address),
		cmocka_unit_test(the_name_in_the_settings_comes_first),
		cmocka_unit_test(unverified_servers_are_taken_only_when_told),
		cmocka_unit_test(a_star_stands_for_one_label),
		cmocka_unit_test(reasons_are_human),
		cmocka_unit_test(old_tls_is_refused),
		cmocka_unit_test(a_silent_server_does_not_hold_us),
		cmocka_unit_test(settings_that_cannot_be_used_say_why),
		cmocka_unit_test(our_certificate_is_shown),
		cmocka_unit_test(a_missing_certificate_is_an_error_not_an_end),
		cmocka_unit_test(bindings_are_made_with_the_digest_of_the_signature),
		cmocka_unit_test(a_plain_stream_has_no_bindings),
		cmocka_unit_test(sessions_are_resumed),
		cmocka_unit_test(an_end_without_close_notify_is_not_an_end),
		cmocka_unit_test(records_that_came_together_are_all_read),
		cmocka_unit_test(a_record_that_comes_in_pieces_is_waited_for),
		cmocka_unit_test(five_megabytes_go_both_ways_at_once),
		cmocka_unit_test(workers_share_a_client),
	};
	signal(SIGPIPE, SIG_IGN); /* of the server's side alone */
	make_files();
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	remove_files();
	return rc;
}
