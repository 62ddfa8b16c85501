/* What is asked of winbind on the side, by who can do without the answer: see windows_within.h. A question is one block, for it may be left behind. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <wbclient.h>

#include "auth/account_now.h"
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

/* ---- is there such an account? */

/* winbind gives the same answer when its domain controller does not answer and when there is no such name: so the controller is looked for before and
 * after. */
static void ask_account(void *arg)
{
	struct question *q = arg;
	struct wbcContext *winbind = windows_winbind();
	struct wbcDomainSid sid;
	enum wbcSidType type;
	struct wbcAuthErrorInfo *error = NULL;
	q->reason = AUTH_UNAVAILABLE;
	if (!winbind)
		return;
	wbcErr found = wbcCtxLookupName(winbind, q->domain, q->name, &sid, &type);
	if (found == WBC_ERR_SUCCESS) {
		q->reason = type == WBC_SID_NAME_USER ? AUTH_OK : AUTH_NO_SUCH_USER;
		return;
	}
	bool reached = wbcCtxPingDc(winbind, q->domain, &error) == WBC_ERR_SUCCESS;
	wbcFreeMemory(error);
	if (reached && wbcCtxLookupName(winbind, q->domain, q->name, &sid, &type) == WBC_ERR_DOMAIN_NOT_FOUND)
		q->reason = AUTH_NO_SUCH_USER;
}

enum auth_reason windows_account_now(const struct identity *who)
{
	struct question *q = calloc(1, sizeof(*q));
	if (!q || (q->domain = strdup(who->domain)) == NULL || (q->name = strdup(who->name)) == NULL) {
		if (q)
			question_free(q);
		return AUTH_UNAVAILABLE;
	}
	if (!windows_within(WINDOWS_SOON_MS, ask_account, q, question_free))
		return AUTH_UNAVAILABLE;
	enum auth_reason reason = q->reason;
	question_free(q);
	/* A name that is found tells nothing of whether the account is disabled. */
	return reason == AUTH_OK ? AUTH_UNAVAILABLE : reason;
}
