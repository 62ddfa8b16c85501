/* What is asked of winbind on the side, by who can do without the answer: see windows_within.h. A question is one block, for it may be left behind. */
#include <stdlib.h>

#include "auth/windows_ask.h"
#include "auth/windows_domain.h"
#include "auth/windows_within.h"

struct question {
	struct windows_names names;
	enum auth_reason reason;
	char *domain, *name; /* of an account; NULL: SIDs are asked about */
	char **sids;
	unsigned sid_count;
	const char **groups; /* the answer */
	unsigned group_count;
	bool unresolved;
};

static void question_free(void *arg)
{
	struct question *q = arg;
	for (unsigned i = 0; i < q->sid_count; i++)
		free(q->sids[i]);
	free(q->sids);
	free(q->domain);
	free(q->name);
	free(q->groups);
	free(q);
}

static void ask_names(void *arg)
{
	struct question *q = arg;
	q->reason = windows_names_ask(&q->names);
}

static void ask_groups(void *arg)
{
	struct question *q = arg;
	if (q->name)
		q->groups = windows_groups_of(q->domain, q->name, &q->group_count, &q->unresolved);
	else
		q->groups = windows_group_names((const char *const *)q->sids, q->sid_count, &q->group_count, &q->unresolved);
}

/* Takes the question over. */
static const char **groups_within(struct question *q, unsigned *count, bool *unresolved)
{
	*count = 0;
	*unresolved = true;
	if (!windows_within(WINDOWS_SOON_MS, ask_groups, q, question_free))
		return NULL;
	const char **groups = q->groups;
	*count = q->group_count;
	*unresolved = q->unresolved;
	q->groups = NULL;
	question_free(q);
	return groups;
}

const char **windows_group_names_soon(const char *const *sids, unsigned n, unsigned *count, bool *unresolved)
{
	if (windows_group_names_known(sids, n))
		return windows_group_names(sids, n, count, unresolved);
	struct question *q = calloc(1, sizeof(*q));
	*count = 0;
	*unresolved = true;
	if (q && (q->sids = calloc(n, sizeof(*q->sids))) != NULL)
		for (; q->sid_count < n && (q->sids[q->sid_count] = strdup(sids[q->sid_count])) != NULL; q->sid_count++)
			;
	if (q && q->sid_count == n)
		return groups_within(q, count, unresolved);
	if (q)
		question_free(q);
	return NULL;
}

const char **windows_groups_of_soon(const char *domain, const char *name, unsigned *count, bool *unresolved)
{
	struct question *q = calloc(1, sizeof(*q));
	*count = 0;
	*unresolved = true;
	if (q && (q->domain = strdup(domain)) != NULL && (q->name = strdup(name)) != NULL)
		return groups_within(q, count, unresolved);
	if (q)
		question_free(q);
	return NULL;
}

enum auth_reason windows_names_ask_soon(struct windows_names *out)
{
	struct question *q = calloc(1, sizeof(*q));
	enum auth_reason reason = AUTH_UNAVAILABLE;
	if (!q || !windows_within(WINDOWS_SOON_MS, ask_names, q, question_free))
		return reason;
	reason = q->reason;
	*out = q->names;
	question_free(q);
	return reason;
}
