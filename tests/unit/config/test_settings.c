/* What a settings file says is what the snapshot holds. */
#include "config/settings_text.h"

#include <pthread.h>

#include "base/arena.h"

enum { SAID_ROOM = 16384, MB = 1 << 20 };

static const char whole[] =
	"workers = 3\n"
	"contact = \"helpdesk@example\"\n"
	"default-domain = CORP\n"
	"pseudonym = \"fairlead.example\"\n"
	"shared-listeners = yes\n"
	"drain = 1m\n"
	"listen \"127.0.0.1:3128\" { }\n"
	"listen \"*:8080\" {\n"
	"	role = proxy\n"
	"	name = \"proxy.example\"\n"
	"	clients = {\"10.0.0.0/8\", \"2001:db8::/32\"}\n"
	"	connect-ports = {443, \"8000-8100\"}\n"
	"	intermediaries = {\"10.0.0.5\"}\n"
	"	proxy-protocol-from = {\"10.0.0.6\"}\n"
	"}\n"
	"listen '[::1]:3129' { role = console }\n"
	"route { to = {\"*.corp.example\", \"10.0.0.0/8\", \"<local>\"}  via = direct }\n"
	"route { to = {\"*\"}  via = head-office  resolve = true  pin = false }\n"
	"upstream head-office {\n"
	"	member \"Proxy1.example:8080\" { }\n"
	"	member \"[2001:db8::9]:8080\" { backup = true }\n"
	"	tls { ca = \"/etc/ssl/corp.pem\"  name = \"proxy1.example\" }\n"
	"	or-direct = on\n"
	"	connections = 50\n"
	"}\n"
	"access { action = deny  to = {\"*.example.test\"}  from = {\"10.9.0.0/16\"}  ports = {\"25\"}\n"
	"         methods = {\"GET\", \"POST\"}  listen = {\"*:8080\"}  sign-on = none }\n"
	"timeouts { connect = 1500ms  idle = 2h  tunnel = 3d }\n"
	"limits { head = 64KB  fields = 100  drain-body = 1MB }\n"
	"resolver { servers = \"192.0.2.53,192.0.2.54:5353\"  hosts-file = \"/etc/hosts\" }\n"
	"log access { file = \"access.log\"  format = json  query = drop }\n"
	"log events { level = debug }\n";

static void the_snapshot_holds_what_the_file_says(void **state)
{
	struct settings *s = settings_of(whole);
	assert_string_equal(s->source, "t.conf");
	assert_int_equal(s->workers, 3);
	assert_string_equal(s->contact, "helpdesk@example");
	assert_string_equal(s->default_domain, "CORP");
	assert_string_equal(s->pseudonym, "fairlead.example");
	assert_true(s->shared_listeners);
	assert_int_equal(s->drain, 60000);
	assert_int_equal(s->timeouts.connect, 1500);
	assert_int_equal(s->timeouts.idle, 2 * 3600 * 1000);
	assert_int_equal(s->timeouts.tunnel, 3 * 86400 * 1000);
	assert_int_equal(s->timeouts.head, 30000);
	assert_int_equal(s->limits.head, 64 << 10);
	assert_int_equal(s->limits.field, 64 << 10);
	assert_int_equal(s->limits.fields, 100);
	assert_int_equal(s->limits.drain_body, MB);
	assert_string_equal(s->resolver.servers, "192.0.2.53,192.0.2.54:5353");
	assert_string_equal(s->resolver.hosts_file, "/etc/hosts");
	assert_string_equal(s->access_log.file, "access.log");
	assert_int_equal(s->access_log.format, LOG_JSON);
	assert_false(s->access_log.query);
	assert_string_equal(s->events_log.file, "-");
	assert_int_equal(s->events_log.level, LOG_DEBUG);
	settings_unref(s);
}

