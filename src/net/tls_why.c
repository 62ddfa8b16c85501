/* OpenSSL's reasons in words that say what to do. The certificate's check runs inside the handshake, which drops a
 * refused certificate, so its sentence is made there and then. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "net/tls_parts.h"

enum { NAMES_SHOWN = 3, SOON_DAYS = 21 };

static void add_time(struct buf *b, const ASN1_TIME *time)
{
	struct tm tm;
	char text[32];
	if (ASN1_TIME_to_tm(time, &tm) == 1 && strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm) > 0)
		buf_adds(b, text);
	else
		buf_adds(b, "an unreadable date");
}

/* Names come from the other side: what cannot be printed does not reach a log or a page. */
static void add_printable(struct buf *b, const unsigned char *p, int n)
{
	for (int i = 0; i < n && i < 255; i++)
		buf_addc(b, p[i] > 0x20 && p[i] < 0x7f ? (char)p[i] : '?');
}

static void add_subject(struct buf *b, X509 *certificate)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	ASN1_STRING *name = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	if (name)
		add_printable(b, ASN1_STRING_get0_data(name), ASN1_STRING_length(name));
	else
		buf_adds(b, "nobody");
}

static bool add_alternative(struct buf *b, const GENERAL_NAME *name)
{
	char text[ADDR_TEXT];
	if (name->type == GEN_DNS) {
		add_printable(b, ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName));
		return true;
	}
	if (name->type != GEN_IPADD)
		return false;
	const unsigned char *bytes = ASN1_STRING_get0_data(name->d.iPAddress);
	struct addr a = {0};
	if (ASN1_STRING_length(name->d.iPAddress) == 4) {
		a.v4.sin_family = AF_INET;
		memcpy(&a.v4.sin_addr, bytes, 4);
	} else if (ASN1_STRING_length(name->d.iPAddress) == 16) {
		a.v6.sin6_family = AF_INET6;
		memcpy(&a.v6.sin6_addr, bytes, 16);
	} else {
		return false;
	}
	addr_format(&a, false, text);
	buf_adds(b, text);
	return true;
}

/* "a.example, www.a.example and 3 more" */
static void add_names(struct buf *b, X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int shown = 0, total = sk_GENERAL_NAME_num(names);
	for (int i = 0; i < total && shown < NAMES_SHOWN; i++) {
		size_t before = b->n;
		if (shown)
			buf_adds(b, ", ");
		if (add_alternative(b, sk_GENERAL_NAME_value(names, i)))
			shown++;
		else
			b->n = before;
	}
	if (!shown)
		add_subject(b, certificate);
	else if (total > shown)
		buf_addf(b, " and %d more", total - shown);
	GENERAL_NAMES_free(names);
}

static void add_validity(struct buf *b, X509 *certificate, const char *verb, const ASN1_TIME *time)
{
	buf_adds(b, "the certificate of ");
	add_subject(b, certificate);
	buf_addf(b, " %s ", verb);
	add_time(b, time);
}

static void add_other_names(struct buf *b, X509 *certificate, const char *host)
{
	buf_adds(b, "the certificate is for ");
	add_names(b, certificate);
	buf_addf(b, ", not %s", host);
}

static void explain_certificate(struct buf *b, const char *host, X509 *certificate, int error)
{
	switch (error) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		add_other_names(b, certificate, host);
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		add_validity(b, certificate, "has expired on", X509_get0_notAfter(certificate));
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		add_validity(b, certificate, "is not valid before", X509_get0_notBefore(certificate));
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		buf_adds(b, "the certificate of ");
		add_subject(b, certificate);
		buf_adds(b, " is signed by an authority that is not trusted: set tls { ca = ... }");
		break;
	default:
		buf_adds(b, "the certificate of ");
		add_subject(b, certificate);
		buf_addf(b, " is refused: %s", X509_verify_cert_error_string(error));
	}
}

