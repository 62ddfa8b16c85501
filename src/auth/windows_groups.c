/* Names for SIDs, each asked for once in a while. What was learned is kept in slots chosen by the SID's hash: a newcomer takes the place of what
 * was there, so that memory is bounded without anybody counting. */
#include "auth/windows_domain.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <wbclient.h>

#include "auth/windows_ask.h"
#include "base/clock.h"
#include "base/map.h"

enum {
	SLOTS = 4096,
	SIDS_MOST = 2048, /* of one account */
	SID_TEXT = WBC_MAXSUBAUTHS * 11 + 32,
	NAME_LIVES_MS = 10 * 60 * 1000,
	NAMELESS_LIVES_MS = 30 * 1000, /* a domain controller is not asked again and again for what it does not know */
};

struct slot {
	char *sid, *name; /* name NULL: it had none */
	mono_ms until;
};

static struct slot slots[SLOTS];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

static struct slot *slot_of(const char *sid)
{
	return &slots[hash_bytes(span_of(sid)) % SLOTS];
}

/* True if something is known; *name then is a copy, or NULL for a SID without a name. */
static bool recall(const char *sid, char **name)
{
	pthread_mutex_lock(&slots_lock);
	struct slot *s = slot_of(sid);
	bool known = s->sid && strcmp(s->sid, sid) == 0 && s->until > clock_mono();
	*name = known && s->name ? strdup(s->name) : NULL;
	pthread_mutex_unlock(&slots_lock);
	return known;
}

static void remember(const char *sid, const char *name)
{
	char *sid_copy = strdup(sid), *name_copy = name ? strdup(name) : NULL;
	pthread_mutex_lock(&slots_lock);
	struct slot *s = slot_of(sid), before = *s;
	*s = (struct slot){sid_copy, name_copy, clock_after(clock_mono(), name ? NAME_LIVES_MS : NAMELESS_LIVES_MS)};
	pthread_mutex_unlock(&slots_lock);
	free(before.sid);
	free(before.name);
}

/* Only groups of domains and the built-in ones of this machine can stand in a rule. */
static bool is_of_use(const char *sid)
{
	return strncmp(sid, "S-1-5-21-", 9) == 0 || strncmp(sid, "S-1-5-32-", 9) == 0;
}

/* ---- asking */

static char *joined(const char *domain, const char *name)
{
	char *text = NULL;
	return asprintf(&text, "%s%s%s", domain, domain[0] ? "\\" : "", name) < 0 ? NULL : text;
}

/* NULL: it has none, or nobody can say; only the former is remembered. One at a time: many at once come back without their domains. */
static char *ask(const char *sid)
{
	struct wbcDomainSid binary;
	struct wbcContext *winbind = windows_winbind();
	enum wbcSidType type;
	char *domain = NULL, *name = NULL, *text = NULL;
	if (!winbind || wbcStringToSid(sid, &binary) != WBC_ERR_SUCCESS)
		return NULL;
	wbcErr error = wbcCtxLookupSid(winbind, &binary, &domain, &name, &type);
	if (error == WBC_ERR_WINBIND_NOT_AVAILABLE || error == WBC_ERR_NO_MEMORY)
		return NULL;
	if (error == WBC_ERR_SUCCESS && type != WBC_SID_NAME_DELETED && type != WBC_SID_NAME_INVALID &&
	    type != WBC_SID_NAME_UNKNOWN)
		text = joined(domain ? domain : "", name);
	remember(sid, text);
	wbcFreeMemory(domain);
	wbcFreeMemory(name);
	return text;
}

static void find_names(const char *const *sids, unsigned n, char **names)
{
	for (unsigned i = 0; i < n; i++)
		if (is_of_use(sids[i]) && !recall(sids[i], &names[i]))
			names[i] = ask(sids[i]);
}

bool windows_group_names_known(const char *const *sids, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char *name = NULL;
		bool known = !is_of_use(sids[i]) || recall(sids[i], &name);
		free(name);
		if (!known)
			return false;
	}
	return true;
}

/* ---- one block: the list, then the texts */

static const char **pack(const char *const *sids, char *const *names, unsigned n, unsigned *count, bool *unresolved)
{
	size_t bytes = 0;
	unsigned kept = 0;
	for (unsigned i = 0; i < n; i++)
		if (is_of_use(sids[i]))
			kept++, bytes += strlen(names[i] ? names[i] : sids[i]) + 1;
	const char **list = kept ? malloc(kept * sizeof(*list) + bytes) : NULL;
	if (!list) {
		*unresolved = *unresolved || kept;
		return NULL;
	}
	char *at = (char *)(list + kept);
	for (unsigned i = 0; i < n; i++) {
		if (!is_of_use(sids[i]))
			continue;
		const char *text = names[i] ? names[i] : sids[i];
		*unresolved = *unresolved || !names[i];
		list[(*count)++] = memcpy(at, text, strlen(text) + 1);
		at += strlen(text) + 1;
	}
	return list;
}

