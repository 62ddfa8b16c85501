/* The field names that the program knows by number. X(identifier, "Name as RFCs spell it"). */
#ifndef FAIRLEAD_HTTP_FIELD_NAMES_H
#define FAIRLEAD_HTTP_FIELD_NAMES_H

#define FIELD_NAMES(X)                                        \
	X(ACCEPT, "Accept")                                       \
	X(AGE, "Age")                                             \
	X(AUTHORIZATION, "Authorization")                         \
	X(CACHE_CONTROL, "Cache-Control")                         \
	X(CONNECTION, "Connection")                               \
	X(CONTENT_LENGTH, "Content-Length")                       \
	X(CONTENT_TYPE, "Content-Type")                           \
	X(COOKIE, "Cookie")                                       \
	X(DATE, "Date")                                           \
	X(EXPECT, "Expect")                                       \
	X(FAIRLEAD_EXCHANGE, "Fairlead-Exchange")                 \
	X(FORWARDED, "Forwarded")                                 \
	X(HOST, "Host")                                           \
	X(IF_MATCH, "If-Match")                                   \
	X(IF_MODIFIED_SINCE, "If-Modified-Since")                 \
	X(IF_NONE_MATCH, "If-None-Match")                         \
	X(IF_RANGE, "If-Range")                                   \
	X(IF_UNMODIFIED_SINCE, "If-Unmodified-Since")             \
	X(KEEP_ALIVE, "Keep-Alive")                               \
	X(LOCATION, "Location")                                   \
	X(MAX_FORWARDS, "Max-Forwards")                           \
	X(PERSISTENT_AUTH, "Persistent-Auth")                     \
	X(PROXY_AUTHENTICATE, "Proxy-Authenticate")               \
	X(PROXY_AUTHENTICATION_INFO, "Proxy-Authentication-Info") \
	X(PROXY_AUTHORIZATION, "Proxy-Authorization")             \
	X(PROXY_CONNECTION, "Proxy-Connection")                   \
	X(PROXY_STATUS, "Proxy-Status")                           \
	X(PROXY_SUPPORT, "Proxy-Support")                         \
	X(RANGE, "Range")                                         \
	X(REFERER, "Referer")                                     \
	X(SERVER, "Server")                                       \
	X(SET_COOKIE, "Set-Cookie")                               \
	X(TE, "TE")                                               \
	X(TRAILER, "Trailer")                                     \
	X(TRANSFER_ENCODING, "Transfer-Encoding")                 \
	X(UPGRADE, "Upgrade")                                     \
	X(USER_AGENT, "User-Agent")                               \
	X(VIA, "Via")                                             \
	X(WWW_AUTHENTICATE, "WWW-Authenticate")                   \
	X(X_FORWARDED_FOR, "X-Forwarded-For")

enum field_id {
	FIELD_OTHER,
#define X(id, name) FIELD_##id,
	FIELD_NAMES(X)
#undef X
		FIELD_LIMIT
};

#endif
