#include "net/pipe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/worker_internal.h"

enum { PIPES_LENT = 256, PIPES_SPARE = 16 };

static void pipe_close(struct pipe *p)
{
	close(p->in);
	close(p->out);
	free(p);
}

/* As large as the kernel lets us. */
static size_t grow(int fd)
{
	static const int sizes[] = {1 << 20, 256 << 10, 64 << 10};
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int got = fcntl(fd, F_SETPIPE_SZ, sizes[i]);
		if (got > 0)
			return (size_t)got;
	}
	int has = fcntl(fd, F_GETPIPE_SZ);
	return has > 0 ? (size_t)has : 0;
}

static struct pipe *pipe_new(void)
{
	int ends[2];
	struct pipe *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		free(p);
		return NULL;
	}
	list_init(&p->link);
	p->out = ends[0];
	p->in = ends[1];
	p->capacity = grow(p->in);
	/* Beyond the user's share of pages a pipe has only two: slower than copying. */
	if (p->capacity < 64 << 10) {
		pipe_close(p);
		return NULL;
	}
	return p;
}

struct pipe *pipe_take(void)
{
	struct worker *w = worker_self();
	if (w->pipes_lent >= PIPES_LENT)
		return NULL;
	struct link *l = list_pop(&w->pipes);
	struct pipe *p;
	if (l) {
		w->pipes_spare--;
		p = CONTAINER_OF(l, struct pipe, link);
	} else {
		p = pipe_new();
	}
	if (p)
		w->pipes_lent++;
	return p;
}

void pipe_give_back(struct pipe *p)
{
	struct worker *w = worker_self();
	if (!p)
		return;
	w->pipes_lent--;
	if (p->held > 0 || w->pipes_spare >= PIPES_SPARE) {
		pipe_close(p);
		return;
	}
	list_push_front(&w->pipes, &p->link);
	w->pipes_spare++;
}

void pipes_close(struct worker *w)
{
	struct link *l;
	while ((l = list_pop(&w->pipes)))
		pipe_close(CONTAINER_OF(l, struct pipe, link));
	w->pipes_spare = 0;
}
