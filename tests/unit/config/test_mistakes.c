/* Every mistake in a settings file is said with its file, its line, and what to write instead. */
#include "config/settings_text.h"

#include "config/mistakes.h"

enum { SAID_ROOM = 16384 };

static void each_mistake_is_said_with_its_line_and_advice(void **state)
{
	static char said[SAID_ROOM];
	unsigned wrong = 0;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		const struct mistake *m = &mistakes[i];
		load_text(m->text, NULL, said, sizeof(said));
		if (strcmp(said, m->said) == 0)
			continue;
		print_error("%s:\n  said:   %s  wanted: %s", m->name, said, m->said);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void a_file_with_an_error_gives_no_settings_and_one_with_a_warning_does(void **state)
{
	static char said[SAID_ROOM];
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct settings *s;
		int error = load_text(mistakes[i].text, &s, said, sizeof(said));
		assert_int_equal(error, strstr(mistakes[i].said, ": error: ") ? -EINVAL : 0);
		settings_unref(s);
	}
}

static void all_mistakes_of_a_file_are_said_at_once_in_the_order_of_its_lines(void **state)
{
	static char said[SAID_ROOM];
	load_text("workers = many\n"
	          "conact = \"x\"\n"
	          "timeouts { idle = 5 }\n"
	          "listen \"*:8080\" { clients = {\"nowhere\"} }\n"
	          "route { to = {\"*\"}  via = parent }\n"
	          "contact = \"CORP\\alice\"\n",
	          NULL, said, sizeof(said));
	assert_string_equal(said, "t.conf:1: error: workers is a whole number, not \"many\"\n"
	                          "t.conf:2: error: there is no setting named conact; did you mean contact?\n"
	                          "t.conf:3: error: idle needs a unit (ms s m h d): write 5s\n"
	                          "t.conf:4: error: clients takes networks and addresses, like \"10.0.0.0/8\" or "
	                          "\"192.0.2.1\"; \"nowhere\" is none\n"
	                          "t.conf:5: error: via leads to parent, which is no upstream; there is only direct\n"
	                          "t.conf:6: error: unknown escape \\a in \"CORP\\alice\": between double quotes a "
	                          "backslash may only stand before \" \\ or $; write the value in single quotes: "
	                          "'CORP\\alice'\n");
}

static void an_upstream_has_no_more_members_than_there_is_room_for(void **state)
{
	static char said[SAID_ROOM], text[MEMBERS_MOST * 64 + 256];
	for (unsigned count = MEMBERS_MOST; count <= MEMBERS_MOST + 1; count++) {
		size_t n = (size_t)sprintf(text, "upstream a {\n");
		for (unsigned i = 0; i < count; i++)
			n += (size_t)sprintf(text + n, "member \"p%u.example:80\" { }\n", i);
		sprintf(text + n, "}\nroute { to = {\"*\"}  via = a }\nlisten \"127.0.0.1:3128\" { }\n");
		assert_int_equal(load_text(text, NULL, said, sizeof(said)), count > MEMBERS_MOST ? -EINVAL : 0);
	}
	size_t n = (size_t)sprintf(text, "application a {\n");
	for (unsigned i = 0; i <= MEMBERS_MOST; i++)
		n += (size_t)sprintf(text + n, "member \"http://p%u.example\" { }\n", i);
	sprintf(text + n, "}\n");
	static char of_application[SAID_ROOM];
	load_text(text, NULL, of_application, sizeof(of_application));
	assert_non_null(strstr(of_application, "application a has 65 members: 64 are the most"));
	assert_string_equal(
		said, "t.conf:1: error: upstream a has 65 members: 64 are the most; put a balancer in front of them\n");
}

static void a_thousand_mistakes_are_counted_and_a_hundred_said(void **state)
{
	static char said[SAID_ROOM], text[1000 * 4 + 64];
	for (unsigned i = 0; i < 1000; i++)
		memcpy(text + strlen(text), "xyz\n", 5);
	load_text(text, NULL, said, sizeof(said));
	unsigned lines = 0;
	for (const char *p = said; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 101);
	assert_non_null(strstr(said, "and 900 more errors\n"));
}

static void what_is_quoted_of_a_file_is_cut_and_harmless(void **state)
{
	static char said[SAID_ROOM], text[8100];
	load_text("contact = \"\\x\033[2J\"\nab\001c = 1\n", NULL, said, sizeof(said));
	assert_non_null(strstr(said, "\\x?[2J"));
	assert_non_null(strstr(said, "t.conf:2: error: a control character (byte 0x01)"));
	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "drain = ", 8);
	load_text(text, NULL, said, sizeof(said));
	assert_in_range(strlen(said), 3000, 5000);
	assert_non_null(strstr(said, "aaa...\n"));
}

static int prepare(void **state)
{
	static const char broken[] = "workers = 2\nworkres = 3\ninclude(\"deeper.conf\")\n", deeper[] = "\n\ndrain = 3\n";
	setenv("FAIRLEAD_TEST_LINES", "a\nb", 1);
	setenv("FAIRLEAD_TEST_NAME", "me", 1);
	unsetenv("FAIRLEAD_TEST_NONE");
	if (folder_make(state) != 0 || mkdir("sub", 0700) != 0)
		return -1;
	text_write("loop.conf", "\ninclude(\"loop.conf\")\n");
	text_write("sub/broken.conf", broken);
	text_write("sub/deeper.conf", deeper);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_is_said_with_its_line_and_advice),
		cmocka_unit_test(a_file_with_an_error_gives_no_settings_and_one_with_a_warning_does),
		cmocka_unit_test(all_mistakes_of_a_file_are_said_at_once_in_the_order_of_its_lines),
		cmocka_unit_test(an_upstream_has_no_more_members_than_there_is_room_for),
		cmocka_unit_test(a_thousand_mistakes_are_counted_and_a_hundred_said),
		cmocka_unit_test(what_is_quoted_of_a_file_is_cut_and_harmless),
	};
	return cmocka_run_group_tests_name("config: mistakes", tests, prepare, folder_remove);
}
