/* Who may go where: rules, ports, and what is protected whatever a name's address turns out to be. */
#include "route/settings_parts.h"

#define LISTENS                                                                                    \
	"listen \"127.0.0.1:3128\" { }\n"                                                              \
	"listen \"*:8080\" { clients = {\"10.0.0.0/8\"}  connect-ports = {\"443\", \"8000-8100\"} }\n" \
	"listen \"192.0.2.10:9000\" { clients = {\"10.0.0.0/8\"}  connect-ports = {\"any\"} }\n"       \
	"listen \"127.0.0.1:3129\" { role = console }\n"

/* Rules begin in line 5. */
static const char *const files[] = {
	['-'] = LISTENS,
	/* denials by where to, from, method, port and listener */
	['d'] = LISTENS "access { action = deny  to = {\"*.bad.example\", \"198.51.100.0/24\"} }\n"
					"access { action = deny  from = {\"10.9.0.0/16\"}  methods = {\"PUT\", \"DELETE\"} }\n"
					"access { action = allow  to = {\"mail.example\"} }\n"
					"access { action = deny  ports = {\"25\", \"100-200\"} }\n"
					"access { action = deny  to = {\"*.inner.example\"}  listen = {\"*:8080\"} }\n",
	/* allowed by name, and by "*": opens nothing that is protected */
	['n'] = LISTENS "access { action = allow  to = {\"localhost\", \"metadata.example\", \"*\"} }\n",
	/* allowed by address */
	['a'] = LISTENS
	"access { action = allow  to = {\"*\"} }\n"
	"access { action = allow  to = {\"127.0.0.1:8000\", \"169.254.10.0/24\", \"[::1]\"}  from = {\"10.0.0.1\"} }\n",
	/* a denial in front of what opens */
	['x'] = LISTENS "access { action = deny  to = {\"rebound.example\"} }\n"
					"access { action = allow  to = {\"127.0.0.0/8\"} }\n",
	/* only some may be reached */
	['o'] = LISTENS "access { action = allow  to = {\"*.good.example\", \"10.20.0.0/16\"} }\n"
					"access { action = deny }\n",
};

enum { PROXY, WIDE, NARROW }; /* listeners */

