#include "client.h"

#include "loop.h"
#include "ntlm.h"
#include "origin.h"
#include "tls.h"
#include "tokens.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* What the client waits for. */
enum awaiting { AWAIT_NOTHING, AWAIT_TUNNEL, AWAIT_TYPE_2, AWAIT_SIGNED_IN, AWAIT_ANSWER, AWAIT_BYTE, AWAIT_FLOOD };

struct client {
	struct watched watched;
	struct load *load;
	enum awaiting awaiting;
	bool settled, last_on_connection;
	bool in_body;
	uint64_t body_left, upload_left, began;
	unsigned exchanges; /* on this connection */
	struct ssl_st *ssl; /* NULL: plain */
	unsigned have;
	char head[2048];
};

static const struct behaviour behaviours[] = {
	{.name = "get", .path = "/1k"},
	{.name = "newconn", .path = "/1k", .reconnect = true},
	{.name = "download", .path = "/64m"},
	{.name = "upload", .path = "/sink", .upload = true},
	{.name = "ntlm", .path = "/ntlm/1k", .ntlm = true},
	{.name = "tunnel-down", .tunnel = true, .tunnel_byte = 'F'},
	{.name = "tunnel-up", .tunnel = true, .tunnel_byte = 'S'},
	{.name = "tunnel-setup", .tunnel = true, .tunnel_byte = 'E', .reconnect = true},
	{.name = "idle-tunnel", .tunnel = true, .tunnel_byte = 'E'},
	{.name = "site-1k", .path = "/files/1k.bin", .local = true},
	{.name = "site-100k", .path = "/files/100k.bin", .local = true},
	{.name = "site-app", .path = "/1k", .local = true},
	{.name = "site-1k-tls", .path = "/files/1k.bin", .local = true, .tls = true},
	{.name = "site-100k-tls", .path = "/files/100k.bin", .local = true, .tls = true},
	{.name = "site-app-tls", .path = "/1k", .local = true, .tls = true},
	{.name = "sign-in", .path = "/1k", .sign_in = true, .reconnect = true},
	{.name = "signed-in", .path = "/1k", .sign_in = true},
	{.name = "signed-in-tls", .path = "/1k", .sign_in = true, .tls = true},
	{.name = "idle-fresh"},
	{.name = "slow", .path = "/hold", .unanswered = true},
};

static const char browser_fields[] =
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
	"Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\nAccept-Encoding: gzip, deflate\r\n"
	"Referer: http://127.0.0.1/portal/start/index.html?from=home\r\n"
	"Cookie: session=5f2b0c1d9e8a7b6c5d4e3f2a1b0c9d8e; theme=light; lang=en\r\n"
	"Upgrade-Insecure-Requests: 1\r\nPriority: u=0, i\r\nCache-Control: no-cache\r\n";

static const char upload_zeros[256 << 10];

static void client_ready(struct watched *w, uint32_t events);
static void begin_exchange(struct client *c);

const struct behaviour *behaviour_find(const char *name)
{
	for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++)
		if (strcmp(behaviours[i].name, name) == 0)
			return &behaviours[i];
	return NULL;
}

static void open_connection(struct client *c)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(c->load->port)};
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Blocking: on loopback the kernel answers at once, whatever the proxy does. */
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		fatal("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (c->load->behaviour->tls && !(c->ssl = tls_open(fd)))
		fatal("TLS handshake");
	loop_watch(&c->watched, fd, EPOLLIN, client_ready);
	c->have = c->exchanges = 0;
	c->in_body = c->last_on_connection = false;
	c->body_left = c->upload_left = 0;
}

static void settle(struct client *c)
{
	if (!c->settled)
		c->load->settled++;
	c->settled = true;
}

/* Every change of what a client waits for goes through here, so that `busy` stays true. */
static void await(struct client *c, enum awaiting what)
{
	if (c->awaiting != AWAIT_NOTHING)
		c->load->busy--;
	c->awaiting = what;
	if (what != AWAIT_NOTHING)
		c->load->busy++;
}

static void send_whole(struct client *c, const char *text, size_t length, enum awaiting answer)
{
	await(c, answer);
	ssize_t sent = c->ssl ? tls_send(c->ssl, text, length)
	                      : send(c->watched.fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent != (ssize_t)length)
		shutdown(c->watched.fd, SHUT_RDWR); /* comes back as an end in the middle of an exchange */
}

static void begin_connection(struct client *c)
{
	struct load *l = c->load;
	const struct behaviour *b = l->behaviour;

	if (b->tunnel)
		send_whole(c, l->connect, strlen(l->connect), AWAIT_TUNNEL);
	else if (b->ntlm || b->sign_in)
		send_whole(c, l->type_1, strlen(l->type_1), AWAIT_TYPE_2);
	else if (b->path)
		begin_exchange(c);
	else
		settle(c);
}

static void close_connection(struct client *c)
{
	tls_close(c->ssl);
	c->ssl = NULL;
	loop_forget(&c->watched);
}

static void reconnect(struct client *c)
{
	close_connection(c);
	if (c->load->stopping)
		return;
	c->load->reconnects++;
	open_connection(c);
	c->began = now_ns();
	begin_connection(c);
}

