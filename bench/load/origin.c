#include "origin.h"

#include "loop.h"
#include "tokens.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum service { SERVICE_WEB, SERVICE_TUNNEL_START, SERVICE_ECHO, SERVICE_FLOOD, SERVICE_SWALLOW };
enum sign_in { STRANGER, CHALLENGED, SIGNED_IN };

/* A connection from a proxy, or from a client that measures without one. */
struct accepted {
	struct watched watched;
	enum service service;
	enum sign_in sign_in;
	bool is_parent; /* wants its name first */
	bool wants_out;
	uint64_t body_to_send, body_to_take;
	unsigned have;
	char head[8192];
};

static struct origin_counts counts;
static char zeros[256 << 10], page[2048], big_head[512];
static size_t page_length, big_head_length;

#define FIELDS                                                                                                        \
	"Date: Sun, 01 Nov 2026 12:00:00 GMT\r\nServer: origin\r\nContent-Type: text/html\r\nCache-Control: no-store\r\n" \
	"Last-Modified: Sun, 01 Nov 2026 11:00:00 GMT\r\nETag: \"6543-1000\"\r\nX-Request-Group: 4\r\n"
static const char empty_page[] = "HTTP/1.1 200 OK\r\n" FIELDS "Content-Length: 0\r\n\r\n";
static const char missing_page[] = "HTTP/1.1 404 Not Found\r\n" FIELDS "Content-Length: 0\r\n\r\n";
static const char established[] = "HTTP/1.1 200 OK\r\n\r\n";
static const char offer[] = "HTTP/1.1 401 Unauthorized\r\n" FIELDS
							"WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n";
static const char challenge[] = "HTTP/1.1 401 Unauthorized\r\n" FIELDS "WWW-Authenticate: NTLM " NTLM_TYPE_2
								"\r\nContent-Length: 0\r\n\r\n";

static const char proxy_offer[] = "HTTP/1.1 407 Proxy Authentication Required\r\n" FIELDS
								  "Proxy-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n";
static const char proxy_challenge[] = "HTTP/1.1 407 Proxy Authentication Required\r\n" FIELDS
									  "Proxy-Authenticate: NTLM " NTLM_TYPE_2 "\r\nContent-Length: 0\r\n\r\n";

const struct origin_counts *origin_counts(void)
{
	return &counts;
}

static void drop(struct accepted *c)
{
	loop_forget(&c->watched);
	free(c);
}

static void set_interest(struct accepted *c, bool out)
{
	if (out != c->wants_out)
		loop_change(&c->watched, EPOLLIN | (out ? EPOLLOUT : 0));
	c->wants_out = out;
}

