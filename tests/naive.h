/* The kernels' formulas as plain loops over libm's fmaf, for the tests that state a
 * computation anew. */
#ifndef DQN_TESTS_NAIVE_H
#define DQN_TESTS_NAIVE_H

#include "nn/kernels.h"
#include "nn/tanh.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float from_bits(uint32_t bits)
{
	float x;
	memcpy(&x, &bits, sizeof(x));
	return x;
}

static inline uint32_t to_bits(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

static inline double naive_sum_squares(size_t n, const float *x)
{
	double s[32] = { 0 };
	for (size_t i = 0; i < n; i++)
		s[i % 32] += (double)x[i] * (double)x[i];
	for (size_t n_left = 16; n_left > 0; n_left /= 2)
		for (size_t l = 0; l < n_left; l++)
			s[l] = s[l] + s[l + n_left];
	return s[0];
}

static inline float naive_flush(float x)
{
	return fabsf(x) < 0x1p-100f ? 0.0f : x;
}

static inline float naive_tanh(float x)
{
	x = x < -TANH_LIMIT ? -TANH_LIMIT : x > TANH_LIMIT ? TANH_LIMIT : x;
	const float z = x * x;
	float p = tanh_p[3], q = tanh_q[3];
	for (int i = 2; i >= 0; i--) {
		p = fmaf(p, z, tanh_p[i]);
		q = fmaf(q, z, tanh_q[i]);
	}
	const float y = fmaf(x * z, p, x) / fmaf(q, z, 1);
	return y < -1 ? -1 : y > 1 ? 1 : y;
}

static inline void naive_adam(size_t n, const struct adam_coef *c, const float *grad, float *m, float *v, float *param)
{
	for (size_t i = 0; i < n; i++) {
		const float g = grad[i] * c->grad_scale;
		m[i] = naive_flush(fmaf(c->beta1, m[i], c->one_minus_beta1 * g));
		v[i] = naive_flush(fmaf(c->beta2, v[i], (c->one_minus_beta2 * g) * g));
		const float denominator = fmaf(sqrtf(v[i]), c->rsqrt_bias2, c->eps);
		param[i] = fmaf(-c->step_size, m[i] / denominator, param[i]);
	}
}

#endif
