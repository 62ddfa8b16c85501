#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "net/tls_parts.h"

enum { MOST_HOSTS = 512 };

struct kept {
	struct link by_age; /* the newest first */
	SSL_SESSION *session;
	char host[];
};

struct tls_sessions {
	pthread_mutex_t lock;
	struct map hosts;
	struct link by_age;
};

int tls_sessions_new(struct tls_sessions **out)
{
	struct tls_sessions *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	map_init(&s->hosts, MOST_HOSTS);
	list_init(&s->by_age);
	*out = s;
	return 0;
}

static void drop(struct tls_sessions *s, struct kept *k)
{
	map_remove(&s->hosts, span_of(k->host));
	list_remove(&k->by_age);
	SSL_SESSION_free(k->session);
	free(k);
}

void tls_sessions_free(struct tls_sessions *s)
{
	if (!s)
		return;
	while (!list_empty(&s->by_age))
		drop(s, CONTAINER_OF(s->by_age.next, struct kept, by_age));
	map_fini(&s->hosts);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static struct kept *make_room(struct tls_sessions *s, const char *host)
{
	size_t n = strlen(host) + 1;
	struct kept *k = malloc(sizeof(*k) + n);
	if (!k)
		return NULL;
	if (s->hosts.count == MOST_HOSTS)
		drop(s, CONTAINER_OF(s->by_age.prev, struct kept, by_age));
	k->session = NULL;
	memcpy(k->host, host, n);
	list_init(&k->by_age);
	if (map_put(&s->hosts, span_of(k->host), k, NULL) < 0) {
		free(k);
		return NULL;
	}
	return k;
}

void tls_sessions_put(struct tls_sessions *s, const char *host, SSL_SESSION *session)
{
	pthread_mutex_lock(&s->lock);
	struct kept *k = map_get(&s->hosts, span_of(host));
	if (!k)
		k = make_room(s, host);
	if (k) {
		SSL_SESSION *old = k->session;
		k->session = session;
		session = old;
		list_remove(&k->by_age);
		list_push_front(&s->by_age, &k->by_age);
	}
	pthread_mutex_unlock(&s->lock);
	SSL_SESSION_free(session);
}

SSL_SESSION *tls_sessions_get(struct tls_sessions *s, const char *host)
{
	pthread_mutex_lock(&s->lock);
	struct kept *k = map_get(&s->hosts, span_of(host));
	SSL_SESSION *session = k ? k->session : NULL;
	if (session)
		SSL_SESSION_up_ref(session);
	pthread_mutex_unlock(&s->lock);
	return session;
}
