/* Who may verify clients, and what each listener offers them: made once from the settings.
 *
 * Owner: the edition. Threads: immutable but for what the verifiers lock inside. */
#ifndef FAIRLEAD_PROXY_SIGN_ON_H
#define FAIRLEAD_PROXY_SIGN_ON_H

#include "auth/acceptor.h"
#include "config/settings.h"

struct sign_on;

/* 0 or -errno; what was wrong has gone to the events log. */
MUST_CHECK int sign_on_new(const struct settings *s, struct sign_on **out);
void sign_on_free(struct sign_on *s);
/* What is offered and verified where sign-in is set like this, over TLS or not; `broken`: to a client behind a proxy that breaks what is offered else.
 * NULL: nobody is asked. */
const struct acceptor_policy *sign_on_policy(const struct sign_on *s, const struct sign_on_settings *k, bool tls,
                                             bool broken);
/* Whether somebody who signed in elsewhere on the connection has done so in a way that counts here too. */
bool sign_on_accepts(const struct sign_on_settings *k, const struct identity *who);
const struct verifier *sign_on_verifier(const struct sign_on *s, const char *name);
/* Whether winbind could not say what this machine is called when this was made: then it is worth making anew once it can. */
bool sign_on_lacks_names(const struct sign_on *s);
/* Where this verifier of it is asked, if it may wait. */
struct offload_lane *sign_on_lane(const struct sign_on *s, const struct verifier *v);

#endif
