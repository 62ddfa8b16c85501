/* What both ends of Kerberos share. Owner, threads: as in kerberos.h. */
#ifndef FAIRLEAD_AUTH_KERBEROS_CONTEXT_H
#define FAIRLEAD_AUTH_KERBEROS_CONTEXT_H

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include "auth/kerberos.h"
#include "base/cleanup.h"

struct kerberos_context {
	gss_ctx_id_t gss;
	bool established;
	int64_t ends;
	char detail[768];
};

static inline void auto_release_gss_buffer(gss_buffer_t b)
{
	OM_uint32 minor;
	gss_release_buffer(&minor, b);
}
static inline void auto_release_gss_name(gss_name_t *n)
{
	OM_uint32 minor;
	gss_release_name(&minor, n);
}
static inline void auto_release_gss_cred(gss_cred_id_t *c)
{
	OM_uint32 minor;
	gss_release_cred(&minor, c);
}

/* *ctx, made if it is NULL; NULL without memory. */
struct kerberos_context *kerberos_context_of(struct kerberos_context **ctx);
/* The library's sentences. */
void kerberos_say_status(struct buf *to, OM_uint32 major, OM_uint32 minor);
/* Bindings without addresses; `room` is filled in. GSS_C_NO_CHANNEL_BINDINGS for an empty span. */
gss_channel_bindings_t kerberos_bindings(struct span bindings, struct gss_channel_bindings_struct *room);

#endif