const char **windows_group_names(const char *const *sids, unsigned sid_count, unsigned *count, bool *unresolved)
{
	*count = 0;
	*unresolved = false;
	char **names = calloc(sid_count + 1, sizeof(*names));
	if (!names) {
		*unresolved = sid_count > 0;
		return NULL;
	}
	find_names(sids, sid_count, names);
	const char **list = pack(sids, names, sid_count, count, unresolved);
	for (unsigned i = 0; i < sid_count; i++)
		free(names[i]);
	free(names);
	return list;
}

/* ---- groups of an account */

/* The account's own SID may stand in the list, and is no group. */
static const char **names_of(const struct wbcDomainSid *user, const struct wbcDomainSid *sids, uint32_t n,
                             unsigned *count, bool *unresolved)
{
	char own[SID_TEXT];
	char(*texts)[SID_TEXT] = calloc(n + 1, sizeof(*texts));
	const char **list = calloc(n + 1, sizeof(*list)), **names = NULL;
	unsigned used = 0;
	wbcSidToStringBuf(user, own, sizeof(own));
	for (uint32_t i = 0; texts && list && i < n; i++) {
		wbcSidToStringBuf(&sids[i], texts[i], sizeof(texts[i]));
		if (strcmp(texts[i], own) != 0)
			list[used++] = texts[i];
	}
	if (texts && list)
		names = windows_group_names(list, used, count, unresolved);
	free(texts);
	free(list);
	return names;
}

static const char **ask_groups(struct wbcContext *winbind, const struct wbcDomainSid *user, unsigned *count,
                               bool *unresolved)
{
	struct wbcDomainSid *sids = NULL;
	uint32_t n = 0;
	const char **names = NULL;
	if (wbcCtxLookupUserSids(winbind, user, false, &n, &sids) != WBC_ERR_SUCCESS)
		return NULL;
	names = names_of(user, sids, n > SIDS_MOST ? SIDS_MOST : n, count, unresolved);
	*unresolved = *unresolved || n > SIDS_MOST;
	wbcFreeMemory(sids);
	return names;
}

/* Once more over a new pipe, if winbindd was restarted. */
static wbcErr look_up(const char *domain, const char *name, struct wbcDomainSid *sid, enum wbcSidType *type)
{
	wbcErr error = WBC_ERR_WINBIND_NOT_AVAILABLE;
	for (int tries = 0; tries < 2 && error == WBC_ERR_WINBIND_NOT_AVAILABLE; tries++) {
		struct wbcContext *winbind = windows_winbind();
		error = winbind ? wbcCtxLookupName(winbind, domain, name, sid, type) : WBC_ERR_NO_MEMORY;
		if (error == WBC_ERR_WINBIND_NOT_AVAILABLE)
			windows_winbind_drop();
	}
	return error;
}

const char **windows_groups_of(const char *domain, const char *name, unsigned *count, bool *unresolved)
{
	struct wbcDomainSid user;
	enum wbcSidType type;
	*count = 0;
	*unresolved = true;
	if (look_up(domain, name, &user, &type) != WBC_ERR_SUCCESS || type != WBC_SID_NAME_USER)
		return NULL;
	return ask_groups(windows_winbind(), &user, count, unresolved);
}

enum auth_reason windows_name_known(const char *name, bool group)
{
	char domain[256];
	struct wbcDomainSid sid;
	enum wbcSidType type;
	const char *backslash = strchr(name, '\\');
	if (!backslash || (size_t)(backslash - name) >= sizeof(domain))
		return AUTH_NO_SUCH_USER;
	snprintf(domain, sizeof(domain), "%.*s", (int)(backslash - name), name);
	wbcErr error = look_up(domain, backslash + 1, &sid, &type);
	if (error == WBC_ERR_DOMAIN_NOT_FOUND || error == WBC_ERR_UNKNOWN_USER || error == WBC_ERR_UNKNOWN_GROUP)
		return AUTH_NO_SUCH_USER;
	if (error != WBC_ERR_SUCCESS)
		return AUTH_UNAVAILABLE;
	bool is_group = type == WBC_SID_NAME_DOM_GRP || type == WBC_SID_NAME_ALIAS || type == WBC_SID_NAME_WKN_GRP;
	return (group ? is_group : type == WBC_SID_NAME_USER) ? AUTH_OK : AUTH_NO_SUCH_USER;
}
