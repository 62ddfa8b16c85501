#include "auth/windows_domain.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <wbclient.h>

#include "auth/ntlm_text.h"
#include "auth/verified.h"
#include "auth/windows_ask.h"
#include "base/cleanup.h"

enum {
	FIELD_MOST = 255, /* bytes that fit into winbind's request: it cuts what is longer */
	SIDS_MOST = 2048,
	VERIFIED_MOST = 4096,
	VERIFIED_MS =
		60 * 1000, /* a disabled account is believed no longer than this; each request would cost a logon otherwise */
	NTLMV1_RESPONSE = 24,
	RID_NONE = 513, /* the primary group on a machine that is no member: there it is nothing and has no name */
};

struct windows {
	struct verifier verifier;
	char *name;
	struct windows_names names;
	struct verified *verified;
};

static const struct windows *windows_of(const struct verifier *v)
{
	return (const struct windows *)v;
}

/* ---- the pipe */

static pthread_key_t pipe_key;
static pthread_once_t pipe_once = PTHREAD_ONCE_INIT;

static void close_pipe(void *context)
{
	wbcCtxFree(context);
}

static void make_pipe_key(void)
{
	if (pthread_key_create(&pipe_key, close_pipe) != 0)
		die("no thread-specific storage left");
}

struct wbcContext *windows_winbind(void)
{
	pthread_once(&pipe_once, make_pipe_key);
	struct wbcContext *context = pthread_getspecific(pipe_key);
	if (!context && (context = wbcCtxCreate()) != NULL && pthread_setspecific(pipe_key, context) != 0) {
		wbcCtxFree(context);
		return NULL;
	}
	return context;
}

void windows_winbind_drop(void)
{
	struct wbcContext *context = windows_winbind();
	pthread_setspecific(pipe_key, NULL);
	wbcCtxFree(context);
}

/* ---- names */

static void copy(char *to, size_t room, const char *from)
{
	size_t n = from ? strlen(from) : 0;
	n = n < room ? n : room - 1;
	memcpy(to, from ? from : "", n);
	to[n] = '\0';
}

static wbcErr ask_details(struct wbcInterfaceDetails **details)
{
	struct wbcContext *winbind = windows_winbind();
	wbcErr error = winbind ? wbcCtxInterfaceDetails(winbind, details) : WBC_ERR_NO_MEMORY;
	if (error != WBC_ERR_WINBIND_NOT_AVAILABLE || !winbind)
		return error;
	windows_winbind_drop();
	winbind = windows_winbind();
	return winbind ? wbcCtxInterfaceDetails(winbind, details) : WBC_ERR_NO_MEMORY;
}

enum auth_reason windows_names_ask(struct windows_names *out)
{
	struct wbcInterfaceDetails *details = NULL;
	struct wbcDomainInfo *domain = NULL;
	memset(out, 0, sizeof(*out));
	if (ask_details(&details) != WBC_ERR_SUCCESS)
		return AUTH_UNAVAILABLE;
	copy(out->machine, sizeof(out->machine), details->netbios_name);
	copy(out->dns_domain, sizeof(out->dns_domain), details->dns_domain);
	/* Accounts of a machine that is no member are in a domain of the machine's name; its workgroup is no domain. */
	bool member = wbcCtxDomainInfo(windows_winbind(), details->netbios_domain, &domain) == WBC_ERR_SUCCESS;
	copy(out->domain, sizeof(out->domain), member ? details->netbios_domain : details->netbios_name);
	if (member && !out->dns_domain[0])
		copy(out->dns_domain, sizeof(out->dns_domain), domain->dns_name);
	wbcFreeMemory(domain);
	wbcFreeMemory(details);
	return AUTH_OK;
}