static void listeners_are_what_the_file_says(void **state)
{
	struct settings *s = settings_of(whole);
	char text[ADDR_TEXT];
	assert_int_equal(s->listen_count, 3);
	struct listen_settings *plain = &s->listens[0], *wide = &s->listens[1], *console = &s->listens[2];
	assert_int_equal(plain->where.line, 7);
	assert_int_equal(plain->clients.count, 2);
	assert_true(addr_is_loopback(&plain->clients.items[0].base) && addr_is_loopback(&plain->clients.items[1].base));
	assert_int_equal(plain->connect_ports.count, 2);
	assert_int_equal(plain->connect_ports.items[0].from, 443);
	assert_int_equal(plain->connect_ports.items[1].to, 563);
	assert_null(plain->name);
	assert_int_equal(plain->intermediaries.count, 0);

	assert_int_equal(wide->where.line, 8);
	assert_string_equal(wide->address, "*:8080");
	addr_format(&wide->addr, true, text);
	assert_string_equal(text, "[::]:8080");
	assert_string_equal(wide->name, "proxy.example");
	assert_int_equal(wide->clients.count, 2);
	assert_int_equal(wide->clients.items[0].bits, 8);
	assert_int_equal(wide->clients.items[1].bits, 32);
	assert_int_equal(wide->connect_ports.items[1].from, 8000);
	assert_int_equal(wide->connect_ports.items[1].to, 8100);
	assert_int_equal(wide->intermediaries.items[0].bits, 32);
	assert_int_equal(wide->proxy_protocol_from.count, 1);

	assert_int_equal(console->role, ROLE_CONSOLE);
	addr_format(&console->addr, true, text);
	assert_string_equal(text, "[::1]:3129");
	settings_unref(s);
}

static void upstreams_routes_and_rules_are_what_the_file_says(void **state)
{
	struct settings *s = settings_of(whole);
	struct upstream_settings *u = &s->upstreams[0];
	assert_int_equal(s->upstream_count, 1);
	assert_string_equal(u->name, "head-office");
	assert_int_equal(u->where.line, 19);
	assert_int_equal(u->member_count, 2);
	assert_string_equal(u->members[0].host, "proxy1.example");
	assert_int_equal(u->members[0].port, 8080);
	assert_int_equal(u->members[0].where.line, 20);
	assert_string_equal(u->members[1].host, "2001:db8::9");
	assert_true(u->members[1].backup && !u->members[0].backup);
	assert_true(u->tls.on && u->tls.verify && u->or_direct);
	assert_string_equal(u->tls.ca, "/etc/ssl/corp.pem");
	assert_int_equal(u->connections, 50);

	assert_int_equal(s->route_count, 2);
	assert_int_equal(s->routes[0].to.count, 3);
	assert_int_equal(s->routes[0].to.items[0].kind, PATTERN_SUFFIX);
	assert_int_equal(s->routes[0].to.items[1].kind, PATTERN_NETWORK);
	assert_int_equal(s->routes[0].to.items[2].kind, PATTERN_LOCAL);
	assert_int_equal(s->routes[0].via, VIA_DIRECT);
	assert_true(s->routes[0].via_header && s->routes[0].pin && !s->routes[0].resolve);
	assert_ptr_equal(s->routes[1].upstream, u); /* though it stands behind */
	assert_true(s->routes[1].resolve && !s->routes[1].pin);

	struct access_settings *a = &s->access[0];
	assert_int_equal(s->access_count, 1);
	assert_string_equal(a->text,
	                    "access { action = deny to = {\"*.example.test\"} from = {\"10.9.0.0/16\"} ports = {\"25\"} "
	                    "methods = {\"GET\", \"POST\"} listen = {\"*:8080\"} sign-on = none }");
	assert_int_equal(a->action, ACCESS_DENY);
	assert_int_equal(a->methods.count, 2);
	assert_string_equal(a->methods.items[1], "POST");
	assert_string_equal(a->listen.items[0], "*:8080");
	assert_true(a->sign_on_none);
	settings_unref(s);
}

static void without_a_file_there_is_a_proxy_and_a_console_on_loopback(void **state)
{
	struct settings *s;
	char said[SAID_ROOM];
	assert_int_equal(load_file(NULL, &s, said, sizeof(said)), 0);
	assert_string_equal(said, "");
	assert_string_equal(s->source, "embedded defaults");
	assert_int_equal(s->listen_count, 2);
	assert_string_equal(s->listens[0].address, "127.0.0.1:3128");
	assert_int_equal(s->listens[0].role, ROLE_PROXY);
	assert_string_equal(s->listens[1].address, "127.0.0.1:3129");
	assert_int_equal(s->listens[1].role, ROLE_CONSOLE);
	assert_true(s->workers > 0);
	assert_int_equal(s->route_count, 0);
	assert_int_equal(s->access_count, 0);
	settings_unref(s);
}

