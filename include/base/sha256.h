/* SHA-256 (FIPS 180-4), the one checksum of all files: `sha256sum` shows it too.
 *
 *     struct sha256 h;
 *     sha256_init(&h);
 *     sha256_add(&h, data, n_bytes);         // any number of times
 *     sha256_hex(&h, hex);                   // ends the computation
 *
 * x86's SHA extensions and those of ARMv8 compute it where the CPU has them, with the same
 * answer.
 */
#ifndef DQN_BASE_SHA256_H
#define DQN_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_SIZE 65 /* 64 lower-case digits and the NUL */

struct sha256 {
	uint32_t state[8];
	uint64_t n_bytes;
	unsigned char block[64]; /* the n_bytes % 64 bytes not yet digested */
};

void sha256_init(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *data, size_t n_bytes);
void sha256_hex(struct sha256 *h, char hex[SHA256_HEX_SIZE]);

/* The three calls in one. */
void sha256_of(const void *data, size_t n_bytes, char hex[SHA256_HEX_SIZE]);

/* Whether the CPU's instructions for SHA-256 may be used, by the whole process; they are unless
 * this forbids it. True if they are used now. */
bool sha256_use_instructions(bool wanted);

/* FNV-1a (Fowler, Noll, Vo) of bytes, from FNV_BASIS or the sum of those before: to tell what is in
 * memory apart. */
#define FNV_BASIS 0xcbf29ce484222325u
static inline uint64_t fnv1a(uint64_t sum, const void *bytes, size_t n)
{
	for (const unsigned char *p = bytes; n > 0; n--, p++)
		sum = (sum ^ *p) * 0x100000001b3u;
	return sum;
}

#endif
