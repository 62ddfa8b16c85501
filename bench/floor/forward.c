/* floor-forward PORT WEB-PORT TUNNEL-PORT [LOG]: the least that still is a forward proxy. The request line becomes
 * origin-form, Via is added both ways, lengths are read where they are expected, server connections are pooled after each
 * exchange, CONNECT makes a tunnel, each request is logged through a buffer. It checks nothing: a head that comes in two
 * pieces ends the connection. */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint16_t web_port, tunnel_port;
static const char via[] = "Via: 1.1 floor\r\n", established[] = "HTTP/1.1 200 OK\r\n\r\n";

static void end_both(struct side *s)
{
	if (s->other)
		side_close(s->other);
	side_close(s);
}

static uint64_t content_length(const char *head)
{
	const char *field = strstr(head, "Content-Length: ");

	return field ? strtoull(field + 16, NULL, 10) : 0;
}

static void begin_tunnel(struct side *client)
{
	if (client->other)
		server_release(client->other);
	pair(client, server_dial(tunnel_port));
	client->tunnel = client->other->tunnel = true;
	side_send(client, established, sizeof established - 1);
	log_line("CONNECT\n", 8);
}

/* Sends a head with Via after its first line; `start` is where the first line goes on behind `prefix`. */
static void send_head(struct side *to, const char *prefix, size_t prefix_length, const char *start, const char *all_end)
{
	char head[80 << 10], *at = head;
	const char *line_end = strstr(start, "\r\n") + 2;

	memcpy(at, prefix, prefix_length);
	at += prefix_length;
	memcpy(at, start, (size_t)(line_end - start));
	at += line_end - start;
	memcpy(at, via, sizeof via - 1);
	at += sizeof via - 1;
	memcpy(at, line_end, (size_t)(all_end - line_end));
	side_send(to, head, (size_t)(at - head) + (size_t)(all_end - line_end));
}

static void request(struct side *client, char *bytes, size_t n)
{
	char *path, *end = strstr(bytes, "\r\n\r\n"), *method_end = strchr(bytes, ' ');
	char line[256];

	if (!end || !method_end) {
		end_both(client);
		return;
	}
	if (strncmp(bytes, "CONNECT ", 8) == 0) {
		begin_tunnel(client);
		return;
	}
	path = strncmp(method_end + 1, "http://", 7) == 0 ? strchr(method_end + 8, '/') : method_end + 1;
	if (!client->other)
		pair(client, server_take(web_port));
	*end = 0;
	client->body_left = content_length(path) - (uint64_t)(bytes + n - end - 4);
	*end = '\r';
	send_head(client->other, bytes, (size_t)(method_end + 1 - bytes), path, bytes + n);
	int length = snprintf(line, sizeof line, "%.*s\n", (int)strcspn(bytes, "\r"), bytes);
	log_line(line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

static void response(struct side *server, char *bytes, size_t n)
{
	struct side *client = server->other;

	if (server->head_seen) {
		server->body_left -= n;
		side_send(client, bytes, n);
	} else {
		char *end = strstr(bytes, "\r\n\r\n");
		if (!end) {
			end_both(server);
			return;
		}
		server->body_left = content_length(bytes) - (uint64_t)(bytes + n - end - 4);
		server->head_seen = true;
		send_head(client, "", 0, bytes, bytes + n);
	}
	if (server->body_left == 0 && !client->rest_length)
		server_release(server);
	else if (server->body_left == 0)
		server->head_seen = false; /* kept by the client until it has taken the rest */
}

void side_received(struct side *s, char *bytes, ssize_t n)
{
	if (n <= 0 || (s->server && !s->other)) {
		end_both(s);
		return;
	}
	bytes[n] = 0;
	if (s->tunnel)
		side_send(s->other, bytes, (size_t)n);
	else if (s->server)
		response(s, bytes, (size_t)n);
	else if (s->body_left == 0)
		request(s, bytes, (size_t)n);
	else {
		s->body_left -= (uint64_t)n;
		side_send(s->other, bytes, (size_t)n);
	}
}

int main(int argc, char **argv)
{
	if (argc != 4 && argc != 5)
		return 2;
	if (argc == 5)
		log_open(argv[4]);
	web_port = (uint16_t)atoi(argv[2]);
	tunnel_port = (uint16_t)atoi(argv[3]);
	serve((uint16_t)atoi(argv[1]));
}