char *tls_explain_date(X509 *certificate)
{
	char text[TLS_WHY] = "";
	struct buf b;
	int days = 0, seconds = 0;
	buf_over(&b, text, sizeof(text) - 1);
	ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate));
	if (days < 0 || seconds < 0)
		add_validity(&b, certificate, "has expired on", X509_get0_notAfter(certificate));
	else if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
		add_validity(&b, certificate, "is not valid before", X509_get0_notBefore(certificate));
	else if (days < SOON_DAYS)
		add_validity(&b, certificate, "expires on", X509_get0_notAfter(certificate));
	else
		return NULL;
	text[b.n] = '\0';
	return strdup(text);
}

char *tls_explain_name(X509 *certificate, const char *name)
{
	char text[TLS_WHY] = "", host[TLS_HOST];
	struct buf b;
	/* A host that the asterisk stands for. */
	snprintf(host, sizeof(host), "%s%s", name[0] == '*' ? "name" : "", name[0] == '*' ? name + 1 : name);
	if (X509_check_host(certificate, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1)
		return NULL;
	buf_over(&b, text, sizeof(text) - 1);
	add_other_names(&b, certificate, name);
	text[b.n] = '\0';
	return strdup(text);
}

int tls_check_certificate(int preverified, X509_STORE_CTX *store)
{
	if (preverified)
		return 1;
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get_current_cert(store);
	if (!t->why || t->why[0] || !certificate)
		return 0;
	struct buf b;
	buf_over(&b, t->why, TLS_WHY - 1);
	explain_certificate(&b, t->host, certificate, X509_STORE_CTX_get_error(store));
	t->why[b.n] = '\0';
	return 0;
}

static const char *sentence_about_server(int reason)
{
	switch (reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_UNEXPECTED_MESSAGE:
	case SSL_R_BAD_RECORD_TYPE:
		return "the server does not speak TLS on this port";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return "the server offers no TLS version that is still safe (1.2 or later)";
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
		return "the server refused the handshake: no common cipher, or it wants a client certificate";
	case SSL_R_TLSV1_UNRECOGNIZED_NAME:
		return "the server does not know this name";
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
		return "the server wants a client certificate: set tls { certificate = ... key = ... }";
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
		return "the server refused our certificate";
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return "the server closed the connection during the TLS handshake";
	case SSL_R_DH_KEY_TOO_SMALL:
	case SSL_R_EE_KEY_TOO_SMALL:
	case SSL_R_CA_KEY_TOO_SMALL:
		return "the server's key is too short to be safe";
	default:
		return NULL;
	}
}

static const char *sentence_about_client(int reason)
{
	switch (reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_UNEXPECTED_MESSAGE:
	case SSL_R_BAD_RECORD_TYPE:
		return "the client does not speak TLS";
	case SSL_R_UNSUPPORTED_PROTOCOL:
		return "the client offers no TLS version that is still safe (1.2 or later)";
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SHARED_GROUPS:
		return "the client offers no cipher that is safe and fits the certificate";
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
		return "the client does not accept our certificate";
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return "the client closed the connection during the TLS handshake";
	default:
		return NULL;
	}
}

void tls_explain_handshake(const struct tls *t, int ssl_error, char *why, size_t n)
{
	unsigned long error = ERR_peek_error();
	if (t->why && t->why[0]) {
		snprintf(why, n, "%s", t->why);
	} else if (ssl_error == SSL_ERROR_SSL && error && !ERR_SYSTEM_ERROR(error)) {
		const char *sentence = t->server ? sentence_about_client(ERR_GET_REASON(error))
		                                 : sentence_about_server(ERR_GET_REASON(error));
		const char *reason = ERR_reason_error_string(error);
		if (sentence)
			snprintf(why, n, "%s", sentence);
		else
			snprintf(why, n, "the TLS handshake failed: %s", reason ? reason : "unknown reason");
	} else if (t->error) {
		char text[128];
		snprintf(why, n, "the connection failed during the TLS handshake: %s",
		         strerror_r(t->error, text, sizeof(text)));
	} else {
		snprintf(why, n, "the %s closed the connection during the TLS handshake", t->server ? "client" : "server");
	}
}

char *tls_reason(const char *what, const char *reason)
{
	char *text = NULL;
	return asprintf(&text, "%s: %s", what, reason) < 0 ? NULL : text;
}

char *tls_library_reason(const char *what)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
	return tls_reason(what, reason ? reason : "unknown reason");
}
