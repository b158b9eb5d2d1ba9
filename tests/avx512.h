/* AVX-512 on pairs of AVX2 registers, as much of it as simd.h uses: for machines that
 * lack it, to see that the avx512 set computes the same bits. tests/portable includes
 * it before everything else. Arithmetic, comparison and unpacking are the AVX2
 * instructions of the same name, which have the same semantics per half. */
#ifndef DQN_TESTS_AVX512_H
#define DQN_TESTS_AVX512_H

/* isa.c is to see AVX-512; pmath.c, which asks for avx512dq, has no intrinsics to replace. */
#define __builtin_cpu_supports(name) (__builtin_strcmp(name, "avx512dq") != 0)

#if defined(__AVX2__)
#include <immintrin.h>

struct pair {
	__m256 lo, hi;
};
#define __m512 struct pair
#define __m512d struct pair
#define __m512i struct pair_index

static inline struct pair pair_of(__m256 lo, __m256 hi)
{
	return (struct pair){ lo, hi };
}

/* The lanes of a half whose bits are set, all ones. */
static inline __m256i pair_lanes(unsigned mask)
{
	const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
	return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)mask), bit), bit);
}

static inline struct pair pair_load_n(unsigned mask, const float *p)
{
	return pair_of(_mm256_maskload_ps(p, pair_lanes(mask)), _mm256_maskload_ps(p + 8, pair_lanes(mask >> 8)));
}

static inline void pair_store_n(float *p, unsigned mask, struct pair v)
{
	_mm256_maskstore_ps(p, pair_lanes(mask), v.lo);
	_mm256_maskstore_ps(p + 8, pair_lanes(mask >> 8), v.hi);
}

static inline void pair_store(float *p, struct pair v)
{
	_mm256_storeu_ps(p, v.lo);
	_mm256_storeu_ps(p + 8, v.hi);
}

static inline struct pair pair_zero_unless(unsigned mask, struct pair v)
{
	return pair_of(_mm256_and_ps(_mm256_castsi256_ps(pair_lanes(mask)), v.lo),
		_mm256_and_ps(_mm256_castsi256_ps(pair_lanes(mask >> 8)), v.hi));
}

static inline struct pair pair_abs(struct pair v)
{
	const __m256 sign = _mm256_set1_ps(-0.0f);
	return pair_of(_mm256_andnot_ps(sign, v.lo), _mm256_andnot_ps(sign, v.hi));
}

/* v with the four floats of x in the lanes of one block of four, which mask names. */
static inline struct pair pair_put_block(struct pair v, unsigned mask, __m128 x)
{
	float to[16];
	pair_store(to, v);
	for (unsigned i = 0; i < 4; i++)
		if (mask >> 4 * i & 1)
			_mm_storeu_ps(to + 4 * i, x);
	return pair_of(_mm256_loadu_ps(to), _mm256_loadu_ps(to + 8));
}

static inline struct pair pair_merge(struct pair v, unsigned mask, struct pair w)
{
	return pair_of(_mm256_blendv_ps(v.lo, w.lo, _mm256_castsi256_ps(pair_lanes(mask))),
		_mm256_blendv_ps(v.hi, w.hi, _mm256_castsi256_ps(pair_lanes(mask >> 8))));
}

/* Blocks of four: number i and i + 2 of a, the same of b; imm 0x88 or 0xdd. 0xee: the last two of both */
static inline struct pair pair_shuffle_blocks(struct pair a, struct pair b, int imm)
{
	if (imm == 0xee)
		return pair_of(a.hi, b.hi);
	if (imm == 0x88)
		return pair_of(_mm256_permute2f128_ps(a.lo, a.hi, 0x20), _mm256_permute2f128_ps(b.lo, b.hi, 0x20));
	return pair_of(_mm256_permute2f128_ps(a.lo, a.hi, 0x31), _mm256_permute2f128_ps(b.lo, b.hi, 0x31));
}

/* The lanes of a, then those of b, by number. */
struct pair_index {
	int lane[16];
};
static inline struct pair pair_permute(struct pair a, struct pair_index index, struct pair b)
{
	float from[32], to[16];
	pair_store(from, a);
	pair_store(from + 16, b);
	for (int i = 0; i < 16; i++)
		to[i] = from[index.lane[i]];
	return pair_of(_mm256_loadu_ps(to), _mm256_loadu_ps(to + 8));
}

static inline struct pair pair_fma(struct pair a, struct pair b, struct pair c)
{
	return pair_of(_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi));
}

