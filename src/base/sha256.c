#include "base/sha256.h"

#include <stdio.h>
#include <string.h>

static const uint32_t round_constants[64] = { 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
	0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
	0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152,
	0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
	0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624,
	0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3,
	0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

static uint32_t rotr(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static void digest_block(uint32_t state[8], const unsigned char *p)
{
	enum { N = 8 };
	uint32_t w[64], s[N];
	for (int i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	for (int i = 16; i < 64; i++) {
		const uint32_t a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + w[i - 7] + (rotr(a, 7) ^ rotr(a, 18) ^ a >> 3) +
		       (rotr(b, 17) ^ rotr(b, 19) ^ b >> 10);
	}
	memcpy(s, state, sizeof(s));
	/* The words a to h move on by one each round; here their names do. */
	for (int i = 0; i < 64; i += N)
		for (int j = 0; j < N; j++) {
			const uint32_t a = s[(N - j) % N], b = s[(N + 1 - j) % N],
				       c = s[(N + 2 - j) % N], e = s[(N + 4 - j) % N],
				       f = s[(N + 5 - j) % N], g = s[(N + 6 - j) % N];
			uint32_t *d = &s[(N + 3 - j) % N], *h = &s[(N + 7 - j) % N];
			const uint32_t t1 = *h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) +
					    ((e & f) ^ (~e & g)) + round_constants[i + j] +
					    w[i + j];
			const uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) +
					    ((a & b) ^ (a & c) ^ (b & c));
			*d += t1;
			*h = t1 + t2;
		}
	for (int i = 0; i < 8; i++)
		state[i] += s[i];
}

void sha256_init(struct sha256 *h)
{
	static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	memcpy(h->state, start, sizeof(start));
	h->n_bytes = 0;
}

void sha256_add(struct sha256 *h, const void *data, size_t n_bytes)
{
	const unsigned char *p = data;
	size_t used = h->n_bytes % sizeof(h->block);
	h->n_bytes += n_bytes;
	while (n_bytes > 0) {
		size_t n = sizeof(h->block) - used;
		if (n > n_bytes)
			n = n_bytes;
		memcpy(h->block + used, p, n);
		p += n;
		n_bytes -= n;
		used += n;
		if (used == sizeof(h->block)) {
			digest_block(h->state, h->block);
			used = 0;
		}
	}
}

void sha256_hex(struct sha256 *h, char hex[SHA256_HEX_SIZE])
{
	static const unsigned char padding[64] = { 0x80 };
	const uint64_t n_bits = h->n_bytes * 8;
	sha256_add(h, padding, 1 + (119 - h->n_bytes % 64) % 64); /* to 56 mod 64 */
	unsigned char length[8];
	for (int i = 0; i < 8; i++)
		length[i] = (unsigned char)(n_bits >> (56 - 8 * i));
	sha256_add(h, length, sizeof(length));
	for (size_t i = 0; i < 8; i++)
		snprintf(hex + 8 * i, 9, "%08x", (unsigned)h->state[i]);
}

void sha256_of(const void *data, size_t n_bytes, char hex[SHA256_HEX_SIZE])
{
	struct sha256 h;
	sha256_init(&h);
	sha256_add(&h, data, n_bytes);
	sha256_hex(&h, hex);
}
