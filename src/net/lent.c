/* Buffers lent by the worker. Those of the usual size are mapped, so that letting them go gives the memory back. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "net/worker_internal.h"

static char *usual_new(void)
{
#ifdef FAIRLEAD_ASAN
	return malloc(LENT_SIZE);
#else
	char *p = mmap(NULL, LENT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
#endif
}

static void usual_free(char *p)
{
#ifdef FAIRLEAD_ASAN
	free(p);
#else
	munmap(p, LENT_SIZE);
#endif
}

int lent_take(struct lent *l)
{
	if (l->p)
		return 0;
	char *p = spare_take(&worker_self()->buffers);
	if (!p && !(p = usual_new()))
		return -ENOMEM;
	*l = (struct lent){.p = p, .size = LENT_SIZE};
	return 0;
}

int lent_grow(struct lent *l, size_t size)
{
	if (l->p && size <= l->size && l->start == 0)
		return 0;
	if (size < lent_length(l))
		size = lent_length(l);
	struct lent larger = {.end = (uint32_t)lent_length(l)};
	if (size <= LENT_SIZE) {
		int r = lent_take(&larger);
		if (r != 0)
			return r;
		larger.end = (uint32_t)lent_length(l);
	} else {
		larger.p = malloc(size);
		larger.size = (uint32_t)size;
	}
	if (!larger.p)
		return -ENOMEM;
	if (l->p)
		memcpy(larger.p, l->p + l->start, lent_length(l));
	lent_give_back(l);
	*l = larger;
	return 0;
}

void lent_give_back(struct lent *l)
{
	struct worker *w = worker_self();
	if (!l->p)
		return;
	if (l->size != LENT_SIZE)
		free(l->p);
#ifdef FAIRLEAD_ASAN
	/* No reuse: who still holds a span into it is found out. */
	else
		usual_free(l->p);
	(void)w;
#else
	else if (spare_put(&w->buffers, (struct spare_item *)(void *)l->p))
		worker_trim_soon(w);
#endif
	*l = (struct lent){0};
}

void lent_trim(struct worker *w, unsigned count)
{
	char *p;
	while (count-- > 0 && (p = spare_take(&w->buffers)))
		usual_free(p);
}
