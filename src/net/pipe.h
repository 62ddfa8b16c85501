/* Pipes for splice(), pooled by worker and limited in number, since the kernel limits their pages by user
 * (fs.pipe-user-pages-soft).
 *
 * Owner: whoever took one gives it back. Threads: one worker. */
#ifndef FAIRLEAD_NET_PIPE_H
#define FAIRLEAD_NET_PIPE_H

#include <stddef.h>

#include "base/list.h"

struct worker;

struct pipe {
	struct link link;
	int in, out; /* write to `in`, read from `out` */
	size_t capacity;
	size_t held; /* bytes inside */
};

/* An empty one, or NULL: none to be had. */
struct pipe *pipe_take(void);
/* With bytes still inside it is closed. NULL is fine. */
void pipe_give_back(struct pipe *p);
/* All spare ones of a worker that ends. */
void pipes_close(struct worker *w);

#endif
