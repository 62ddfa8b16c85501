#include "site/file.h"

#include <stdlib.h>

#include "http/lex.h"
#include "site/multipart.h"

enum { ROOM_MOST = 64 * 1024, NAME_MOST = 4096 };

static const struct {
	uint16_t status, substatus;
} outcomes[] = {
#define X(id, status, substatus) {status, substatus},
	FILE_OUTCOMES(X)
#undef X
};

unsigned file_outcome_status(enum file_outcome outcome)
{
	return outcomes[outcome].status;
}

unsigned file_outcome_substatus(enum file_outcome outcome)
{
	return outcomes[outcome].substatus;
}

/* ---- Which file */

/* Names that begin with a dot are not for everybody: .git, .htpasswd. /.well-known is (RFC 8615). */
static bool is_hidden(struct span path)
{
	struct span rest = path, segment;
	bool first = true;
	while (rest.n > 0) {
		const char *slash = memchr(rest.p, '/', rest.n);
		segment = span_make(rest.p, slash ? (size_t)(slash - rest.p) : rest.n);
		if (segment.n > 0 && segment.p[0] == '.' && !(first && span_eq(segment, SPAN(".well-known"))))
			return true;
		first = false;
		size_t used = segment.n + (slash != NULL);
		rest = span_make(rest.p + used, rest.n - used);
	}
	return false;
}

static enum file_outcome outcome_of(int error)
{
	switch (error) {
	case -ENOENT:
		return FILE_MISSING;
	case -EACCES:
		return FILE_DENIED;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -EBUSY:
	case -ETIMEDOUT:
	case -ECANCELED:
		return FILE_BUSY;
	default:
		return FILE_BROKEN;
	}
}

static void end(struct file_answer *a, int error)
{
	a->outcome = outcome_of(error);
	a->error = error;
}

/* The page of a folder: the first of the names that is there. 0, -ENOENT, or what hinders us. */
static int find_index(struct file_cache *c, const struct file_place *place, const struct text_list *index,
                      struct span folder, struct open_file **out)
{
	AUTO(heap) char *name = malloc(NAME_MOST);
	if (!name)
		return -ENOMEM;
	for (unsigned i = 0; i < index->count; i++) {
		struct buf b;
		buf_over(&b, name, NAME_MOST);
		buf_add(&b, folder);
		buf_adds(&b, index->items[i]);
		int r = buf_error(&b) ? -ENOENT : file_cache_find(c, place, buf_span(&b), out);
		if (r != -ENOENT && r != FILE_IS_FOLDER)
			return r;
	}
	return -ENOENT;
}

/* False: `a` says why there is none. */
static bool find_in_folder(struct file_cache *c, const struct file_place *place, const struct text_list *index,
                           struct span folder, struct file_answer *a)
{
	int r = find_index(c, place, index, folder, &a->file);
	if (r == -ENOENT)
		r = file_cache_find(c, place, folder.n ? folder : SPAN("."), &a->file);
	if (r == FILE_IS_FOLDER)
		a->outcome = FILE_NO_INDEX;
	else if (r != 0)
		end(a, r);
	return r == 0;
}

/* "name/", and the query as it came: relative to the request's own path, so that it leads to no other host, whatever is in
 * front of that path. A colon is encoded too: it would make a scheme of the name. */
static void add_slash(struct span path, const struct head *request, struct file_answer *a)
{
	const char *query = memchr(request->target.p, '?', request->target.n);
	size_t at = path.n;
	while (at > 0 && path.p[at - 1] != '/')
		at--;
	buf_add(&a->room, SPAN("Location: "));
	for (; at < path.n; at++) {
		char c = path.p[at];
		if (lex_is(c, LEX_ALPHA | LEX_DIGIT) || c == '-' || c == '.' || c == '_' || c == '~')
			buf_addc(&a->room, c);
		else
			buf_addf(&a->room, "%%%02X", (unsigned char)c);
	}
	buf_addc(&a->room, '/');
	if (query)
		buf_add(&a->room, span_make(query, (size_t)(request->target.p + request->target.n - query)));
	buf_add(&a->room, SPAN("\r\n"));
	a->outcome = FILE_ADD_SLASH;
}

static bool find(struct file_cache *c, const struct file_place *place, const struct text_list *index, struct span path,
                 const struct head *request, struct file_answer *a)
{
	if (is_hidden(path)) {
		a->outcome = FILE_HIDDEN;
		return false;
	}
	if (path.n == 0 || path.p[path.n - 1] == '/')
		return find_in_folder(c, place, index, path, a);
	int r = file_cache_find(c, place, path, &a->file);
	if (r == FILE_IS_FOLDER)
		add_slash(path, request, a);
	else if (r != 0)
		end(a, r);
	return r == 0;
}

/* ---- What of it */

static struct answer_piece piece_of(const struct open_file *f, uint64_t from, uint64_t length)
{
	if (f->content.p)
		return (struct answer_piece){.text = span_make(f->content.p + from, length)};
	return (struct answer_piece){.from = from, .length = length};
}

static void give_whole(struct file_answer *a)
{
	a->outcome = FILE_WHOLE;
	a->fields = a->file->fields;
	a->length = a->file->size;
	if (a->length > 0)
		a->pieces[a->count++] = piece_of(a->file, 0, a->length);
}