static void failed(struct client *c)
{
	c->load->errors++;
	await(c, AWAIT_NOTHING);
	reconnect(c);
}

static void begin_exchange(struct client *c)
{
	struct load *l = c->load;

	if (l->stopping || (l->once && c->settled))
		return;
	if (!l->behaviour->reconnect)
		c->began = now_ns();
	send_whole(c, l->request, l->request_length, AWAIT_ANSWER);
	if (l->behaviour->upload) {
		c->upload_left = BIG_BODY;
		loop_change(&c->watched, EPOLLIN | EPOLLOUT);
	}
	if (l->behaviour->unanswered)
		settle(c);
}

static void exchange_done(struct client *c)
{
	struct load *l = c->load;

	l->done++;
	c->exchanges++;
	if (l->latencies && l->latency_count < l->latency_room)
		l->latencies[l->latency_count++] = (uint32_t)(now_ns() - c->began);
	await(c, AWAIT_NOTHING);
	settle(c);
	if (l->behaviour->reconnect || (c->last_on_connection && !l->once))
		reconnect(c);
	else if (l->behaviour->path)
		begin_exchange(c);
}

static void begin_in_tunnel(struct client *c)
{
	char byte = c->load->behaviour->tunnel_byte;

	send_whole(c, &byte, 1, byte == 'E' ? AWAIT_BYTE : AWAIT_FLOOD);
	if (byte == 'S') {
		c->upload_left = UINT64_MAX;
		loop_change(&c->watched, EPOLLIN | EPOLLOUT);
	}
}

/* A type 3 over what the proxy has just sent. */
static void answer_challenge(struct client *c)
{
	char text[4096], *token = strcasestr(c->head, "\nProxy-Authenticate: NTLM ");
	size_t n = strlen(c->load->type_3);

	memcpy(text, c->load->type_3, n);
	if (!token || !ntlm_answer(token + 26, strcspn(token + 26, "\r\n"), text + n, sizeof text - n - 8)) {
		failed(c);
		return;
	}
	strcat(text, "\r\n\r\n");
	send_whole(c, text, strlen(text), AWAIT_SIGNED_IN);
}

/* The head of an answer is complete and its body, if any, received. */
static void answered(struct client *c, int status)
{
	int expected = c->awaiting != AWAIT_TYPE_2 ? 200 : c->load->behaviour->sign_in ? 407 : 401;

	if (status != expected || c->upload_left > 0)
		failed(c);
	else if (c->awaiting == AWAIT_TUNNEL)
		begin_in_tunnel(c);
	else if (c->awaiting == AWAIT_TYPE_2 && c->load->behaviour->sign_in)
		answer_challenge(c);
	else if (c->awaiting == AWAIT_TYPE_2)
		send_whole(c, c->load->type_3, strlen(c->load->type_3), AWAIT_SIGNED_IN);
	else
		exchange_done(c);
}

/* Field names in any case: some proxies write them in small letters. */
static void read_fields(struct client *c, const char *line, const char *end)
{
	c->body_left = 0;
	c->last_on_connection = strncmp(c->head, "HTTP/1.0", 8) == 0;
	while ((line = memchr(line, '\n', (size_t)(end - line))) && ++line < end) {
		if (strncasecmp(line, "Content-Length:", 15) == 0)
			c->body_left = strtoull(line + 15, NULL, 10);
		else if (strncasecmp(line, "Connection: close", 17) == 0)
			c->last_on_connection = true;
		else if (strncasecmp(line, "Transfer-Encoding:", 18) == 0)
			c->load->errors++; /* the origin sends none, and nothing on the way has a reason to */
	}
}

static void took_body(struct client *c, size_t n)
{
	c->body_left -= n;
	c->load->bytes += n;
	if (c->body_left > 0)
		return;
	c->in_body = false;
	c->have = 0;
	answered(c, atoi(c->head + 9));
}

/* Takes bytes of an answer; gives how many belong to it. */
static size_t take_answer(struct client *c, const char *bytes, size_t n)
{
	size_t taken = 0, room = sizeof c->head - 1 - c->have;
	char *end;

	if (!c->in_body) {
		unsigned had = c->have;
		taken = n < room ? n : room;
		memcpy(c->head + had, bytes, taken);
		c->have += (unsigned)taken;
		c->head[c->have] = 0;
		if (!(end = strstr(c->head + (had > 3 ? had - 3 : 0), "\r\n\r\n")))
			return taken;
		taken = (size_t)(end + 4 - c->head) - had;
		read_fields(c, c->head, end + 2);
		c->in_body = true;
		if (c->awaiting == AWAIT_TUNNEL)
			c->body_left = 0;
	}
	room = n - taken < c->body_left ? n - taken : (size_t)c->body_left;
	took_body(c, room);
	return taken + room;
}

