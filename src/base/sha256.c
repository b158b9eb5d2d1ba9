#include "base/sha256.h"

#include <stdio.h>
#include <string.h>

/* Which instructions the compiler can make, beside those of the target's baseline. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define HAS_X86
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__GNUC__) && defined(__aarch64__) && !defined(__AARCH64EB__) && \
	(defined(__ARM_FEATURE_SHA2) || !defined(__clang__))
#define HAS_ARM
#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

static const uint32_t round_constants[64] = { 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7,
	0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c,
	0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

static uint32_t rotr(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

/* The words a to h move on by one each round; here their names do. */
static inline void one_round(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f, uint32_t g,
	uint32_t *h, uint32_t constant_and_word)
{
	const uint32_t t = *h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + (g ^ (e & (f ^ g))) + constant_and_word;
	*d += t;
	*h = t + (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) | (c & (a | b)));
}

static void digest_portable(uint32_t state[8], const unsigned char *p, size_t n_blocks)
{
	for (; n_blocks > 0; n_blocks--) {
		uint32_t w[64];
		for (int i = 0; i < 16; i++, p += 4)
			w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
		for (int i = 16; i < 64; i++) {
			const uint32_t x = w[i - 15], y = w[i - 2];
			w[i] = w[i - 16] + w[i - 7] + (rotr(x, 7) ^ rotr(x, 18) ^ x >> 3) +
			       (rotr(y, 17) ^ rotr(y, 19) ^ y >> 10);
		}
		uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5],
			 g = state[6], h = state[7];
		const uint32_t *k = round_constants;
		for (int i = 0; i < 64; i += 8) {
			one_round(a, b, c, &d, e, f, g, &h, k[i] + w[i]);
			one_round(h, a, b, &c, d, e, f, &g, k[i + 1] + w[i + 1]);
			one_round(g, h, a, &b, c, d, e, &f, k[i + 2] + w[i + 2]);
			one_round(f, g, h, &a, b, c, d, &e, k[i + 3] + w[i + 3]);
			one_round(e, f, g, &h, a, b, c, &d, k[i + 4] + w[i + 4]);
			one_round(d, e, f, &g, h, a, b, &c, k[i + 5] + w[i + 5]);
			one_round(c, d, e, &f, g, h, a, &b, k[i + 6] + w[i + 6]);
			one_round(b, c, d, &e, f, g, h, &a, k[i + 7] + w[i + 7]);
		}
		const uint32_t after[8] = { a, b, c, d, e, f, g, h };
		for (int i = 0; i < 8; i++)
			state[i] += after[i];
	}
}

/* The instructions of both do four rounds at a time; w[i % 4] has four words of the schedule. */

#if defined(HAS_X86)
__attribute__((target("sha,sse4.1"))) static void digest_x86(uint32_t state[8], const unsigned char *p, size_t n_blocks)
{
	const __m128i big_endian = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
	const __m128i *k = (const __m128i *)(const void *)round_constants;
	__m128i *to = (__m128i *)(void *)state, w[4];
	/* The instructions want the state as f e b a and h g d c, lowest word first. */
	const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(to), 0xb1);
	const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(to + 1), 0x1b);
	__m128i feba = _mm_alignr_epi8(badc, hgfe, 8), hgdc = _mm_blend_epi16(hgfe, badc, 0xf0);
	for (; n_blocks > 0; n_blocks--, p += 64) {
		const __m128i feba_before = feba, hgdc_before = hgdc;
		const __m128i *from = (const __m128i *)(const void *)p;
		for (int i = 0; i < 4; i++)
			w[i] = _mm_shuffle_epi8(_mm_loadu_si128(from + i), big_endian);
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			__m128i *now = &w[i % 4];
			const __m128i last = w[(i + 3) % 4];
			if (i >= 4)
				*now = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(*now, w[(i + 1) % 4]),
								    _mm_alignr_epi8(last, w[(i + 2) % 4], 4)),
					last);
			const __m128i sum = _mm_add_epi32(*now, _mm_loadu_si128(k + i));
			hgdc = _mm_sha256rnds2_epu32(hgdc, feba, sum);
			feba = _mm_sha256rnds2_epu32(feba, hgdc, _mm_shuffle_epi32(sum, 0x0e));
		}
		feba = _mm_add_epi32(feba, feba_before);
		hgdc = _mm_add_epi32(hgdc, hgdc_before);
	}
	const __m128i abef = _mm_shuffle_epi32(feba, 0x1b), dchg = _mm_shuffle_epi32(hgdc, 0xb1);
	_mm_storeu_si128(to, _mm_blend_epi16(abef, dchg, 0xf0));
	_mm_storeu_si128(to + 1, _mm_alignr_epi8(dchg, abef, 8));
}

