#include <stdio.h>

#include "generate.h"

/* One of many texts: those in front come far more often. */
struct choice {
	const char *const *usual;
	unsigned usual_n;
	const char *const *odd;
	unsigned odd_n;
};

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
#define CHOICE(name)                                                           \
	{                                                                          \
		name##_usual, COUNT_OF(name##_usual), name##_odd, COUNT_OF(name##_odd) \
	}

static const char *const method_usual[] = {"GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "PROPFIND"};
static const char *const method_odd[] = {"CONNECT", "TRACE", "get",   "M-SEARCH", "G ET",
                                         "PRI",     "",      "GET\t", "SOURCE",   "X"};
static const struct choice methods = CHOICE(method);

static const char *const target_usual[] = {"/",
                                           "/a/b?c=d",
                                           "http://a.test/",
                                           "http://a.test:8080/x?y",
                                           "http://a.test",
                                           "http://[::1]:81/",
                                           "https://a.test/"};
static const char *const target_odd[] = {
	"*",         "a.test:443", "http://a.test?x", "//a",       "/a b",      "/a#b",        "http://u@a/",
	"/%zz",      "/{\"|\\^`}", "http:/a",         "/\xc3\xa9", "",          "x",           "http://a.test:0/",
	"[::1]:443", "/a\tb",      "HTTP://A/",       "ftp://a/",  "http:///a", "http://a_b/", "?a",
	"/?#"};
static const struct choice targets = CHOICE(target);

static const char *const version_usual[] = {"HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"};
static const char *const version_odd[] = {"HTTP/1.2", "HTTP/2.0", "http/1.1",  "HTTP/1.1 ", "HTTP/0.9",  "",
                                          "HTTP/1.",  "ICE/1.0",  "HTTP/1.10", "HTTP/01.1", "HTTP /1.1", "RTSP/1.0"};
static const struct choice versions = CHOICE(version);

static const char *const status_usual[] = {"200 OK",           "200 OK",         "404 Not Found", "401 Unauthorized",
                                           "304 Not Modified", "204 No Content", "500 ",          "302"};
static const char *const status_odd[] = {
	"100 Continue", "101 Switching", "103 Early",  "205 Reset", "99 x", "2000 x",  "600 x",  "2 00",
	"200\tOK",      "200 \xe4",      "200 O\x01K", "",          "abc",  "0200 OK", "200  OK"};
static const struct choice statuses = CHOICE(status);

static const char *const end_usual[] = {"\r\n"};
static const char *const end_odd[] = {"\n", "\r", "\r\r\n", "\n\r", "\r\n\r\n", "\r\n ", "\r\n\t", "\x0b\r\n", ""};
static const struct choice ends = CHOICE(end);

static const char *const colon_usual[] = {": ", ":", ": ", ":\t "};
static const char *const colon_odd[] = {" :", "\t: ", "", " ", "::", ":\x0b", "=", ": \r\n "};
static const struct choice colons = CHOICE(colon);

static const char *const name_usual[] = {"Accept",  "X-A",           "Cookie", "Via",    "Date",
                                         "Referer", "Server-Timing", "TE",     "Expect", "!#$%&'*+-.^_`|~"};
static const char *const name_odd[] = {"",
                                       "X Y",
                                       "X\x01",
                                       "Content_Length",
                                       "Transfer_Encoding",
                                       "X[",
                                       "X\xe4",
                                       "\"X\"",
                                       "X;",
                                       "Contentlength",
                                       "Proxy-Authorization",
                                       "Content-Length2",
                                       "Transfer-Encodin",
                                       "Proxy-Connection"};
static const struct choice names = CHOICE(name);

static const char *const value_usual[] = {"a",        "text/html, */*;q=0.1", "",   "x y\tz",
                                          "\xc3\xa9", "\"quoted, value\"",    "a  "};
static const char *const value_odd[] = {"a\x01", "a\x7f", "a\x1f", "\x80\xff", "chunked",
                                        "5",     "a\rb",  "a\nb",  "a\r\n b",  "a\x0b"};
static const struct choice values = CHOICE(value);

static const char *const host_usual[] = {"a.test", "a.test:80", "[::1]:81"};
static const char *const host_odd[] = {"",   "a b", "a,b",  "u@a",  "a/b", "a:0",
                                       "a:", "%61", "[::1", "\xe4", "a_b", "A.TEST."};
static const struct choice hosts = CHOICE(host);

static const char *const length_odd[] = {"+5",
                                         "-5",
                                         "5,5",
                                         "5, 5",
                                         "0x5",
                                         "5 ",
                                         " 5",
                                         "05",
                                         "0005",
                                         "5\t",
                                         "",
                                         "5;a",
                                         "5 5",
                                         "9223372036854775808",
                                         "18446744073709551616",
                                         "18446744073709551621",
                                         "5.0",
                                         "1e1",
                                         "\"5\"",
                                         "5\x0b",
                                         "4",
                                         "6",
                                         "99"};
static const char *const coding_usual[] = {"chunked", "chunked", "chunked", "Chunked", " chunked "};
static const char *const coding_odd[] = {
	"identity", "gzip, chunked", "chunked, chunked", "chunked, gzip", "gzip",        "xchunked",
	"chunkedx", "chunked,",      ",chunked",         "\"chunked\"",   "chunked;q=1", "chunked\t",
	"",         "x chunked",     "chunked x",        "chunked\x0b",   "\tchunked",   "CHUNKED",
	"chunke",   "chun ked",      "deflate,chunked",  "chunked ,"};
static const struct choice codings = CHOICE(coding);

static const char *const option_usual[] = {"close", "keep-alive", "Keep-Alive", "TE", "upgrade", "Upgrade, close"};
static const char *const option_odd[] = {"close, keep-alive",
                                         "keep-alive, close",
                                         "xclose",
                                         "closex",
                                         "close ",
                                         ",close",
                                         "close;a",
                                         "clo se",
                                         "",
                                         "close,,",
                                         "\tclose",
                                         "upgrade,keep-alive",
                                         "keep-alivex",
                                         "TE\t, close"};
static const struct choice options = CHOICE(option);

static const char *const size_end_usual[] = {"", "", "", ";a", ";a=b", ";a=\"b;c\"", ";a;b=c"};
static const char *const size_end_odd[] = {" ",           ";",           "; a",       " ;a",         ";a=", ";=b",
                                           ";a=\"b",      ";a=\"\\\"\"", ";a=\"\r\"", ";a\n",        "\t",  ";a=b c",
                                           ";a=\"\xe4\"", ";a=\"b\"c",   ";;",        ";a=\"\\\n\"", "g",   ";\x80"};
static const struct choice size_ends = CHOICE(size_end);

static const char *const size_front_odd[] = {" ", "0", "00000000", "0000000000000000", "0x",
                                             "+", "-", "\t",       "1000000000000000"};
static const char *const splices[] = {"\r",
                                      "\n",
                                      "\r\n",
                                      " ",
                                      "\t",
                                      ":",
                                      ";",
                                      ",",
                                      "0",
                                      "\x0b",
                                      "\x0c",
                                      "\x80",
                                      "_",
                                      "\"",
                                      "\\",
                                      "Content-Length: 5\r\n",
                                      "Transfer-Encoding: chunked\r\n",
                                      "\r\n\r\n",
                                      "Host: b\r\n",
                                      "0\r\n\r\n",
                                      "GET / HTTP/1.1\r\n",
                                      "chunked",
                                      "\x7f",
                                      "=",
                                      "-",
                                      "#",
                                      "%00",
                                      "@"};

void generator_init(struct generator *g, uint64_t seed)
{
	g->state = seed;
}

/* splitmix64 */
static uint64_t next(struct generator *g)
{
	uint64_t z = g->state += 0x9e3779b97f4a7c15ull;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static unsigned below(struct generator *g, unsigned n)
{
	return (unsigned)(next(g) % n);
}

static bool one_in(struct generator *g, unsigned n)
{
	return below(g, n) == 0;
}

/* A message has about twenty choices; one in forty of them odd leaves half of the messages without a fault. */
static const char *pick(struct generator *g, const struct choice *c)
{
	return one_in(g, 40) ? c->odd[below(g, c->odd_n)] : c->usual[below(g, c->usual_n)];
}

static void add_line_end(struct generator *g, struct buf *b)
{
	buf_adds(b, one_in(g, 8) ? pick(g, &ends) : "\r\n");
}

static void add_field(struct generator *g, struct buf *b, const char *name, const char *value)
{
	buf_adds(b, name);
	buf_adds(b, one_in(g, 4) ? pick(g, &colons) : ": ");
	buf_adds(b, value);
	add_line_end(g, b);
}

static void add_random_field(struct generator *g, struct buf *b)
{
	switch (below(g, 8)) {
	case 0:
		add_field(g, b, one_in(g, 10) ? "Proxy-Connection" : "Connection", pick(g, &options));
		return;
	case 1:
		add_field(g, b, "Upgrade", one_in(g, 20) ? "web socket" : "websocket");
		return;
	default:
		add_field(g, b, pick(g, &names), pick(g, &values));
	}
}

static void add_payload(struct generator *g, struct buf *b, unsigned n)
{
	while (n--)
		buf_addc(b, one_in(g, 10) ? "\r\n0: ;"[below(g, 6)] : (char)('a' + below(g, 26)));
}

static void add_chunk(struct generator *g, struct buf *b, unsigned n)
{
	if (one_in(g, 60))
		buf_adds(b, size_front_odd[below(g, COUNT_OF(size_front_odd))]);
	buf_addf(b, one_in(g, 2) ? "%x" : "%X", n);
	buf_adds(b, pick(g, &size_ends));
	add_line_end(g, b);
	if (n) {
		add_payload(g, b, n + (one_in(g, 60) ? 1 : 0) - (one_in(g, 60) ? 1 : 0));
		add_line_end(g, b);
	}
}

static void add_chunks(struct generator *g, struct buf *b)
{
	for (unsigned n = below(g, 4); n > 0; n--)
		add_chunk(g, b, 1 + below(g, 40));
	if (!one_in(g, 50))
		add_chunk(g, b, 0);
	for (unsigned n = one_in(g, 3) ? below(g, 3) : 0; n > 0; n--)
		add_random_field(g, b);
	add_line_end(g, b);
}

enum body { NO_BODY, LENGTH, CHUNKED };

static void add_framing_fields(struct generator *g, struct buf *b, enum body body, unsigned length)
{
	char number[32];
	snprintf(number, sizeof(number), "%u", length);
	if (body == LENGTH || one_in(g, 80))
		add_field(g, b, one_in(g, 3) ? "content-length" : "Content-Length",
		          one_in(g, 12) ? length_odd[below(g, COUNT_OF(length_odd))] : number);
	if (body == CHUNKED || one_in(g, 80))
		add_field(g, b, one_in(g, 3) ? "transfer-encoding" : "Transfer-Encoding", pick(g, &codings));
}

static void add_head(struct generator *g, struct buf *b, bool is_request, enum body body, unsigned length)
{
	if (one_in(g, 60))
		add_line_end(g, b);
	if (is_request) {
		buf_adds(b, pick(g, &methods));
		buf_adds(b, one_in(g, 80) ? "  " : " ");
		buf_adds(b, pick(g, &targets));
		buf_adds(b, one_in(g, 80) ? "\t" : " ");
		buf_adds(b, pick(g, &versions));
	} else {
		buf_adds(b, pick(g, &versions));
		buf_adds(b, one_in(g, 80) ? "  " : " ");
		buf_adds(b, pick(g, &statuses));
	}
	add_line_end(g, b);
	unsigned before = below(g, 3), after = below(g, 3);
	if (is_request && !one_in(g, 40))
		add_field(g, b, "Host", pick(g, &hosts));
	while (before--)
		add_random_field(g, b);
	add_framing_fields(g, b, body, length);
	while (after--)
		add_random_field(g, b);
	add_line_end(g, b);
}

/* Somewhere a byte is lost, doubled, changed, or something is put in. */
static void damage(struct generator *g, struct buf *b)
{
	size_t at = below(g, (unsigned)b->n);
	const char *text;
	switch (below(g, 4)) {
	case 0:
		memmove(b->p + at, b->p + at + 1, b->n - at - 1);
		b->n--;
		return;
	case 1:
		b->p[at] = (char)next(g);
		return;
	case 2:
		b->p[at] ^= (char)(1 << below(g, 8));
		return;
	default:
		text = splices[below(g, COUNT_OF(splices))];
		if (buf_reserve(b, strlen(text)) != 0)
			return;
		memmove(b->p + at + strlen(text), b->p + at, b->n - at);
		memcpy(b->p + at, text, strlen(text));
		b->n += strlen(text);
	}
}

void generate(struct generator *g, struct message *out)
{
	static const enum method answered[] = {METHOD_GET, METHOD_GET, METHOD_POST, METHOD_HEAD, METHOD_CONNECT};
	struct buf b;
	buf_over(&b, g->bytes, sizeof(g->bytes));
	*out = (struct message){.is_request = one_in(g, 2)};
	out->answers = out->is_request ? METHOD_OTHER : answered[below(g, COUNT_OF(answered))];
	enum body body = below(g, 3);
	unsigned length = below(g, 30);
	add_head(g, &b, out->is_request, body, length);
	if (body == LENGTH)
		add_payload(g, &b, length);
	else if (body == CHUNKED)
		add_chunks(g, &b);
	if (one_in(g, 3))
		buf_adds(&b, "GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n");
	if (one_in(g, 3))
		damage(g, &b);
	ASSERT(buf_error(&b) == 0);
	out->bytes = buf_span(&b);
}
