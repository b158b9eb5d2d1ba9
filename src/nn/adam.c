#include "nn/adam.h"

#include <math.h>

void adam_init(struct adam *a, double beta1, double beta2, double eps)
{
	*a = (struct adam){ .beta1 = beta1, .beta2 = beta2, .eps = eps, .beta1_t = 1, .beta2_t = 1 };
}

double adam_step(struct adam *a, const struct kernels *k, size_t n, const float *grad, double learning_rate,
	double max_grad_norm, float *m, float *v, float *params)
{
	const double clip_eps = 1e-6; /* torch/nn/utils/clip_grad.py */
	const double norm = sqrt(k->sum_squares(n, grad));
	if (!isfinite(norm))
		return norm;
	double scale = 1;
	if (max_grad_norm > 0 && norm + clip_eps > max_grad_norm)
		scale = max_grad_norm / (norm + clip_eps);

	a->t++;
	a->beta1_t *= a->beta1;
	a->beta2_t *= a->beta2;
	a->coef = (struct adam_coef){
		.beta1 = (float)a->beta1,
		.one_minus_beta1 = (float)(1 - a->beta1),
		.beta2 = (float)a->beta2,
		.one_minus_beta2 = (float)(1 - a->beta2),
		.grad_scale = (float)scale,
		.rsqrt_bias2 = (float)(1 / sqrt(1 - a->beta2_t)),
		.eps = (float)a->eps,
		.step_size = (float)(learning_rate / (1 - a->beta1_t)),
	};
	k->adam(n, &a->coef, grad, m, v, params);
	return norm;
}
