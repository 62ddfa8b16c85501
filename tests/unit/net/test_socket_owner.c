/* Whose is the other end of a connection: asked of the kernel, about sockets of this process and of a child that is another user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/socket_owner.h"

enum { NOBODY = 65534 };

struct pair {
	int listener, client, accepted;
};

static int listen_at(const char *literal, struct addr *at)
{
	socklen_t n = sizeof(*at);
	assert_int_equal(addr_parse(span_of(literal), 0, at), 0);
	int fd = socket(at->sa.sa_family, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, &at->sa, addr_length(at)) != 0) {
		close(fd);
		return -1; /* no IPv6 here */
	}
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, &at->sa, &n), 0);
	return fd;
}

static bool connect_pair(const char *listen_on, const char *connect_to, struct pair *p)
{
	struct addr at, to;
	p->listener = listen_at(listen_on, &at);
	if (p->listener < 0)
		return false;
	assert_int_equal(addr_parse(span_of(connect_to), addr_port(&at), &to), 0);
	p->client = socket(to.sa.sa_family, SOCK_STREAM, 0);
	assert_int_equal(connect(p->client, &to.sa, addr_length(&to)), 0);
	p->accepted = accept(p->listener, NULL, NULL);
	assert_true(p->accepted >= 0);
	return true;
}

static void close_pair(struct pair *p)
{
	close(p->listener);
	close(p->client);
	close(p->accepted);
}

static void it_is_the_user_of_the_process(void **state)
{
	static const char *const rows[][2] = {{"127.0.0.1", "127.0.0.1"},
	                                      {"0.0.0.0", "127.0.0.2"},
	                                      {"127.0.0.1", "::ffff:127.0.0.1"},
	                                      {"::", "127.0.0.1"},
	                                      {"::1", "::1"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p;
		uid_t owner = NOBODY + 1;
		if (!connect_pair(rows[i][0], rows[i][1], &p))
			continue;
		int error = socket_owner_of_client(p.accepted, &owner);
		if (error || owner != geteuid())
			fail_msg("%s to %s: error %d, user %u", rows[i][1], rows[i][0], error, owner);
		close_pair(&p);
	}
}

static void another_user_is_told_apart(void **state)
{
	struct addr at;
	int done[2], fd = listen_at("127.0.0.1", &at);
	uid_t owner = 0;
	if (geteuid() != 0) {
		close(fd);
		skip();
	}
	assert_int_equal(pipe(done), 0);
	pid_t child = fork();
	if (child == 0) {
		char c;
		close(done[1]);
		if (setuid(NOBODY) != 0)
			_exit(1);
		int s = socket(AF_INET, SOCK_STREAM, 0);
		_exit(connect(s, &at.sa, addr_length(&at)) != 0 || read(done[0], &c, 1) < 0);
	}
	int accepted = accept(fd, NULL, NULL);
	assert_int_equal(socket_owner_of_client(accepted, &owner), 0);
	assert_int_equal(owner, NOBODY);
	close(done[0]);
	close(done[1]);
	close(accepted);
	close(fd);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* The kernel shows such a socket as root's. */
static void a_socket_that_was_closed_is_nobodys(void **state)
{
	struct pair p;
	uid_t owner = NOBODY;
	assert_true(connect_pair("127.0.0.1", "127.0.0.1", &p));
	assert_int_equal(send(p.client, "x", 1, 0), 1);
	close(p.client);
	assert_int_equal(socket_owner_of_client(p.accepted, &owner), -ESTALE);
	assert_int_equal(owner, NOBODY);
	p.client = -1;
	close(p.listener);
	close(p.accepted);
}

static void a_half_closed_socket_still_has_its_owner(void **state)
{
	struct pair p;
	uid_t owner = NOBODY;
	assert_true(connect_pair("127.0.0.1", "127.0.0.1", &p));
	assert_int_equal(shutdown(p.client, SHUT_WR), 0);
	assert_int_equal(socket_owner_of_client(p.accepted, &owner), 0);
	assert_int_equal(owner, geteuid());
	close_pair(&p);
}

static void a_connection_that_is_not_there_has_none(void **state)
{
	struct addr theirs, ours;
	uid_t owner;
	assert_int_equal(addr_parse(SPAN("127.0.0.1"), 1, &ours), 0);
	assert_int_equal(addr_parse(SPAN("192.0.2.1"), 4711, &theirs), 0);
	assert_int_equal(socket_owner(&theirs, &ours, &owner), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_user_of_the_process),
		cmocka_unit_test(another_user_is_told_apart),
		cmocka_unit_test(a_socket_that_was_closed_is_nobodys),
		cmocka_unit_test(a_half_closed_socket_still_has_its_owner),
		cmocka_unit_test(a_connection_that_is_not_there_has_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
