/* Coefficients and argument reduction after fdlibm 5.3:
 * Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
 * Developed at SunPro, a Sun Microsystems, Inc. business.
 * Permission to use, copy, modify, and distribute this software is freely
 * granted, provided that this notice is preserved. */
#include "base/pmath.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 8 }; /* of pm_powers at a time */

static const double pi_4 = 7.85398163397448278999e-01;

/* sin(x + tail), |x| <= pi/4, as in k_sin.c */
static double kernel_sin(double x, double tail)
{
	const double s1 = -1.66666666666666324348e-01, s2 = 8.33333333332248946124e-03,
		     s3 = -1.98412698298579493134e-04, s4 = 2.75573137070700676789e-06,
		     s5 = -2.50507602534068634195e-08, s6 = 1.58969099521155010221e-10;
	const double z = x * x, v = z * x;
	const double r = s2 + z * (s3 + z * (s4 + z * (s5 + z * s6)));
	return x - ((z * (0.5 * tail - v * r) - tail) - v * s1);
}

/* cos(x + tail), |x| <= pi/4, as in k_cos.c of FreeBSD */
static double kernel_cos(double x, double tail)
{
	const double c1 = 4.16666666666666019037e-02, c2 = -1.38888888888741095749e-03, c3 = 2.48015872894767294178e-05,
		     c4 = -2.75573143513906633035e-07, c5 = 2.08757232129817482790e-09,
		     c6 = -1.13596475577881948265e-11;
	const double z = x * x, z2 = z * z;
	const double r = z * (c1 + z * (c2 + z * c3)) + z2 * z2 * (c4 + z * (c5 + z * c6));
	const double half = 0.5 * z, w = 1.0 - half;
	return w + (((1.0 - w) - half) + (z * r - x * tail));
}

/* x = n * pi/2 + y[0] + y[1]; returns n. pi/2 is taken in two parts of 33 bits,
 * so that n times a part is exact, and a rest: about 118 bits (e_rem_pio2.c). */
static int reduce(double x, double y[2])
{
	const double two_over_pi = 6.36619772367581382433e-01;
	const double part1 = 1.57079632673412561417e+00, part2 = 6.07710050630396597660e-11,
		     rest = 2.02226624879595063154e-21;
	const int n = (int)(x * two_over_pi + (x < 0 ? -0.5 : 0.5));
	const double t = x - n * part1;
	const double r = t - n * part2;
	const double w = n * rest - ((t - r) - n * part2);
	y[0] = r - w;
	y[1] = (r - y[0]) - w;
	return n;
}

void pm_sincos(double x, double *sin, double *cos)
{
	assert(fabs(x) <= PM_TRIG_MAX);
	if (fabs(x) <= pi_4) {
		*sin = kernel_sin(x, 0);
		*cos = kernel_cos(x, 0);
		return;
	}
	double y[2];
	const int quadrant = reduce(x, y);
	const double s = kernel_sin(y[0], y[1]), c = kernel_cos(y[0], y[1]);
	*sin = quadrant & 1 ? c : s;
	*cos = quadrant & 1 ? s : c;
	*sin = quadrant & 2 ? -*sin : *sin;
	*cos = (quadrant + 1) & 2 ? -*cos : *cos;
}

static const double ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;

/* exp and log are written without branches and without integers but of 64 bits, so that
 * compilers make vectors of their loop: a whole number k < 2^51 is the low bits of the double
 * 2^52 + k. */
static const double two_52 = 0x1p52;

static inline uint64_t bits_of(double x)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

static inline double of_bits(uint64_t bits)
{
	double x;
	memcpy(&x, &bits, sizeof(x));
	return x;
}

static inline uint64_t all_if(bool condition)
{
	return 0 - (uint64_t)condition;
}

/* t without its fraction, |t| < 2^51 */
static inline double truncated(double t)
{
	const double nearest = fabs(t) + two_52 - two_52;
	return copysign(nearest - of_bits(bits_of(1) & all_if(nearest > fabs(t))), t);
}