/* cpuid's leaves 1 and 7: SSSE3 and SSE4.1, SHA. */
static bool cpu_has_instructions(void)
{
	const unsigned sse = 1u << 9 | 1u << 19, sha = 1u << 29;
	unsigned eax, ebx, ecx, edx;
	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & sse) != sse)
		return false;
	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & sha);
}
#define DIGEST_FAST digest_x86

#elif defined(HAS_ARM)
#if !defined(__ARM_FEATURE_SHA2)
__attribute__((target("+crypto")))
#endif
static void
digest_arm(uint32_t state[8], const unsigned char *p, size_t n_blocks)
{
	uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4), w[4];
	for (; n_blocks > 0; n_blocks--, p += 64) {
		const uint32x4_t abcd_before = abcd, efgh_before = efgh;
		for (int i = 0; i < 4; i++)
			w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + 16 * i)));
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			uint32x4_t *now = &w[i % 4];
			if (i >= 4)
				*now = vsha256su1q_u32(
					vsha256su0q_u32(*now, w[(i + 1) % 4]), w[(i + 2) % 4], w[(i + 3) % 4]);
			const uint32x4_t sum = vaddq_u32(*now, vld1q_u32(round_constants + 4 * i));
			const uint32x4_t abcd_now = abcd;
			abcd = vsha256hq_u32(abcd, efgh, sum);
			efgh = vsha256h2q_u32(efgh, abcd_now, sum);
		}
		abcd = vaddq_u32(abcd, abcd_before);
		efgh = vaddq_u32(efgh, efgh_before);
	}
	vst1q_u32(state, abcd);
	vst1q_u32(state + 4, efgh);
}

static bool cpu_has_instructions(void)
{
#if defined(__ARM_FEATURE_SHA2)
	return true;
#elif defined(__linux__)
	return getauxval(AT_HWCAP) & 1ul << 6; /* HWCAP_SHA2 */
#else
	return false;
#endif
}
#define DIGEST_FAST digest_arm

#else
static bool cpu_has_instructions(void)
{
	return false;
}
#define DIGEST_FAST digest_portable
#endif

/* Of the process, as the CPU is. NULL: not asked yet, and asking may take 20 us. */
static void (*digest)(uint32_t state[8], const unsigned char *p, size_t n_blocks);

bool sha256_use_instructions(bool wanted)
{
	const bool has = wanted && cpu_has_instructions();
	digest = has ? DIGEST_FAST : digest_portable;
	return has;
}

void sha256_init(struct sha256 *h)
{
	static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
		0x1f83d9ab, 0x5be0cd19 };
	memcpy(h->state, start, sizeof(start));
	h->n_bytes = 0;
}

void sha256_add(struct sha256 *h, const void *data, size_t n_bytes)
{
	const unsigned char *p = data;
	const size_t size = sizeof(h->block), used = h->n_bytes % size;
	if (!digest)
		sha256_use_instructions(true);
	h->n_bytes += n_bytes;
	if (used > 0) {
		const size_t n = n_bytes < size - used ? n_bytes : size - used;
		memcpy(h->block + used, p, n);
		if (used + n < size)
			return;
		digest(h->state, h->block, 1);
		p += n;
		n_bytes -= n;
	}
	if (n_bytes >= size)
		digest(h->state, p, n_bytes / size);
	if (n_bytes % size > 0)
		memcpy(h->block, p + n_bytes / size * size, n_bytes % size);
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
