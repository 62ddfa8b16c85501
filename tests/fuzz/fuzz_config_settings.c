/* Settings files: whatever they hold is either refused with a line, or makes a whole snapshot; and libconfuse never objects to
 * what the outline lets through (its objections would have no line). */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "config/settings.h"

static void check_complaints(const struct complaints *c, int error)
{
	unsigned counted = 0;
	for (const struct complaint *it = c->first; it; it = it->next) {
		counted++;
		ASSERT(it->text[0] &&
		       !span_ends_nocase(span_of(it->text), SPAN(" is not understood: write its value in single quotes")));
		ASSERT(it->where.line > 0 || it->kind == COMPLAINT_WARNING || strstr(it->text, "cannot be read"));
	}
	ASSERT((error == -EINVAL) == (c->errors > 0));
	ASSERT(counted <= c->errors + c->warnings);
}

static void check_patterns(const struct pattern_list *l)
{
	ASSERT(l->count > 0);
	for (unsigned i = 0; i < l->count; i++)
		ASSERT(l->items[i].text && (l->items[i].kind != PATTERN_NAME || l->items[i].name[0]));
}

static void check_upstream(const struct upstream_settings *u)
{
	ASSERT(u->name && u->member_count > 0);
	for (unsigned i = 0; i < u->member_count; i++)
		ASSERT(u->members[i].host[0] && u->members[i].port > 0);
}

static void check_snapshot(const struct settings *s)
{
	ASSERT(s->workers > 0 && s->pseudonym[0] && s->listen_count > 0);
	ASSERT(s->limits.field <= s->limits.head && s->limits.target <= s->limits.head && s->timeouts.connect >= 10);
	ASSERT(s->access_log.file[0] && s->events_log.file[0]);
	for (unsigned i = 0; i < s->listen_count; i++)
		ASSERT(addr_port(&s->listens[i].addr) > 0 && s->listens[i].clients.count > 0);
	for (unsigned i = 0; i < s->upstream_count; i++)
		check_upstream(&s->upstreams[i]);
	for (unsigned i = 0; i < s->route_count; i++) {
		check_patterns(&s->routes[i].to);
		ASSERT((s->routes[i].via == VIA_UPSTREAM) == (s->routes[i].upstream != NULL));
	}
	for (unsigned i = 0; i < s->access_count; i++)
		ASSERT(strncmp(s->access[i].text, "access {", 8) == 0);
}

static int write_file(const uint8_t *bytes, size_t n, char path[64])
{
	int fd = memfd_create("settings", MFD_CLOEXEC);
	ASSERT(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char path[64];
	struct complaints c;
	struct settings *s;
	struct buf text;
	if (n && memmem(bytes, n, "include", 7)) /* would read files that are none of ours */
		return 0;
	int fd = write_file(bytes, n, path);
	complaints_init(&c);
	buf_init(&text, 1 << 20);
	int error = settings_load(path, &s, &c);
	check_complaints(&c, error);
	if (s)
		check_snapshot(s);
	complaints_print(&c, &text);
	settings_unref(s);
	complaints_fini(&c);
	buf_fini(&text);
	close(fd);
	return 0;
}
