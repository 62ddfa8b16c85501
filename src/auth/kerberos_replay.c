/* Two sets of marks: what comes now goes into the newer; when that is old or full, the older is forgotten and the two change places. So a mark is kept
 * for LIVES_MS at least, in bounded memory, unless a million tickets come within that time. */
#include "auth/kerberos_replay.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

enum {
	MARK = 16,
	FIRST_ROOM = 1024,
	MOST_ROOM = 1 << 21,       /* 32 MB each, half used at most */
	LIVES_MS = 11 * 60 * 1000, /* tickets are good for five minutes to either side of our clock */
};

struct marks {
	unsigned char (*slots)[MARK]; /* open addressing; all zero: free */
	size_t room, used;            /* room: a power of two */
};

static struct marks newer, older;
static mono_ms newer_since;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned char *slot_of(struct marks *m, const unsigned char mark[MARK])
{
	static const unsigned char none[MARK] = {0};
	size_t i;
	memcpy(&i, mark, sizeof(i));
	for (;; i++) {
		unsigned char *slot = m->slots[i & (m->room - 1)];
		if (memcmp(slot, mark, MARK) == 0 || memcmp(slot, none, MARK) == 0)
			return slot;
	}
}

static bool has(struct marks *m, const unsigned char mark[MARK])
{
	return m->slots && memcmp(slot_of(m, mark), mark, MARK) == 0;
}

static bool grow(struct marks *m)
{
	struct marks larger = {.room = m->room ? 2 * m->room : FIRST_ROOM, .used = m->used};
	if (larger.room > MOST_ROOM || !(larger.slots = calloc(larger.room, MARK)))
		return false;
	for (size_t i = 0; i < m->room; i++) {
		static const unsigned char none[MARK] = {0};
		if (memcmp(m->slots[i], none, MARK) != 0)
			memcpy(slot_of(&larger, m->slots[i]), m->slots[i], MARK);
	}
	free(m->slots);
	*m = larger;
	return true;
}

static void turn(mono_ms now)
{
	free(older.slots);
	older = newer;
	newer = (struct marks){0};
	newer_since = now;
}

/* False without memory: what cannot be kept is refused. */
static bool add(const unsigned char mark[MARK], mono_ms now)
{
	if (now - newer_since > LIVES_MS)
		turn(now);
	if (2 * (newer.used + 1) > newer.room && !grow(&newer)) {
		turn(now);
		if (!grow(&newer))
			return false;
	}
	memcpy(slot_of(&newer, mark), mark, MARK);
	newer.used++;
	return true;
}

bool kerberos_replayed(struct span authenticator, mono_ms now)
{
	unsigned char mark[EVP_MAX_MD_SIZE];
	if (EVP_Digest(authenticator.p, authenticator.n, mark, NULL, EVP_sha256(), NULL) != 1)
		return true;
	pthread_mutex_lock(&lock);
	bool there = has(&newer, mark) || has(&older, mark) || !add(mark, now);
	pthread_mutex_unlock(&lock);
	return there;
}
