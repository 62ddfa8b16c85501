#include "auth/kerberos.h"

#include <stdlib.h>

#include "auth/kerberos_context.h"

struct kerberos_context *kerberos_context_of(struct kerberos_context **ctx)
{
	if (!*ctx)
		*ctx = calloc(1, sizeof(**ctx));
	return *ctx;
}

void kerberos_context_free(struct kerberos_context *ctx)
{
	OM_uint32 minor;
	if (!ctx)
		return;
	if (ctx->gss)
		gss_delete_sec_context(&minor, &ctx->gss, GSS_C_NO_BUFFER);
	free(ctx);
}

const char *kerberos_detail(const struct kerberos_context *ctx)
{
	return ctx ? ctx->detail : "";
}

int64_t kerberos_ends(const struct kerberos_context *ctx)
{
	return ctx ? ctx->ends : 0;
}

static void say_code(struct buf *to, OM_uint32 code, int kind)
{
	OM_uint32 minor, more = 0;
	do {
		AUTO(gss_buffer) gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
		if (GSS_ERROR(gss_display_status(&minor, code, kind, (gss_OID)gss_mech_krb5, &more, &text)))
			return;
		buf_addf(to, "%s%.*s", to->n ? ": " : "", (int)text.length, (char *)text.value);
	} while (more);
}

void kerberos_say_status(struct buf *to, OM_uint32 major, OM_uint32 minor)
{
	if (minor)
		say_code(to, minor, GSS_C_MECH_CODE);
	else
		say_code(to, major, GSS_C_GSS_CODE);
}

gss_channel_bindings_t kerberos_bindings(struct span bindings, struct gss_channel_bindings_struct *room)
{
	if (bindings.n == 0)
		return GSS_C_NO_CHANNEL_BINDINGS;
	memset(room, 0, sizeof(*room));
	room->initiator_addrtype = GSS_C_AF_UNSPEC;
	room->acceptor_addrtype = GSS_C_AF_UNSPEC;
	room->application_data = (gss_buffer_desc){bindings.n, (void *)bindings.p};
	return room;
}

int kerberos_get_mic(struct kerberos_context *ctx, struct span message, struct buf *mic)
{
	OM_uint32 minor;
	AUTO(gss_buffer) gss_buffer_desc code = GSS_C_EMPTY_BUFFER;
	gss_buffer_desc text = {message.n, (void *)message.p};
	if (!ctx->gss || GSS_ERROR(gss_get_mic(&minor, ctx->gss, GSS_C_QOP_DEFAULT, &text, &code)))
		return -EBADMSG;
	buf_add(mic, span_make(code.value, code.length));
	return buf_error(mic);
}

int kerberos_verify_mic(struct kerberos_context *ctx, struct span message, struct span mic)
{
	OM_uint32 minor;
	gss_buffer_desc text = {message.n, (void *)message.p}, code = {mic.n, (void *)mic.p};
	return ctx->gss && gss_verify_mic(&minor, ctx->gss, &text, &code, NULL) == GSS_S_COMPLETE ? 0 : -EBADMSG;
}