enum auth_reason windows_domain_known(struct span domain)
{
	struct wbcDomainInfo *found = NULL;
	struct wbcInterfaceDetails *details = NULL;
	char name[FIELD_MOST + 1];
	if (domain.n == 0 || domain.n > FIELD_MOST || memchr(domain.p, '\0', domain.n))
		return AUTH_NO_VERIFIER;
	copy(name, domain.n + 1, domain.p);
	if (ask_details(&details) != WBC_ERR_SUCCESS)
		return AUTH_UNAVAILABLE;
	wbcFreeMemory(details);
	wbcErr error = wbcCtxDomainInfo(windows_winbind(), name, &found);
	wbcFreeMemory(found);
	return error == WBC_ERR_SUCCESS                 ? AUTH_OK
	       : error == WBC_ERR_WINBIND_NOT_AVAILABLE ? AUTH_UNAVAILABLE
	                                                : AUTH_NO_VERIFIER;
}

/* ---- what a domain controller answers */

/* [MS-ERREF] 2.3. What is not a word about the account means that it was not verified: UNAVAILABLE, never a refusal. */
static enum auth_reason reason_of(uint32_t status)
{
	static const struct {
		uint32_t status;
		enum auth_reason reason;
	} known[] = {
		{0xC000006A, AUTH_WRONG_PASSWORD},  {0xC000006D, AUTH_WRONG_PASSWORD}, /* LOGON_FAILURE */
		{0xC0000064, AUTH_NO_SUCH_USER},    {0xC0000072, AUTH_DISABLED},       {0xC0000071, AUTH_EXPIRED},
		{0xC0000224, AUTH_MUST_CHANGE},     {0xC0000234, AUTH_LOCKED},         {0xC000006F, AUTH_LOGON_HOURS},
		{0xC0000193, AUTH_ACCOUNT_EXPIRED}, {0xC000006E, AUTH_RESTRICTED}, /* ACCOUNT_RESTRICTION */
		{0xC0000070, AUTH_RESTRICTED},                                     /* INVALID_WORKSTATION */
		{0xC000015B, AUTH_RESTRICTED},                                     /* LOGON_TYPE_NOT_GRANTED */
		{0xC0000413, AUTH_RESTRICTED},                                     /* AUTHENTICATION_FIREWALL_FAILED */
		{0xC0000418, AUTH_RESTRICTED},                                     /* NTLM_BLOCKED */
		{0xC000000D, AUTH_MALFORMED},                                      /* INVALID_PARAMETER */
		{0xC00000DF, AUTH_NO_VERIFIER},                                    /* NO_SUCH_DOMAIN */
		{0xC0000017, AUTH_NO_MEMORY},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].reason;
	return AUTH_UNAVAILABLE;
}

/* The answer to an NTLM question without a pipe may mean that only the privileged one is closed to us. */
static enum auth_reason no_pipe(bool privileged)
{
	struct wbcInterfaceDetails *details = NULL;
	if (!privileged || ask_details(&details) != WBC_ERR_SUCCESS)
		return AUTH_UNAVAILABLE;
	wbcFreeMemory(details);
	return AUTH_PIPE_UNREADABLE;
}

static enum auth_reason logon(const struct wbcAuthUserParams *p, struct wbcAuthUserInfo **info)
{
	struct wbcAuthErrorInfo *error_info = NULL;
	bool privileged = p->level == WBC_AUTH_USER_LEVEL_RESPONSE;
	wbcErr error = WBC_ERR_WINBIND_NOT_AVAILABLE;
	for (int tries = 0; tries < 2 && error == WBC_ERR_WINBIND_NOT_AVAILABLE; tries++) {
		struct wbcContext *winbind = windows_winbind();
		if (!winbind)
			return AUTH_NO_MEMORY;
		error = wbcCtxAuthenticateUserEx(winbind, p, info, &error_info);
		if (error == WBC_ERR_WINBIND_NOT_AVAILABLE)
			windows_winbind_drop();
	}
	enum auth_reason reason = error == WBC_ERR_SUCCESS                    ? AUTH_OK
	                          : error == WBC_ERR_AUTH_ERROR && error_info ? reason_of(error_info->nt_status)
	                          : error == WBC_ERR_NO_MEMORY                ? AUTH_NO_MEMORY
	                          : error == WBC_ERR_WINBIND_NOT_AVAILABLE    ? no_pipe(privileged)
	                                                                      : AUTH_UNAVAILABLE;
	/* ACCESS_DENIED to an NTLM question is winbindd's own word about the pipe, not the domain's about the account. */
	if (reason == AUTH_UNAVAILABLE && error_info && error_info->nt_status == 0xC0000022 && privileged)
		reason = AUTH_PIPE_UNREADABLE;
	wbcFreeMemory(error_info);
	/* A domain with an open guest account lets everybody in as a guest. */
	if (reason == AUTH_OK && ((*info)->user_flags & WBC_AUTH_USER_INFO_GUEST))
		reason = AUTH_NO_SUCH_USER;
	return reason;
}

