#include "auth/md4.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = 64, LENGTH_AT = 56 };

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static uint32_t load(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store(unsigned char *p, uint32_t x)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (unsigned char)(x >> (8 * i));
}

/* The function of each round, with its constant. */
static uint32_t mix(unsigned round, uint32_t x, uint32_t y, uint32_t z)
{
	switch (round) {
	case 0:
		return (x & y) | (~x & z);
	case 1:
		return ((x & y) | (x & z) | (y & z)) + 0x5a827999;
	default:
		return (x ^ y ^ z) + 0x6ed9eba1;
	}
}

static void add_block(uint32_t state[4], const unsigned char *block)
{
	static const unsigned char order[3][16] = {
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15},
		{0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15},
	};
	static const unsigned char turn[3][4] = {{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}};
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	for (unsigned i = 0; i < 48; i++) {
		unsigned round = i / 16;
		uint32_t x = a + mix(round, b, c, d) + load(block + 4 * order[round][i % 16]);
		a = d;
		d = c;
		c = b;
		b = rotate(x, turn[round][i % 4]);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

void md4(const void *bytes, size_t n, unsigned char digest[16])
{
	uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	const unsigned char *p = bytes;
	unsigned char last[2 * BLOCK] = {0};
	size_t left = n;
	for (; left >= BLOCK; left -= BLOCK, p += BLOCK)
		add_block(state, p);
	if (left)
		memcpy(last, p, left);
	last[left] = 0x80;
	unsigned char *length = last + (left < LENGTH_AT ? 0 : BLOCK) + LENGTH_AT;
	store(length, (uint32_t)(n << 3));
	store(length + 4, (uint32_t)((uint64_t)n >> 29));
	for (unsigned char *block = last; block < length; block += BLOCK)
		add_block(state, block);
	for (unsigned i = 0; i < 4; i++)
		store(digest + 4 * i, state[i]);
	OPENSSL_cleanse(last, sizeof(last));
	OPENSSL_cleanse(state, sizeof(state));
}
