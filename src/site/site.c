#include "site/site.h"

#include "site/directory.h"
#include "site/files.h"
#include "site/host.h"
#include "site/path.h"

enum { PATH_GROWS = 3 }; /* a byte becomes %XX at the most */

static bool refuse_path(enum path_fault fault, const struct responder_request *request, struct place_refusal *why)
{
	const struct path_fault_row *row = path_fault_row(fault);
	why->end = row->status == 400 ? END_SITE_PATH_MALFORMED : END_SITE_PATH_REFUSED;
	why->substatus = row->substatus;
	why->detail = arena_printf(request->arena, "%s: %s", row->name, row->sentence);
	return false;
}

static bool find_place(const struct responder_request *request, struct place *place, struct place_refusal *why)
{
	struct span query, raw;
	bool has_query;
	size_t n = 0;
	enum path_fault fault;
	place->site = site_for_host(request->listen, request->host);
	if (!place->site) {
		why->end = END_SITE_UNKNOWN;
		return false;
	}
	raw = path_of_target(request->path, &query, &has_query);
	size_t longest_prefix = place->site->directory_count ? strlen(place->site->directories[0].prefix) : 1;
	size_t room = raw.n * PATH_GROWS + longest_prefix + 1;
	char *path = arena_alloc(request->arena, room);
	if (!path) {
		why->end = END_OUT_OF_MEMORY;
		return false;
	}
	place->query = has_query ? span_make(query.p - 1, query.n + 1) : SPAN_NONE;
	fault = path_normalize(raw, place->site->encoded_slashes, path, room, &n);
	if (fault == PATH_OK)
		place->directory = directory_find(place->site, path, &n, room, &fault);
	if (fault != PATH_OK)
		return refuse_path(fault, request, why);
	place->path = span_make(path, n);
	if (place->directory)
		return true;
	why->end = END_SITE_NOT_FOUND;
	return false;
}

static void answer_site(const struct responder_request *request, struct responder_answer *answer)
{
	files_answer(request, answer);
}

const struct responder site_responder = {.name = "site", .role = ROLE_SITE, .find = find_place, .answer = answer_site};
