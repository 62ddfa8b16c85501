#include "auth/kerberos_own.h"

#include <krb5/krb5.h>
#include <time.h>

#include "base/cleanup.h"

static bool is_valid_tgt(const krb5_creds *c)
{
	krb5_data *service = c->server->length ? &c->server->data[0] : NULL;
	bool tgt = service && span_eq(span_make(service->data, service->length), SPAN("krbtgt"));
	return tgt && (int64_t)(uint32_t)c->times.endtime > (int64_t)time(NULL);
}

static bool has_valid_tgt(krb5_context krb, krb5_ccache cache)
{
	krb5_cc_cursor cursor;
	krb5_creds creds;
	bool found = false;
	if (krb5_cc_start_seq_get(krb, cache, &cursor) != 0)
		return false;
	while (!found && krb5_cc_next_cred(krb, cache, &cursor, &creds) == 0) {
		found = is_valid_tgt(&creds);
		krb5_free_cred_contents(krb, &creds);
	}
	krb5_cc_end_seq_get(krb, cache, &cursor);
	return found;
}

static bool name_of_ticket(krb5_context krb, krb5_ccache cache, struct buf *ccache, struct buf *principal)
{
	krb5_principal who = NULL;
	char *name = NULL, *text = NULL;
	bool named = krb5_cc_get_principal(krb, cache, &who) == 0 && krb5_unparse_name(krb, who, &text) == 0 &&
	             krb5_cc_get_full_name(krb, cache, &name) == 0;
	if (named) {
		buf_adds(ccache, name);
		buf_adds(principal, text);
	}
	krb5_free_string(krb, name);
	krb5_free_unparsed_name(krb, text);
	krb5_free_principal(krb, who);
	return named;
}

bool kerberos_own_ticket(struct buf *ccache, struct buf *principal)
{
	krb5_context krb;
	krb5_ccache cache;
	if (krb5_init_context(&krb) != 0)
		return false;
	bool found = false;
	if (krb5_cc_default(krb, &cache) == 0) {
		found = has_valid_tgt(krb, cache) && name_of_ticket(krb, cache, ccache, principal);
		krb5_cc_close(krb, cache);
	}
	krb5_free_context(krb);
	return found;
}
