/* What is different where a site is published: for whom a request is, who may have it, and what an application behind is told and says.
 *
 * Threads: one worker, on the exchange's fiber. */
#ifndef FAIRLEAD_PROXY_PUBLISH_H
#define FAIRLEAD_PROXY_PUBLISH_H

#include "proxy/exchange.h"

/* IDENTIFY at a site's address: the site by its host, the directory by the path. */
enum step identify_place(struct exchange *x);
/* Whether the application signs its users in itself: sign-on = {anonymous} alone. What is merely not offered on this connection does not count. */
bool application_signs_in(const struct exchange *x);
/* Whether credentials are for the application behind: then, and where anonymous may come in, of schemes that are no sign-in here and bind no connection. */
bool publish_passes_credentials(const struct exchange *x, struct span credentials);
/* AUTHORIZE: who signed in, and the users and groups of the directory. */
enum step authorize_place(struct exchange *x);
/* CHOOSE_ROUTE: the application, or the files. */
enum step choose_place(struct exchange *x);
/* Whether this client comes through a proxy that breaks sign-in by connection, as far as is known. */
bool comes_through_broken_proxy(const struct exchange *x);
/* Whether the connection ends with every request, as far as one request tells: somebody in between says so, or speaks HTTP/1.0. */
bool closes_every_time(const struct exchange *x);
/* The way by which this client comes, for broken_proxy.h. */
uint64_t way_to_site(const struct exchange *x);
/* Remembers who broke a sign-in, counts and says so; gives the end to go to. */
enum end_reason note_broken_proxy(struct exchange *x);
/* 401s that an application sends are told apart in the log as IIS tells them. */
void note_answer_of_application(struct exchange *x);

/* publish_heads.c: */

/* Takes out of the request what only we may say: who the user is, from where he comes; in whatever spelling. */
void publish_drop_forged(struct exchange *x);
/* Whether a field of this name is one of those, or could be taken for one that is known under another spelling. */
bool publish_is_forged(struct span name);
/* Adds it, with the user's name and groups. */
void publish_write_request(struct exchange *x, struct buf *to);
/* Writes Location and the domain of cookies as the client must see them, in place of the lines of the head; takes out what is not for it. */
void publish_write_response(struct exchange *x, struct buf *to);
/* An upper bound for what both may need besides the head `h` itself. */
size_t publish_room(const struct exchange *x, const struct head *h);

#endif