static const struct row {
	char file;
	int listen;
	const char *client, *method, *asked;
	const char *candidate; /* NULL: the request as written; else one address of its name */
	enum access_verdict verdict;
	int rule; /* its line; 0: none */
	const char *remedy;
} rows[] = {
	/* what is not protected is allowed */
	{'-', PROXY, "127.0.0.1", "GET", "a.example", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "192.0.2.1", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "10.0.0.1", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "[2001:db8::1]:8080", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "[fd00::1]", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "a.example", "203.0.113.9", ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "a.example", "10.0.0.9", ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "a.example", "2001:db8::1", ACCESS_ALLOWED, 0, NULL},
	/* loopback */
	{'-', PROXY, "127.0.0.1", "GET", "127.0.0.1", NULL, ACCESS_ADDRESS_PROTECTED, 0,
     "access { action = allow  to = {\"127.0.0.1:80\"}  from = {\"127.0.0.1\"} }"},
	{'-', PROXY, "127.0.0.1", "GET", "127.0.0.1:8000", NULL, ACCESS_ADDRESS_PROTECTED, 0,
     "access { action = allow  to = {\"127.0.0.1:8000\"}  from = {\"127.0.0.1\"} }"},
	{'-', PROXY, "127.0.0.1", "GET", "127.255.255.254", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"127.255.255.254:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "[::1]", NULL, ACCESS_ADDRESS_PROTECTED, 0, "to = {\"[::1]:80\"}"},
	{'-', PROXY, "127.0.0.1", "GET", "[0:0:0:0:0:0:0:1]", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"[::1]:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "[::ffff:127.0.0.1]", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"127.0.0.1:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "[::ffff:7f00:1]", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"127.0.0.1:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "[::127.0.0.1]", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"127.0.0.1:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "[64:ff9b::127.0.0.1]", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"127.0.0.1:80\""},
	{'-', PROXY, "127.0.0.1", "CONNECT", "127.0.0.1:443", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"127.0.0.1:443\""},
	{'-', PROXY, "::ffff:127.0.0.1", "GET", "127.0.0.1", NULL, ACCESS_ADDRESS_PROTECTED, 0, "from = {\"127.0.0.1\"}"},
	{'-', PROXY, "::1", "GET", "[::1]", NULL, ACCESS_ADDRESS_PROTECTED, 0, "from = {\"::1\"}"},
	/* its names */
	{'-', PROXY, "127.0.0.1", "GET", "localhost", NULL, ACCESS_ADDRESS_PROTECTED, 0, "to = {\"127.0.0.1:80\"}"},
	{'-', PROXY, "127.0.0.1", "GET", "LOCALHOST.", NULL, ACCESS_ADDRESS_PROTECTED, 0, "to = {\"127.0.0.1:80\"}"},
	{'-', PROXY, "127.0.0.1", "GET", "a.b.localhost:99", NULL, ACCESS_ADDRESS_PROTECTED, 0, "to = {\"127.0.0.1:99\"}"},
	{'-', PROXY, "127.0.0.1", "GET", "localhost.example", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "alocalhost", NULL, ACCESS_ALLOWED, 0, NULL},
	/* link-local and cloud metadata */
	{'-', PROXY, "127.0.0.1", "GET", "169.254.169.254", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"169.254.169.254:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "169.254.0.1", NULL, ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "169.255.0.1", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "[fe80::1]", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"[fe80::1]:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "[febf::1]", NULL, ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "[fec0::1]", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "[fd00:ec2::254]", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"[fd00:ec2::254]:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "[::ffff:169.254.169.254]", NULL, ACCESS_ADDRESS_PROTECTED, 0,
     "\"169.254.169.254:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "[64:ff9b::a9fe:a9fe]", NULL, ACCESS_ADDRESS_PROTECTED, 0,
     "\"169.254.169.254:80\""},
	/* unspecified */
	{'-', PROXY, "127.0.0.1", "GET", "0.0.0.0", NULL, ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "0.1.2.3", NULL, ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "[::]", NULL, ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "[::ffff:0.0.0.0]", NULL, ACCESS_ADDRESS_PROTECTED, 0, ""},
	/* addresses in disguise */
	{'-', PROXY, "127.0.0.1", "GET", "127.1", NULL, ACCESS_NUMERIC_HOST, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "2130706433", NULL, ACCESS_NUMERIC_HOST, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "0x7f000001", NULL, ACCESS_NUMERIC_HOST, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "0x7f.1", NULL, ACCESS_NUMERIC_HOST, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "0177.0.0.1", NULL, ACCESS_NUMERIC_HOST, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "0", NULL, ACCESS_NUMERIC_HOST, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "127.0.0.1.1", NULL, ACCESS_NUMERIC_HOST, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "127.0.0.01", NULL, ACCESS_NUMERIC_HOST, 0, NULL},
	{'a', WIDE, "10.0.0.1", "GET", "127.1:8000", NULL, ACCESS_NUMERIC_HOST, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "127.0.0.1.example", NULL, ACCESS_ALLOWED, 0, NULL},
	/* our own listeners, also those at every address of the machine */
	{'-', PROXY, "127.0.0.1", "GET", "192.0.2.10:9000", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"192.0.2.10:9000\""},
	{'-', PROXY, "127.0.0.1", "GET", "192.0.2.10:9001", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "192.0.2.11:9000", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "[::ffff:192.0.2.10]:9000", NULL, ACCESS_ADDRESS_PROTECTED, 0,
     "\"192.0.2.10:9000\""},
	{'-', PROXY, "127.0.0.1", "GET", "proxy.example:9000", "192.0.2.10", ACCESS_ADDRESS_PROTECTED, 0,
     "\"192.0.2.10:9000\""},
	{'-', PROXY, "127.0.0.1", "GET", "proxy.example:80", "192.0.2.10", ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "198.51.100.77:8080", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"198.51.100.77:8080\""},
	{'-', PROXY, "127.0.0.1", "GET", "198.51.100.77:8081", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "[2001:db8:77::1]:8080", NULL, ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "198.51.100.78:8080", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "GET", "us.example:8080", "198.51.100.77", ACCESS_ADDRESS_PROTECTED, 0, ""},
	/* rebinding: every address that a name may turn out to have */
	{'-', PROXY, "127.0.0.1", "GET", "rebound.example", "127.0.0.1", ACCESS_ADDRESS_PROTECTED, 0, "\"127.0.0.1:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "rebound.example", "127.9.9.9", ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "rebound.example", "::1", ACCESS_ADDRESS_PROTECTED, 0, "\"[::1]:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "rebound.example", "::ffff:127.0.0.1", ACCESS_ADDRESS_PROTECTED, 0,
     "\"127.0.0.1:80\""},
	{'-', PROXY, "127.0.0.1", "GET", "rebound.example", "64:ff9b::7f00:1", ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "rebound.example", "169.254.169.254", ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "rebound.example", "fe80::1", ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "rebound.example", "0.0.0.0", ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "rebound.example", "::", ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'-', PROXY, "127.0.0.1", "GET", "rebound.example", "fd00:ec2::254", ACCESS_ADDRESS_PROTECTED, 0, ""},
	/* rules by name and by "*" open none of it */
	{'n', PROXY, "127.0.0.1", "GET", "a.example", NULL, ACCESS_ALLOWED, 5, NULL},
	{'n', PROXY, "127.0.0.1", "GET", "localhost", NULL, ACCESS_ADDRESS_PROTECTED, 0, "to = {\"127.0.0.1:80\"}"},
	{'n', PROXY, "127.0.0.1", "GET", "127.0.0.1", NULL, ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'n', PROXY, "127.0.0.1", "GET", "metadata.example", NULL, ACCESS_ALLOWED, 5, NULL},
	{'n', PROXY, "127.0.0.1", "GET", "metadata.example", "169.254.169.254", ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'n', PROXY, "127.0.0.1", "GET", "metadata.example", "203.0.113.1", ACCESS_ALLOWED, 5, NULL},
	{'n', PROXY, "127.0.0.1", "GET", "192.0.2.10:9000", NULL, ACCESS_ADDRESS_PROTECTED, 0, ""},
	/* a written address does, for whom and for what it says, also behind a rule that allows all */
	{'a', WIDE, "10.0.0.1", "GET", "127.0.0.1:8000", NULL, ACCESS_ALLOWED, 6, NULL},
	{'a', WIDE, "10.0.0.1", "GET", "127.0.0.1:8001", NULL, ACCESS_ADDRESS_PROTECTED, 0, "\"127.0.0.1:8001\""},
	{'a', WIDE, "10.0.0.1", "GET", "127.0.0.2:8000", NULL, ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'a', WIDE, "10.0.0.2", "GET", "127.0.0.1:8000", NULL, ACCESS_ADDRESS_PROTECTED, 0, "from = {\"10.0.0.2\"}"},
	{'a', WIDE, "10.0.0.1", "GET", "[::ffff:127.0.0.1]:8000", NULL, ACCESS_ALLOWED, 6, NULL},
	{'a', WIDE, "10.0.0.1", "GET", "[::1]:99", NULL, ACCESS_ALLOWED, 6, NULL},
	{'a', WIDE, "10.0.0.1", "GET", "169.254.10.7", NULL, ACCESS_ALLOWED, 6, NULL},
	{'a', WIDE, "10.0.0.1", "GET", "169.254.169.254", NULL, ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'a', WIDE, "10.0.0.1", "GET", "localhost:8000", NULL, ACCESS_ALLOWED, 6, NULL},
	{'a', WIDE, "10.0.0.1", "GET", "localhost:8000", "127.0.0.1", ACCESS_ALLOWED, 6, NULL},
	{'a', WIDE, "10.0.0.1", "GET", "name.example:8000", "127.0.0.1", ACCESS_ALLOWED, 6, NULL},
	{'a', WIDE, "10.0.0.1", "GET", "name.example:8001", "127.0.0.1", ACCESS_ADDRESS_PROTECTED, 0, ""},
	{'a', WIDE, "10.0.0.1", "GET", "a.example", NULL, ACCESS_ALLOWED, 5, NULL},
	/* a denial in front ends the search */
	{'x', PROXY, "127.0.0.1", "GET", "127.0.0.1", NULL, ACCESS_ALLOWED, 6, NULL},
	{'x', PROXY, "127.0.0.1", "GET", "other.example", "127.0.0.1", ACCESS_ALLOWED, 6, NULL},
	{'x', PROXY, "127.0.0.1", "GET", "rebound.example", NULL, ACCESS_DENIED_BY_RULE, 5, "\"rebound.example:80\""},
	{'x', PROXY, "127.0.0.1", "GET", "rebound.example", "127.0.0.1", ACCESS_DENIED_BY_RULE, 5, ""},
	/* denials */
	{'d', PROXY, "127.0.0.1", "GET", "x.bad.example", NULL, ACCESS_DENIED_BY_RULE, 5,
     "access { action = allow  to = {\"x.bad.example:80\"}  from = {\"127.0.0.1\"} }  # before "},
	{'d', PROXY, "127.0.0.1", "GET", "X.BAD.example.", NULL, ACCESS_DENIED_BY_RULE, 5, "\"x.bad.example:80\""},
	{'d', PROXY, "127.0.0.1", "GET", "bad.example", NULL, ACCESS_ALLOWED, 0, NULL},
	{'d', PROXY, "127.0.0.1", "GET", "198.51.100.5", NULL, ACCESS_DENIED_BY_RULE, 5, "\"198.51.100.5:80\""},
	{'d', PROXY, "127.0.0.1", "GET", "hidden.example", NULL, ACCESS_ALLOWED, 0, NULL},
	{'d', PROXY, "127.0.0.1", "GET", "hidden.example", "198.51.100.5", ACCESS_DENIED_BY_RULE, 5, "\"198.51.100.5:80\""},
	{'d', PROXY, "127.0.0.1", "GET", "hidden.example", "::ffff:198.51.100.5", ACCESS_DENIED_BY_RULE, 5, ""},
	{'d', WIDE, "10.9.1.1", "PUT", "a.example", NULL, ACCESS_DENIED_BY_RULE, 6, "from = {\"10.9.1.1\"}"},
	{'d', WIDE, "::ffff:10.9.1.1", "DELETE", "a.example", NULL, ACCESS_DENIED_BY_RULE, 6, "from = {\"10.9.1.1\"}"},
	{'d', WIDE, "10.9.1.1", "GET", "a.example", NULL, ACCESS_ALLOWED, 0, NULL},
	{'d', WIDE, "10.9.1.1", "put", "a.example", NULL, ACCESS_ALLOWED, 0, NULL},
	{'d', WIDE, "10.8.1.1", "PUT", "a.example", NULL, ACCESS_ALLOWED, 0, NULL},
	{'d', PROXY, "127.0.0.1", "GET", "a.example:25", NULL, ACCESS_DENIED_BY_RULE, 8, "\"a.example:25\""},
	{'d', PROXY, "127.0.0.1", "GET", "a.example:100", NULL, ACCESS_DENIED_BY_RULE, 8, ""},
	{'d', PROXY, "127.0.0.1", "GET", "a.example:200", NULL, ACCESS_DENIED_BY_RULE, 8, ""},
	{'d', PROXY, "127.0.0.1", "GET", "a.example:201", NULL, ACCESS_ALLOWED, 0, NULL},
	{'d', PROXY, "127.0.0.1", "GET", "mail.example:25", NULL, ACCESS_ALLOWED, 7, NULL},
	{'d', PROXY, "127.0.0.1", "GET", "x.inner.example", NULL, ACCESS_ALLOWED, 0, NULL},
	{'d', WIDE, "10.1.1.1", "GET", "x.inner.example", NULL, ACCESS_DENIED_BY_RULE, 9, ""},
	/* nothing but what is allowed */
	{'o', PROXY, "127.0.0.1", "GET", "x.good.example", NULL, ACCESS_ALLOWED, 5, NULL},
	{'o', PROXY, "127.0.0.1", "GET", "x.good.example", "203.0.113.1", ACCESS_ALLOWED, 5, NULL},
	{'o', PROXY, "127.0.0.1", "GET", "x.good.example", "127.0.0.1", ACCESS_DENIED_BY_RULE, 6, ""},
	{'o', PROXY, "127.0.0.1", "GET", "10.20.1.1", NULL, ACCESS_ALLOWED, 5, NULL},
	{'o', PROXY, "127.0.0.1", "GET", "other.example", NULL, ACCESS_DENIED_BY_RULE, 6, ""},
	{'o', PROXY, "127.0.0.1", "GET", "127.0.0.1", NULL, ACCESS_DENIED_BY_RULE, 6, ""},
	/* ports of CONNECT, and of CONNECT alone */
	{'-', PROXY, "127.0.0.1", "CONNECT", "a.example:443", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "CONNECT", "a.example:563", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', PROXY, "127.0.0.1", "CONNECT", "a.example:25", NULL, ACCESS_PORT_NOT_ALLOWED, 0,
     "connect-ports = {\"443\", \"563\", \"25\"}  # in listen \"127.0.0.1:3128\""},
	{'-', PROXY, "127.0.0.1", "GET", "a.example:25", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', WIDE, "10.1.1.1", "CONNECT", "a.example:8050", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', WIDE, "10.1.1.1", "CONNECT", "a.example:8100", NULL, ACCESS_ALLOWED, 0, NULL},
	{'-', WIDE, "10.1.1.1", "CONNECT", "a.example:8101", NULL, ACCESS_PORT_NOT_ALLOWED, 0,
     "connect-ports = {\"443\", \"8000-8100\", \"8101\"}  # in listen \"*:8080\""},
	{'-', WIDE, "10.1.1.1", "CONNECT", "a.example:563", NULL, ACCESS_PORT_NOT_ALLOWED, 0, ""},
	{'-', NARROW, "10.1.1.1", "CONNECT", "a.example:25", NULL, ACCESS_ALLOWED, 0, NULL},
	{'d', PROXY, "127.0.0.1", "CONNECT", "mail.example:25", NULL, ACCESS_PORT_NOT_ALLOWED, 0, ""},
};

/* The machine as the table has it, whatever it really is. */
static void give_addresses(struct settings *s)
{
	static struct addr own[3];
	own[0] = address("127.0.0.1");
	own[1] = address("198.51.100.77");
	own[2] = address("2001:db8:77::1");
	s->own_addresses = own;
	s->own_address_count = 3;
}

/* Puts a row's question to the settings of a text. The answer's rule is gone afterwards: its line is in *line. */
static struct access_answer ask_row(const struct row *row, const char *text, struct arena *memory, int *line)
{
	struct settings *s = settings_of(text);
	struct access_answer answer;
	struct asked a = ask_for(row->asked);
	struct addr client = address(row->client), candidate = address(row->candidate ? row->candidate : "0.0.0.0");
	struct access_question q = {.settings = s,
	                            .listen = &s->listens[row->listen],
	                            .client = &client,
	                            .method_text = span_of(row->method),
	                            .host = a.host,
	                            .host_is_literal = a.literal,
	                            .literal = a.addr,
	                            .port = a.port,
	                            .connect = strcmp(row->method, "CONNECT") == 0};
	give_addresses(s);
	if (row->candidate) {
		access_explain_address(&q, &candidate, memory, &answer);
		assert_int_equal(access_address_allowed(&q, &candidate), answer.verdict == ACCESS_ALLOWED);
	} else {
		access_check(&q, memory, &answer);
	}
	*line = answer.rule ? answer.rule->where.line : 0;
	settings_unref(s);
	return answer;
}

static const char *text_of(const struct row *row)
{
	return files[(unsigned char)row->file];
}

static bool is_as_wanted(const struct row *row)
{
	struct arena memory;
	int line;
	arena_init(&memory, 65536);
	struct access_answer answer = ask_row(row, text_of(row), &memory, &line);
	bool remedy = row->remedy ? answer.remedy && strstr(answer.remedy, row->remedy) : !answer.remedy;
	bool good = answer.verdict == row->verdict && line == row->rule && remedy;
	if (!good)
		print_error("%c %s %s %s %s: verdict %d, line %d, %s\n", row->file, row->client, row->method, row->asked,
		            row->candidate ? row->candidate : "", answer.verdict, line, answer.remedy ? answer.remedy : "-");
	arena_fini(&memory);
	return good;
}

static void every_question_has_its_answer(void **state)
{
	unsigned wrong = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		wrong += !is_as_wanted(&rows[i]);
	assert_int_equal(wrong, 0);
}

static bool has_rule_as_remedy(const struct row *row)
{
	bool connect = strcmp(row->method, "CONNECT") == 0;
	return !connect && (row->verdict == ACCESS_ADDRESS_PROTECTED || row->verdict == ACCESS_DENIED_BY_RULE);
}

/* The remedy is pasted in front of the rules, and then the same question is asked again. */
static void the_remedy_of_a_refusal_allows_it(void **state)
{
	unsigned tried = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct arena memory;
		char text[4096];
		int line;
		if (!has_rule_as_remedy(row))
			continue;
		arena_init(&memory, 65536);
		struct access_answer answer = ask_row(row, text_of(row), &memory, &line);
		snprintf(text, sizeof(text), "%s\n%s", answer.remedy, text_of(row));
		if (ask_row(row, text, &memory, &line).verdict != ACCESS_ALLOWED)
			fail_msg("%s %s: not cured by %s", row->asked, row->candidate ? row->candidate : "", text);
		tried++;
		arena_fini(&memory);
	}
	assert_true(tried > 50);
}

