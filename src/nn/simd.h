/* The vector of the instruction set this file is compiled for.
 *
 *     vf                 LANES floats
 *     vf_set1(x)         x in every lane
 *     vf_load(p)  vf_store(p, v)               LANES floats, any alignment
 *     vf_load_n(p, n)  vf_store_n(p, v, n)     the first n < LANES of them, the rest 0
 *     FREE_MASKS         whether those are as fast as the ones above; n may be LANES then
 *     vf_fma(a, b, c)    a * b + c, rounded once
 *     vf_add vf_mul vf_div                     correctly rounded, as IEEE 754 has them
 *     vf_sqrt(v)         the same; v is 0, at least TINY, or NaN
 *     vf_max(low, v)     v < low ? low : v, so NaN and -0 stay
 *     vf_pass(v, gate)   gate > 0 ? v : 0
 *     vf_flush(v)        |v| < TINY ? 0 : v
 *     vf_clamp(v, most)  v, but within -most and most; NaN and -0 stay
 *
 *     vf_columns(v, x, row, last)    the first 4 columns of LANES rows of x, `row` floats
 *                                    apart; rows after number `last` repeat it
 *     vf_some_columns(n, ...)        the first n, which is 4 or, if EIGHT_COLUMNS, 8
 *
 *     PAIRS                          whether there are, for columns that lie in turns,
 *     vf_load_pairs(p, &a, &b)       a = p[0], p[2], p[4] ..., b = p[1], p[3], p[5] ...
 *     vf_store_pairs(p, a, b)        the way back
 *
 * If FREE_MASKS, for rows that share a vector:
 *     vf_merge(v, first, n, w)       v with n lanes of w from lane `first` on
 *     vf_put(v, first, n, p)         v with n floats at p from lane `first` on
 *     vf_store_lanes(p, first, n, v) those lanes of v
 *     vf_second_half(v)              the upper half of its lanes, in the lower half
 *     vf_repeat(p, n)                n floats, 1 or 8, as often as a vector has room for them
 *
 * TILE_ROWS is how many rows of a product fit the register file at two vectors
 * a row, twice as many at one; ROW_VECTORS how many vectors of a single row. (Fewer
 * where fma is computed, SLOW_FMA: that takes the time, and each tile takes long to compile.)
 * Every operation gives the same bits in every instruction set; the scalar one at the end is
 * the definition.
 */
#ifndef DQN_NN_SIMD_H
#define DQN_NN_SIMD_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "this compiler computes float in a wider type, and so other results: see the Makefile"
#endif

#define TINY 0x1p-100f

/* Before each loop over vectors in an array. gcc -O2 would leave the loop, and then they are
 * in memory; clang unrolls all of them by itself. */
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 32")
#else
#define UNROLL
#endif

/* fmaf in double, exactly: the product of two floats is exact in a double. If
 * the sum is not, its last bit is made odd towards the rest, so that the one
 * rounding to float that counts sees which side it lies on (Boldo and
 * Melquiond, "Emulation of FMA and correctly rounded sums", 2008). */
static inline float software_fma(float a, float b, float c)
{
	const double p = (double)a * b, s = p + c;
	const double p_part = s - c, rest = (p - p_part) + (c - (s - p_part));
	uint64_t bits;
	memcpy(&bits, &s, sizeof(bits));
	/* An infinite or NaN sum has a NaN rest: all comparisons below are false. */
	if ((rest < 0 || rest > 0) && !(bits & 1)) {
		bits += (rest > 0) == (s > 0) ? 1u : UINT64_MAX;
		double odd;
		memcpy(&odd, &bits, sizeof(odd));
		return (float)odd;
	}
	return (float)s;
}

#if defined(KERNELS_AVX512)
#include <immintrin.h>

typedef __m512 vf;
#define LANES ((size_t)16)
#define TILE_ROWS ((size_t)8)
#define ROW_VECTORS ((size_t)16)
#define FREE_MASKS 1

