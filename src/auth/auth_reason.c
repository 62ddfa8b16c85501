#include "auth/auth.h"

static const struct {
	const char *name;
	const char *sentence;
	unsigned win32;
} reasons[AUTH_REASON_LIMIT] = {
#define X(id, name, win32, sentence) [AUTH_##id] = {name, sentence, win32},
	AUTH_REASONS(X)
#undef X
};

const char *auth_reason_name(enum auth_reason r)
{
	return (unsigned)r < AUTH_REASON_LIMIT ? reasons[r].name : "unknown";
}

const char *auth_reason_sentence(enum auth_reason r)
{
	return (unsigned)r < AUTH_REASON_LIMIT ? reasons[r].sentence : "an unknown reason";
}

unsigned auth_reason_win32(enum auth_reason r)
{
	return (unsigned)r < AUTH_REASON_LIMIT ? reasons[r].win32 : 0;
}