/* ---- who it was */

struct groups {
	const char **names;
	unsigned count;
	bool unresolved;
};

static bool same_sid(const struct wbcDomainSid *a, const struct wbcDomainSid *b)
{
	return a->num_auths == b->num_auths && memcmp(a->id_auth, b->id_auth, sizeof(a->id_auth)) == 0 &&
	       memcmp(a->sub_auths, b->sub_auths, a->num_auths * sizeof(a->sub_auths[0])) == 0;
}

static bool ends_in(const struct wbcDomainSid *sid, uint32_t rid)
{
	return sid->num_auths > 0 && sid->sub_auths[sid->num_auths - 1] == rid;
}

static void find_groups(const struct windows *w, const struct wbcAuthUserInfo *info, struct groups *out)
{
	unsigned n = info->num_sids > SIDS_MOST ? SIDS_MOST : info->num_sids;
	char(*texts)[WBC_MAXSUBAUTHS * 11 + 32] = calloc(n + 1, sizeof(*texts));
	const char **sids = calloc(n + 1, sizeof(*sids));
	unsigned used = 0;
	*out = (struct groups){.unresolved = true};
	for (unsigned i = 1; texts && sids && i < n; i++) { /* the first is the user's own, the second the primary group */
		if ((info->sids[i].attributes & WBC_SID_ATTR_GROUP_USEFOR_DENY_ONLY) ||
		    (i > 1 && same_sid(&info->sids[i].sid, &info->sids[1].sid)))
			continue;
		if (i == 1 && !w->names.dns_domain[0] && ends_in(&info->sids[i].sid, RID_NONE))
			continue;
		wbcSidToStringBuf(&info->sids[i].sid, texts[used], sizeof(texts[used]));
		sids[used] = texts[used];
		used++;
	}
	if (texts && sids)
		out->names = windows_group_names(sids, used, &out->count, &out->unresolved);
	if (info->num_sids > SIDS_MOST)
		out->unresolved = true;
	free(texts);
	free(sids);
}

static enum auth_reason identify(const struct windows *w, const struct wbcAuthUserInfo *info, const char *scheme,
                                 struct identity **who)
{
	char shown[640], upn[640];
	struct groups groups;
	const char *domain = info->domain_name && info->domain_name[0] ? info->domain_name : w->names.domain;
	const char *dns = info->dns_domain_name && info->dns_domain_name[0]           ? info->dns_domain_name
	                  : utf8_eq_nocase(span_of(domain), span_of(w->names.domain)) ? w->names.dns_domain
	                                                                              : "";
	if (!info->account_name || !info->account_name[0])
		return AUTH_UNAVAILABLE;
	snprintf(shown, sizeof(shown), "%s\\%s", domain, info->account_name);
	if (info->user_principal && strchr(info->user_principal, '@'))
		copy(upn, sizeof(upn), info->user_principal);
	else
		snprintf(upn, sizeof(upn), "%s@%s", info->account_name, dns);
	find_groups(w, info, &groups);
	*who = identity_new(&(struct identity){
		.shown = shown,
		.name = info->account_name,
		.domain = domain,
		.upn = dns[0] ? upn : NULL,
		.verifier = w->name,
		.scheme = scheme,
		.groups = groups.names,
		.group_count = groups.count,
		.groups_unresolved = groups.unresolved,
		.generation = 1,
	});
	free(groups.names);
	return *who ? AUTH_OK : AUTH_NO_MEMORY;
}

