#include "site/file_cache.h"

#include <limits.h>
#include <stdlib.h>

#include "base/counters.h"
#include "base/map.h"
#include "base/ref.h"
#include "net/offload.h"
#include "net/worker.h"
#include "site/beneath.h"

enum {
	ROOTS = 8, /* folders kept open; more than so many take turns */
	KEY_MOST = 2 * PATH_MAX + 2,
	IDLE_MS = 5000,
	SWEEP_MS = 2500,
	SEEN_MS = 10, /* several requests in a row ask a descriptor once */
};

struct root {
	char *folder;
	int fd;
	mono_ms checked;
};

struct file_cache {
	struct file_cache_limits limits;
	struct map files; /* by key */
	struct link used; /* the one asked for last comes last */
	size_t memory;
	struct root roots[ROOTS];
	unsigned next_root;
	struct timer sweep;
};

static mono_ms now_here(void)
{
	return worker_self() ? worker_now() : clock_mono();
}

/* ---- What is kept */

static void forget(struct file_cache *c, struct open_file *f)
{
	map_remove(&c->files, f->key);
	list_remove(&f->link);
	c->memory -= f->memory;
	COUNT_ADD(files_kept, -1);
	open_file_unref(f);
}

static void make_room(struct file_cache *c, size_t more)
{
	while (c->files.count > 0 && (c->files.count >= c->limits.files || c->memory + more > c->limits.memory))
		forget(c, CONTAINER_OF(c->used.next, struct open_file, link));
}

static void arm_sweep(struct file_cache *c)
{
	if (worker_self() && c->sweep.when == NEVER)
		timer_set(&c->sweep, clock_after(worker_now(), SWEEP_MS));
}

/* Keeps it, in the place of what has its key. What cannot be kept is served all the same. */
static void keep(struct file_cache *c, struct open_file *f)
{
	struct open_file *old = map_get(&c->files, f->key);
	if (old)
		forget(c, old);
	if (c->limits.files == 0 || f->memory > c->limits.memory || c->limits.valid_ms == 0)
		return;
	make_room(c, f->memory);
	if (map_put(&c->files, f->key, f, NULL) != 0)
		return;
	open_file_ref(f);
	list_push(&c->used, &f->link);
	c->memory += f->memory;
	COUNT(files_kept);
	arm_sweep(c);
}

static void touch(struct file_cache *c, struct open_file *f, mono_ms now)
{
	f->used = now;
	list_remove(&f->link);
	list_push(&c->used, &f->link);
}

/* An open descriptor is asked, too, and almost each time: what was written into it since would be sent under the old head.
 * Content in memory is one with its head. */
static bool is_current(const struct file_cache *c, struct open_file *f, mono_ms now)
{
	if (now - f->checked >= c->limits.valid_ms)
		return false;
	if (f->fd < 0 || now - f->seen < SEEN_MS)
		return true;
	f->seen = now;
	return open_file_is_same(f);
}

/* ---- Roots */

static void close_root(struct root *r)
{
	if (!r->folder)
		return;
	close(r->fd);
	free(r->folder);
	*r = (struct root){0};
}

/* A folder's name can come to mean another folder (a symbolic link to the current release): it is asked again as files are.
 * Its descriptor, the cache's; or -errno. */
static int root_of(struct file_cache *c, const struct file_place *place, unsigned how, mono_ms now)
{
	struct root *r = NULL;
	for (unsigned i = 0; i < ROOTS && !r; i++)
		if (c->roots[i].folder && strcmp(c->roots[i].folder, place->folder) == 0)
			r = &c->roots[i];
	if (r && now - r->checked < c->limits.valid_ms)
		return r->fd;
	int fd = beneath_root(place->folder, how);
	if (fd < 0)
		return fd;
	if (!r)
		r = &c->roots[c->next_root++ % ROOTS];
	close_root(r);
	*r = (struct root){.folder = strdup(place->folder), .fd = fd, .checked = now};
	if (!r->folder) {
		close(fd);
		return -ENOMEM;
	}
	arm_sweep(c);
	return fd;
}

/* ---- Opening on a thread that may wait */

/* The fiber's and the thread's: the last of them frees it. */
struct opening {
	struct ref ref;
	struct file_wish wish;
	int result;
	struct open_file *file;
	char key[]; /* and, in it, folder and path */
};

static void opening_unref(void *arg)
{
	struct opening *o = arg;
	if (!ref_drop(&o->ref))
		return;
	open_file_unref(o->file);
	free(o);
}

static void auto_release_opening(struct opening **o)
{
	if (*o)
		opening_unref(*o);
}

static void open_waiting(void *arg)
{
	struct opening *o = arg;
	o->result = open_file_new(&o->wish, &o->file);
}

static struct opening *opening_new(const struct file_wish *wish)
{
	struct opening *o = malloc(sizeof(*o) + wish->key.n);
	if (!o)
		return NULL;
	ref_init(&o->ref);
	memcpy(o->key, wish->key.p, wish->key.n);
	o->file = NULL;
	o->wish = *wish;
	o->wish.root = -1; /* ours may be closed before the thread comes to it */
	o->wish.how &= ~(unsigned)BENEATH_IN_MEMORY;
	o->wish.key.p = o->key;
	o->wish.folder = o->key + (wish->folder - wish->key.p);
	o->wish.path = o->key + (wish->path - wish->key.p);
	return o;
}

