#include "http/field_line.h"
#include "http/lex.h"

static const struct span names[FIELD_LIMIT] = {[FIELD_OTHER] = {"", 0},
#define X(id, text) [FIELD_##id] = {text, sizeof(text) - 1},
                                               FIELD_NAMES(X)
#undef X
};

/* Length and first letter tell the known names apart (If-Match and If-Range have a fourth letter for it); one comparison
 * then proves it. A new name gets its line here (the unit test asks for every name of the table). */
#define KEY(length, first) ((length) << 8 | (first))

static enum field_id candidate(struct span token)
{
	switch (KEY(token.n, token.n ? (unsigned char)token.p[0] | 0x20u : 0)) {
	case KEY(2, 't'):
		return FIELD_TE;
	case KEY(3, 'a'):
		return FIELD_AGE;
	case KEY(3, 'v'):
		return FIELD_VIA;
	case KEY(4, 'd'):
		return FIELD_DATE;
	case KEY(4, 'h'):
		return FIELD_HOST;
	case KEY(5, 'r'):
		return FIELD_RANGE;
	case KEY(6, 'a'):
		return FIELD_ACCEPT;
	case KEY(6, 'c'):
		return FIELD_COOKIE;
	case KEY(6, 'e'):
		return FIELD_EXPECT;
	case KEY(6, 's'):
		return FIELD_SERVER;
	case KEY(7, 'r'):
		return FIELD_REFERER;
	case KEY(7, 't'):
		return FIELD_TRAILER;
	case KEY(7, 'u'):
		return FIELD_UPGRADE;
	case KEY(8, 'i'):
		return (token.p[3] | 0x20) == 'r' ? FIELD_IF_RANGE : FIELD_IF_MATCH;
	case KEY(8, 'l'):
		return FIELD_LOCATION;
	case KEY(9, 'f'):
		return FIELD_FORWARDED;
	case KEY(10, 'c'):
		return FIELD_CONNECTION;
	case KEY(10, 'k'):
		return FIELD_KEEP_ALIVE;
	case KEY(10, 's'):
		return FIELD_SET_COOKIE;
	case KEY(10, 'u'):
		return FIELD_USER_AGENT;
	case KEY(12, 'c'):
		return FIELD_CONTENT_TYPE;
	case KEY(12, 'm'):
		return FIELD_MAX_FORWARDS;
	case KEY(12, 'p'):
		return FIELD_PROXY_STATUS;
	case KEY(13, 'a'):
		return FIELD_AUTHORIZATION;
	case KEY(13, 'c'):
		return FIELD_CACHE_CONTROL;
	case KEY(13, 'i'):
		return FIELD_IF_NONE_MATCH;
	case KEY(13, 'p'):
		return FIELD_PROXY_SUPPORT;
	case KEY(14, 'c'):
		return FIELD_CONTENT_LENGTH;
	case KEY(15, 'p'):
		return FIELD_PERSISTENT_AUTH;
	case KEY(15, 'x'):
		return FIELD_X_FORWARDED_FOR;
	case KEY(16, 'p'):
		return FIELD_PROXY_CONNECTION;
	case KEY(16, 'w'):
		return FIELD_WWW_AUTHENTICATE;
	case KEY(17, 'f'):
		return FIELD_FAIRLEAD_EXCHANGE;
	case KEY(17, 'i'):
		return FIELD_IF_MODIFIED_SINCE;
	case KEY(17, 't'):
		return FIELD_TRANSFER_ENCODING;
	case KEY(18, 'p'):
		return FIELD_PROXY_AUTHENTICATE;
	case KEY(19, 'i'):
		return FIELD_IF_UNMODIFIED_SINCE;
	case KEY(19, 'p'):
		return FIELD_PROXY_AUTHORIZATION;
	case KEY(25, 'p'):
		return FIELD_PROXY_AUTHENTICATION_INFO;
	default:
		return FIELD_OTHER;
	}
}

#define FOLD 0x2020202020202020ull

static inline uint64_t eight(const char *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return word | FOLD;
}

static inline uint32_t four(const char *p)
{
	uint32_t word;
	memcpy(&word, p, sizeof(word));
	return word | (uint32_t)FOLD;
}

/* Setting bit 5 folds letters, leaves '-' as it is, and makes no other byte of a token into either. */
static bool same_token(const char *a, const char *b, size_t n)
{
	if (n >= 8) {
		for (size_t i = 0; i + 8 < n; i += 8)
			if (eight(a + i) != eight(b + i))
				return false;
		return eight(a + n - 8) == eight(b + n - 8);
	}
	if (n >= 4)
		return four(a) == four(b) && four(a + n - 4) == four(b + n - 4);
	for (size_t i = 0; i < n; i++)
		if ((a[i] | 0x20) != (b[i] | 0x20))
			return false;
	return true;
}

enum field_id field_id_of_token(struct span token)
{
	enum field_id id = candidate(token);
	return id != FIELD_OTHER && same_token(token.p, names[id].p, token.n) ? id : FIELD_OTHER;
}

enum field_id field_id_of(struct span name)
{
	return lex_all(name, LEX_TOKEN) ? field_id_of_token(name) : FIELD_OTHER;
}

struct span field_name_of(enum field_id id)
{
	return id < FIELD_LIMIT ? names[id] : names[FIELD_OTHER];
}