static void an_empty_file_is_the_defaults_with_a_warning(void **state)
{
	struct settings *s;
	char said[SAID_ROOM];
	assert_int_equal(load_text("", &s, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "t.conf: warning: no listen block"));
	assert_int_equal(s->listen_count, 2);
	settings_unref(s);
}

static void text_comes_through_its_quotes(void **state)
{
	static const struct {
		const char *written, *meant;
	} rows[] = {{"plain", "plain"},
	            {"\"two words\"", "two words"},
	            {"'CORP\\alice'", "CORP\\alice"},
	            {"'it''s'", NULL},
	            {"'it\\'s \\\\ fine'", "it's \\ fine"},
	            {"\"a \\\"b\\\" \\\\ c\"", "a \"b\" \\ c"},
	            {"\"\\${HOME}\"", "${HOME}"},
	            {"'${HOME}'", "${HOME}"},
	            {"\"x${FAIRLEAD_TEST_NAME}y\"", "xmey"},
	            {"${FAIRLEAD_TEST_NAME}", "me"},
	            {"\"${FAIRLEAD_TEST_NONE:-other}\"", "other"},
	            {"\"# no comment // here\"", "# no comment // here"},
	            {"a/b", "a/b"},
	            {"\"\xc3\xa4\xe2\x82\xac\"", "\xc3\xa4\xe2\x82\xac"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256], said[SAID_ROOM];
		struct settings *s;
		snprintf(text, sizeof(text), "contact = %s # comment\nlisten \"127.0.0.1:3128\" { }\n", rows[i].written);
		int error = load_text(text, &s, said, sizeof(said));
		if (error == 0 && !rows[i].meant)
			fail_msg("%s: accepted as %s", rows[i].written, s->contact);
		if (rows[i].meant && (error || strcmp(s->contact, rows[i].meant) != 0))
			fail_msg("%s: %s", rows[i].written, error ? said : s->contact);
		settings_unref(s);
	}
}

static void blocks_need_no_indent(void **state)
{
	struct settings *s = settings_of("access {\naction = deny\nlisten = {\"127.0.0.1:3128\"}\n}\n"
	                                 "listen \"127.0.0.1:3128\" {\nrole = proxy\nname = x\n}\n");
	assert_string_equal(s->access[0].listen.items[0], "127.0.0.1:3128");
	assert_string_equal(s->listens[0].name, "x");
	settings_unref(s);
}

/* ---- our name */

static void the_pseudonym_is_made_of_the_first_listener_and_stays_over_a_reload(void **state)
{
	struct settings *a = settings_of("listen \"127.0.0.1:3129\" { role = console  name = \"not.example\" }\n"
	                                 "listen \"127.0.0.1:3128\" { name = \"proxy.example\" }\n");
	struct settings *b = settings_of("listen \"127.0.0.1:3128\" { name = \"proxy.example\" }\n");
	assert_int_equal(strncmp(a->pseudonym, "proxy.example-", 14), 0);
	assert_int_equal(strlen(a->pseudonym), 14 + 8);
	assert_int_equal(strspn(a->pseudonym + 14, "0123456789abcdef"), 8);
	assert_string_equal(a->pseudonym, b->pseudonym);
	settings_unref(a);
	settings_unref(b);
}

static char this_program[4096];

static void another_process_has_another_pseudonym(void **state)
{
	int ends[2];
	char theirs[256] = "";
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) { /* begins anew: this program once more, told to print its name */
		dup2(ends[1], STDOUT_FILENO);
		execl(this_program, this_program, "--print-pseudonym", NULL);
		_exit(127);
	}
	close(ends[1]);
	assert_true(read(ends[0], theirs, sizeof(theirs) - 1) > 8);
	close(ends[0]);
	struct settings *s;
	char said[SAID_ROOM];
	assert_int_equal(load_file(NULL, &s, said, sizeof(said)), 0);
	assert_string_not_equal(s->pseudonym, theirs);
	assert_int_equal(strlen(s->pseudonym), strlen(theirs));
	settings_unref(s);
}

/* ---- files */

static void a_file_that_is_no_text_is_refused(void **state)
{
	char said[SAID_ROOM];
	file_write("t.conf", "workers = 2\n\0x", 14);
	assert_int_equal(load_file("t.conf", NULL, said, sizeof(said)), -EINVAL);
	assert_string_equal(said,
	                    "t.conf:2: error: a NUL byte: this is not a text file, or it is UTF-16; save it as UTF-8\n");
	file_write("t.conf", "\xff\xfew\0o\0", 6);
	assert_int_equal(load_file("t.conf", NULL, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "t.conf:1: error: a NUL byte"));
}