/* `wish` is the fiber's own afterwards: its spans are gone. */
static int open_elsewhere(const struct file_place *place, struct opening *o)
{
	COUNT(file_opens_waited_total);
	ref_take(&o->ref);
	int error = offload(place->lane, open_waiting, o, opening_unref, clock_after(worker_now(), place->wait_ms));
	return error ? error : o->result;
}

/* ---- Finding */

/* The key is a letter for `how`, folder, path, each ended by NUL; the wish points into it. It lasts until somebody else asks. */
static int wish_for(const struct file_place *place, struct span path, struct file_wish *wish)
{
	static _Thread_local char key[KEY_MOST];
	size_t folder_n = strlen(place->folder);
	if (folder_n >= PATH_MAX || path.n >= PATH_MAX)
		return -ENOENT;
	char *at = key;
	*at++ = (char)('a' + place->how);
	wish->folder = at;
	span_keep(&at, span_make(place->folder, folder_n + 1));
	wish->path = at;
	span_keep(&at, path);
	*at++ = '\0';
	wish->key = span_make(key, (size_t)(at - key));
	return 0;
}

/* What is there under this key now that it has been looked for: `file` (the caller's reference, for `result` 0) or nothing. */
static int settle(struct file_cache *c, struct span key, int result, struct open_file *file, struct open_file **out)
{
	mono_ms now = now_here();
	struct open_file *old = map_get(&c->files, key);
	if (result != 0) {
		if (old && result != -EBUSY && result != -ETIMEDOUT && result != -ECANCELED)
			forget(c, old);
		return result;
	}
	if (old && !old->unsettled && file_stamp_eq(&old->stamp, &file->stamp)) {
		open_file_unref(file);
		old->checked = old->seen = now;
		touch(c, old, now);
		*out = open_file_ref(old);
		return 0;
	}
	file->checked = file->used = file->seen = now;
	keep(c, file);
	*out = file;
	return 0;
}

static int open_anew(struct file_cache *c, const struct file_place *place, struct file_wish *wish, mono_ms now,
                     struct open_file **out)
{
	struct open_file *file = NULL;
	unsigned in_memory = place->lane ? BENEATH_IN_MEMORY : 0;
	COUNT(file_opens_total);
	wish->how = place->how | in_memory;
	wish->keep = c->limits.content;
	wish->root = root_of(c, place, in_memory, now);
	int result = wish->root < 0 ? wish->root : open_file_new(wish, &file);
	if (result != -EAGAIN || !place->lane)
		return settle(c, wish->key, result, file, out);
	AUTO(opening) struct opening *o = opening_new(wish);
	if (!o)
		return -ENOMEM;
	result = open_elsewhere(place, o);
	return settle(c, o->wish.key, result, result == 0 ? TAKE(o->file) : NULL, out);
}

static int find(struct file_cache *c, const struct file_place *place, struct span path, struct open_file **out)
{
	struct file_wish wish;
	mono_ms now = now_here();
	int error = wish_for(place, path, &wish);
	if (error)
		return error;
	struct open_file *f = map_get(&c->files, wish.key);
	if (f && is_current(c, f, now)) {
		touch(c, f, now);
		*out = open_file_ref(f);
		return 0;
	}
	return open_anew(c, place, &wish, now, out);
}

/* What is kept open for later must not be why nothing can be opened now. */
int file_cache_find(struct file_cache *c, const struct file_place *place, struct span path, struct open_file **out)
{
	int r = find(c, place, path, out);
	if (r != -EMFILE && r != -ENFILE)
		return r;
	file_cache_sweep(c, NEVER, 0);
	return find(c, place, path, out);
}

/* ---- Life */

void file_cache_sweep(struct file_cache *c, mono_ms now, int64_t idle_ms)
{
	while (c->files.count > 0) {
		struct open_file *oldest = CONTAINER_OF(c->used.next, struct open_file, link);
		if (now - oldest->used < idle_ms)
			break;
		forget(c, oldest);
	}
	for (unsigned i = 0; i < ROOTS; i++)
		if (now - c->roots[i].checked >= idle_ms)
			close_root(&c->roots[i]);
}

static bool keeps_anything(const struct file_cache *c)
{
	bool roots = false;
	for (unsigned i = 0; i < ROOTS; i++)
		roots |= c->roots[i].folder != NULL;
	return roots || c->files.count > 0;
}

static void on_sweep(struct timer *t)
{
	struct file_cache *c = CONTAINER_OF(t, struct file_cache, sweep);
	timer_stop(t);
	file_cache_sweep(c, worker_now(), IDLE_MS);
	if (keeps_anything(c))
		arm_sweep(c);
}

struct file_cache *file_cache_new(const struct file_cache_limits *limits)
{
	struct file_cache *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->limits = *limits;
	map_init(&c->files, SIZE_MAX);
	list_init(&c->used);
	timer_init(&c->sweep, on_sweep);
	return c;
}

void file_cache_limit(struct file_cache *c, const struct file_cache_limits *limits)
{
	c->limits = *limits;
	make_room(c, 0);
}

void file_cache_free(struct file_cache *c)
{
	if (!c)
		return;
	timer_stop(&c->sweep);
	while (c->files.count > 0)
		forget(c, CONTAINER_OF(c->used.next, struct open_file, link));
	for (unsigned i = 0; i < ROOTS; i++)
		close_root(&c->roots[i]);
	map_fini(&c->files);
	free(c);
}