/* A server may close an idle connection just when the next request is sent: no error, if no byte of an answer came. */
static void ended(struct client *c)
{
	bool closed_idle = c->awaiting == AWAIT_ANSWER && c->exchanges > 0 && c->have == 0 && !c->in_body &&
	                   !c->load->behaviour->ntlm;

	if (c->awaiting != AWAIT_NOTHING && !closed_idle) {
		failed(c);
		return;
	}
	await(c, AWAIT_NOTHING);
	reconnect(c);
}

/* True: there was something. */
static bool receive(struct client *c)
{
	static char room[64 << 10];
	bool discard = c->awaiting == AWAIT_FLOOD || (!c->ssl && c->in_body && c->body_left > sizeof room);
	size_t limit = !discard ? sizeof room : c->in_body && c->body_left < 1 << 20 ? (size_t)c->body_left : 1 << 20;
	ssize_t n = c->ssl ? tls_receive(c->ssl, room, sizeof room)
	                   : recv(c->watched.fd, discard ? NULL : room, limit, MSG_DONTWAIT | (discard ? MSG_TRUNC : 0));

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			ended(c);
		return false;
	}
	if (c->awaiting == AWAIT_FLOOD) {
		c->load->bytes += (uint64_t)n;
		settle(c);
	} else if (discard)
		took_body(c, (size_t)n);
	else if (c->awaiting == AWAIT_BYTE)
		exchange_done(c);
	else if (c->awaiting == AWAIT_NOTHING || take_answer(c, room, (size_t)n) != (size_t)n)
		c->load->errors++;
	return true;
}

/* What OpenSSL has read already raises no event any more. */
static void receive_all(struct client *c)
{
	int fd = c->watched.fd;

	while (receive(c) && c->ssl && c->watched.fd == fd)
		;
}

static void push_body(struct client *c)
{
	size_t length = c->upload_left < sizeof upload_zeros ? (size_t)c->upload_left : sizeof upload_zeros;
	ssize_t n = send(c->watched.fd, upload_zeros, length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		failed(c);
	if (n <= 0)
		return;
	if (c->awaiting == AWAIT_FLOOD)
		settle(c);
	else if ((c->upload_left -= (uint64_t)n) == 0)
		loop_change(&c->watched, EPOLLIN);
}

static void client_ready(struct watched *w, uint32_t events)
{
	struct client *c = (struct client *)w;
	int fd = w->fd;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive_all(c);
	if ((events & EPOLLOUT) && w->fd == fd && c->upload_left > 0)
		push_body(c);
}

static void write_requests(struct load *l)
{
	const char *method = l->behaviour->upload ? "POST" : "GET", *path = l->behaviour->path;
	char length[64] = "";

	if (l->behaviour->upload)
		snprintf(length, sizeof length, "Content-Length: %llu\r\n", BIG_BODY);
	snprintf(l->connect, sizeof l->connect, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0\r\n\r\n",
	         l->origin, l->origin);
	if (!path)
		return;
	if (l->behaviour->local)
		l->request_length = (size_t)snprintf(l->request, sizeof l->request,
		                                     "%s %s HTTP/1.1\r\nHost: site.example\r\n%s\r\n", method, path,
		                                     browser_fields);
	else
		l->request_length = (size_t)snprintf(l->request, sizeof l->request,
		                                     "%s http://%s%s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", method, l->origin, path,
		                                     l->origin, browser_fields, length);
	if (l->behaviour->sign_in) {
		snprintf(l->type_1, sizeof l->type_1,
		         "GET http://%s%s HTTP/1.1\r\nHost: %s\r\n%sProxy-Authorization: NTLM %s\r\n\r\n", l->origin, path,
		         l->origin, browser_fields, NTLM_TYPE_1);
		snprintf(l->type_3, sizeof l->type_3, "GET http://%s%s HTTP/1.1\r\nHost: %s\r\n%sProxy-Authorization: NTLM ",
		         l->origin, path, l->origin, browser_fields);
		return;
	}
	snprintf(l->type_1, sizeof l->type_1, "GET http://%s%s HTTP/1.1\r\nHost: %s\r\n%sAuthorization: NTLM %s\r\n\r\n",
	         l->origin, path, l->origin, browser_fields, NTLM_TYPE_1);
	snprintf(l->type_3, sizeof l->type_3, "GET http://%s%s HTTP/1.1\r\nHost: %s\r\n%sAuthorization: NTLM %s\r\n\r\n",
	         l->origin, path, l->origin, browser_fields, NTLM_TYPE_3);
}

void load_init(struct load *l, unsigned clients)
{
	l->clients = calloc(clients, sizeof *l->clients);
	if (!l->clients)
		fatal("calloc");
	l->client_count = clients;
	for (unsigned i = 0; i < clients; i++) {
		l->clients[i].watched.fd = -1;
		l->clients[i].load = l;
	}
	write_requests(l);
}

void load_start(struct load *l, unsigned i)
{
	struct client *c = &l->clients[i];

	open_connection(c);
	c->began = now_ns();
	begin_connection(c);
}

void load_fini(struct load *l)
{
	for (unsigned i = 0; i < l->client_count; i++)
		if (l->clients[i].watched.fd >= 0)
			close_connection(&l->clients[i]);
	free(l->clients);
	l->clients = NULL;
	l->client_count = 0;
}
