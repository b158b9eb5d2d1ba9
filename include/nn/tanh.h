/* tanh in float, by operations that every CPU rounds alike. kernels.c computes it on vectors,
 * src/cli/export_c.c writes it as C:
 *
 *     clamp(x, a) = x < -a ? -a : x > a ? a : x        NaN and -0 stay
 *     x = clamp(x, TANH_LIMIT), z = x * x
 *     p = p0 + z (p1 + z (p2 + z p3))                each sum with its product one fma
 *     q = q0 + z (q1 + z (q2 + z q3))
 *     tanh(x) = clamp(fma(x * z, p, x) / fma(z, q, 1), 1)
 *
 * For every float the error is below TANH_ULPS (tests/test_tanh.c), which is 3.3e-7 of the value;
 * it is 0 where |x| < 2^-13. The coefficients are a minimax fit of the relative error, 2^-25.4,
 * then the neighbours in float with the smallest error.
 */
#ifndef DQN_NN_TANH_H
#define DQN_NN_TANH_H

#define TANH_ULPS 5.4    /* units of the last bit of the result */
#define TANH_LIMIT 9.02f /* there, and beyond, 1 is the nearest float */

static const float tanh_p[4] = { 0x1.1213d8p-3f, 0x1.ca6b4p-9f, 0x1.5a364p-16f, 0x1.cbe1eap-27f };
static const float tanh_q[4] = { 0x1.de5f3ep-2f, 0x1.a816e6p-6f, 0x1.58d38cp-12f, 0x1.a23c48p-21f };

#endif
