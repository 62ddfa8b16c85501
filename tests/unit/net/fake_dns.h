/* A DNS server of the test's own on 127.0.0.1, over UDP and TCP, that answers, delays, truncates or loses by a table and
 * counts what it was asked. Names that are not in the table do not exist. */
#ifndef FAIRLEAD_TESTS_FAKE_DNS_H
#define FAIRLEAD_TESTS_FAKE_DNS_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine.h"

enum { FAKE_DNS_LOSE = -1, DNS_A = 1, DNS_AAAA = 28, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_REFUSED = 5 };

struct fake_name {
	const char *name;
	_Atomic(const char *) a, aaaa; /* addresses, blanks between */
	int rcode_a, rcode_aaaa;       /* or FAKE_DNS_LOSE */
	unsigned ttl;
	int delay_ms;
	int lose_first; /* so many questions of each type */
	bool truncate;  /* over UDP */
	bool lose_tcp;
	atomic_int asked_a, asked_aaaa, asked_tcp;
};

struct fake_reply {
	mono_ms due;
	struct sockaddr_in to;
	size_t n;
	unsigned char bytes[1500];
	struct fake_reply *next;
};

struct fake_dns {
	struct fake_name *names;
	size_t count;
	int udp, tcp;
	char address[32];
	atomic_bool over;
	atomic_int asked;
	struct fake_reply *late;
	pthread_t thread, tcp_thread;
};

static inline void fake_put(unsigned char **p, unsigned value, int bytes)
{
	while (bytes--)
		*(*p)++ = (unsigned char)(value >> 8 * bytes);
}

/* "www.example" out of 3www7example0; the length of the question with type and class. */
static inline size_t fake_question(const unsigned char *q, size_t n, char *name, unsigned *type)
{
	size_t at = 0;
	char *out = name;
	while (at < n && q[at]) {
		if (out != name)
			*out++ = '.';
		CHECK(q[at] < 64 && at + q[at] < n);
		memcpy(out, q + at + 1, q[at]);
		out += q[at];
		at += q[at] + 1u;
	}
	*out = '\0';
	CHECK(at + 5 <= n);
	*type = (unsigned)(q[at + 1] << 8 | q[at + 2]);
	return at + 5;
}

static inline unsigned fake_records(unsigned char **p, const char *list, unsigned type, unsigned ttl)
{
	unsigned count = 0;
	char copy[2000], *rest = copy, *word;
	snprintf(copy, sizeof(copy), "%s", list ? list : "");
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		fake_put(p, 0xc00c, 2); /* the name of the question */
		fake_put(p, type, 2);
		fake_put(p, 1, 2);
		fake_put(p, ttl, 4);
		fake_put(p, type == DNS_A ? 4 : 16, 2);
		CHECK(inet_pton(type == DNS_A ? AF_INET : AF_INET6, word, *p) == 1);
		*p += type == DNS_A ? 4 : 16;
		count++;
	}
	return count;
}

static inline struct fake_name *fake_find(struct fake_dns *d, const char *name)
{
	for (size_t i = 0; i < d->count; i++) {
		if (strcasecmp(d->names[i].name, name) == 0)
			return &d->names[i];
	}
	return NULL;
}

/* The length of the answer in `out`; 0: none is sent. */
static inline size_t fake_answer(struct fake_dns *d, const unsigned char *q, size_t n, bool tcp, unsigned char *out,
                                 int *delay)
{
	char name[256];
	unsigned type;
	if (n < 17)
		return 0;
	size_t length = fake_question(q + 12, n - 12, name, &type);
	struct fake_name *f = fake_find(d, name);
	atomic_fetch_add(&d->asked, 1);
	*delay = f ? f->delay_ms : 0;
	int rcode = f ? (type == DNS_A ? f->rcode_a : f->rcode_aaaa) : DNS_NXDOMAIN;
	if (f) {
		int before = atomic_fetch_add(type == DNS_A ? &f->asked_a : &f->asked_aaaa, 1);
		if (tcp)
			atomic_fetch_add(&f->asked_tcp, 1);
		if (before < f->lose_first)
			return 0;
	}
	if (rcode == FAKE_DNS_LOSE || (tcp && f && f->lose_tcp))
		return 0;
	bool cut = f && f->truncate && !tcp;
	memcpy(out, q, 12 + length);
	unsigned char *p = out + 12 + length;
	unsigned records = rcode || !f || cut ? 0 : fake_records(&p, type == DNS_A ? f->a : f->aaaa, type, f->ttl);
	out[2] = (unsigned char)(0x80 | (cut ? 2 : 0) | (q[2] & 1));
	out[3] = (unsigned char)(0x80 | rcode);
	memset(out + 6, 0, 6);
	out[7] = (unsigned char)records;
	return (size_t)(p - out);
}

