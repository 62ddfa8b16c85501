/* Intrusive doubly linked list. A struct is in a list by the `struct link` inside it; a link that is in no list points
 * at itself, so removing twice is harmless. */
#ifndef FAIRLEAD_BASE_LIST_H
#define FAIRLEAD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *next, *prev;
};

#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct link *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct link *l)
{
	return l->next == l;
}

static inline void list_insert(struct link *before, struct link *l)
{
	l->prev = before->prev;
	l->next = before;
	before->prev->next = l;
	before->prev = l;
}

static inline void list_push(struct link *list, struct link *l)
{
	list_insert(list, l);
}

static inline void list_push_front(struct link *list, struct link *l)
{
	list_insert(list->next, l);
}

static inline void list_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

static inline struct link *list_pop(struct link *list)
{
	struct link *l = list->next;
	if (l == list)
		return NULL;
	list_remove(l);
	return l;
}

/* `item` may be removed inside the loop. */
#define LIST_EACH(item, list, type, member)                   \
	for (struct link *at_ = (list)->next, *then_ = at_->next; \
	     at_ != (list) && ((item) = CONTAINER_OF(at_, type, member), 1); at_ = then_, then_ = at_->next)

#endif