static inline __mmask16 first_n(int n)
{
	__mmask16 mask = (__mmask16)((1u << n) - 1);
#if defined(__AVX512F__)           /* tests/avx512.h does without */
	__asm__("" : "+Yk"(mask)); /* in a register of masks: gcc would load it each time */
#endif
	return mask;
}
#define vf_set1(x) _mm512_set1_ps(x)
#define vf_load(p) _mm512_loadu_ps(p)
#define vf_store(p, v) _mm512_storeu_ps(p, v)
#define vf_load_n(p, n) _mm512_maskz_loadu_ps(first_n(n), p)
#define vf_store_n(p, v, n) _mm512_mask_storeu_ps(p, first_n(n), v)
#define vf_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define vf_add(a, b) _mm512_add_ps(a, b)
#define vf_mul(a, b) _mm512_mul_ps(a, b)
#define vf_div(a, b) _mm512_div_ps(a, b)
#define vf_max(low, v) _mm512_max_ps(low, v)
#define vf_clamp(v, most) _mm512_min_ps(_mm512_set1_ps(most), _mm512_max_ps(_mm512_set1_ps(-(most)), v))
#define vf_pass(v, gate) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(gate, _mm512_setzero_ps(), _CMP_GT_OQ), v)
#define vf_flush(v) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(_mm512_abs_ps(v), _mm512_set1_ps(TINY), _CMP_NLT_UQ), v)

/* Not with tests/avx512.h, which so tests the others on any CPU, nor on macOS, where the builtin
 * needs a library that is not always linked, and no CPU is AMD's. */
#if defined(__AVX512F__) && !defined(__APPLE__)
#define FAST_ROOTS __builtin_cpu_is("amd")   /* a third of Intel's time */
#define HALVES __builtin_cpu_is("amdfam19h") /* Zen 4 computes half of a vector at a time */
#else
#define FAST_ROOTS 0
#define HALVES 0
#endif

/* While the divider has a quotient to compute: a step of Newton's method from an estimate y of
 * 1 / sqrt(v) that is within 2^-14, then Markstein's correction. Each such y gives the correctly
 * rounded root; test_kernels.c tries them where it is close. */
static inline vf vf_sqrt(vf v)
{
	if (FAST_ROOTS || __builtin_expect(_mm512_cmp_ps_mask(v, _mm512_set1_ps(1 / TINY), _CMP_LE_OQ) != 0xffff, 0))
		return _mm512_sqrt_ps(v);
	const vf half = _mm512_set1_ps(0.5f), y = _mm512_rsqrt14_ps(_mm512_max_ps(_mm512_set1_ps(TINY), v));
	const vf g = _mm512_mul_ps(v, y), h = _mm512_mul_ps(half, y), e = _mm512_fnmadd_ps(g, h, half);
	const vf root = _mm512_fmadd_ps(g, e, g), rest = _mm512_fnmadd_ps(root, root, v);
	return _mm512_fmadd_ps(rest, _mm512_fmadd_ps(h, e, h), root);
}