static inline struct pair pair_fnma(struct pair a, struct pair b, struct pair c)
{
	return pair_of(_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi));
}

#define PAIR_BINARY(name, op)                                               \
	static inline struct pair pair_##name(struct pair a, struct pair b) \
	{                                                                   \
		return pair_of(op(a.lo, b.lo), op(a.hi, b.hi));             \
	}
PAIR_BINARY(add, _mm256_add_ps)
PAIR_BINARY(mul, _mm256_mul_ps)
PAIR_BINARY(div, _mm256_div_ps)
PAIR_BINARY(max, _mm256_max_ps)
PAIR_BINARY(min, _mm256_min_ps)
PAIR_BINARY(unpacklo, _mm256_unpacklo_ps)
PAIR_BINARY(unpackhi, _mm256_unpackhi_ps)
#define PAIR_DOUBLES(op, a, b) _mm256_castpd_ps(op(_mm256_castps_pd(a), _mm256_castps_pd(b)))
#define PAIR_UNPACKLO_PD(a, b) PAIR_DOUBLES(_mm256_unpacklo_pd, a, b)
#define PAIR_UNPACKHI_PD(a, b) PAIR_DOUBLES(_mm256_unpackhi_pd, a, b)
PAIR_BINARY(unpacklo_pd, PAIR_UNPACKLO_PD)
PAIR_BINARY(unpackhi_pd, PAIR_UNPACKHI_PD)

#define _mm512_setzero_ps() pair_of(_mm256_setzero_ps(), _mm256_setzero_ps())
#define _mm512_set1_ps(x) pair_of(_mm256_set1_ps(x), _mm256_set1_ps(x))
#define _mm512_loadu_ps(p) pair_of(_mm256_loadu_ps(p), _mm256_loadu_ps((p) + 8))
#define _mm512_storeu_ps pair_store
#define _mm512_maskz_loadu_ps pair_load_n
#define _mm512_mask_storeu_ps pair_store_n
#define _mm512_maskz_mov_ps pair_zero_unless
#define _mm512_fmadd_ps pair_fma
#define _mm512_fnmadd_ps pair_fnma
#define _mm512_add_ps pair_add
#define _mm512_mul_ps pair_mul
#define _mm512_div_ps pair_div
#define _mm512_max_ps pair_max
#define _mm512_min_ps pair_min
#define _mm512_sqrt_ps(a) pair_of(_mm256_sqrt_ps((a).lo), _mm256_sqrt_ps((a).hi))
#define _mm512_rsqrt14_ps(a) pair_div(_mm512_set1_ps(1), _mm512_sqrt_ps(a)) /* nearer than 2^-14 */
#define _mm512_abs_ps pair_abs
#define _mm512_cmp_ps_mask(a, b, op)                                       \
	(unsigned)(_mm256_movemask_ps(_mm256_cmp_ps((a).lo, (b).lo, op)) | \
		   _mm256_movemask_ps(_mm256_cmp_ps((a).hi, (b).hi, op)) << 8)
#define _mm512_castps_pd(a) (a)
#define _mm512_castpd_ps(a) (a)
#define _mm512_unpacklo_ps pair_unpacklo
#define _mm512_unpackhi_ps pair_unpackhi
#define _mm512_unpacklo_pd pair_unpacklo_pd
#define _mm512_unpackhi_pd pair_unpackhi_pd
#define _mm512_castps128_ps512(x) pair_of(_mm256_castps128_ps256(x), _mm256_setzero_ps())
#define _mm512_mask_broadcast_f32x4 pair_put_block
#define _mm512_castpd256_pd512(x) pair_of(_mm256_castpd_ps(x), _mm256_setzero_ps())
#define _mm512_mask_broadcast_f64x4(v, mask, x) pair_of((v).lo, _mm256_castpd_ps(x)) /* mask 0xf0 */
#define _mm512_broadcast_f64x4(x) pair_of(_mm256_castpd_ps(x), _mm256_castpd_ps(x))
#define _mm512_shuffle_f32x4 pair_shuffle_blocks
#undef _mm512_setr_epi32 /* a macro already */
#define _mm512_setr_epi32(...) ((struct pair_index){ { __VA_ARGS__ } })
#define _mm512_permutex2var_ps pair_permute
#define _mm512_mask_mov_ps pair_merge
#define _mm512_mask_loadu_ps(v, mask, p) pair_merge(v, mask, pair_load_n(mask, p))

#endif
#endif
