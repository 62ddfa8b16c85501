/* Whatever we accept, llhttp accepts too and takes for the same: method, target, status, fields, body, where the message
 * ends, whether the connection goes on. The other way round we are free to be stricter.
 *
 *     differential [messages [seed]]
 *     differential --print messages [seed]    what we accept and how, in JSON, for node_parser.js */
#include <stdio.h>
#include <stdlib.h>

#include "generate.h"
#include "http/status.h"

static struct understanding ours, theirs;

static void print_bytes(const char *what, struct span s)
{
	printf("%s ", what);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '\r' || c == '\n')
			printf(c == '\r' ? "\\r" : "\\n");
		else
			printf(c >= 0x20 && c < 0x7f && c != '\\' ? "%c" : "\\x%02x", c);
	}
	printf("\n");
}

static const char *fields_differ(void)
{
	if (ours.fields_n != theirs.fields_n)
		return "number of fields";
	for (unsigned i = 0; i < ours.fields_n; i++) {
		if (!span_eq(ours.fields[i].name, theirs.fields[i].name))
			return "name of a field";
		if (!span_eq(ours.fields[i].value, theirs.fields[i].value))
			return "value of a field";
	}
	return NULL;
}

/* An HTTP/1.0 message that says both close and keep-alive: we close, llhttp does not. To say close is always allowed. */
static const char *connection_differs(void)
{
	if (ours.ignore_connection)
		return NULL;
	if (ours.keep_alive && !theirs.keep_alive)
		return "keep-alive";
	if (!ours.keep_alive && theirs.keep_alive && ours.minor == 1)
		return "keep-alive";
	return ours.upgrade != theirs.upgrade ? "upgrade" : NULL;
}

/* "1;a=b;c": llhttp 8 refuses a further extension behind one with a value. It is right by RFC 9112 7.1.1, and who refuses
 * understands nothing otherwise. */
static bool refused_for_extensions(const struct message *m)
{
	if (!theirs.why || (strcmp(theirs.why, "HPE_INVALID_CHUNK_SIZE") != 0 && strcmp(theirs.why, "HPE_STRICT") != 0))
		return false;
	struct span rest = m->bytes, line;
	while (span_next(&rest, '\n', &line)) {
		const char *value = memchr(line.p, '=', line.n);
		if (value && memchr(value, ';', line.n - (size_t)(value - line.p)))
			return true;
	}
	return false;
}

/* What we accepted and they took for something else; NULL if nothing. */
static const char *difference(const struct message *m)
{
	if (ours.verdict == REFUSED)
		return NULL;
	if (m->is_request && ours.method.n && !llhttp_knows_method(ours.method))
		return NULL;
	if (ours.verdict == UNFINISHED)
		return theirs.verdict == ACCEPTED ? "we wait for more" : NULL;
	if (theirs.verdict == REFUSED && refused_for_extensions(m))
		return NULL;
	if (theirs.verdict != ACCEPTED)
		return theirs.verdict == REFUSED ? "refused by llhttp" : "llhttp waits for more";
	if (m->is_request && (!span_eq(ours.method, theirs.method) || !span_eq(ours.target, theirs.target)))
		return "request line";
	if (ours.minor != theirs.minor || (!m->is_request && ours.status != theirs.status))
		return "version or status";
	if (!span_eq(ours.body, theirs.body))
		return "body";
	if (ours.ends_at != theirs.ends_at)
		return "end of the message";
	const char *fields = fields_differ();
	return fields ? fields : connection_differs();
}

static void report(const struct message *m, unsigned long number, const char *what)
{
	printf("message %lu differs: %s%s%s\n", number, what, theirs.why ? ", " : "", theirs.why ? theirs.why : "");
	print_bytes(m->is_request ? "request " : "response", m->bytes);
	print_bytes("our body  ", ours.body);
	print_bytes("their body", theirs.body);
	printf("ends at %zu, %zu; fields %u, %u; keep %d, %d; upgrade %d, %d; answers %d\n", ours.ends_at, theirs.ends_at,
	       ours.fields_n, theirs.fields_n, ours.keep_alive, theirs.keep_alive, ours.upgrade, theirs.upgrade,
	       (int)m->answers);
}

static void print_hex(const char *key, struct span s, const char *end)
{
	if (key)
		printf("\"%s\":", key);
	printf("\"");
	for (size_t i = 0; i < s.n; i++)
		printf("%02x", (unsigned char)s.p[i]);
	printf("\"%s", end);
}

static void print_ours(const struct message *m)
{
	struct span answers = method_name(m->answers);
	printf("{\"request\":%d,\"answers\":\"%.*s\",", m->is_request, SPAN_ARG(answers));
	print_hex("bytes", m->bytes, ",");
	print_hex("method", ours.method, ",");
	print_hex("target", ours.target, ",");
	print_hex("body", ours.body, ",");
	printf(
		"\"status\":%u,\"minor\":%u,\"ends\":%zu,\"keep\":%d,\"until_close\":%d,\"ignore_connection\":%d,\"fields\":[",
		ours.status, ours.minor, ours.ends_at, ours.keep_alive, ours.ends_at == m->bytes.n, ours.ignore_connection);
	for (unsigned i = 0; i < ours.fields_n; i++) {
		printf(i ? ",[" : "[");
		print_hex(NULL, ours.fields[i].name, ",");
		print_hex(NULL, ours.fields[i].value, "]");
	}
	printf("]}\n");
}

static int print_accepted(unsigned long messages, uint64_t seed)
{
	static struct generator g;
	generator_init(&g, seed);
	while (messages--) {
		struct message m;
		generate(&g, &m);
		understand_ours(&m, &ours);
		if (ours.verdict == ACCEPTED && !(m.is_request && !llhttp_knows_method(ours.method)))
			print_ours(&m);
	}
	return 0;
}

int main(int argc, char **argv)
{
	enum { REPORTED = 10 };
	if (argc > 2 && strcmp(argv[1], "--print") == 0)
		return print_accepted(strtoul(argv[2], NULL, 10), argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
	static struct generator g;
	unsigned long messages = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000, accepted = 0, refused = 0, differing = 0;
	unsigned long refused_by_both = 0;
	generator_init(&g, argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
	for (unsigned long i = 0; i < messages && differing < REPORTED; i++) {
		struct message m;
		generate(&g, &m);
		understand_ours(&m, &ours);
		understand_llhttp(&m, &theirs);
		accepted += ours.verdict == ACCEPTED;
		refused += ours.verdict == REFUSED;
		refused_by_both += ours.verdict == REFUSED && theirs.verdict == REFUSED;
		const char *what = difference(&m);
		if (what) {
			report(&m, i, what);
			differing++;
		}
	}
	printf("%lu messages: %lu accepted, %lu refused (%lu by llhttp too), %lu understood otherwise\n", messages,
	       accepted, refused, refused_by_both, differing);
	/* A generator whose messages nobody takes, or everybody, would prove nothing. */
	if (messages >= 1000 && (accepted < messages / 5 || refused < messages / 5))
		return 2;
	return differing ? 1 : 0;
}