static void clients_and_intermediaries_are_told_by_their_address(void **state)
{
	struct settings *s = settings_of("listen \"*:8080\" { clients = {\"10.0.0.0/8\", \"2001:db8::/32\"}  "
	                                 "intermediaries = {\"10.0.0.5\"} }\nlisten \"127.0.0.1:3128\" { }\n");
	static const struct {
		const char *client;
		bool wide, narrow, intermediary;
	} clients[] = {{"10.1.2.3", true, false, false},
	               {"::ffff:10.1.2.3", true, false, false},
	               {"10.0.0.5", true, false, true},
	               {"::ffff:10.0.0.5", true, false, true},
	               {"2001:db8::9", true, false, false},
	               {"2001:db9::9", false, false, false},
	               {"127.0.0.1", false, true, false},
	               {"127.0.0.7", false, true, false},
	               {"::1", false, true, false},
	               {"192.0.2.1", false, false, false},
	               {"::ffff:127.0.0.1", false, true, false}};
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		struct addr a = address(clients[i].client);
		assert_int_equal(access_client_allowed(&s->listens[0], &a), clients[i].wide);
		assert_int_equal(access_client_allowed(&s->listens[1], &a), clients[i].narrow);
		assert_int_equal(access_is_intermediary(&s->listens[0], &a), clients[i].intermediary);
		assert_false(access_is_intermediary(&s->listens[1], &a));
	}
	settings_unref(s);
}