static void give_part(struct file_answer *a, const struct byte_range *r)
{
	a->outcome = FILE_PARTS;
	buf_add(&a->room, a->file->fields);
	buf_add(&a->room, SPAN("Content-Range: "));
	range_add(&a->room, r, a->file->size);
	buf_add(&a->room, SPAN("\r\n"));
	a->length = range_length(r);
	a->pieces[a->count++] = piece_of(a->file, r->first, a->length);
}

/* The room holds the field lines and behind them the texts between the parts: spans are taken when it has stopped growing. */
static void give_parts(struct file_answer *a, const struct ranges *ranges)
{
	struct multipart m;
	size_t ends[RANGES_MOST + 1], begin;
	multipart_init(&m);
	a->outcome = FILE_PARTS;
	buf_add(&a->room, a->file->validator_fields);
	multipart_add_field(&m, &a->room);
	begin = a->room.n;
	for (unsigned i = 0; i < ranges->count; i++) {
		multipart_add_part(&m, a->file->type, &ranges->at[i], a->file->size, &a->room);
		ends[i] = a->room.n;
	}
	multipart_add_end(&m, &a->room);
	ends[ranges->count] = a->room.n;
	if (buf_error(&a->room))
		return;
	a->fields = span_make(a->room.p, begin);
	for (unsigned i = 0; i <= ranges->count; i++) {
		a->pieces[a->count++] = (struct answer_piece){.text = span_make(a->room.p + begin, ends[i] - begin)};
		a->length += ends[i] - begin;
		begin = ends[i];
		if (i == ranges->count)
			break;
		a->pieces[a->count++] = piece_of(a->file, ranges->at[i].first, range_length(&ranges->at[i]));
		a->length += range_length(&ranges->at[i]);
	}
}

static void give_content(const struct head *request, int64_t now, struct file_answer *a)
{
	struct ranges ranges;
	enum range_wish wish = RANGE_WHOLE;
	if (conditional_allows_range(request, &a->file->validators, now))
		wish = range_of_request(request, a->file->size, &ranges);
	a->has_length = true;
	if (wish == RANGE_WHOLE) {
		give_whole(a);
	} else if (wish == RANGE_NOWHERE) {
		a->outcome = FILE_NO_SUCH_RANGE;
		a->has_length = false;
		buf_add(&a->room, SPAN("Content-Range: "));
		range_add(&a->room, NULL, a->file->size);
		buf_add(&a->room, SPAN("\r\n"));
	} else if (ranges.count == 1) {
		give_part(a, &ranges.at[0]);
	} else {
		give_parts(a, &ranges);
	}
	if (request->method == METHOD_HEAD)
		a->count = 0;
}

/* Without any of the fields that ask for less: nothing to judge. */
static bool is_plain(const struct head *request)
{
	static const uint64_t fields = 1ull << FIELD_IF_MATCH | 1ull << FIELD_IF_NONE_MATCH |
	                               1ull << FIELD_IF_MODIFIED_SINCE | 1ull << FIELD_IF_UNMODIFIED_SINCE |
	                               1ull << FIELD_RANGE;
	return !(request->present & fields);
}

static void give(const struct head *request, struct file_answer *a)
{
	int64_t now = is_plain(request) ? 0 : clock_civil_us() / 1000000;
	switch (is_plain(request) ? CONDITIONAL_PROCEED : conditional_judge(request, &a->file->validators, now)) {
	case CONDITIONAL_NOT_MODIFIED:
		a->outcome = FILE_NOT_MODIFIED;
		a->fields = a->file->validator_fields;
		return;
	case CONDITIONAL_FAILED:
		a->outcome = FILE_CONDITION;
		return;
	case CONDITIONAL_PROCEED:
		give_content(request, now, a);
	}
}

static void begin(struct file_answer *a)
{
	memset(a, 0, offsetof(struct file_answer, pieces));
	buf_init(&a->room, ROOM_MOST);
}

/* What was written to the room is its field lines, unless there are others. */
static void complete(struct file_answer *a)
{
	if (buf_error(&a->room)) {
		a->count = 0;
		a->has_length = false;
		a->fields = SPAN_NONE;
		end(a, buf_error(&a->room));
	} else if (!a->fields.p) {
		a->fields = buf_span(&a->room);
	}
}

void file_answer(struct file_cache *c, const struct file_place *place, const struct text_list *index, struct span path,
                 const struct head *request, struct file_answer *out)
{
	enum method m = (enum method)request->method;
	begin(out);
	if (m != METHOD_GET && m != METHOD_HEAD) {
		out->outcome = m == METHOD_OPTIONS ? FILE_OPTIONS : FILE_OTHER_METHOD;
		out->has_length = m == METHOD_OPTIONS;
		buf_add(&out->room, SPAN("Allow: GET, HEAD, OPTIONS\r\n"));
	} else if (find(c, place, index, path, request, out)) {
		give(request, out);
	}
	complete(out);
}

void file_answer_slash(struct span name, const struct head *request, struct file_answer *out)
{
	begin(out);
	add_slash(name, request, out);
	complete(out);
}

void file_answer_fini(struct file_answer *a)
{
	open_file_unref(a->file);
	buf_fini(&a->room);
	a->file = NULL;
}
