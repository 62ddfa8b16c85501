#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int epoll_fd, log_fd = -1;
static struct side *pool, *closed;
static char log_buffer[64 << 10];
static size_t log_length;

static _Noreturn void fatal(const char *what)
{
	perror(what);
	exit(1);
}

static struct side *side_new(int fd, bool server)
{
	struct side *s = calloc(1, sizeof *s);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
	const int on = 1;

	if (!s)
		fatal("calloc");
	s->fd = fd;
	s->server = server;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		fatal("epoll_ctl");
	return s;
}

static void interest(struct side *s)
{
	struct epoll_event event = {.events = (s->blocked ? 0 : EPOLLIN) | (s->rest_length ? EPOLLOUT : 0), .data.ptr = s};

	if (s->fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_MOD, s->fd, &event) < 0)
		fatal("epoll_ctl");
}

void pair(struct side *client, struct side *server)
{
	client->other = server;
	server->other = client;
}

void side_close(struct side *s)
{
	if (s->fd < 0)
		return;
	for (struct side **p = &pool; s->server && !s->other && *p; p = &(*p)->next)
		if (*p == s) {
			*p = s->next;
			break;
		}
	close(s->fd);
	s->fd = -1;
	s->next = closed;
	closed = s;
}

void side_send(struct side *to, const char *bytes, size_t n)
{
	ssize_t sent = to->rest_length ? 0 : send(to->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent == (ssize_t)n || (sent < 0 && errno != EAGAIN))
		return; /* an error shows at the next read */
	sent = sent < 0 ? 0 : sent;
	n -= (size_t)sent;
	to->rest = realloc(to->rest, to->rest_length + n);
	memcpy(to->rest + to->rest_length, bytes + sent, n);
	to->rest_length += n;
	interest(to);
	if (to->other) {
		to->other->blocked = true;
		interest(to->other);
	}
}

static void side_flush(struct side *s)
{
	ssize_t n = send(s->fd, s->rest, s->rest_length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return;
	s->rest_length -= (size_t)n;
	memmove(s->rest, s->rest + n, s->rest_length);
	if (s->rest_length)
		return;
	interest(s);
	if (s->other && s->other->blocked) {
		s->other->blocked = false;
		interest(s->other);
	}
}

struct side *server_dial(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		fatal("connect");
	return side_new(fd, true);
}

struct side *server_take(uint16_t port)
{
	struct side *s = pool;

	if (!s)
		return server_dial(port);
	pool = s->next;
	return s;
}

void server_release(struct side *server)
{
	if (server->other)
		server->other->other = NULL;
	server->other = NULL;
	server->head_seen = false;
	server->next = pool;
	pool = server;
}

void log_open(const char *file)
{
	log_fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log_fd < 0)
		fatal(file);
}

void log_line(const char *text, size_t n)
{
	if (log_fd < 0)
		return;
	if (log_length + n > sizeof log_buffer) {
		if (write(log_fd, log_buffer, log_length) < 0)
			fatal("log");
		log_length = 0;
	}
	memcpy(log_buffer + log_length, text, n);
	log_length += n;
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	struct epoll_event event = {.events = EPOLLIN};
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		fatal("listen");
	return fd;
}

static void handle(struct side *s, uint32_t events)
{
	static char bytes[64 << 10];

	if (s->fd >= 0 && (events & EPOLLOUT) && s->rest_length)
		side_flush(s);
	if (s->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
		ssize_t n = recv(s->fd, bytes, sizeof bytes - 1, MSG_DONTWAIT);
		if (n >= 0 || errno != EAGAIN)
			side_received(s, bytes, n);
	}
}

void serve(uint16_t port)
{
	struct rlimit files;
	int listener;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listener = listen_on(port);
	for (;;) {
		struct epoll_event events[256];
		int n = epoll_wait(epoll_fd, events, 256, -1);
		for (int i = 0, fd; i < n; i++) {
			if (events[i].data.ptr)
				handle(events[i].data.ptr, events[i].events);
			else if ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
				side_new(fd, false);
		}
		while (closed) {
			struct side *s = closed;
			closed = s->next;
			free(s->rest);
			free(s);
		}
	}
}