/* v[l] = the numbers l of blocks of four in t[0] to t[3] */
static inline void flip_blocks(vf v[4], const vf t[4])
{
	const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(t[0], t[1]));
	const __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(t[0], t[1]));
	const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(t[2], t[3]));
	const __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(t[2], t[3]));
	v[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
	v[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
	v[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
	v[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
}

static inline void vf_columns(vf v[4], const float *x, size_t row, size_t last)
{
	vf t[4]; /* four floats each of rows i, i + 4, i + 8, i + 12 */
	UNROLL
	for (size_t r = 0; r < LANES; r++, x += r <= last ? row : 0) {
		const __m128 four = _mm_loadu_ps(x);
		t[r % 4] = r < 4 ? _mm512_castps128_ps512(four)
				 : _mm512_mask_broadcast_f32x4(t[r % 4], (__mmask16)(0xf << r / 4 * 4), four);
	}
	flip_blocks(v, t);
}

static inline void vf_8_columns(vf v[8], const float *x, size_t row, size_t last)
{
	__m512d half[8];         /* eight floats each of rows i and i + 4; 0 <= i < 4, then 8 <= i < 12 */
	__asm__("" : "+r"(row)); /* unknown: gcc would keep an address for each row in memory */
	UNROLL
	for (size_t r = 0; r < LANES; r++, x += r <= last ? row : 0) {
		const __m256d eight = _mm256_castps_pd(_mm256_loadu_ps(x));
		__m512d *const t = &half[r / 8 * 4 + r % 4];
		*t = r % 8 < 4 ? _mm512_castpd256_pd512(eight) : _mm512_mask_broadcast_f64x4(*t, 0xf0, eight);
	}
	vf t[8], w[8];
	UNROLL
	for (size_t r = 0; r < 8; r++)
		t[r] = _mm512_castpd_ps(half[r]);
	flip_blocks(w, t);
	flip_blocks(w + 4, t + 4);
	UNROLL
	for (size_t l = 0; l < 4; l++) {
		v[l] = _mm512_shuffle_f32x4(w[l], w[l + 4], 0x88);
		v[l + 4] = _mm512_shuffle_f32x4(w[l], w[l + 4], 0xdd);
	}
}
#define EIGHT_COLUMNS 1
#define vf_some_columns(n, v, x, row, last) ((n) == 8 ? vf_8_columns(v, x, row, last) : vf_columns(v, x, row, last))

static inline void vf_load_pairs(const float *p, vf *a, vf *b)
{
	const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
	const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
	const vf low = _mm512_loadu_ps(p), high = _mm512_loadu_ps(p + LANES);
	*a = _mm512_permutex2var_ps(low, even, high);
	*b = _mm512_permutex2var_ps(low, odd, high);
}

static inline void vf_store_pairs(float *p, vf a, vf b)
{
	const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
	const __m512i high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
	_mm512_storeu_ps(p, _mm512_permutex2var_ps(a, low, b));
	_mm512_storeu_ps(p + LANES, _mm512_permutex2var_ps(a, high, b));
}
#define PAIRS 1

/* Lanes first to first + n. */
static inline __mmask16 lanes(size_t first, size_t n)
{
	return (__mmask16)(((1u << n) - 1) << first);
}
#define vf_merge(v, first, n, w) _mm512_mask_mov_ps(v, lanes(first, n), w)
#define vf_put(v, first, n, p) _mm512_mask_loadu_ps(v, lanes(first, n), (p) - (first))
#define vf_store_lanes(p, first, n, v) _mm512_mask_storeu_ps((p) - (first), lanes(first, n), v)
#define vf_second_half(v) _mm512_shuffle_f32x4(v, v, 0xee)
static inline vf vf_repeat(const float *p, size_t n)
{
	if (n == 1)
		return _mm512_set1_ps(*p);
	return _mm512_castpd_ps(_mm512_broadcast_f64x4(_mm256_castps_pd(_mm256_loadu_ps(p))));
}

#elif defined(KERNELS_AVX2)
#include <immintrin.h>

typedef __m256 vf;
#define LANES ((size_t)8)
#define TILE_ROWS ((size_t)6)
#define ROW_VECTORS ((size_t)8)

static inline __m256i first_n(int n)
{
	return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#define vf_set1(x) _mm256_set1_ps(x)
#define vf_load(p) _mm256_loadu_ps(p)
#define vf_store(p, v) _mm256_storeu_ps(p, v)
#define vf_load_n(p, n) _mm256_maskload_ps(p, first_n(n))
static inline void vf_store_n(float *p, vf v, int n)
{
	__m128 part = _mm256_castps256_ps128(v);
	if (n & 4) {
		_mm_storeu_ps(p, part);
		part = _mm256_extractf128_ps(v, 1);
		p += 4;
	}
	if (n & 2) {
		_mm_storel_pi((__m64 *)(void *)p, part);
		part = _mm_movehl_ps(part, part);
		p += 2;
	}
	if (n & 1)
		_mm_store_ss(p, part);
}
#define vf_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define vf_add(a, b) _mm256_add_ps(a, b)
#define vf_mul(a, b) _mm256_mul_ps(a, b)
#define vf_div(a, b) _mm256_div_ps(a, b)
#define vf_sqrt(a) _mm256_sqrt_ps(a)
#define vf_max(low, v) _mm256_max_ps(low, v)
#define vf_clamp(v, most) _mm256_min_ps(_mm256_set1_ps(most), _mm256_max_ps(_mm256_set1_ps(-(most)), v))
#define vf_pass(v, gate) _mm256_and_ps(_mm256_cmp_ps(gate, _mm256_setzero_ps(), _CMP_GT_OQ), v)
static inline vf vf_flush(vf v)
{
	const vf magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
	return _mm256_and_ps(_mm256_cmp_ps(magnitude, _mm256_set1_ps(TINY), _CMP_NLT_UQ), v);
}

static inline void vf_columns(vf v[4], const float *x, size_t row, size_t last)
{
	vf t[4]; /* four floats each of rows i and i + 4 */
	UNROLL
	for (size_t r = 0; r < LANES; r++, x += r <= last ? row : 0) {
		const __m128 four = _mm_loadu_ps(x);
		t[r % 4] = r < 4 ? _mm256_castps128_ps256(four) : _mm256_insertf128_ps(t[r % 4], four, 1);
	}
	const __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps(t[0], t[1]));
	const __m256d b = _mm256_castps_pd(_mm256_unpackhi_ps(t[0], t[1]));
	const __m256d c = _mm256_castps_pd(_mm256_unpacklo_ps(t[2], t[3]));
	const __m256d d = _mm256_castps_pd(_mm256_unpackhi_ps(t[2], t[3]));
	v[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, c));
	v[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, c));
	v[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(b, d));
	v[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(b, d));
}

static inline void vf_load_pairs(const float *p, vf *a, vf *b)
{
	const vf x = _mm256_loadu_ps(p), y = _mm256_loadu_ps(p + LANES);
	const vf low = _mm256_permute2f128_ps(x, y, 0x20), high = _mm256_permute2f128_ps(x, y, 0x31);
	*a = _mm256_shuffle_ps(low, high, 0x88);
	*b = _mm256_shuffle_ps(low, high, 0xdd);
}

static inline void vf_store_pairs(float *p, vf a, vf b)
{
	const vf x = _mm256_unpacklo_ps(a, b), y = _mm256_unpackhi_ps(a, b);
	_mm256_storeu_ps(p, _mm256_permute2f128_ps(x, y, 0x20));
	_mm256_storeu_ps(p + LANES, _mm256_permute2f128_ps(x, y, 0x31));
}
#define PAIRS 1

#elif defined(KERNELS_SSE2)
#include <emmintrin.h>

typedef __m128 vf;
#define LANES ((size_t)4)
#define TILE_ROWS ((size_t)2)
#define ROW_VECTORS ((size_t)4)

static inline vf vf_load_n(const float *p, int n)
{
	const vf zero = _mm_setzero_ps(), odd = n & 1 ? _mm_load_ss(p + (n & 2)) : zero;
	return n & 2 ? _mm_movelh_ps(_mm_loadl_pi(zero, (const __m64 *)(const void *)p), odd) : odd;
}
static inline void vf_store_n(float *p, vf v, int n)
{
	if (n & 2)
		_mm_storel_pi((__m64 *)(void *)p, v);
	if (n & 1)
		_mm_store_ss(p + (n & 2), n & 2 ? _mm_movehl_ps(v, v) : v);
}

/* Without the instruction. The double s nearest to the exact sum rounds to the
 * same float as that sum does, unless s lies halfway between two floats: its
 * lower 29 bits are then 2^28, or it is below 2^-126, where floats lie further
 * apart. Both are rare; the exact path takes them. */
static __attribute__((noinline, cold)) vf vf_fma_exact(vf a, vf b, vf c)
{
	float x[4], y[4], z[4];
	_mm_storeu_ps(x, a);
	_mm_storeu_ps(y, b);
	_mm_storeu_ps(z, c);
	for (int i = 0; i < 4; i++)
		z[i] = software_fma(x[i], y[i], z[i]);
	return _mm_loadu_ps(z);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
	const __m128d s_low = _mm_add_pd(_mm_mul_pd(_mm_cvtps_pd(a), _mm_cvtps_pd(b)), _mm_cvtps_pd(c));
	const __m128d s_high =
		_mm_add_pd(_mm_mul_pd(_mm_cvtps_pd(_mm_movehl_ps(a, a)), _mm_cvtps_pd(_mm_movehl_ps(b, b))),
			_mm_cvtps_pd(_mm_movehl_ps(c, c)));
	const __m128 low = _mm_castpd_ps(s_low), high = _mm_castpd_ps(s_high);
	const __m128i lower = _mm_castps_si128(_mm_shuffle_ps(low, high, 0x88));
	const __m128i upper = _mm_castps_si128(_mm_shuffle_ps(low, high, 0xdd));
	const __m128i half = _mm_cmpeq_epi32(_mm_slli_epi32(lower, 3), _mm_set1_epi32(INT32_MIN));
	/* Twice the upper half loses the sign; with 2^31 - 1 more, signed comparison
	 * is that of the unsigned numbers less one, so that 0 is not below anything. */
	const __m128i small = _mm_cmplt_epi32(_mm_add_epi32(_mm_add_epi32(upper, upper), _mm_set1_epi32(INT32_MAX)),
		_mm_set1_epi32((1023 - 126) * 0x200000 - INT32_MAX - 2));
	if (__builtin_expect(_mm_movemask_epi8(_mm_or_si128(half, small)) != 0, 0))
		return vf_fma_exact(a, b, c);
	return _mm_movelh_ps(_mm_cvtpd_ps(s_low), _mm_cvtpd_ps(s_high));
}
#define vf_set1(x) _mm_set1_ps(x)
#define vf_load(p) _mm_loadu_ps(p)
#define vf_store(p, v) _mm_storeu_ps(p, v)
#define vf_add(a, b) _mm_add_ps(a, b)
#define vf_mul(a, b) _mm_mul_ps(a, b)
#define vf_div(a, b) _mm_div_ps(a, b)
#define vf_sqrt(a) _mm_sqrt_ps(a)
#define vf_max(low, v) _mm_max_ps(low, v)
#define vf_clamp(v, most) _mm_min_ps(_mm_set1_ps(most), _mm_max_ps(_mm_set1_ps(-(most)), v))
#define vf_pass(v, gate) _mm_and_ps(_mm_cmpgt_ps(gate, _mm_setzero_ps()), v)
static inline vf vf_flush(vf v)
{
	const vf magnitude = _mm_andnot_ps(_mm_set1_ps(-0.0f), v);
	return _mm_and_ps(_mm_cmpnlt_ps(magnitude, _mm_set1_ps(TINY)), v);
}
static inline void vf_columns(vf v[4], const float *x, size_t row, size_t last)
{
	UNROLL
	for (size_t r = 0; r < LANES; r++, x += r <= last ? row : 0)
		v[r] = _mm_loadu_ps(x);
	_MM_TRANSPOSE4_PS(v[0], v[1], v[2], v[3]);
}

#elif defined(KERNELS_NEON)
#include <arm_neon.h>

typedef float32x4_t vf;
#define LANES ((size_t)4)
#define TILE_ROWS ((size_t)8)
#define ROW_VECTORS ((size_t)16)

static inline vf vf_load_n(const float *p, int n)
{
	const vf zero = vdupq_n_f32(0);
	if (n == 1)
		return vld1q_lane_f32(p, zero, 0);
	const vf two = vcombine_f32(vld1_f32(p), vdup_n_f32(0));
	return n == 2 ? two : vld1q_lane_f32(p + 2, two, 2);
}
static inline void vf_store_n(float *p, vf v, int n)
{
	if (n & 2)
		vst1_f32(p, vget_low_f32(v));
	if (n == 1)
		vst1q_lane_f32(p, v, 0);
	else if (n == 3)
		vst1q_lane_f32(p + 2, v, 2);
}
static inline vf vf_and(vf v, uint32x4_t mask)
{
	return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), mask));
}
#define vf_set1(x) vdupq_n_f32(x)
#define vf_load(p) vld1q_f32(p)
#define vf_store(p, v) vst1q_f32(p, v)
#define vf_fma(a, b, c) vfmaq_f32(c, a, b)
#define vf_add(a, b) vaddq_f32(a, b)
#define vf_mul(a, b) vmulq_f32(a, b)
#define vf_div(a, b) vdivq_f32(a, b)
#define vf_sqrt(a) vsqrtq_f32(a)
#define vf_max(low, v) vbslq_f32(vcltq_f32(v, low), low, v)
#define vf_clamp(v, most) vminq_f32(vdupq_n_f32(most), vmaxq_f32(vdupq_n_f32(-(most)), v))
#define vf_pass(v, gate) vf_and(v, vcgtzq_f32(gate))
#define vf_flush(v) vf_and(v, vmvnq_u32(vcaltq_f32(v, vdupq_n_f32(TINY))))

