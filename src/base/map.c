#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

struct map_entry {
	struct span key; /* p == NULL: free; p == gravestone: removed */
	uint64_t hash;
	void *value;
};

static const char gravestone[1];

static uint64_t secret[2];
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void make_secret(void)
{
	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		die("the kernel gives no random bytes");
}

static inline uint64_t rotl(uint64_t x, int b)
{
	return (x << b) | (x >> (64 - b));
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein, 2012). */
uint64_t hash_bytes(struct span s)
{
	pthread_once(&secret_once, make_secret);
	uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575ULL, secret[1] ^ 0x646f72616e646f6dULL,
	                 secret[0] ^ 0x6c7967656e657261ULL, secret[1] ^ 0x7465646279746573ULL};
	size_t i = 0;
	for (; i + 8 <= s.n; i += 8) {
		uint64_t word;
		memcpy(&word, s.p + i, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	uint64_t tail = (uint64_t)s.n << 56;
	for (unsigned shift = 0; i < s.n; i++, shift += 8)
		tail |= (uint64_t)(unsigned char)s.p[i] << shift;
	v[3] ^= tail;
	sip_round(v);
	v[0] ^= tail;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m, size_t ceiling)
{
	*m = (struct map){.ceiling = ceiling};
}

void map_fini(struct map *m)
{
	free(m->entries);
	*m = (struct map){0};
}

static struct map_entry *find(const struct map *m, struct span key, uint64_t hash)
{
	if (!m->capacity)
		return NULL;
	for (size_t i = hash & (m->capacity - 1);; i = (i + 1) & (m->capacity - 1)) {
		struct map_entry *e = &m->entries[i];
		if (!e->key.p)
			return NULL;
		if (e->key.p != gravestone && e->hash == hash && span_eq(e->key, key))
			return e;
	}
}

static void place(struct map *m, struct map_entry entry)
{
	size_t i = entry.hash & (m->capacity - 1);
	while (m->entries[i].key.p)
		i = (i + 1) & (m->capacity - 1);
	m->entries[i] = entry;
	m->used++;
}

static int grow(struct map *m)
{
	struct map old = *m;
	size_t capacity = old.capacity ? old.capacity : 16;
	if (old.count * 2 >= capacity)
		capacity *= 2;
	struct map_entry *entries = calloc(capacity, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	m->entries = entries;
	m->capacity = capacity;
	m->used = 0;
	for (size_t i = 0; i < old.capacity; i++)
		if (old.entries[i].key.p && old.entries[i].key.p != gravestone)
			place(m, old.entries[i]);
	free(old.entries);
	return 0;
}

void *map_get(const struct map *m, struct span key)
{
	struct map_entry *e = find(m, key, hash_bytes(key));
	return e ? e->value : NULL;
}

int map_put(struct map *m, struct span key, void *value, void **old)
{
	uint64_t hash = hash_bytes(key);
	struct map_entry *e = find(m, key, hash);
	if (old)
		*old = e ? e->value : NULL;
	if (e) {
		e->key = key;
		e->value = value;
		return 0;
	}
	if (m->count >= m->ceiling)
		return -ENOSPC;
	if ((m->used + 1) * 4 > m->capacity * 3) {
		int error = grow(m);
		if (error)
			return error;
	}
	place(m, (struct map_entry){key, hash, value});
	m->count++;
	return 0;
}

void *map_remove(struct map *m, struct span key)
{
	struct map_entry *e = find(m, key, hash_bytes(key));
	if (!e)
		return NULL;
	void *value = e->value;
	*e = (struct map_entry){.key = {gravestone, 0}};
	m->count--;
	return value;
}

bool map_each(const struct map *m, size_t *at, struct span *key, void **value)
{
	for (; *at < m->capacity; (*at)++) {
		struct map_entry *e = &m->entries[*at];
		if (!e->key.p || e->key.p == gravestone)
			continue;
		*key = e->key;
		*value = e->value;
		(*at)++;
		return true;
	}
	return false;
}
