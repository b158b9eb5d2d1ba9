/* torch.optim.Adam (Kingma and Ba, 2015) without weight decay, and
 * torch.nn.utils.clip_grad_norm_, over flat blocks.
 *
 *     struct adam a;
 *     adam_init(&a, 0.9, 0.999, 1e-8);
 *     norm = adam_step(&a, k, n, grad, learning_rate, max_grad_norm, m, v, params);
 *
 * Plain data: copy the struct to save it. m and v (n) start as zeros.
 */
#ifndef DQN_NN_ADAM_H
#define DQN_NN_ADAM_H

#include "nn/kernels.h"

#include <stdint.h>

struct adam {
	double beta1, beta2; /* in [0, 1) */
	double eps;          /* > 0, in float too */
	double beta1_t;      /* beta1 to the power t, a running product */
	double beta2_t;
	uint64_t t;            /* steps taken */
	struct adam_coef coef; /* of the last step; derived, not part of its state */
};

void adam_init(struct adam *a, double beta1, double beta2, double eps);

/* One step, in place. max_grad_norm > 0 multiplies the gradient by
 * min(1, max_grad_norm / (norm + 1e-6)); 0 leaves it. grad (n) is not changed.
 * Returns the Euclidean norm of the gradient before clipping; if that is not
 * finite, nothing else happens. */
double adam_step(struct adam *a, const struct kernels *k, size_t n, const float *grad, double learning_rate,
	double max_grad_norm, float *m, float *v, float *params);

#endif