/* ---- verifying */

/* Terminated, for a library that wants it so; false if it is too long to be anybody's or has a NUL. */
static bool text_of(struct span s, char out[FIELD_MOST + 1])
{
	if (s.n > FIELD_MOST || (s.n && memchr(s.p, '\0', s.n)))
		return false;
	memcpy(out, s.n ? s.p : "", s.n);
	out[s.n] = '\0';
	return true;
}

static enum auth_reason verify_ntlm(const struct verifier *v, const struct ntlm_proof *proof, struct identity **who,
                                    unsigned char session_base_key[16])
{
	const struct windows *w = windows_of(v);
	char user[FIELD_MOST + 1], domain[FIELD_MOST + 1], workstation[FIELD_MOST + 1];
	struct wbcAuthUserInfo *info = NULL;
	if (proof->nt_response_n <= NTLMV1_RESPONSE)
		return AUTH_LM_OR_NTLMV1;
	if (!text_of(proof->user, user) || !text_of(proof->domain, domain) || !text_of(proof->workstation, workstation))
		return AUTH_NO_SUCH_USER;
	if (!domain[0]) /* winbind wants one; a domain controller then tries the answer without a domain too */
		copy(domain, sizeof(domain), v->domain);
	struct wbcAuthUserParams p = {
		.account_name = user,
		.domain_name = domain,
		.workstation_name = workstation,
		.parameter_control = WBC_MSV1_0_ALLOW_WORKSTATION_TRUST_ACCOUNT | WBC_MSV1_0_ALLOW_SERVER_TRUST_ACCOUNT,
		.level = WBC_AUTH_USER_LEVEL_RESPONSE,
		.password.response.nt_length = (uint32_t)proof->nt_response_n,
		.password.response.nt_data = (uint8_t *)proof->nt_response,
		.password.response.lm_length = (uint32_t)proof->lm_response_n,
		.password.response.lm_data = (uint8_t *)proof->lm_response,
	};
	memcpy(p.password.response.challenge, proof->server_challenge, sizeof(p.password.response.challenge));
	enum auth_reason reason = logon(&p, &info);
	if (reason == AUTH_OK)
		reason = identify(w, info, "ntlm", who);
	if (reason == AUTH_OK)
		memcpy(session_base_key, info->user_session_key, 16);
	if (info)
		OPENSSL_cleanse(info->user_session_key, sizeof(info->user_session_key));
	wbcFreeMemory(info);
	return reason;
}

static char separator(void)
{
	struct wbcInterfaceDetails *details = NULL;
	char found = '\\';
	if (ask_details(&details) == WBC_ERR_SUCCESS && details->winbind_separator)
		found = details->winbind_separator;
	wbcFreeMemory(details);
	return found;
}

/* "CORP\alice" as winbind wants it; a name that brings its domain keeps it. */
static bool logon_name(const struct verifier *v, struct span user, char out[FIELD_MOST + 1])
{
	const char *backslash = user.n ? memchr(user.p, '\\', user.n) : NULL;
	struct buf b;
	char with[FIELD_MOST + 1];
	if (!text_of(user, with))
		return false;
	buf_over(&b, out, FIELD_MOST);
	if (backslash || memchr(user.p, '@', user.n))
		buf_add(&b, user);
	else
		buf_addf(&b, "%s\\%s", v->domain, with);
	out[b.n] = '\0';
	char sep = separator();
	char *first = strchr(out, '\\');
	if (first && sep != '\\')
		*first = sep;
	return buf_error(&b) == 0;
}

