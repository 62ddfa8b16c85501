#include "ntlm.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

enum { MESSAGE_MOST = 2048, HEAD = 64, PROOF = 16, BLOB_HEAD = 28 };

/* MD4 of BENCH_PASSWORD in UTF-16LE. */
static const unsigned char nt_hash[16] = {0x82, 0xc1, 0x9a, 0xe5, 0x0c, 0xaa, 0x03, 0xbc,
                                          0xda, 0xb2, 0x61, 0x8c, 0xf2, 0x55, 0x9e, 0x43};

static unsigned get16(const unsigned char *p)
{
	return p[0] | (unsigned)p[1] << 8;
}

static unsigned get32(const unsigned char *p)
{
	return get16(p) | get16(p + 2) << 16;
}

static void put16(unsigned char *p, unsigned n)
{
	p[0] = (unsigned char)n;
	p[1] = (unsigned char)(n >> 8);
}

static void put32(unsigned char *p, unsigned n)
{
	put16(p, n);
	put16(p + 2, n >> 16);
}

static size_t utf16(const char *text, bool upper, unsigned char *out)
{
	size_t n = 0;
	for (; *text; text++) {
		out[n++] = (unsigned char)(upper && *text >= 'a' && *text <= 'z' ? *text - 32 : *text);
		out[n++] = 0;
	}
	return n;
}

static void hmac_md5(const unsigned char key[16], const unsigned char *data, size_t n, unsigned char out[16])
{
	unsigned length = 16;
	HMAC(EVP_md5(), key, 16, data, n, out, &length);
}

/* 100 ns since 1601. */
static void put_time(unsigned char *p)
{
	uint64_t t = ((uint64_t)time(NULL) + 11644473600u) * 10000000u;
	put32(p, (unsigned)t);
	put32(p + 4, (unsigned)(t >> 32));
}

/* The NTLMv2 response: proof and blob. Its length. */
static size_t respond(const unsigned char *challenge, const unsigned char *info, size_t info_n, unsigned char *out)
{
	unsigned char name[64], key[16], signed_text[8 + MESSAGE_MOST];
	unsigned char *blob = out + PROOF;
	size_t n = BLOB_HEAD + info_n + 4;
	hmac_md5(nt_hash, name, utf16(BENCH_USER, true, name), key);
	memset(blob, 0, n);
	blob[0] = blob[1] = 1;
	put_time(blob + 8);
	memcpy(blob + 16, "benchrun", 8);
	memcpy(blob + BLOB_HEAD, info, info_n);
	memcpy(signed_text, challenge, 8);
	memcpy(signed_text + 8, blob, n);
	hmac_md5(key, signed_text, 8 + n, out);
	return PROOF + n;
}

static void put_field(unsigned char *at, size_t n, size_t offset)
{
	put16(at, (unsigned)n);
	put16(at + 2, (unsigned)n);
	put32(at + 4, (unsigned)offset);
}

bool ntlm_answer(const char *type_2, size_t length, char *out, size_t room)
{
	unsigned char in[MESSAGE_MOST] = {0}, message[MESSAGE_MOST] = {0};
	if (length / 4 * 3 + 3 > sizeof(in) || EVP_DecodeBlock(in, (const unsigned char *)type_2, (int)length) < 48 ||
	    memcmp(in, "NTLMSSP\0\2", 9) != 0)
		return false;
	size_t info_n = get16(in + 40), info_at = get32(in + 44);
	if (info_at + info_n > length / 4 * 3 || info_n > 1024)
		return false;
	memcpy(message, "NTLMSSP\0\3", 9);
	size_t at = HEAD, user_n = utf16(BENCH_USER, false, message + at);
	put_field(message + 28, 0, at); /* domain */
	put_field(message + 36, user_n, at);
	at += user_n;
	put_field(message + 44, 0, at);  /* workstation */
	put_field(message + 12, 24, at); /* LM: zeros beside NTLMv2 */
	at += 24;
	size_t nt_n = respond(in + 24, in + info_at, info_n, message + at);
	put_field(message + 20, nt_n, at);
	at += nt_n;
	put_field(message + 52, 0, at); /* session key */
	put32(message + 60, 0x00088201);
	if (at * 4 / 3 + 8 > room)
		return false;
	EVP_EncodeBlock((unsigned char *)out, message, (int)at);
	return true;
}