static void a_missing_file_a_folder_and_a_huge_file_are_refused(void **state)
{
	char said[SAID_ROOM];
	char *huge = malloc(10 * MB + 1);
	assert_int_equal(load_file("none.conf", NULL, said, sizeof(said)), -EINVAL);
	assert_string_equal(said,
	                    "none.conf: error: none.conf cannot be read: No such file or directory; is the path right?\n");
	assert_int_equal(load_file(".", NULL, said, sizeof(said)), -EINVAL);
	assert_string_equal(said, ".: error: . is a directory: name a file in it\n");
	memset(huge, '\n', 10 * MB + 1);
	file_write("huge.conf", huge, 10 * MB + 1);
	assert_int_equal(load_file("huge.conf", NULL, said, sizeof(said)), -EINVAL);
	assert_string_equal(said, "huge.conf: error: huge.conf is larger than 10 MB: this is not a settings file\n");
	file_write("huge.conf", huge, 10 * MB);
	assert_int_equal(load_file("huge.conf", NULL, said, sizeof(said)), 0);
	free(huge);
}

/* Root may read everything: what is forbidden is tried as nobody. */
static bool become_nobody(void)
{
	return geteuid() == 0 && chmod(".", 0755) == 0 && seteuid(65534) == 0;
}

static void become_root_again(bool was)
{
	if (was)
		assert_int_equal(seteuid(0), 0);
}

static void a_file_that_may_not_be_read_says_so(void **state)
{
	char said[SAID_ROOM];
	file_write("secret.conf", "", 0);
	chmod("secret.conf", 0);
	bool was = become_nobody();
	int error = load_file("secret.conf", NULL, said, sizeof(said));
	become_root_again(was);
	assert_int_equal(error, -EINVAL);
	assert_string_equal(said, "secret.conf: error: secret.conf cannot be read: Permission denied; give the user that "
	                          "Fairlead runs as the right to read it\n");
}

static void a_byte_order_mark_and_carriage_returns_do_no_harm(void **state)
{
	struct settings *s = settings_of("\xef\xbb\xbfworkers = 2\r\nlisten \"127.0.0.1:3128\" {\r\n}\r\n");
	assert_int_equal(s->workers, 2);
	assert_int_equal(s->listens[0].where.line, 2);
	settings_unref(s);
}

static void includes_are_found_beside_the_file_that_includes_them(void **state)
{
	assert_int_equal(mkdir("parts", 0700), 0);
	text_write("parts/one.conf", "workers = 5\ninclude(\"two.conf\")\n");
	text_write("parts/two.conf", "\nroute { to = {\"b.example\"}  via = direct }\n");
	struct settings *s = settings_of("route { to = {\"a.example\"}  via = direct }\n"
	                                 "include(\"parts/one.conf\")\n"
	                                 "route { to = {\"c.example\"}  via = direct }\n"
	                                 "listen \"127.0.0.1:3128\" { }\n");
	assert_int_equal(s->workers, 5);
	assert_int_equal(s->route_count, 3);
	assert_string_equal(s->routes[1].to.items[0].text, "b.example");
	assert_string_equal(s->routes[1].where.file, "parts/two.conf");
	assert_int_equal(s->routes[1].where.line, 2);
	assert_string_equal(s->routes[2].where.file, "t.conf");
	assert_int_equal(s->routes[2].where.line, 3);
	settings_unref(s);
}

static void thousands_of_values_and_rules_are_kept(void **state)
{
	struct buf text;
	buf_init(&text, 8 * MB);
	buf_adds(&text, "route { to = {");
	for (unsigned i = 0; i < 20000; i++)
		buf_addf(&text, "\"host%u.example\",\n", i);
	buf_adds(&text, "}  via = direct }\n");
	for (unsigned i = 0; i < 300; i++)
		buf_addf(&text, "access { action = deny  to = {\"deny%u.example\"} }\n", i);
	buf_adds(&text, "listen \"127.0.0.1:3128\" { }\n");
	struct settings *s = settings_of(buf_text(&text));
	assert_int_equal(s->routes[0].to.count, 20000);
	assert_string_equal(s->routes[0].to.items[19999].name, "host19999.example");
	assert_int_equal(s->access_count, 300);
	assert_string_equal(s->access[299].text, "access { action = deny to = {\"deny299.example\"} }");
	settings_unref(s);
	buf_fini(&text);
}

