/* Elementary functions in double with the same bits in every build.
 *
 * libm's own differ between CPUs and C libraries; these use only +, -, *, /
 * and comparisons in a fixed order, compiled with -ffp-contract=off. Methods
 * and coefficients are those of fdlibm (Sun Microsystems, 1993).
 *
 * Accuracy, measured by tests/test_pmath.c against exact arithmetic:
 * pm_sincos below 1 ulp for |x| <= 100, pm_exp and pm_log below 1 ulp.
 * Arguments are finite; nothing fails, nothing is allocated.
 */
#ifndef DQN_BASE_PMATH_H
#define DQN_BASE_PMATH_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* True if x rounds to a finite float: FLT_MAX prints as 3.4028235e+38, which is more. */
static inline bool pm_fits_float(double x)
{
	return fabs(x) < 0x1.ffffffp127;
}

/* Sine and cosine of x radians, |x| <= PM_TRIG_MAX (asserted). */
#define PM_TRIG_MAX 100.0
void pm_sincos(double x, double *sin, double *cos);

/* e to the power x; 0 below -708, +inf above 709 (no denormal results). */
double pm_exp(double x);

/* Natural logarithm of a normal x > 0 (asserted). */
double pm_log(double x);

/* x (n) = pm_exp(exponent * pm_log(x)), each. */
void pm_powers(size_t n, double exponent, double *x);

#endif
