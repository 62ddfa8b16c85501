#include <openssl/err.h>

#include "net/tls_parts.h"

void tls_server_judge(const char *certificate, const char *key, const char *name, struct tls_findings *out)
{
	AUTO(tls_certificate) struct tls_certificate *c = NULL;
	*out = (struct tls_findings){.date = NULL};
	ERR_clear_error();
	int r = tls_certificate_new("", certificate, key, 0, &c, &out->unusable);
	if (r != 0 && !out->unusable)
		out->unusable = tls_reason(certificate, "there is not enough memory");
	if (r != 0)
		return;
	/* One for each kind of key. */
	SSL_CTX *context = tls_certificate_context(c);
	for (long more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_FIRST); more == 1;
	     more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_NEXT)) {
		X509 *one = SSL_CTX_get0_certificate(context);
		if (!out->date)
			out->date = tls_explain_date(one);
		if (!out->name && name && strcmp(name, "*") != 0)
			out->name = tls_explain_name(one, name);
	}
	ERR_clear_error();
}
