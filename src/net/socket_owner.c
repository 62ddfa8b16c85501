#include "net/socket_owner.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include "base/cleanup.h"

struct question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 request;
};

/* The socket's own end is the source. A connection made over an IPv6 socket to an IPv4 address is found as the IPv4 one that it is. */
static void name_socket(struct inet_diag_req_v2 *r, struct addr from, struct addr to)
{
	addr_unmap(&from);
	addr_unmap(&to);
	r->sdiag_family = (unsigned char)from.sa.sa_family;
	r->sdiag_protocol = IPPROTO_TCP;
	r->id.idiag_sport = htons(addr_port(&from));
	r->id.idiag_dport = htons(addr_port(&to));
	r->id.idiag_cookie[0] = r->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	if (from.sa.sa_family == AF_INET6) {
		memcpy(r->id.idiag_src, &from.v6.sin6_addr, sizeof(from.v6.sin6_addr));
		memcpy(r->id.idiag_dst, &to.v6.sin6_addr, sizeof(to.v6.sin6_addr));
		r->id.idiag_if = from.v6.sin6_scope_id;
	} else {
		memcpy(r->id.idiag_src, &from.v4.sin_addr, sizeof(from.v4.sin_addr));
		memcpy(r->id.idiag_dst, &to.v4.sin_addr, sizeof(to.v4.sin_addr));
	}
}

static int read_answer(const char *bytes, size_t n, uid_t *out)
{
	struct nlmsghdr head;
	struct inet_diag_msg found;
	struct nlmsgerr problem;
	if (n < sizeof(head))
		return -EPROTO;
	memcpy(&head, bytes, sizeof(head));
	if (head.nlmsg_type == NLMSG_ERROR && n >= NLMSG_HDRLEN + sizeof(problem)) {
		memcpy(&problem, bytes + NLMSG_HDRLEN, sizeof(problem));
		return problem.error ? problem.error : -EPROTO;
	}
	if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || n < NLMSG_HDRLEN + sizeof(found))
		return -EPROTO;
	memcpy(&found, bytes + NLMSG_HDRLEN, sizeof(found));
	/* A socket without a process is shown as root's: anybody could pass for root by closing at once. */
	if (found.idiag_inode == 0 || found.idiag_state == TCP_TIME_WAIT)
		return -ESTALE;
	*out = found.idiag_uid;
	return 0;
}

int socket_owner(const struct addr *theirs, const struct addr *ours, uid_t *out)
{
	char answer[4096];
	struct question q = {
		.head = {.nlmsg_len = sizeof(q), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST}};
	AUTO(fd) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return -errno;
	name_socket(&q.request, *theirs, *ours);
	if (send(fd, &q, sizeof(q), 0) != sizeof(q))
		return -errno;
	ssize_t n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT); /* it was put there by the send */
	return n < 0 ? -errno : read_answer(answer, (size_t)n, out);
}

int socket_owner_of_client(int fd, uid_t *out)
{
	struct addr theirs, ours;
	socklen_t n = sizeof(theirs), m = sizeof(ours);
	if (getpeername(fd, &theirs.sa, &n) != 0 || getsockname(fd, &ours.sa, &m) != 0)
		return -errno;
	return socket_owner(&theirs, &ours, out);
}