/* ---- by group: what could not be named */

#define SIGNED_ON                                                          \
	"listen \"127.0.0.1:3128\" { sign-on = {ntlm}  accounts = {local} }\n" \
	"accounts local { file = \"accounts\" }\n"

static void a_group_that_could_not_be_named_is_never_allowed_and_always_denied(void **state)
{
	static const char *const texts[] = {
		SIGNED_ON "access { action = deny  groups = {'CORP\\Temps'} }\naccess { action = allow }\n",
		SIGNED_ON "access { action = deny  groups = {\"temps\"} }\naccess { action = allow }\n",
		SIGNED_ON "access { action = allow  groups = {'CORP\\Staff'} }\n",
	};
	static const char *temps[] = {"CORP\\Temps"}, *staff[] = {"CORP\\Staff"};
	static const struct access_user none = {.shown = "CORP\\a"},
									unknown = {.shown = "CORP\\a", .groups_unresolved = true};
	static const struct access_user temp = {.shown = "CORP\\a", .groups = temps, .group_count = 1};
	static const struct access_user known = {
		.shown = "CORP\\a", .groups = staff, .group_count = 1, .groups_unresolved = true};
	static const struct {
		unsigned text;
		const struct access_user *user;
		enum access_verdict verdict;
	} cases[] = {
		{0, &none, ACCESS_ALLOWED},
		{0, &temp, ACCESS_DENIED_BY_RULE},
		{0, &unknown, ACCESS_DENIED_BY_RULE},
		{1, &unknown, ACCESS_ALLOWED}, /* a local group: whose they are is always known */
		{2, &none, ACCESS_DENIED_BY_DEFAULT},
		{2, &unknown, ACCESS_DENIED_BY_DEFAULT},
		{2, &known, ACCESS_ALLOWED},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(settings) struct settings *s = settings_of(texts[cases[i].text]);
		struct access_question q = {.settings = s,
		                            .listen = &s->listens[0],
		                            .method_text = SPAN("GET"),
		                            .host = SPAN("a.example"),
		                            .port = 80,
		                            .user = cases[i].user};
		struct addr client = address("127.0.0.1");
		struct access_answer answer;
		struct arena memory;
		arena_init(&memory, 1 << 16);
		q.client = &client;
		access_check(&q, &memory, &answer);
		if (answer.verdict != cases[i].verdict)
			fail_msg("case %zu: %d, not %d", i, answer.verdict, cases[i].verdict);
		arena_fini(&memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_that_could_not_be_named_is_never_allowed_and_always_denied),
		cmocka_unit_test(every_question_has_its_answer),
		cmocka_unit_test(the_remedy_of_a_refusal_allows_it),
		cmocka_unit_test(clients_and_intermediaries_are_told_by_their_address),
	};
	return cmocka_run_group_tests_name("route: access", tests, NULL, NULL);
}
