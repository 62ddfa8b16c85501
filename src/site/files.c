#include "site/files.h"

#include <string.h>

#include "net/worker.h"
#include "proxy/service.h"
#include "site/beneath.h"
#include "site/file.h"
#include "site/path.h"

/* What the worker has served lately; the settings in force when it was last asked. */
static _Thread_local struct file_cache *mine;
static _Thread_local uint64_t edition;

static void free_mine(void *unused)
{
	file_cache_free(mine);
	mine = NULL;
}

static struct file_cache *cache_of(const struct responder_request *request)
{
	const struct limit_settings *l = &request->settings->limits;
	struct file_cache_limits limits = {.files = (unsigned)l->files_kept,
	                                   .memory = l->files_memory,
	                                   .content = l->file_in_memory,
	                                   .valid_ms = request->settings->timeouts.files_kept};
	if (!mine) {
		mine = file_cache_new(&limits);
		if (mine)
			worker_on_end(free_mine, NULL);
	} else if (edition != request->edition) {
		file_cache_limit(mine, &limits);
	}
	edition = request->edition;
	return mine;
}

static enum end_reason reason_of(enum file_outcome outcome)
{
	switch (outcome) {
	case FILE_WHOLE:
	case FILE_PARTS:
	case FILE_NOT_MODIFIED:
	case FILE_OPTIONS:
	case FILE_ADD_SLASH:
		return END_OK;
	case FILE_OTHER_METHOD:
		return END_SITE_METHOD;
	case FILE_CONDITION:
		return END_SITE_CONDITION;
	case FILE_NO_SUCH_RANGE:
		return END_SITE_RANGE;
	case FILE_MISSING:
		return END_SITE_NOT_FOUND;
	case FILE_HIDDEN:
		return END_SITE_HIDDEN;
	case FILE_NO_INDEX:
		return END_SITE_NO_LISTING;
	case FILE_DENIED:
		return END_SITE_FILE_DENIED;
	case FILE_BUSY:
		return END_SITE_FILES_BUSY;
	case FILE_BROKEN:
		break;
	}
	return END_SITE_FILES_BROKEN;
}

static void release(void *held)
{
	file_answer_fini(held);
}

/* What only some may see is for nobody's common store: on a connection that is signed in, nothing else in the request says so. */
static bool is_for_all(const struct directory_settings *d)
{
	for (unsigned i = 0; i < d->sign_on.schemes.count; i++)
		if (d->sign_on.schemes.items[i] != SIGN_ON_ANONYMOUS)
			return false;
	return true;
}

static void hand_over(const struct responder_request *request, struct file_answer *a, struct responder_answer *answer)
{
	answer->held = a;
	answer->release = release;
	answer->end = reason_of(a->outcome);
	answer->status = file_outcome_status(a->outcome);
	answer->content_type = NULL;
	answer->held_fields = a->fields;
	answer->pieces = a->pieces;
	answer->piece_count = a->count;
	answer->length = a->length;
	answer->file = a->file ? a->file->fd : -1;
	answer->whole_sent = a->outcome == FILE_WHOLE && answer->file >= 0 ? &a->file->whole_sent : NULL;
	answer->may_be_kept = true;
	if (!is_for_all(request->place->directory))
		buf_add(&answer->fields, SPAN("Cache-Control: private\r\n"));
	if (answer->end == END_OK)
		return;
	buf_add(&answer->fields, a->fields);
	answer->error = a->error;
	if (a->error == -EIO)
		answer->detail = "the folder is not there or may not be entered, or its disk does not work";
	else if (a->error)
		answer->detail = arena_printf(request->arena, "%s", strerror(-a->error));
	answer->detail_is_ours = true;
}

static const struct directory_settings *first_with_files(const struct settings *s)
{
	for (unsigned i = 0; i < s->site_count; i++)
		for (unsigned k = 0; k < s->sites[i].directory_count; k++)
			if (s->sites[i].directories[k].files)
				return &s->sites[i].directories[k];
	return NULL;
}

void files_check(const struct settings *s, struct complaints *c)
{
	const struct directory_settings *d = first_with_files(s);
	int error = d ? beneath_probe() : 0;
	if (error)
		complain(
			c, COMPLAINT_ERROR, d->where,
			"files cannot be served here: openat2, by which they are kept beneath their folder, is refused (%s); it "
			"takes Linux 5.6 or later, and in a container a seccomp profile that lets it through",
			strerror(-error));
}

void files_answer(const struct responder_request *request, struct responder_answer *answer)
{
	const struct directory_settings *d = request->place->directory;
	struct span prefix = span_of(d->files_prefix), path = request->place->path;
	struct file_place place = {.folder = d->files,
	                           .how = d->symlinks == SYMLINKS_REFUSED ? BENEATH_NO_SYMLINKS : 0,
	                           .lane = service_self()->process->disk_lane,
	                           .wait_ms = request->settings->timeouts.disk};
	struct file_answer *a = arena_alloc(request->arena, sizeof(*a));
	struct file_cache *cache = cache_of(request);
	bool at_prefix = path.n < prefix.n; /* "/public", where "/public/" is the place */
	struct span below = at_prefix ? path : span_make(path.p + prefix.n, path.n - prefix.n);
	char *name = arena_alloc(request->arena, below.n + 1);
	size_t n;
	answer->end = a && cache && name ? END_SITE_NOT_FOUND : END_OUT_OF_MEMORY;
	if (answer->end == END_OUT_OF_MEMORY || path_decode(below, name, below.n + 1, &n) != 0)
		return;
	if (at_prefix)
		file_answer_slash(span_make(name, n), request->head, a);
	else
		file_answer(cache, &place, &d->index, span_make(name, n), request->head, a);
	hand_over(request, a, answer);
}