/* ---- which file */

static void the_file_is_searched_in_order(void **state)
{
	char room[256];
	unsetenv("FAIRLEAD_CONFIG");
	setenv("HOME", settings_folder, 1);
	assert_string_equal(settings_find("given.conf", room, sizeof(room)), "given.conf");
	setenv("FAIRLEAD_CONFIG", "named.conf", 1);
	assert_string_equal(settings_find(NULL, room, sizeof(room)), "named.conf");
	assert_string_equal(settings_find("given.conf", room, sizeof(room)), "given.conf");
	unsetenv("FAIRLEAD_CONFIG");
	bool system_wide = access("/etc/fairlead/fairlead.conf", F_OK) == 0;
	const char *otherwise = system_wide ? "/etc/fairlead/fairlead.conf" : NULL;
	const char *found = settings_find(NULL, room, sizeof(room));
	assert_true(found == otherwise || strcmp(found, otherwise) == 0);
	assert_true(mkdir(".config", 0755) == 0 && mkdir(".config/fairlead", 0755) == 0);
	file_write(".config/fairlead/fairlead.conf", "", 0);
	found = settings_find(NULL, room, sizeof(room));
	if (geteuid() == 0)
		assert_true(found == otherwise || strcmp(found, otherwise) == 0);
	bool was = become_nobody();
	found = settings_find(NULL, room, sizeof(room));
	become_root_again(was);
	assert_non_null(found);
	assert_non_null(strstr(found, "/.config/fairlead/fairlead.conf"));
}

/* ---- several at once */

static void *load_often(void *bad)
{
	for (unsigned i = 0; i < 50; i++) {
		struct complaints c;
		struct settings *s;
		complaints_init(&c);
		int error = settings_load(bad ? "bad.conf" : "good.conf", &s, &c);
		if ((error == 0) == (bad != NULL) || (s && s->workers != 3) || c.errors != (bad ? 2 : 0))
			return (void *)1;
		settings_unref(s);
		complaints_fini(&c);
	}
	arena_trim();
	return NULL;
}

static void threads_read_files_beside_each_other(void **state)
{
	pthread_t threads[4];
	text_write("good.conf", whole);
	text_write("bad.conf", "workers = x\nfoo = 1\n");
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, load_often, i % 2 ? &threads[i] : NULL), 0);
	for (unsigned i = 0; i < 4; i++) {
		void *wrong;
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

/* ---- what settings refer to */

static void without_an_access_log_no_file_is_asked_for(void **state)
{
	struct complaints c;
	complaints_init(&c);
	struct settings *s = settings_of("log access { file = \"none\" }\nlisten \"127.0.0.1:3128\" { }\n");
	assert_false(settings_log_access(s));
	settings_check_files(s, &c);
	assert_int_equal(c.errors + c.warnings, 0);
	settings_unref(s);
	s = settings_of("log access { file = \"nowhere/none\" }\nlisten \"127.0.0.1:3128\" { }\n");
	assert_true(settings_log_access(s));
	settings_check_files(s, &c);
	assert_int_equal(c.errors, 1);
	settings_unref(s);
	complaints_fini(&c);
}

static void files_named_in_the_settings_are_looked_up(void **state)
{
	struct settings *s = settings_of("listen \"127.0.0.1:3128\" { }\n"
	                                 "upstream a {\n"
	                                 "	member \"p.example:1\" { }\n"
	                                 "	tls { ca = \"none.pem\"  certificate = \"there.pem\"  key = \"there.pem\" }\n"
	                                 "}\n"
	                                 "route { to = {\"*\"}  via = a }\n"
	                                 "log access { file = \"nowhere/access.log\" }\n"
	                                 "log events { file = \"here.log\" }\n");
	struct complaints c;
	struct buf said;
	complaints_init(&c);
	buf_init(&said, 65536);
	file_write("there.pem", "", 0);
	chmod("there.pem", 0644);
	settings_check_files(s, &c);
	complaints_print(&c, &said);
	assert_string_equal(
		buf_text(&said),
		"t.conf:4: error: ca \"none.pem\" cannot be read: No such file or directory\n"
		"t.conf:4: warning: key \"there.pem\" is open to other users: chmod 600 there.pem\n"
		"t.conf:7: error: log access: file \"nowhere/access.log\" cannot be written: nowhere: No such file or "
		"directory\n");
	buf_fini(&said);
	complaints_fini(&c);
	settings_unref(s);
}

static void the_examples_are_right(void **state)
{
	static const char *const names[] = {"loopback", "chain-branch", "chain-head-office", "old-iis", "access", "logging",
	                                    "relay",    "site"};
	char said[SAID_ROOM], path[4200];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/examples/%s.conf", settings_home, names[i]);
		if (access(path, F_OK) != 0)
			skip(); /* not run in the source tree */
		assert_int_equal(load_file(path, NULL, said, sizeof(said)), 0);
		assert_string_equal(said, "");
	}
}