/* Small answers always fit the socket's buffer: a client asks again only when it has the last one. */
static bool answer(struct accepted *c, const char *text, size_t length)
{
	return send(c->watched.fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length;
}

static bool answer_signed_in(struct accepted *c, char *head)
{
	const char *token = strcasestr(head, "\r\nAuthorization: NTLM ");

	if (token && strncmp(token + 22, NTLM_TYPE_1, 16) == 0) {
		c->sign_in = CHALLENGED;
		return answer(c, challenge, sizeof challenge - 1);
	}
	if (token && c->sign_in == CHALLENGED && strncmp(token + 22, NTLM_TYPE_3, 16) == 0)
		c->sign_in = SIGNED_IN;
	if (c->sign_in == SIGNED_IN)
		return answer(c, page, page_length);
	counts.strangers++;
	return answer(c, offer, sizeof offer - 1);
}

/* What a parent says before it forwards. True: it has said something. */
static bool parent_asks(struct accepted *c, char *head, bool *good)
{
	const char *token = strcasestr(head, "\r\nProxy-Authorization: NTLM ");

	if (!c->is_parent || c->sign_in == SIGNED_IN)
		return false;
	if (token && c->sign_in == CHALLENGED && strncmp(token + 28, "TlRMTVNTUAAD", 12) == 0) {
		c->sign_in = SIGNED_IN;
		return false;
	}
	bool first = token && strncmp(token + 28, "TlRMTVNTUAAB", 12) == 0;
	c->sign_in = first ? CHALLENGED : STRANGER;
	*good = first ? answer(c, proxy_challenge, sizeof proxy_challenge - 1)
	              : answer(c, proxy_offer, sizeof proxy_offer - 1);
	return true;
}

static bool answer_request(struct accepted *c, char *head)
{
	bool good;
	char *path = strchr(head, ' '), *field;

	if (parent_asks(c, head, &good))
		return good;
	if (strncmp(head, "TRACE ", 6) == 0)
		return answer(c, empty_page, sizeof empty_page - 1);
	if (strncmp(head, "CONNECT ", 8) == 0) {
		c->service = SERVICE_TUNNEL_START;
		return answer(c, established, sizeof established - 1);
	}
	path = path && strncmp(path, " http://", 8) == 0 ? strchr(path + 8, '/') : path ? path + 1 : head;
	if (!path)
		return false;
	if (strncmp(path, "/1k ", 4) == 0)
		return answer(c, page, page_length);
	if (strncmp(path, "/ntlm/", 6) == 0)
		return answer_signed_in(c, head);
	if (strncmp(path, "/64m ", 5) == 0) {
		c->body_to_send = BIG_BODY;
		set_interest(c, true);
		return answer(c, big_head, big_head_length);
	}
	if (strncmp(path, "/sink ", 6) == 0 && (field = strcasestr(head, "\r\nContent-Length:"))) {
		c->body_to_take = strtoull(field + 17, NULL, 10);
		return true;
	}
	if (strncmp(path, "/hold ", 6) == 0) {
		counts.held++;
		return true;
	}
	return answer(c, missing_page, sizeof missing_page - 1);
}

static bool took_body(struct accepted *c, uint64_t n)
{
	counts.swallowed += n;
	c->body_to_take -= n;
	return c->body_to_take > 0 || answer(c, empty_page, sizeof empty_page - 1);
}

/* Works through what stands in c->head. */
static bool serve_web(struct accepted *c)
{
	char *end;

	c->head[c->have] = 0;
	while (c->service == SERVICE_WEB && (end = strstr(c->head, "\r\n\r\n"))) {
		unsigned length = (unsigned)(end + 4 - c->head), body;
		end[2] = 0;
		if (!answer_request(c, c->head))
			return false;
		body = c->have - length < c->body_to_take ? c->have - length : (unsigned)c->body_to_take;
		if (body > 0 && !took_body(c, body))
			return false;
		c->have -= length + body;
		memmove(c->head, c->head + length + body, c->have + 1);
	}
	return c->have < sizeof c->head - 1;
}

static bool start_tunnel(struct accepted *c, char what)
{
	if (what == 'C') { /* CONNECT passed on by a proxy that makes no tunnels itself */
		c->service = SERVICE_WEB;
		return true;
	}
	c->service = what == 'E' ? SERVICE_ECHO : what == 'F' ? SERVICE_FLOOD : SERVICE_SWALLOW;
	set_interest(c, what == 'F');
	return what != 'E' || answer(c, "e", 1);
}

static bool receive(struct accepted *c)
{
	bool discard = c->service == SERVICE_SWALLOW || c->body_to_take > 0;
	ssize_t n;

	if (discard) {
		uint64_t room = c->service == SERVICE_SWALLOW ? 1 << 20 : c->body_to_take;
		n = recv(c->watched.fd, NULL, room < 1 << 20 ? room : 1 << 20, MSG_DONTWAIT | MSG_TRUNC); /* not copied */
	} else
		n = recv(c->watched.fd, c->head + c->have, sizeof c->head - 1 - c->have, MSG_DONTWAIT);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	if (c->service == SERVICE_SWALLOW) {
		counts.swallowed += (uint64_t)n;
		return true;
	}
	if (discard)
		return took_body(c, (uint64_t)n);
	if (c->service == SERVICE_ECHO)
		return answer(c, c->head, (size_t)n);
	if (c->service == SERVICE_FLOOD)
		return true;
	if (c->service == SERVICE_TUNNEL_START && !start_tunnel(c, c->head[0]))
		return false;
	if (c->service != SERVICE_WEB)
		return true;
	c->have += (unsigned)n;
	return serve_web(c);
}

static bool push(struct accepted *c)
{
	bool flood = c->service == SERVICE_FLOOD;
	size_t length = flood || c->body_to_send > sizeof zeros ? sizeof zeros : c->body_to_send;
	ssize_t n = send(c->watched.fd, zeros, length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN;
	if (!flood) {
		c->body_to_send -= (uint64_t)n;
		set_interest(c, c->body_to_send > 0);
	}
	return true;
}

static void accepted_ready(struct watched *w, uint32_t events)
{
	struct accepted *c = (struct accepted *)w;

	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !receive(c)) {
		drop(c);
		return;
	}
	if ((events & EPOLLOUT) && c->wants_out && !push(c))
		drop(c);
}

static void accept_all(struct watched *w, enum service service, bool is_parent)
{
	const int on = 1;
	int fd;

	while ((fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct accepted *c = calloc(1, sizeof *c);
		if (!c)
			fatal("calloc");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		c->service = service;
		c->is_parent = is_parent;
		counts.accepted++;
		loop_watch(&c->watched, fd, EPOLLIN, accepted_ready);
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		fatal("accept4");
}

static void web_ready(struct watched *w, uint32_t events)
{
	accept_all(w, SERVICE_WEB, false);
}

static void tunnel_ready(struct watched *w, uint32_t events)
{
	accept_all(w, SERVICE_TUNNEL_START, false);
}

static void parent_ready(struct watched *w, uint32_t events)
{
	accept_all(w, SERVICE_WEB, true);
}

static uint16_t listen_on(struct watched *w, void (*ready)(struct watched *w, uint32_t events))
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		fatal("origin");
	loop_watch(w, fd, EPOLLIN, ready);
	return ntohs(address.sin_port);
}

void origin_listen(uint16_t *web, uint16_t *tunnel, uint16_t *parent)
{
	static struct watched web_listener, tunnel_listener, parent_listener;

	page_length = (size_t)snprintf(page, sizeof page, "HTTP/1.1 200 OK\r\n" FIELDS "Content-Length: 1024\r\n\r\n%1024s",
	                               "");
	big_head_length = (size_t)snprintf(big_head, sizeof big_head,
	                                   "HTTP/1.1 200 OK\r\n" FIELDS "Content-Length: %llu\r\n\r\n", BIG_BODY);
	*web = listen_on(&web_listener, web_ready);
	*tunnel = listen_on(&tunnel_listener, tunnel_ready);
	*parent = listen_on(&parent_listener, parent_ready);
}