static inline void fake_udp(struct fake_dns *d)
{
	unsigned char q[512];
	struct fake_reply *r = calloc(1, sizeof(*r));
	socklen_t size = sizeof(r->to);
	int delay = 0;
	CHECK(r);
	ssize_t n = recvfrom(d->udp, q, sizeof(q), MSG_DONTWAIT, (struct sockaddr *)&r->to, &size);
	if (n <= 0 || !(r->n = fake_answer(d, q, (size_t)n, false, r->bytes, &delay))) {
		free(r);
		return;
	}
	r->due = clock_mono() + delay;
	r->next = d->late;
	d->late = r;
}

static inline void fake_send_due(struct fake_dns *d)
{
	for (struct fake_reply **at = &d->late; *at;) {
		struct fake_reply *r = *at;
		if (r->due > clock_mono()) {
			at = &r->next;
			continue;
		}
		sendto(d->udp, r->bytes, r->n, 0, (struct sockaddr *)&r->to, sizeof(r->to));
		*at = r->next;
		free(r);
	}
}

/* Gathers what comes until there is a pause of 50 ms and answers it in one piece, so that answers share an edge. */
static inline bool fake_tcp_turn(struct fake_dns *d, int fd)
{
	static unsigned char in[64 * 1024], out[256 * 1024];
	size_t have = 0, ready = 0, at = 0;
	int delay;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (have < sizeof(in) && poll(&p, 1, have ? 50 : 1000) == 1) {
		ssize_t n = recv(fd, in + have, sizeof(in) - have, 0);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	for (size_t n; at + 2 <= have && at + 2 + (n = (size_t)(in[at] << 8 | in[at + 1])) <= have; at += 2 + n) {
		size_t length = fake_answer(d, in + at + 2, n, true, out + ready + 2, &delay);
		out[ready] = (unsigned char)(length >> 8);
		out[ready + 1] = (unsigned char)length;
		ready += length ? length + 2 : 0;
	}
	return at && send(fd, out, ready, MSG_NOSIGNAL) == (ssize_t)ready;
}

static inline void *fake_tcp_main(void *arg)
{
	struct fake_dns *d = arg;
	struct pollfd p = {.fd = d->tcp, .events = POLLIN};
	while (!atomic_load(&d->over)) {
		if (poll(&p, 1, 5) != 1)
			continue;
		int fd = accept(d->tcp, NULL, NULL);
		CHECK(fd >= 0);
		while (fake_tcp_turn(d, fd))
			;
		close(fd);
	}
	return NULL;
}

static inline void *fake_udp_main(void *arg)
{
	struct fake_dns *d = arg;
	struct pollfd p = {.fd = d->udp, .events = POLLIN};
	while (!atomic_load(&d->over)) {
		if (poll(&p, 1, 5) == 1)
			fake_udp(d);
		fake_send_due(d);
	}
	return NULL;
}

static inline void fake_dns_start(struct fake_dns *d, struct fake_name *names, size_t count)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	*d = (struct fake_dns){.names = names, .count = count};
	for (;;) { /* the same number must be free for both */
		a.sin_port = 0;
		d->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CHECK(bind(d->tcp, (struct sockaddr *)&a, size) == 0 && listen(d->tcp, 8) == 0);
		CHECK(getsockname(d->tcp, (struct sockaddr *)&a, &size) == 0);
		d->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (bind(d->udp, (struct sockaddr *)&a, size) == 0)
			break;
		close(d->tcp);
		close(d->udp);
	}
	snprintf(d->address, sizeof(d->address), "127.0.0.1:%d", ntohs(a.sin_port));
	CHECK(pthread_create(&d->thread, NULL, fake_udp_main, d) == 0);
	CHECK(pthread_create(&d->tcp_thread, NULL, fake_tcp_main, d) == 0);
}

static inline void fake_dns_stop(struct fake_dns *d)
{
	atomic_store(&d->over, true);
	pthread_join(d->thread, NULL);
	pthread_join(d->tcp_thread, NULL);
	close(d->udp);
	close(d->tcp);
	for (struct fake_reply *r; (r = d->late);) {
		d->late = r->next;
		free(r);
	}
}

#endif