static inline void vf_columns(vf v[4], const float *x, size_t row, size_t last)
{
	vf t[4];
	UNROLL
	for (size_t r = 0; r < LANES; r++, x += r <= last ? row : 0)
		t[r] = vld1q_f32(x);
	const float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(t[0], t[1]));
	const float64x2_t b = vreinterpretq_f64_f32(vtrn2q_f32(t[0], t[1]));
	const float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(t[2], t[3]));
	const float64x2_t d = vreinterpretq_f64_f32(vtrn2q_f32(t[2], t[3]));
	v[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
	v[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
	v[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
	v[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
}

#else

typedef float vf;
#define LANES ((size_t)1)

#if defined(__FMA__) || defined(FP_FAST_FMAF) || defined(__aarch64__)
#define TILE_ROWS ((size_t)4)
#define ROW_VECTORS ((size_t)8)
#define vf_fma(a, b, c) __builtin_fmaf(a, b, c)
#else
#define TILE_ROWS ((size_t)2)
#define ROW_VECTORS ((size_t)4)
#define vf_fma(a, b, c) software_fma(a, b, c)
#endif
#define vf_set1(x) (x)
#define vf_load(p) (*(p))
#define vf_store(p, v) (*(p) = (v))
#define vf_load_n(p, n) ((void)(n), 0.0f) /* n < LANES is 0 here */
#define vf_store_n(p, v, n) ((void)(p), (void)(v), (void)(n))
#define vf_add(a, b) ((a) + (b))
#define vf_mul(a, b) ((a) * (b))
#define vf_div(a, b) ((a) / (b))
#define vf_sqrt(a) sqrtf(a)
#define vf_max(low, v) ((v) < (low) ? (low) : (v))
#define vf_clamp(v, most) ((v) < -(most) ? -(most) : (v) > (most) ? (most) : (v))
#define vf_pass(v, gate) ((gate) > 0 ? (v) : 0)
#define vf_flush(v) (fabsf(v) < TINY ? 0 : (v))
#define vf_columns(v, x, row, last) ((void)(row), (void)(last), memcpy(v, x, 4 * sizeof(vf)))

#endif

#if !defined(FREE_MASKS)
#define FREE_MASKS 0
#endif
#define SLOW_FMA (TILE_ROWS == 2)
#if !defined(PAIRS)
#define PAIRS 0
#endif
#if !defined(EIGHT_COLUMNS)
#define EIGHT_COLUMNS 0
#define vf_some_columns(n, v, x, row, last) vf_columns(v, x, row, last)
#endif
#endif
