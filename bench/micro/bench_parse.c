/* What reading a head costs: nanoseconds per message for a browser's GET, its end looked for and its fields parsed.
 *
 * Best of many short rounds on a warm cache, so that other work on the machine matters little: a floor for comparing
 * versions of the parser, not a promise. */
#include <stdio.h>
#include <time.h>

#include "http/framing.h"
#include "http/hop.h"
#include "http/uri.h"

static const char browser_get[] =
	"GET http://intranet.example.com/portal/app/dashboard?view=week&item=42 HTTP/1.1\r\n"
	"Host: intranet.example.com\r\n"
	"Proxy-Connection: keep-alive\r\n"
	"Upgrade-Insecure-Requests: 1\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
	"Referer: http://intranet.example.com/portal/\r\n"
	"Accept-Encoding: gzip, deflate\r\n"
	"Accept-Language: en-GB,en;q=0.9,de;q=0.8,fr-CH,fr;q=0.7\r\n"
	"Cookie: sid=8f14e45fceea167a5a36dedd4bea2543\r\n"
	"DNT: 1\r\n\r\n";

static const char server_200[] = "HTTP/1.1 200 OK\r\n"
								 "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
								 "Server: Microsoft-IIS/10.0\r\n"
								 "Content-Type: text/html; charset=utf-8\r\n"
								 "Cache-Control: private\r\n"
								 "X-Powered-By: ASP.NET\r\n"
								 "Content-Length: 1024\r\n\r\n";

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct field fields[FIELDS_MOST];
static char out[4096];

static size_t find_end(struct span s)
{
	size_t scanned = 0;
	__asm__ volatile("" : : "r"(s.p) : "memory");
	int n = head_find_end(s, &scanned, &head_limits_default);
	ASSERT(n == (int)s.n);
	return (size_t)n;
}

static size_t request(struct span s)
{
	struct head h;
	size_t n = find_end(s);
	enum parse_fault fault = head_parse_request(&h, span_make(s.p, n), fields, &head_limits_default);
	ASSERT(!fault);
	return h.count;
}

static size_t response(struct span s)
{
	struct head h;
	size_t n = find_end(s);
	enum parse_fault fault = head_parse_response(&h, span_make(s.p, n), fields, &head_limits_default);
	ASSERT(!fault);
	return h.count;
}

/* All that this folder does for a forwarded request. */
static size_t forward(struct span s)
{
	struct head h;
	struct target t;
	struct framing f;
	struct buf b;
	size_t n = find_end(s);
	enum parse_fault fault = head_parse_request(&h, span_make(s.p, n), fields, &head_limits_default);
	ASSERT(!fault);
	fault = target_parse(&h, &t);
	ASSERT(!fault);
	framing_of_request(&h, &f);
	hop_drop_request(&h);
	buf_over(&b, out, sizeof(out));
	head_copy_fields(&h, &b);
	via_add(&b, h.minor, SPAN("fairlead"));
	return b.n;
}

static void measure(const char *what, size_t (*run)(struct span), struct span s)
{
	enum { ROUNDS = 2000, TIMES = 2000 };
	double best = 1e18;
	size_t sum = 0;
	for (int r = 0; r < ROUNDS; r++) {
		double start = now_ns();
		for (int i = 0; i < TIMES; i++)
			sum += run(s);
		double each = (now_ns() - start) / TIMES;
		best = each < best ? each : best;
	}
	ASSERT(sum > 0);
	printf("%-34s %4zu bytes  %6.1f ns\n", what, s.n, best);
}

int main(void)
{
	measure("request: find the end", find_end, span_make(browser_get, sizeof(browser_get) - 1));
	measure("request: find the end, parse", request, span_make(browser_get, sizeof(browser_get) - 1));
	measure("request: all but sending", forward, span_make(browser_get, sizeof(browser_get) - 1));
	measure("response: find the end, parse", response, span_make(server_200, sizeof(server_200) - 1));
	return 0;
}
