/* One block of memory for each identity: the struct, its list of groups, then all texts, so that a hundred thousand
 * signed-in connections cost one allocation each. */
#include <stdlib.h>

#include "auth/auth.h"

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static size_t texts_size(const struct identity *i)
{
	size_t n = text_size(i->shown) + text_size(i->name) + text_size(i->domain) + text_size(i->upn) +
	           text_size(i->verifier) + text_size(i->scheme);
	for (unsigned g = 0; g < i->group_count; g++)
		n += text_size(i->groups[g]);
	return n;
}

static const char *put(char **at, const char *text)
{
	size_t n = text_size(text);
	if (!text)
		return NULL;
	char *copy = memcpy(*at, text, n);
	*at += n;
	return copy;
}

struct identity *identity_new(const struct identity *like)
{
	size_t list = like->group_count * sizeof(like->groups[0]);
	struct identity *i = malloc(sizeof(*i) + list + texts_size(like) + like->ticket.n);
	if (!i)
		return NULL;
	*i = *like;
	ref_init(&i->ref);
	i->groups = like->group_count ? (const char **)(i + 1) : NULL;
	char *at = (char *)(i + 1) + list;
	i->shown = put(&at, like->shown);
	i->name = put(&at, like->name);
	i->domain = put(&at, like->domain);
	i->upn = put(&at, like->upn);
	i->verifier = put(&at, like->verifier);
	i->scheme = put(&at, like->scheme);
	for (unsigned g = 0; g < like->group_count; g++)
		i->groups[g] = put(&at, like->groups[g]);
	i->ticket = like->ticket.n ? span_keep(&at, like->ticket) : SPAN_NONE;
	return i;
}

struct identity *identity_ref(struct identity *i)
{
	ref_take(&i->ref);
	return i;
}

void identity_unref(struct identity *i)
{
	if (i && ref_drop(&i->ref))
		free(i);
}