/* e_exp.c: x = k ln2 + r, then a rational approximation of exp(r). */
static inline double exponential(double x)
{
	const double p1 = 1.66666666666666019037e-01, p2 = -2.77777777770155933842e-03, p3 = 6.61375632143793436117e-05,
		     p4 = -1.65339022054652515390e-06, p5 = 4.13813679705723846039e-08,
		     inv_ln2 = 1.44269504088896338700;
	const double k = truncated(x * inv_ln2 + copysign(0.5, x));
	const double hi = x - k * ln2_hi, lo = k * ln2_lo, r = hi - lo, rr = r * r;
	const double c = r - rr * (p1 + rr * (p2 + rr * (p3 + rr * (p4 + rr * p5))));
	const double y = 1 + (r * c / (2 - c) - lo + hi);
	/* y is in [0.7, 1.5] and -1021 <= k <= 1023 */
	const double result = y * of_bits(bits_of(k + (two_52 + 1023)) << 52);
	return of_bits((bits_of(result) & ~all_if(x < -708.0) & ~all_if(x > 709.0)) |
		       (bits_of((double)INFINITY) & all_if(x > 709.0)));
}

/* e_log.c: x = 2^k (1 + f) with sqrt(1/2) < 1 + f < sqrt(2). */
static inline double logarithm(double x)
{
	const double l1 = 6.666666666666735130e-01, l2 = 3.999999999940941908e-01, l3 = 2.857142874366239149e-01,
		     l4 = 2.222219843214978396e-01, l5 = 1.818357216161805012e-01, l6 = 1.531383769920937332e-01,
		     l7 = 1.479819860511658591e-01;
	const uint64_t one = 0x3ff0000000000000u, sqrt_half = 0x3fe6a09e00000000u;
	const uint64_t bits = bits_of(x) + (one - sqrt_half);
	const double k = of_bits(bits >> 52 | bits_of(two_52)) - (two_52 + 1023);
	const double m = of_bits((bits & 0x000fffffffffffffu) + sqrt_half);
	const double f = m - 1, half_ff = 0.5 * f * f, s = f / (2 + f), z = s * s, w = z * z;
	const double even = w * (l2 + w * (l4 + w * l6));
	const double odd = z * (l1 + w * (l3 + w * (l5 + w * l7)));
	return s * (half_ff + (odd + even)) + k * ln2_lo - half_ff + f + k * ln2_hi;
}

double pm_exp(double x)
{
	return exponential(x);
}

double pm_log(double x)
{
	assert(x >= DBL_MIN && x <= DBL_MAX);
	return logarithm(x);
}

/* x (LANES) = x^exponent */
static inline void powers(double exponent, double *x)
{
	for (int i = 0; i < LANES; i++)
		x[i] = exponential(exponent * logarithm(x[i]));
}

static void powers_baseline(double exponent, double *x)
{
	powers(exponent, x);
}

/* On macOS the builtin needs a library that is not always linked. */
#if defined(__GNUC__) && defined(__x86_64__) && !defined(__APPLE__)
__attribute__((target("avx2"))) static void powers_avx2(double exponent, double *x)
{
	powers(exponent, x);
}

__attribute__((target("avx512dq"))) static void powers_avx512(double exponent, double *x)
{
	powers(exponent, x);
}
#define HAS_AVX2 __builtin_cpu_supports("avx2")
#define HAS_AVX512 __builtin_cpu_supports("avx512dq")
#else
#define powers_avx2 powers_baseline
#define powers_avx512 powers_baseline
#define HAS_AVX2 false
#define HAS_AVX512 false
#endif

void pm_powers(size_t n, double exponent, double *x)
{
	void (*const some)(double, double *) = HAS_AVX512 ? powers_avx512 : HAS_AVX2 ? powers_avx2 : powers_baseline;
	for (; n >= LANES; n -= LANES, x += LANES)
		some(exponent, x);
	for (; n > 0; n--, x++)
		*x = pm_exp(exponent * pm_log(*x));
}
