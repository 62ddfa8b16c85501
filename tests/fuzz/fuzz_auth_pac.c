/* What a KDC signed and what a client frames: both are read before anybody else has looked at them. */
#include <stdlib.h>

#include "auth/kerberos_pac.h"
#include "auth/kerberos_ticket.h"

static void check_logon(const struct pac_logon *l)
{
	ASSERT(l->name[0] && strlen(l->name) < sizeof(l->name) && strlen(l->domain) < sizeof(l->domain));
	for (unsigned i = 0; i < l->group_count; i++) {
		ASSERT(strncmp(l->groups[i].text, "S-1-", 4) == 0);
		for (unsigned j = 0; j < i && j < 50; j++)
			ASSERT(strcmp(l->groups[i].text, l->groups[j].text) != 0);
	}
}

static void check_inside(struct span outer, struct span inner)
{
	ASSERT(inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pac_logon l;
	struct ap_req req;
	char realm[64];
	char *copy = malloc(n + 1);
	ASSERT(copy);
	memcpy(copy, bytes, n);
	struct span text = span_make(copy, n);
	if (pac_logon_read(text, &l) == 0) {
		check_logon(&l);
		pac_logon_fini(&l);
	}
	if (ap_req_read(text, &req)) {
		check_inside(text, req.ticket);
		check_inside(text, req.authenticator);
		ap_req_realm(&req, realm, sizeof(realm));
		ASSERT(strlen(realm) < sizeof(realm));
	}
	free(copy);
	return 0;
}