static int prepare(void **state)
{
	setenv("FAIRLEAD_TEST_NAME", "me", 1);
	unsetenv("FAIRLEAD_TEST_NONE");
	return folder_make(state);
}

static int print_pseudonym(void)
{
	struct complaints c;
	struct settings *s;
	complaints_init(&c);
	if (settings_load(NULL, &s, &c) != 0)
		return 1;
	fputs(s->pseudonym, stdout);
	settings_unref(s);
	return 0;
}

/* A password that was typed in: it stands in no file, and the snapshot only points to it. */
static void a_text_without_a_file_takes_a_secret_from_memory(void **state)
{
	static const char secret[] = "Canary";
	static const char text[] =
		"listen \"127.0.0.1:3128\" { same-user = true }\n"
		"upstream typed { member \"p.example:8080\" { }  credentials { account = 'CORP\\alice' } }\n"
		"upstream filed { member \"q.example:8080\" { }\n"
		"  credentials { account = bob  password-file = \"/etc/q.secret\" } }\n"
		"route { to = {\"q.example\"}  via = filed }\n"
		"route { to = {\"*\"}  via = typed }\n";
	struct settings *s;
	struct complaints c;
	complaints_init(&c);
	assert_int_equal(settings_load_text("the command line", span_of(text), secret, &s, &c), 0);
	assert_int_equal(c.errors, 0);
	assert_string_equal(s->source, "the command line");
	assert_true(s->listens[0].same_user);
	assert_ptr_equal(s->upstreams[0].credentials.secret, secret);
	assert_null(s->upstreams[1].credentials.secret);
	settings_unref(s);
	assert_int_equal(settings_load_text("the command line", span_of(text), NULL, &s, &c), -EINVAL);
	assert_string_equal(c.first->where.file, "the command line");
	assert_int_equal(c.first->where.line, 2);
	complaints_fini(&c);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_snapshot_holds_what_the_file_says),
		cmocka_unit_test(listeners_are_what_the_file_says),
		cmocka_unit_test(upstreams_routes_and_rules_are_what_the_file_says),
		cmocka_unit_test(without_a_file_there_is_a_proxy_and_a_console_on_loopback),
		cmocka_unit_test(an_empty_file_is_the_defaults_with_a_warning),
		cmocka_unit_test(text_comes_through_its_quotes),
		cmocka_unit_test(blocks_need_no_indent),
		cmocka_unit_test(the_pseudonym_is_made_of_the_first_listener_and_stays_over_a_reload),
		cmocka_unit_test(another_process_has_another_pseudonym),
		cmocka_unit_test(a_file_that_is_no_text_is_refused),
		cmocka_unit_test(a_missing_file_a_folder_and_a_huge_file_are_refused),
		cmocka_unit_test(a_file_that_may_not_be_read_says_so),
		cmocka_unit_test(a_byte_order_mark_and_carriage_returns_do_no_harm),
		cmocka_unit_test(includes_are_found_beside_the_file_that_includes_them),
		cmocka_unit_test(thousands_of_values_and_rules_are_kept),
		cmocka_unit_test(the_file_is_searched_in_order),
		cmocka_unit_test(threads_read_files_beside_each_other),
		cmocka_unit_test(without_an_access_log_no_file_is_asked_for),
		cmocka_unit_test(files_named_in_the_settings_are_looked_up),
		cmocka_unit_test(the_examples_are_right),
		cmocka_unit_test(a_text_without_a_file_takes_a_secret_from_memory),
	};
	if (argc > 1 && strcmp(argv[1], "--print-pseudonym") == 0)
		return print_pseudonym();
	if (!realpath(argv[0], this_program))
		return 1;
	return cmocka_run_group_tests_name("config: settings", tests, prepare, folder_remove);
}
