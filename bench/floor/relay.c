/* floor-relay PORT SERVER-PORT: copies bytes between each client and one server connection, and parses nothing. When the
 * client goes, the server connection is kept for the next client: right only because clients here leave between exchanges.
 * "-k" before the ports: a server connection is closed with its client (tunnels). */
#include "common.h"

#include <stdlib.h>
#include <string.h>

static uint16_t server_port;
static bool keep = true;

void side_received(struct side *s, char *bytes, ssize_t n)
{
	if (n > 0) {
		if (!s->other && s->server) {
			side_close(s);
			return;
		}
		if (!s->other)
			pair(s, keep ? server_take(server_port) : server_dial(server_port));
		side_send(s->other, bytes, (size_t)n);
		return;
	}
	struct side *other = s->other;
	side_close(s);
	if (!other)
		return;
	other->other = NULL;
	if (other->server && keep && !other->rest_length && !other->blocked)
		server_release(other);
	else
		side_close(other);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "-k") == 0)
		keep = false;
	if (argc != (keep ? 3 : 4))
		return 2;
	server_port = (uint16_t)atoi(argv[argc - 1]);
	serve((uint16_t)atoi(argv[argc - 2]));
}