static enum auth_reason verify_password(const struct verifier *v, struct span user, struct span password,
                                        struct identity **who)
{
	const struct windows *w = windows_of(v);
	char name[FIELD_MOST + 1], text[FIELD_MOST + 1];
	struct wbcAuthUserInfo *info = NULL;
	if (user.n == 0)
		return AUTH_NO_SUCH_USER;
	if ((*who = verified_find(w->verified, user, password, 1)) != NULL)
		return AUTH_OK;
	if (!text_of(password, text))
		return AUTH_WRONG_PASSWORD;
	if (!logon_name(v, user, name))
		return AUTH_NO_SUCH_USER;
	struct wbcAuthUserParams p = {.account_name = name, .level = WBC_AUTH_USER_LEVEL_PLAIN, .password.plaintext = text};
	enum auth_reason reason = logon(&p, &info);
	OPENSSL_cleanse(text, sizeof(text));
	if (reason == AUTH_OK)
		reason = identify(w, info, "basic", who);
	if (reason == AUTH_OK)
		verified_put(w->verified, user, password, 1, *who);
	wbcFreeMemory(info);
	return reason;
}

static bool password_known(const struct verifier *v, struct span user, struct span password)
{
	struct identity *who = verified_find(windows_of(v)->verified, user, password, 1);
	identity_unref(who);
	return who != NULL;
}

/* Only the domain knows; a maximum age of sign-ins is what ends them. */
static uint64_t generation(const struct verifier *v, const char *name)
{
	return 1;
}

/* ---- making, checking, ending */

static void windows_free(struct verifier *v)
{
	struct windows *w = (struct windows *)v;
	if (!w)
		return;
	verified_free(w->verified);
	free(w->name);
	free(w);
}

struct verifier *windows_verifier_new(const char *name, const struct windows_names *names, const char *fallback)
{
	struct windows *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->name = strdup(name);
	w->verified = verified_new(VERIFIED_MOST, VERIFIED_MS);
	if (names)
		w->names = *names;
	else
		copy(w->names.domain, sizeof(w->names.domain), fallback);
	w->verifier = (struct verifier){
		.name = w->name,
		.domain = w->names.domain,
		.dns_domain = w->names.dns_domain[0] ? w->names.dns_domain : NULL,
		.blocks = true,
		.verify_ntlm = verify_ntlm,
		.verify_password = verify_password,
		.password_known = password_known,
		.generation = generation,
		.free = windows_free,
	};
	if (w->name && w->verified)
		return &w->verifier;
	windows_free(&w->verifier);
	return NULL;
}

enum auth_reason windows_check(struct buf *says)
{
	struct windows_names names;
	struct wbcAuthUserInfo *info = NULL;
	static unsigned char no_answer[48];
	if (windows_names_ask(&names) != AUTH_OK) {
		buf_adds(says, "winbindd does not answer: is it installed and running, and this machine joined to the domain?");
		return AUTH_UNAVAILABLE;
	}
	struct wbcAuthUserParams p = {
		.account_name = "no account has this name",
		.domain_name = names.domain,
		.workstation_name = "",
		.level = WBC_AUTH_USER_LEVEL_RESPONSE,
		.password.response.nt_length = sizeof(no_answer),
		.password.response.nt_data = no_answer,
	};
	enum auth_reason reason = logon(&p, &info);
	wbcFreeMemory(info);
	if (reason == AUTH_UNAVAILABLE)
		buf_addf(says, "winbindd runs, but no domain controller of %s answers it", names.domain);
	else if (reason == AUTH_PIPE_UNREADABLE)
		buf_adds(says, auth_reason_sentence(reason));
	else
		buf_addf(says, "winbindd verifies for %s as %s", names.domain, names.machine);
	return reason == AUTH_UNAVAILABLE || reason == AUTH_PIPE_UNREADABLE ? reason : AUTH_OK;
}
